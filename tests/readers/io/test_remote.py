"""URLs: a server that counts what it sends says how much of a slide is fetched."""

import multiprocessing
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import imagecodecs
import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import (
    CorruptSourceError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.io import remote
from ziggurat.readers.io.bytes import ByteFile, LocalBytes
from ziggurat.readers.io.location import locate
from ziggurat.readers.io.remote import BLOCK_BYTES, RemoteBytes
from ziggurat.readers.model.geometry import Rect


def large_slide(path: Path, tissue: np.ndarray, megabytes: int) -> np.ndarray:
    """Write a JPEG slide of one tile repeated; return the tile's pixels."""
    tile = imagecodecs.jpeg8_encode(tissue[:256, :256], level=90)
    side = int((megabytes * 1e6 / len(tile)) ** 0.5) + 1
    tifffile.imwrite(
        path,
        (tile for _ in range(side * side)),
        shape=(side * 256, side * 256, 3),
        dtype=np.uint8,
        tile=(256, 256),
        photometric="ycbcr",
        compression="jpeg",
        subsampling=(2, 2),
    )
    return np.asarray(imagecodecs.jpeg8_decode(tile))


def test_one_tile_of_a_large_slide_costs_under_two_megabytes(
    server: Any, tmp_path: Path, tissue: np.ndarray
) -> None:
    tile = large_slide(tmp_path / "slide.tif", tissue, 100)
    assert (tmp_path / "slide.tif").stat().st_size > 100e6
    with open_reader(server.url("slide.tif")) as reader:
        opened = server.sent
        pixels = reader.plane(0, 0).read(Rect(2560, 5120, 256, 256))
    np.testing.assert_array_equal(pixels, tile)
    assert server.sent < 2e6, f"{opened} bytes to open, {server.sent} in all"
    assert len(server.requests) < 20


def test_a_picture_is_read_from_a_url(server: Any, tmp_path: Path, tissue: np.ndarray) -> None:
    (tmp_path / "picture.png").write_bytes(imagecodecs.png_encode(tissue))
    with open_reader(server.url("picture.png") + "?token=1") as reader:
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 512, 512)), tissue)


