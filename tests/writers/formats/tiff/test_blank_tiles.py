"""Blank tiles of a sparse image: stored once, and right in every reader that is to open them."""

from pathlib import Path

import numpy as np
import openslide
import pytest
import pyvips
import tifffile
from osgeo import gdal

import ziggurat

SIDE = 800


@pytest.fixture(scope="module", params=[("jpeg", 255), ("jpeg", 0), ("deflate", 7), ("lzw", 0)])
def sparse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, np.ndarray, str]:
    """Write an image of which three tiles are laid; return it, its pixels and its codec."""
    codec, fill = request.param
    rng = np.random.default_rng(3)
    expected = np.full((SIDE, SIDE, 3), fill, np.uint8)
    path = tmp_path_factory.mktemp("sparse") / "sparse.tiff"
    with ziggurat.new(
        sizeX=SIDE, sizeY=SIDE, bands=3, dtype="uint8", fill=fill, tileSize=128
    ) as sink:
        for x, y in ((0, 512), (450, 20), (650, 650)):
            tile = np.repeat(rng.integers(60, 200, (150, 150, 1), dtype=np.uint8), 3, axis=2)
            sink.addTile(tile, x, y)
            expected[y : y + 150, x : x + 150] = tile
        sink.write(path, tileSize=128, compression=codec, quality=95 if codec == "jpeg" else None)
    return path, expected, codec


def near(found: np.ndarray, expected: np.ndarray, codec: str) -> bool:
    """Return True where pixels are equal, or as near as a JPEG of noise is."""
    difference = np.abs(found.astype(int) - expected.astype(int))
    return bool(difference.mean() < 1.5) if codec == "jpeg" else not difference.any()


def test_a_blank_tile_is_stored_once_a_page(sparse: tuple[Path, np.ndarray, str]) -> None:
    path, expected, codec = sparse
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        offsets, counts = np.array(page.dataoffsets), np.array(page.databytecounts)
        assert len(offsets) == 7 * 7
        assert (counts > 0).all()
        assert len(np.unique(offsets)) < 24  # those that were touched, and one
        for place in np.unique(offsets):
            assert len(np.unique(counts[offsets == place])) == 1
        assert near(page.asarray(), expected, codec)


def test_shared_tiles_are_right_in_every_reader(sparse: tuple[Path, np.ndarray, str]) -> None:
    path, expected, codec = sparse
    with ziggurat.open(path) as source:
        assert near(np.asarray(source.getRegion(format="numpy")[0]), expected, codec)
    assert near(pyvips.Image.new_from_file(str(path)).numpy(), expected, codec)
    gdal.UseExceptions()
    bands = gdal.OpenEx(str(path)).ReadAsArray()
    assert near(np.moveaxis(bands, 0, 2), expected, codec)
    slide = openslide.OpenSlide(str(path))
    found = np.asarray(slide.read_region((0, 0), 0, (SIDE, SIDE)))[..., :3]
    assert near(found, expected, codec)
    half = np.asarray(slide.read_region((0, 0), 1, slide.level_dimensions[1]))[..., :3]
    shrunk = expected.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(half - shrunk).mean() < 1.5


def test_bands_of_different_blanks_are_painted_right(tmp_path: Path) -> None:
    """Alpha is another blank than the colours; the levels below begin from it."""
    path = tmp_path / "alpha.tiff"
    with ziggurat.new(sizeX=1000, sizeY=1000, bands=4, dtype="uint8") as sink:
        sink.addTile(np.full((100, 100, 4), 200, np.uint8), 152, 152)
        sink.write(path, tileSize=128, lossy=False)
    with ziggurat.open(path) as source:
        small = source.getRegion(format="numpy", output={"maxWidth": 250})[0]
    expected = np.zeros((250, 250, 4), np.uint8)
    expected[38:63, 38:63] = 200
    assert np.array_equal(small, expected)
