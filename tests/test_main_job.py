"""The main job: tiles from several processes in, pyramids out, both read back by everybody."""

import functools
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path

import numpy as np
import openslide
import pytest
import pyvips
import tifffile
import zarr
from osgeo import gdal

import ziggurat
from tests import preloaded
from tests.tile_worker import CELL, lay

SPAWN = functools.partial(multiprocessing.get_context, "spawn")


def rows_of(source: ziggurat.Sink, height: int) -> list[bytes]:
    """Return the pixels of an image in strips."""
    return [
        source.getRegion(region={"top": y, "height": 500}, format="numpy")[0].tobytes()
        for y in range(0, height, 500)
    ]


@pytest.mark.parametrize(
    ("columns", "rows", "start"),
    [(8, 9, preloaded.ready), pytest.param(50, 80, SPAWN, marks=pytest.mark.slow)],
    ids=["small", "large"],
)
def test_four_processes_give_the_array_that_one_gives(
    columns: int, rows: int, start: Callable[[], BaseContext]
) -> None:
    count = columns * rows
    order = np.random.default_rng(7).permutation(count).tolist()
    size = {"sizeX": columns * CELL[0], "sizeY": rows * CELL[1]}
    with ziggurat.new(**size, bands=3, dtype="uint8") as many:
        with ProcessPoolExecutor(4, mp_context=start()) as pool:
            jobs = [pool.submit(lay, many, order[share::4], columns) for share in range(4)]
            assert sum(job.result() for job in jobs) == count
        with ziggurat.new(**size, bands=3, dtype="uint8") as one:
            lay(one, list(range(count)), columns)
            assert rows_of(many, size["sizeY"]) == rows_of(one, size["sizeY"])
        assert len(list(many.tiles())) == count


@pytest.fixture(scope="module")
def outputs(
    tissue: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[np.ndarray, Path, Path]:
    """A picture laid tile by tile, and what a sink wrote of it: (pixels, TIFF, zip)."""
    folder = tmp_path_factory.mktemp("main-job")
    picture = np.concatenate([tissue, tissue[:, ::-1]], axis=1)[:, :900]
    with ziggurat.new(bands=3, dtype="uint8") as sink:
        for y in range(0, 512, 130):
            for x in range(0, 900, 170):
                sink.addTile(picture[y : y + 130, x : x + 170], x, y)
        sink.mm_x = sink.mm_y = 0.0005
        sink.write(folder / "out.tiff", lossy=False)
        sink.write(folder / "out.zarr.zip", lossy=False)
    return picture, folder / "out.tiff", folder / "out.zarr.zip"


def test_the_tiff_opens_everywhere_with_the_same_pixels(
    outputs: tuple[np.ndarray, Path, Path],
) -> None:
    picture, tiff, _ = outputs
    assert np.array_equal(tifffile.imread(tiff), picture)
    with openslide.OpenSlide(tiff) as slide:
        assert slide.level_count == 3
        read = np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., :3]
        assert np.array_equal(read, picture)
    assert np.array_equal(pyvips.Image.new_from_file(str(tiff)).numpy(), picture)
    with gdal.ExceptionMgr(), gdal.Open(str(tiff)) as raster:
        assert np.array_equal(raster.ReadAsArray().transpose(1, 2, 0), picture)
        assert raster.GetRasterBand(1).GetOverviewCount() == 2


def test_the_zip_opens_with_zarr_and_is_valid(outputs: tuple[np.ndarray, Path, Path]) -> None:
    from ome_zarr_models.v05 import Image as OmeZarrImage

    picture, _, path = outputs
    with zarr.storage.ZipStore(path, mode="r") as store:
        group = zarr.open_group(store, mode="r")
        OmeZarrImage.from_zarr(group)
        assert np.array_equal(np.squeeze(group["0"][:]).transpose(1, 2, 0), picture)
