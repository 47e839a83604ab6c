"""What rio-cogeo says of our cloud-optimized TIFFs: valid, without a warning."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions

pytestmark = [
    pytest.mark.programs,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:Dataset has no geotransform"),  # slides have no place
]


def assert_valid(path: Path) -> None:
    pytest.importorskip("rio_cogeo", reason="no rio-cogeo: uv sync --group programs")
    from rio_cogeo.cogeo import cog_validate

    assert cog_validate(str(path), strict=True, quiet=True) == (True, [], [])


@pytest.mark.parametrize(
    "options",
    [
        {"associated": "drop"},
        {"associated": "drop", "compression": "deflate"},
        {"associated": "drop", "compression": "none", "tile_size": 512, "reencode": True},
        {"associated": "drop", "compression": "lzw", "tile_size": 256},
    ],
)
def test_a_slide_laid_out_as_a_cog(
    tmp_path: Path, make_svs: Callable[..., Path], options: dict[str, Any]
) -> None:
    slide = make_svs(tmp_path / "in.svs")
    convert(slide, tmp_path / "o.tiff", ConvertOptions(layout="cog", **options))
    assert_valid(tmp_path / "o.tiff")


@pytest.mark.parametrize("compression", ["deflate", "jpeg", "zstd"])
def test_a_map(tmp_path: Path, make_raster: Callable[..., Path], compression: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (1100, 1300, 3), np.uint8)
    place = {"crs": "EPSG:32632", "transform": (5e5, 10.0, 0.0, 4e6, 0.0, -10.0)}
    source = make_raster(tmp_path / "in.tif", pixels, **place)
    convert(source, tmp_path / "o.tif", ConvertOptions(compression=compression))
    assert_valid(tmp_path / "o.tif")


def test_what_a_sink_lays_out(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.random.default_rng(6).integers(0, 255, (1100, 900, 3), np.uint8), 0, 0)
        sink.write(tmp_path / "o.tiff", layout="cog")
    assert_valid(tmp_path / "o.tiff")
