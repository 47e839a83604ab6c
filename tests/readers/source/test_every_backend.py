"""What any source can do beside reading, on a real file of every backend."""

import base64
import io
import json
import multiprocessing
import pickle
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.readers.errors import SourceError

REAL = (
    "akoya-qptiff/small_vectra.qptiff",
    "aperio-svs/CMU-1-Small-Region.svs",
    "aperio-svs/TCGA-CR-7395-01A-01-TS1.svs",
    "dicom-wsi/napari-wsi-CMU-1-Small-Region",
    "dicom-wsi/wsi2dcm-jpeg2000/jpeg2000.dcm",
    "geotiff/rasterio/RGBA.uint16.tif",
    "geotiff/rasterio/float_nan.tif",
    "geotiff/rio-tiler/cog_cmap.tif",
    "geotiff/rio-tiler/cog_gcps.tif",
    "hamamatsu-ndpi/test3-DAPI.ndpi",
    "hamamatsu-vms/test3-DAPI.vms",
    "mirax/Mirax2-Fluorescence-2-from-L2.mrxs",
    "ome-tiff/mini-spim-moduloZ.ome.tiff",
    "ome-tiff/multi-channel-z-series.ome.tif",
    "ome-tiff/xy_12bit__plant.ome.tiff",
    "ome-zarr/6001240_labels_v0.5.ozx",
    "ome-zarr/ngio-v05-tczyx.zarr",
    "ome-zarr/sample_float32_8bit_range.zarr.zip",
    "ome-zarr/tiledb-CMU-1-Small-Region.ome.zarr/0",
    "tiff/commons-Sample64BitFloatingPointPix451x337.tiff",
    "tiff/tensorstore-D75_16b.tiff",
    "tiff/wsic-CMU-1-Small-Region.webp.tiff",
)
MADE = ("png", "jpg", "bmp", "store")


# Of backends and codecs that others here have, too.
MORE = {
    "aperio-svs/TCGA-CR-7395-01A-01-TS1.svs", "dicom-wsi/wsi2dcm-jpeg2000/jpeg2000.dcm",
    "geotiff/rasterio/RGBA.uint16.tif", "geotiff/rio-tiler/cog_cmap.tif",
    "ome-tiff/multi-channel-z-series.ome.tif", "ome-tiff/xy_12bit__plant.ome.tiff",
    "ome-zarr/sample_float32_8bit_range.zarr.zip", "tiff/tensorstore-D75_16b.tiff", "bmp",
}  # fmt: skip


def _params() -> list[object]:
    slow = pytest.mark.slow
    return [pytest.param(n, marks=slow) if n in MORE else n for n in (*REAL, *MADE)]


@pytest.fixture(params=_params())
def source(
    request: pytest.FixtureRequest,
    data_file: Callable[[str], Path],
    tissue: np.ndarray,
    tmp_path: Path,
) -> Iterator[ziggurat.Source]:
    name = request.param
    if name in REAL:
        path = data_file(name)
    elif name == "store":
        sink = ziggurat.new(tmp_path / "store")
        sink.addTile(tissue[:200, :300])
        path = tmp_path / "store"
    else:
        path = tmp_path / f"picture.{name}"
        Image.fromarray(tissue[:200, :300]).save(path)
    with ziggurat.open(path) as opened:
        yield opened


def middle(source: ziggurat.Source) -> dict[str, Any]:
    """Return a region in the middle, of 64 pixels a side where there are as many."""
    return {
        "left": source.sizeX // 3,
        "top": source.sizeY // 3,
        "width": min(64, source.sizeX),
        "height": min(64, source.sizeY),
    }


def sample(source: ziggurat.Source, queue: Any = None) -> np.ndarray:
    frame = source.frames - 1
    pixels = source.getRegion(region=middle(source), frame=frame, format="numpy")[0]
    if queue is not None:
        queue.put(pixels)
    return pixels


def test_copies_threads_and_forks_read_the_same(source: ziggurat.Source) -> None:
    expected = sample(source)
    data = pickle.dumps(source)
    assert len(data) < 1000
    with pickle.loads(data) as again:
        np.testing.assert_array_equal(sample(again), expected)
        assert json.dumps(again.getMetadata()) == json.dumps(source.getMetadata())
    with ThreadPoolExecutor(3) as pool:
        for pixels in pool.map(sample, [source] * 3):
            np.testing.assert_array_equal(pixels, expected)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=sample, args=(source, queue))
    child.start()
    np.testing.assert_array_equal(queue.get(timeout=60), expected)
    child.join()
    assert child.exitcode == 0


def test_notebooks_show_a_picture_and_facts(source: ziggurat.Source) -> None:
    page = source._repr_html_()
    assert f"{source.sizeX} × {source.sizeY}" in page
    shown = re.search(r"data:image/png;base64,([^\"']+)", page)
    assert shown is not None
    with Image.open(io.BytesIO(base64.b64decode(shown[1]))) as picture:
        assert picture.format == "PNG"
        assert 1 <= max(picture.size) <= 512


def test_levels_are_lazy_arrays_for_viewers_and_dask(source: ziggurat.Source) -> None:
    info = source._image().reader.info
    arrays = source.level_arrays(frame=source.frames - 1)
    assert [array.shape for array in arrays] == [
        (level.height, level.width, info.bands) for level in info.levels
    ]
    place = middle(source)
    y, x = place["top"], place["left"]
    part = np.s_[y : y + place["height"], x : x + place["width"]]
    expected = sample(source)
    np.testing.assert_array_equal(arrays[0][part], expected)
    lazy = source.to_dask(0, frame=source.frames - 1)
    assert (lazy.shape, lazy.dtype) == (arrays[0].shape, info.dtype)
    np.testing.assert_array_equal(lazy[part].compute(), expected)


def test_a_closed_source_says_so(source: ziggurat.Source) -> None:
    source.close()
    source.close()
    with pytest.raises(SourceError, match="was closed"):
        sample(source)
