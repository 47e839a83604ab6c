"""GeoTIFFs as GDAL writes them: good ones pass, with the plan or without, others do not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.errors import ConversionError

PLACE: dict[str, Any] = {"crs": "EPSG:32633", "transform": (5e5, 10, 0, 5e6, 0, -10)}


@pytest.fixture
def raster(make_raster: Callable[..., Path], tissue: np.ndarray, tmp_path: Path) -> Path:
    """Four bands, of which the last is alpha: half of it is transparent, with colours below."""
    alpha = np.full((200, 200, 1), 255, np.uint8)
    alpha[:, :100] = 0
    return make_raster(tmp_path / "a.tif", np.dstack((tissue[:200, :200], alpha)), **PLACE)


@pytest.mark.parametrize("compression", ["jpeg", "webp", "deflate"])
@pytest.mark.parametrize("quality", [None, 20])
def test_alpha_by_each_codec(
    raster: Path, tmp_path: Path, compression: str, quality: int | None
) -> None:
    options = ConvertOptions(
        compression=compression, quality=quality, tile_size=128, levels="full", verify="full"
    )
    report = convert(raster, tmp_path / "b.tif", options)
    assert verify(tmp_path / "b.tif", raster, full=True).problems == ()
    masked = [loss for loss in report.losses if loss.startswith("alpha: jpeg has none")]
    assert len(masked) == (compression == "jpeg")
    assert set(masked) <= set(report.plan.losses)


def test_strict_refuses_a_mask_for_alpha(raster: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="alpha: jpeg has none"):
        convert(raster, tmp_path / "b.tif", ConvertOptions(compression="jpeg", strict=True))


@pytest.mark.parametrize("bands", [slice(0, 3), slice(3, 4)], ids=["colours", "alpha"])
def test_damage_in_a_lossy_raster_is_noticed(raster: Path, tmp_path: Path, bands: slice) -> None:
    memory = gdal.GetDriverByName("MEM").CreateCopy("", gdal.Open(str(raster)))
    pixels = memory.ReadAsArray()
    pixels[bands, :, 100:] //= 2  # of the half that is seen
    memory.WriteArray(pixels)
    gdal.GetDriverByName("COG").CreateCopy(
        str(tmp_path / "b.tif"), memory, options=["COMPRESS=WEBP", "QUALITY=80"]
    )
    assert not verify(tmp_path / "b.tif", raster, full=True).ok


def test_stored_levels_are_taken_whatever_missing_ones_would_be_made_by(
    make_raster: Callable[..., Path], tissue: np.ndarray, tmp_path: Path
) -> None:
    path = make_raster(tmp_path / "a.tif", tissue, overviews=(2, 4), **PLACE)
    options = ConvertOptions(resample="nearest", compression="deflate", tile_size=128)
    convert(path, tmp_path / "b.tif", options)
    found = []
    for name in (path, tmp_path / "b.tif"):
        dataset = gdal.Open(str(name))
        found.append(dataset.GetRasterBand(1).GetOverview(0).ReadAsArray())
    before, after = found
    assert (before == after).all()


def test_wide_filters_near_pixels_without_a_value(
    make_raster: Callable[..., Path], tissue: np.ndarray, tmp_path: Path
) -> None:
    gray = tissue[..., :1] // 8
    gray[tissue[..., :1] > 200] = 255
    path = make_raster(tmp_path / "a.tif", gray, nodata=255, **PLACE)
    options = ConvertOptions(
        resample="lanczos3", compression="deflate", tile_size=128, levels="full", verify="full"
    )
    convert(path, tmp_path / "b.tif", options)
    assert verify(tmp_path / "b.tif", path, full=True).problems == ()
