"""Rasters of claimed sizes that nobody could read to their end are shown by picked pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.formats.gdal import reader as gdal_reader
from ziggurat.readers.model.geometry import Rect

MOST = 2**31 - 1  # pixels a side of GDAL's rasters


def claimed(path: Path, width: int, height: int) -> Path:
    """A virtual raster without a source: all of it is nodata."""
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><VRTRasterBand dataType="Byte" '
        'band="1"><NoDataValue>7</NoDataValue></VRTRasterBand></VRTDataset>'
    )
    return path


@pytest.fixture
def pixels_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pixels each call of the library was to read; the test fails before it hangs."""
    counts: list[int] = []
    read = gdal_reader.read_pixels

    def counting(dataset: Any, rect: Rect, *rest: Any) -> Any:
        counts.append(rect.width * rect.height)
        assert sum(counts) < 2**27
        return read(dataset, rect, *rest)

    monkeypatch.setattr(gdal_reader, "read_pixels", counting)
    return counts


@pytest.mark.parametrize("size", [(MOST, 256), (256, MOST), (MOST, MOST), (MOST, 3)])
def test_a_thumbnail_of_an_immense_raster_reads_little(
    tmp_path: Path, pixels_read: list[int], size: tuple[int, int]
) -> None:
    with ziggurat.open(claimed(tmp_path / "a.vrt", *size)) as source:
        pixels, _ = source.getThumbnail(width=24, height=24, format="numpy")
        assert max(pixels.shape) == 24
        assert (pixels == 7).all()
    assert pixels_read


@pytest.mark.parametrize("size", [(MOST, 256), (256, MOST)])
def test_low_tiles_of_an_immense_raster_read_little(
    tmp_path: Path, pixels_read: list[int], size: tuple[int, int]
) -> None:
    with ziggurat.open(claimed(tmp_path / "a.vrt", *size)) as source:
        tile = source.getTile(0, 0, 0, numpyAllowed="always")
        assert np.unique(tile[:1, :1]).tolist() == [7]
    assert pixels_read


def test_a_part_of_an_immense_raster_is_exact(tmp_path: Path, pixels_read: list[int]) -> None:
    with ziggurat.open(claimed(tmp_path / "a.vrt", MOST, 256)) as source:
        region = {"left": 10**9, "top": 100, "width": 50, "height": 20}
        pixels, _ = source.getRegion(region=region, format="numpy")
    assert pixels.shape == (20, 50, 1)
    assert pixels_read == [1000] or sum(pixels_read) < 2**20


def test_rows_that_are_too_wide_give_the_pixels_at_the_places(tmp_path: Path) -> None:
    """A real strip of data at the far end of a row of 2**25 pixels is found there."""
    from osgeo import gdal

    piece = np.arange(1, 101, dtype=np.uint8).reshape(4, 25)
    with gdal.GetDriverByName("GTiff").Create(str(tmp_path / "p.tif"), 25, 4, 1) as dataset:
        dataset.GetRasterBand(1).WriteArray(piece)
    width = 2**25
    # every pixel of the piece is made 2**25 / 25 pixels wide
    (tmp_path / "a.vrt").write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="4">'
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        '<SourceFilename relativeToVRT="1">p.tif</SourceFilename>'
        '<SrcRect xOff="0" yOff="0" xSize="25" ySize="4"/>'
        f'<DstRect xOff="0" yOff="0" xSize="{width}" ySize="4"/></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    with ziggurat.open(tmp_path / "a.vrt") as source:
        pixels, _ = source.getThumbnail(width=25, height=25, format="numpy")
    assert pixels.shape[1] == 25
    assert all(row in piece.tolist() for row in pixels[..., 0].tolist())