def test_reads_are_those_of_the_file(server: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(1).bytes(5 * BLOCK_BYTES + 77)
    (tmp_path / "bytes.bin").write_bytes(data)
    source = RemoteBytes(server.url("bytes.bin"), cache=4 * BLOCK_BYTES)
    spots = [(0, 10), (BLOCK_BYTES - 3, 6), (len(data) - 5, 100), (7, len(data)), (len(data), 1)]
    for offset, length in spots * 2:
        assert source.read(offset, length) == data[offset : offset + length]
    assert pickle.loads(pickle.dumps(source)).read(5, 9) == data[5:14]


def test_a_block_is_fetched_once(server: Any, tmp_path: Path) -> None:
    (tmp_path / "bytes.bin").write_bytes(bytes(20 * BLOCK_BYTES))
    source = RemoteBytes(server.url("bytes.bin"))
    source.read(8 * BLOCK_BYTES, 100)
    before = len(server.requests)
    for offset in range(0, BLOCK_BYTES, 1000):
        source.read(8 * BLOCK_BYTES + offset, 10)
    assert len(server.requests) == before
    source.read(8 * BLOCK_BYTES, 3 * BLOCK_BYTES)  # two missing blocks, side by side
    assert len(server.requests) == before + 1


def test_the_ends_of_a_file_come_with_their_first_block(server: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(7).bytes(20 * BLOCK_BYTES + 5)
    (tmp_path / "bytes.bin").write_bytes(data)
    source = RemoteBytes(server.url("bytes.bin"))
    for offset in (100, 3 * BLOCK_BYTES):
        assert source.read(offset, 50) == data[offset : offset + 50]
    assert len(server.requests) == 1  # it told the size
    for offset in (len(data) - 100, 18 * BLOCK_BYTES, 13 * BLOCK_BYTES):
        assert source.read(offset, 50) == data[offset : offset + 50]
    assert server.requests == ["GET"] * 2


def test_what_is_read_on_comes_in_ever_larger_pieces(server: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(8).bytes(80 * BLOCK_BYTES)
    (tmp_path / "bytes.bin").write_bytes(data)
    source = RemoteBytes(server.url("bytes.bin"))
    for block in range(10, 40):
        start = block * BLOCK_BYTES
        assert source.read(start, BLOCK_BYTES) == data[start : start + BLOCK_BYTES]
    assert len(server.requests) == 1 + 5  # 1, 2, 4, 8, 16 blocks
    source.read(60 * BLOCK_BYTES, 10)
    sent = server.sent
    source.read(50 * BLOCK_BYTES, 10)  # one tile here, one there: no more than is asked for
    assert server.sent == sent + BLOCK_BYTES


@pytest.mark.parametrize(("levels", "most"), [(1, 2), (3, 3), (5, 5)])
@pytest.mark.parametrize("below", [False, True])
def test_a_slide_is_opened_by_few_requests(
    server: Any, tmp_path: Path, tissue: np.ndarray, levels: int, most: int, below: bool
) -> None:
    """Its beginning, its end, and a request for each directory that lies far from both."""
    image = np.tile(tissue, (6, 6, 1))
    with tifffile.TiffWriter(tmp_path / "slide.tif") as tiff:
        for level in range(levels):
            step = 1 << level
            hanging = {"subifds": levels - 1} if below and level == 0 and levels > 1 else {}
            tiff.write(
                image[::step, ::step], tile=(256, 256), photometric="rgb",
                subfiletype=int(level > 0), metadata=None, **hanging,
            )  # fmt: skip
    with open_reader(server.url("slide.tif")) as reader:
        assert len(reader.info.levels) == levels
    assert len(server.requests) <= most, server.requests


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr.zip", "a.svs"])
def test_our_own_files_are_opened_by_four_requests(
    server: Any, tmp_path: Path, tissue: np.ndarray, name: str
) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.tile(tissue, (4, 4, 1)))
        sink.write(tmp_path / name)
    with open_reader(server.url(name)) as reader:
        assert reader.info.levels[0].rect == Rect(0, 0, 2048, 2048)
    assert len(server.requests) <= 4, server.requests


def test_the_cache_is_bounded(server: Any, tmp_path: Path) -> None:
    (tmp_path / "bytes.bin").write_bytes(bytes(40 * BLOCK_BYTES))
    source = RemoteBytes(server.url("bytes.bin"), cache=8 * BLOCK_BYTES)
    for index in range(40):
        source.read(index * BLOCK_BYTES, 1)
    assert len(source._blocks) <= 8


def test_threads_share_a_source(server: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(2).bytes(20 * BLOCK_BYTES)
    (tmp_path / "bytes.bin").write_bytes(data)
    source = RemoteBytes(server.url("bytes.bin"), cache=5 * BLOCK_BYTES)
    offsets = [index * 9973 % (len(data) - 500) for index in range(200)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda offset: source.read(offset, 500), offsets))
    assert found == [data[offset : offset + 500] for offset in offsets]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_reads_on(server: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(3).bytes(6 * BLOCK_BYTES)
    (tmp_path / "bytes.bin").write_bytes(data)
    source = RemoteBytes(server.url("bytes.bin"))
    assert source.read(0, 10) == data[:10]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    spot = 4 * BLOCK_BYTES
    child = context.Process(target=lambda: queue.put(source.read(spot, 100)))
    child.start()
    try:
        assert queue.get(timeout=30) == data[spot : spot + 100]
    finally:
        child.kill()
        child.join()


def test_a_server_that_fails_once_is_asked_again(server: Any, tmp_path: Path) -> None:
    (tmp_path / "bytes.bin").write_bytes(bytes(range(256)) * 2000)
    server.failures = 1  # when it is opened
    source = RemoteBytes(server.url("bytes.bin"))
    server.failures = 1
    assert source.read(256 * 1999 + 3, 2) == b"\3\4"


def test_a_server_that_keeps_failing_is_an_error(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked three times, each time after a longer pause."""
    (tmp_path / "bytes.bin").write_bytes(bytes(2000 * 256))
    source = RemoteBytes(server.url("bytes.bin"))
    pauses: list[float] = []
    monkeypatch.setattr(remote, "time", SimpleNamespace(sleep=pauses.append))
    server.failures = 100
    with pytest.raises(SourceError, match=r"bytes\.bin can't be read: 503"):
        source.read(1999 * 256, 2)
    assert pauses == [0.2, 0.8]


def test_a_file_that_has_become_shorter_is_not_read_on(server: Any, tmp_path: Path) -> None:
    file = tmp_path / "bytes.bin"
    file.write_bytes(bytes(40 * BLOCK_BYTES))
    source = RemoteBytes(server.url("bytes.bin"))
    file.write_bytes(bytes(20 * BLOCK_BYTES + 7))
    with pytest.raises(SourceError, match="has the file changed"):
        source.read(20 * BLOCK_BYTES, 100)


def test_small_files_come_whole_where_ranges_are_ignored(server: Any, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "bytes.bin").write_bytes(bytes(range(256)) * 1000)
    source = RemoteBytes(server.url("bytes.bin"))
    assert source.read(1000, 3) == bytes((232, 233, 234))


def test_large_ones_are_refused(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ziggurat.readers.io.remote.WHOLE_BYTES", 1000)
    server.ranges = False
    (tmp_path / "bytes.bin").write_bytes(bytes(2000))
    with pytest.raises(SourceError, match="answers no byte ranges"):
        RemoteBytes(server.url("bytes.bin"))


def test_nothing_at_a_url(server: Any) -> None:
    with pytest.raises(SourceNotFoundError, match=r"nothing.tif"):
        locate(server.url("nothing.tif"))


def test_no_such_server() -> None:
    with pytest.raises(SourceError, match="connect"):
        locate("http://127.0.0.1:1/slide.tif")


def test_an_empty_file(server: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    with pytest.raises(CorruptSourceError, match="is empty"):
        locate(server.url("empty.tif"))


def test_an_unknown_scheme() -> None:
    with pytest.raises(SourceError, match="Protocol not known: gopher"):
        locate("gopher://somewhere/slide.svs")


@pytest.mark.parametrize(
    ("url", "modules", "hint"),
    [
        ("https://example.org/slide.svs", ["aiohttp"], r"pip install 'ziggurat\[http\]'"),
        ("s3://bucket/slide.svs", ["s3fs", "obstore.store"], r"pip install 'ziggurat\[cloud\]'"),
        ("gs://bucket/slide.svs", ["obstore.store"], r"pip install 'ziggurat\[cloud\]'"),
    ],
)
def test_a_missing_extra_is_named(
    url: str, modules: list[str], hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.registry import _registry

    scheme = url.split(":")[0]
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    monkeypatch.delitem(_registry, scheme, raising=False)
    with pytest.raises(SourceError, match=hint):
        locate(url)


def test_slides_of_many_files_are_to_be_downloaded(server: Any, tmp_path: Path) -> None:
    (tmp_path / "slide.mrxs").write_bytes(b"\xff\xd8\xff\xe0" * 100)
    with pytest.raises(UnsupportedFormatError, match="openslide: reads local files only"):
        open_reader(server.url("slide.mrxs"))


def test_other_file_systems_of_fsspec_work_alike(tissue: np.ndarray) -> None:
    files = fsspec.filesystem("memory")
    with files.open("/remote-test/a.png", "wb") as file:
        file.write(imagecodecs.png_encode(tissue))
    try:
        with open_reader("memory://remote-test/a.png") as reader:
            np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 512, 512)), tissue)
        with pytest.raises(SourceNotFoundError, match="nothing there"):
            locate("memory://remote-test/b.png")
    finally:
        files.rm("/remote-test", recursive=True)


def test_a_zarr_hierarchy_is_a_remote_directory(server: Any, tmp_path: Path) -> None:
    (tmp_path / "image.zarr").mkdir()
    (tmp_path / "image.zarr" / "zarr.json").write_text("{}")
    for url in ("image.zarr", "image.zarr/"):
        location = locate(server.url(url))
        assert location.is_directory
        assert location.is_remote
        with pytest.raises(SourceError, match="is a directory"):
            location.open_bytes()
    with pytest.raises(SourceNotFoundError, match="no zarr hierarchy"):
        locate(server.url("other.zarr"))


def test_a_byte_file_behaves_as_a_file(tmp_path: Path) -> None:
    data = bytes(range(200))
    (tmp_path / "file").write_bytes(data)
    with ByteFile(LocalBytes(tmp_path / "file")) as file:
        assert file.read(3) == data[:3]
        assert file.seek(-5, 2) == 195
        assert file.read() == data[195:]
        assert file.read(1) == b""
        file.seek(10)
        buffer = bytearray(4)
        assert file.readinto(buffer) == 4
        assert bytes(buffer) == data[10:14]
        with pytest.raises(OSError, match="can't seek"):
            file.seek(-1)


def test_local_bytes_are_pickled_by_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    source = LocalBytes(tmp_path / "file")
    copy = pickle.loads(pickle.dumps(source))
    source.close()
    source.close()
    assert copy.read(8, 100) == b"89"
    copy.close()
    with pytest.raises(SourceNotFoundError, match="no such file"):
        LocalBytes(tmp_path / "gone")


def test_a_server_that_can_not_be_reached_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(url: Any) -> None:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(SourceError, match=r"can't be opened: .*Name or service"):
        open_reader("ftp://nowhere.invalid/slide.tif")


def test_a_file_that_was_replaced_by_one_of_its_size_is_not_read_on(
    server: Any, tmp_path: Path
) -> None:
    data = np.random.default_rng(3).bytes(40 * BLOCK_BYTES)
    (tmp_path / "a.bin").write_bytes(data)
    server.etag = '"first"'
    file = RemoteBytes(server.url("a.bin"))
    assert file.read(20 * BLOCK_BYTES, 10) == data[20 * BLOCK_BYTES :][:10]
    (tmp_path / "a.bin").write_bytes(bytes(len(data)))
    server.etag = '"second"'
    with pytest.raises(SourceError, match="changed since it was opened"):
        file.read(30 * BLOCK_BYTES, 10)
    file.close()


def test_weak_marks_of_one_file_may_differ_by_server(server: Any, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 40 * (BLOCK_BYTES // 256))
    server.etag = 'W/"here"'
    file = RemoteBytes(server.url("a.bin"))
    server.etag = 'W/"there"'
    assert file.read(20 * BLOCK_BYTES + 3, 2) == b"\x03\x04"
    file.close()


def test_bytes_of_another_place_are_not_taken_for_those_asked_for(
    server: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 40 * (BLOCK_BYTES // 256))
    file = RemoteBytes(server.url("a.bin"))
    server.astray = 1
    with pytest.raises(SourceError, match="the server sent those at"):
        file.read(20 * BLOCK_BYTES, 2)
    file.close()


def test_a_file_that_has_grown_is_not_read_on(server: Any, tmp_path: Path) -> None:
    """Whoever answers ranges tells the size of all: of one state, where no mark tells states."""
    (tmp_path / "a.bin").write_bytes(bytes(40 * BLOCK_BYTES))
    file = RemoteBytes(server.url("a.bin"))
    (tmp_path / "a.bin").write_bytes(bytes(41 * BLOCK_BYTES))
    with pytest.raises(SourceError, match="has the file changed"):
        file.read(20 * BLOCK_BYTES, 2)
    file.close()
