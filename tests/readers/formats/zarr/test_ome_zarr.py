"""The OME-Zarr backend: layouts of stores, our own outputs, threads, URLs."""

import multiprocessing
import shutil
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.readers.formats.zarr.opening import RNG, opened, whole, zipped
from tests.serving import folder_server, serving
from ziggurat.readers.errors import (
    SourceError,
    ZigguratError,
)
from ziggurat.readers.formats.zarr.reader import OmeZarrReader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions


def test_pyramids_in_a_plain_group(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "g", mode="w")
    for number, size in enumerate([64, 32, 16]):
        group.create_array(f"s{number}", shape=(size, size), dtype="u1", chunks=(16, 16))[:] = size
    group.create_array("other", shape=(30, 50), dtype="u1", chunks=(16, 16))
    with opened(tmp_path / "g") as reader:
        assert [level.width for level in reader.info.levels] == [64, 32, 16]
        assert whole(reader, 2).max() == 16


def test_an_image_deep_in_a_hierarchy_is_found(tmp_path: Path) -> None:
    write(array_reader(RNG.integers(0, 9, (20, 30, 3), np.uint8)), tmp_path / "a.zarr")
    (tmp_path / "deep/er").mkdir(parents=True)
    for folder in ("deep", "deep/er"):
        (tmp_path / folder / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    (tmp_path / "a.zarr").rename(tmp_path / "deep/er/image")
    with opened(tmp_path / "deep") as reader:
        assert reader.info.bands == 3


def test_plates_and_layouts_of_several_images(tmp_path: Path) -> None:
    values = RNG.integers(0, 255, (40, 30, 3), np.uint8)
    options = WriteOptions(ome_version=OmeVersion.V04)
    for place in ("plate/B/03/0", "layout/1", "layout/0"):
        target = tmp_path / place
        target.parent.mkdir(parents=True, exist_ok=True)
        side = 10 if place == "layout/0" else 40
        write(array_reader(values[:side]), target.with_suffix(".zarr"), options)
        target.with_suffix(".zarr").rename(target)
    (tmp_path / "plate/.zattrs").write_text('{"plate": {"wells": [{"path": "B/03"}]}}')
    (tmp_path / "plate/B/03/.zattrs").write_text('{"well": {"images": [{"path": "0"}]}}')
    (tmp_path / "layout/.zattrs").write_text('{"bioformats2raw.layout": 3}')
    (tmp_path / "layout/0/.zattrs").write_text(
        (tmp_path / "layout/0/.zattrs").read_text().replace('"name": "0"', '"name": "label image"')
    )
    for name in ("plate", "layout", "layout/.zattrs"):
        with opened(tmp_path / name) as reader:
            np.testing.assert_array_equal(whole(reader), values)
    with opened(tmp_path / "layout") as reader:
        assert reader.info.associated == ("label",)
        np.testing.assert_array_equal(reader.associated("label").read(), values[:10])


def test_a_plate_that_names_itself_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / ".zattrs").write_text('{"plate": {"wells": [{"path": "."}]}}')
    with pytest.raises(ZigguratError, match="without an image"):
        opened(tmp_path)


@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ozx"])
def test_what_we_write_comes_back_whole(tmp_path: Path, suffix: str) -> None:
    pixels = RNG.integers(0, 255, (3, 2, 50, 70, 4), np.uint8)
    source = array_reader(pixels, "zcyxs", interpretation=Interpretation.RGB)
    source.info = replace(
        source.info,
        axes=(Axis("z", 3, (0, 2, 4), "µm"), Axis("c", 2)),
        channels=(Channel("one", "#00ff00", (0, 9)), Channel("two")),
        mm_x=0.001,
        mm_y=0.002,
        magnification=10.0,
        icc_profile=b"icc",
        description="words",
        properties={"a": "b"},
    )
    path = write(source, tmp_path / f"a{suffix}", WriteOptions(tile_size=32)).path
    with opened(path) as reader:
        assert reader.info.open_format
        assert reader.info.chunked
        alike = {"format": "array", "open_format": False, "chunked": False}  # what files are like
        info = replace(reader.info, internal={}, levels=source.info.levels, **alike)
        assert info == source.info
        assert [(v.width, v.height) for v in reader.info.levels] == [(70, 50), (35, 25), (18, 13)]
        for frame in range(6):
            np.testing.assert_array_equal(whole(reader, 0, frame), pixels[frame // 2, frame % 2])


@pytest.mark.parametrize("below", ["", "image.zarr/"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_of_others(tmp_path: Path, method: int, below: str) -> None:
    pixels = RNG.integers(0, 255, (50, 70, 3), np.uint8)
    write(array_reader(pixels), tmp_path / "a.zarr", WriteOptions(tile_size=32))
    with opened(zipped(tmp_path / "a.zarr", method, below)) as reader:
        np.testing.assert_array_equal(whole(reader), pixels)


def _sums(reader: OmeZarrReader, queue: Any) -> None:
    queue.put(int(whole(reader).sum()))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("suffix", [".zarr", ".ozx"])
def test_threads_and_forks_read_at_once(tmp_path: Path, suffix: str) -> None:
    pixels = RNG.integers(0, 255, (300, 400, 3), np.uint8)
    path = write(array_reader(pixels), tmp_path / f"a{suffix}", WriteOptions(tile_size=32)).path
    with opened(path) as reader:
        boxes = [Rect(int(x), int(y), 60, 50) for x, y in RNG.integers(0, 240, (40, 2))]
        with ThreadPoolExecutor(4) as pool:
            for box, got in zip(
                boxes, pool.map(lambda b: reader.plane(0, 0).read(b), boxes), strict=True
            ):
                expected = pixels[box.y : box.bottom, box.x : box.right]
                np.testing.assert_array_equal(got, expected)
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        workers = [context.Process(target=_sums, args=(reader, queue)) for _ in range(3)]
        for worker in workers:
            worker.start()
        sums = [queue.get(timeout=30) for _ in workers]
        for worker in workers:
            worker.join(30)
    assert sums == [int(pixels.sum())] * 3


def test_a_closed_reader_says_so(tmp_path: Path) -> None:
    path = write(array_reader(np.ones((9, 9, 3), np.uint8)), tmp_path / "a.zarr").path
    reader = opened(path)
    reader.close()
    reader.close()
    with pytest.raises(SourceError, match="is closed"):
        whole(reader)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with serving(folder_server(tmp_path)) as url:
        yield url


def test_a_folder_under_a_url(tmp_path: Path, served: str) -> None:
    pixels = RNG.integers(0, 255, (50, 70, 3), np.uint8)
    pixels[:32, :32] = 0
    write(array_reader(pixels), tmp_path / "a.zarr", WriteOptions(tile_size=32))
    with opened(f"{served}/a.zarr") as reader:
        np.testing.assert_array_equal(whole(reader), pixels)
        assert reader.plane(0, 0).is_blank(Rect(0, 0, 32, 32))
    write(array_reader(pixels), tmp_path / "a.ozx", WriteOptions(tile_size=32))
    with opened(f"{served}/a.ozx") as reader:
        np.testing.assert_array_equal(whole(reader), pixels)
    with pytest.raises(SourceError):
        opened(f"{served}/none.zarr")


def test_a_store_copied_away_needs_nothing_of_where_it_was(tmp_path: Path, store: Path) -> None:
    shutil.move(store, tmp_path / "moved.zarr")
    with opened(tmp_path / "moved.zarr") as reader:
        assert reader.info.width == 70
