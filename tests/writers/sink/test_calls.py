"""How many calls one tile costs: the time of small tiles is that of the calls."""

import sys
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

import ziggurat

MOST = 40
OWN = str(Path(ziggurat.__file__).resolve().parents[2])


@pytest.mark.parametrize("fresh", [True, False], ids=["a new chunk", "a chunk that is there"])
def test_a_tile_makes_few_calls(fresh: bool) -> None:
    calls: list[str] = []

    def hook(frame: FrameType, event: str, argument: object) -> None:
        del argument
        name = frame.f_code.co_filename
        if event == "call" and (name.startswith((OWN, "<")) or "/ziggurat/" in name):
            calls.append(f"{name}:{frame.f_code.co_name}")

    with ziggurat.new(sizeX=2048, sizeY=512, bands=3, dtype="uint8", tileSize=256) as sink:
        tile = np.full((256, 256, 3), 7, np.uint8)
        for x in (0, 256, 512):
            sink.addTile(tile, x)
        try:
            sys.setprofile(hook)
            sink.addTile(tile, 1024 if fresh else 256)
        finally:
            sys.setprofile(None)
    assert 20 < len(calls) <= MOST, calls
