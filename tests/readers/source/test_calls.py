"""A call takes the short way: how many functions of ours it goes through is counted, not timed."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat import readers

_ROOT = str(Path(readers.__file__).resolve().parent)
_REGION = {"left": 300, "top": 300, "width": 200, "height": 200}


def calls_of(work: Callable[[], object]) -> list[str]:
    """Return the own functions that a call goes through, in their order."""
    found: list[str] = []

    def hook(frame: FrameType, event: str, argument: Any) -> None:
        del argument
        if event == "call" and frame.f_code.co_filename.startswith(_ROOT):
            found.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")

    sys.setprofile(hook)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


@pytest.fixture
def source(tmp_path: Path, rng: np.random.Generator) -> ziggurat.Source:
    path = tmp_path / "a.tiff"
    pixels = rng.integers(0, 255, (1024, 1024, 3), np.uint8)
    with tifffile.TiffWriter(path) as tif:
        tif.write(pixels, tile=(256, 256), photometric="rgb", subifds=1)
        tif.write(pixels[::2, ::2], tile=(256, 256), photometric="rgb", subfiletype=1)
    return ziggurat.open(path)


def test_a_warm_region_takes_few_calls(source: ziggurat.Source) -> None:
    with source:
        source.getRegion(format="numpy", region=_REGION)  # fills the cache
        calls = calls_of(lambda: source.getRegion(format="numpy", region=_REGION))
    assert "regions.getRegion" in calls[:2]
    assert len(calls) <= 45, calls
    assert calls.count("source._image") == 1  # who the file is, is asked once a call
