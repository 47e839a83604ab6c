"""Limits of a lossy output follow its quality; levels under transparency are no faults."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.verify.verify import verify_pair
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions


@pytest.mark.parametrize(("quality", "lighter"), [(30, 11), (90, 5)])
def test_how_much_lighter_a_lossy_output_may_be(
    tmp_path: Path, tissue: np.ndarray, quality: int, lighter: int
) -> None:
    pixels = np.clip(tissue[:200, :200], 20, 200)
    tifffile.imwrite(tmp_path / "s.tif", pixels, tile=(64, 64), photometric="rgb", metadata=None)
    options = WriteOptions(tile_size=64, quality=quality)
    write(array_reader(pixels), tmp_path / "good.tiff", options)
    write(array_reader(pixels + np.uint8(lighter)), tmp_path / "light.tiff", options)
    assert verify_pair(tmp_path / "s.tif", tmp_path / "good.tiff", full=True).problems == ()
    found = verify_pair(tmp_path / "s.tif", tmp_path / "light.tiff", full=True).problems
    assert "lighter or darker" in found[0]


def test_levels_of_an_image_with_alpha_are_right(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    pixels = rng.integers(0, 255, (180, 150, 4), np.uint8)
    pixels[:90, :, 3] = 255
    tifffile.imwrite(
        tmp_path / "s.tif", pixels, tile=(64, 64), photometric="rgb", extrasamples=["unassalpha"],
        metadata=None,
    )  # fmt: skip
    reader = array_reader(pixels, interpretation=Interpretation.RGB)
    assert reader.info.alpha
    write(reader, tmp_path / "o.tiff", WriteOptions(tile_size=64, lossy=False))
    report = verify_pair(tmp_path / "s.tif", tmp_path / "o.tiff", full=True)
    assert report.problems == ()
    assert [check.compared for check in report.levels] == ["pixels", "level above", "level above"]
