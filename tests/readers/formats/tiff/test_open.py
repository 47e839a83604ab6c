"""Opening TIFFs: what is refused and how, remote files, many pages, threads and forks."""

import io
import multiprocessing
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import imagecodecs
import numpy as np
import pytest
import tifffile

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.io.remote import RemoteBytes
from ziggurat.readers.model.geometry import Rect


def opened(path: Path | str) -> TiffReader:
    return open_reader(locate(path))


@pytest.fixture
def made(tmp_path: Path, tissue: np.ndarray) -> Path:
    path = tmp_path / "made.tif"
    tifffile.imwrite(
        path, tissue, tile=(128, 128), photometric="rgb", compression="zlib", metadata=None
    )
    return path


def tag_at(path: Path, code: int) -> int:
    """Return where the value (or its offset) of a tag of the first page is in the file."""
    with tifffile.TiffFile(path) as tif:
        return int(tif.pages.first.tags[code].offset) + 8


def forge(path: Path, code: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, tag_at(path, code), value)
    path.write_bytes(data)


def test_other_files_are_not_tiffs(tmp_path: Path, data_file: Callable[[str], Path]) -> None:
    (tmp_path / "a.tif").write_bytes(b"\x89PNG\r\n\x1a\n" * 10)
    for path in (tmp_path / "a.tif", data_file("broken/broken.svs")):
        with pytest.raises(UnsupportedFormatError, match="is not a TIFF"):
            opened(path)


def test_a_slide_whose_jpeg_is_damaged_is_refused(data_file: Callable[[str], Path]) -> None:
    with pytest.raises(CorruptSourceError, match="JPEG"):
        opened(data_file("broken/unreadable.svs"))


@pytest.mark.parametrize("keep", [4, 8, 20, 1000, 0.3, 0.7, 0.99])
def test_truncated_files_are_refused_or_fail_when_read(made: Path, keep: float) -> None:
    data = made.read_bytes()
    made.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(SourceError), opened(made) as reader:
        reader.plane(0, 0).read(reader.info.levels[0].rect)


def test_a_truncated_slide_is_refused_when_it_is_opened(
    tmp_path: Path, data_file: Callable[[str], Path]
) -> None:
    path = tmp_path / "cut.tif"
    source = data_file("geotiff/rio-tiler/cog.tif")  # its directories come first
    path.write_bytes(source.read_bytes()[:200_000])
    with pytest.raises(CorruptSourceError, match="behind the end of the file"):
        opened(path)


@pytest.mark.parametrize("code", [256, 257, 322, 323])
@pytest.mark.parametrize("value", [0, 0x7FFFFFFF, 0xFFFFFFFF, 5_000_000])
def test_forged_sizes_are_refused(made: Path, code: int, value: int) -> None:
    forge(made, code, value)
    with pytest.raises(SourceError), opened(made) as reader:
        reader.plane(0, 0).read(Rect(0, 0, 200, 200))


@pytest.mark.parametrize("code", [324, 325])
def test_forged_table_places_are_refused(made: Path, code: int) -> None:
    forge(made, code, 0xFFFFFF00)
    with pytest.raises(SourceError):
        opened(made)


def test_a_forged_picture_size_in_a_tile_allocates_nothing(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, tissue, tile=(128, 128), photometric="rgb", compression="jpeg")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"\xff\xc0\x00\x11\x08")
    struct.pack_into(">HH", data, at + 5, 65500, 65500)
    path.write_bytes(data)
    with opened(path) as reader, pytest.raises(CorruptSourceError, match="65500 x 65500"):
        reader.plane(0, 0).read(reader.info.levels[0].rect)


