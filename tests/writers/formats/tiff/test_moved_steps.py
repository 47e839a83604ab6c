"""Runs of tiles longer than a step are moved in several, each from where the last one ended."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.writers.formats.tiff import moved


@pytest.mark.parametrize("step", [1000, 4099])
def test_a_long_run_is_moved_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(moved, "_STEP", step)
    pixels = np.random.default_rng(9).integers(0, 255, (300, 300), np.uint8)
    source, output = tmp_path / "s.tif", tmp_path / "o.tiff"
    tifffile.imwrite(source, pixels, tile=(64, 64), compression="deflate", metadata=None)
    report = convert(source, output, ConvertOptions(levels="source"))
    assert (report.tiles_copied, report.tiles_encoded) == (25, 0)
    np.testing.assert_array_equal(tifffile.imread(output), pixels)