def test_a_strip_that_can_not_be_so_large_allocates_nothing(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        tags = tif.pages.first.tags
        places = [tags[code].offset for code in (256, 257, 278)]
    data = bytearray(path.read_bytes())
    for place in places:  # 30,000 a side, LONG
        struct.pack_into("<HII", data, place + 2, 4, 1, 30_000)
    path.write_bytes(data)
    with pytest.raises(CorruptSourceError, match="can't be a tile of"):
        opened(path).plane(0, 0).read(Rect(0, 0, 10, 10))


def test_a_closed_reader_is_an_error_to_read(made: Path) -> None:
    reader = opened(made)
    reader.close()
    reader.close()
    with pytest.raises(SourceError):
        reader.plane(0, 0).read(Rect(0, 0, 10, 10))


def test_files_are_closed_when_opening_fails(data_file: Callable[[str], Path]) -> None:
    path = data_file("broken/unreadable.svs")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(CorruptSourceError):
            opened(path)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_threads_read_what_one_reads(made: Path, tissue: np.ndarray) -> None:
    rects = [Rect(x, y, 100, 90) for x in range(0, 400, 37) for y in range(0, 400, 41)]
    with opened(made) as reader, ThreadPoolExecutor(8) as pool:
        for rect, found in zip(
            rects, pool.map(lambda r: reader.plane(0, 0).read(r), rects), strict=True
        ):
            np.testing.assert_array_equal(found, tissue[rect.y : rect.bottom, rect.x : rect.right])


def _child(reader: TiffReader, queue: "multiprocessing.Queue[int]") -> None:
    queue.put(int(reader.plane(0, 0).read(Rect(0, 0, 512, 512)).sum()))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_reads_on(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, tissue, photometric="rgb", compression="lzw", rowsperstrip=16)
    context = multiprocessing.get_context("fork")
    with opened(path) as reader:
        reader.plane(0, 0).read(Rect(0, 0, 100, 100))
        queue = context.Queue()
        children = [context.Process(target=_child, args=(reader, queue)) for _ in range(2)]
        for child in children:
            child.start()
        sums = {queue.get(timeout=30) for _ in children}
        for child in children:
            child.join()
        assert sums == {int(tissue.sum())}


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[int]]:
    """A remote slide of 100 MB, and the sizes of what was fetched of it."""
    tile = imagecodecs.jpeg8_encode(
        np.random.default_rng(1).integers(0, 255, (128, 128, 3), dtype=np.uint8), 60
    )
    columns, rows = 100, 100_000_000 // len(tile) // 100
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        (tile for _ in range(columns * rows)),
        shape=(rows * 128, columns * 128, 3),
        dtype=np.uint8,
        tile=(128, 128),
        compression="jpeg",
        photometric="ycbcr",
        subsampling=(2, 2),
        metadata=None,
    )
    files = fsspec.filesystem("memory")
    files.pipe("/slides/big.tif", buffer.getvalue())
    fetched: list[int] = []
    original = RemoteBytes._fetch

    def counting(self: RemoteBytes, start: int, stop: int) -> bytes:
        fetched.append(stop - start)
        return original(self, start, stop)

    monkeypatch.setattr(RemoteBytes, "_fetch", counting)
    yield "memory:///slides/big.tif", fetched
    files.rm("/slides/big.tif")


def test_a_remote_slide_is_not_fetched_whole(remote: tuple[str, list[int]]) -> None:
    url, fetched = remote
    with opened(url) as reader:
        level = reader.info.levels[0]
        assert level.width == 12_800
        reader.plane(0, 0).read(Rect(6400, 6400, 128, 128))
    assert sum(fetched) < 2_000_000


def test_many_pages_are_not_all_parsed_on_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.ome.tif"
    frames = np.arange(2000, dtype=np.uint16)[:, None, None] * np.ones((1, 16, 16), np.uint16)
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(frames.reshape(40, 50, 16, 16), tile=(16, 16), metadata={"axes": "TZYX"})
    parsed = 0
    original = tifffile.TiffPage.__init__

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal parsed
        parsed += 1
        original(self, *args, **kwargs)

    monkeypatch.setattr(tifffile.TiffPage, "__init__", counted)
    with opened(path) as reader:
        assert parsed < 20
        assert reader.info.frames == 2000
        assert reader.plane(0, 1234).read(Rect(3, 3, 1, 1)).item() == 1234


def test_a_file_cut_before_its_first_page_table_says_so(tmp_path: Path) -> None:
    path = tmp_path / "late.tif"
    path.write_bytes(b"II*\0" + (900_000).to_bytes(4, "little") + bytes(500))
    with pytest.raises(CorruptSourceError, match="cut short: its 508 bytes end before the table"):
        opened(path)
