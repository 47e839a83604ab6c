"""The OME-Zarr backend: stores that zarr-python writes, real files, damaged and hostile ones."""

import functools
import http.server
import json
import multiprocessing
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from ziggurat.readers.errors import (
    CorruptSourceError,
    SourceError,
    UnsupportedFormatError,
    ZigguratError,
)
from ziggurat.readers.formats.zarr.chunks import decode_chunk
from ziggurat.readers.formats.zarr.metadata import parse_v2
from ziggurat.readers.formats.zarr.reader import OmeZarrReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.zarr import shards as zarr_shards
from ziggurat.writers.model.options import WriteOptions

RNG = np.random.default_rng(3)
Finder = Callable[[str], Path]


def opened(path: Path | str) -> OmeZarrReader:
    return open_reader(locate(path))


def whole(reader: OmeZarrReader, level: int = 0, frame: int = 0) -> np.ndarray:
    return reader.plane(level, frame).read(reader.info.levels[level].rect)


def zipped(folder: Path, method: int = zipfile.ZIP_STORED, below: str = "") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, below + str(file.relative_to(folder)))
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "<u2", ">u2", "u4", "i8", "f2", ">f4", "f8"])
def test_plain_arrays_of_every_dtype(tmp_path: Path, zarr_format: int, dtype: str) -> None:
    values = RNG.integers(0, 250, (70, 90)).astype(dtype)
    path = tmp_path / "a.zarr"
    options: Any = {"zarr_format": zarr_format, "chunks": (32, 40)}
    if zarr_format == 3 and dtype.startswith(">"):
        options["serializer"] = zarr.codecs.BytesCodec(endian="big")
    array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, **options)
    array[:] = values
    with opened(path) as reader:
        assert reader.info.dtype == values.dtype.newbyteorder("=")
        got = reader.plane(0, 0).read(Rect(10, 20, 71, 45))
    assert got.dtype == values.dtype.newbyteorder("=")
    np.testing.assert_array_equal(got[..., 0], values[20:65, 10:81])
    got[0, 0] = 1  # the caller may write


V2_COMPRESSORS = [
    None,
    numcodecs.Blosc("zstd", 3, 2),
    numcodecs.Blosc("lz4hc", 5, 1),
    numcodecs.Zstd(5),
    numcodecs.GZip(5),
    numcodecs.Zlib(5),
    numcodecs.LZ4(),  # by zarr-python from here on
    numcodecs.BZ2(),
    numcodecs.LZMA(),
]


@pytest.mark.parametrize("compressor", V2_COMPRESSORS, ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
def test_v2_compressors_and_orders(tmp_path: Path, compressor: Any, order: Any) -> None:
    values = RNG.integers(0, 60, (50, 60, 3)).astype(np.uint16)
    array = zarr.create_array(
        tmp_path / "a", shape=values.shape, dtype=values.dtype, chunks=(16, 24, 3),
        zarr_format=2, compressors=compressor, order=order,
    )  # fmt: skip
    array[:] = values
    for path in (tmp_path / "a", zipped(tmp_path / "a")):
        with opened(path) as reader:
            np.testing.assert_array_equal(whole(reader), values)


V3_CODECS: list[dict[str, Any]] = [
    {"compressors": None},
    {"compressors": zarr.codecs.BloscCodec(cname="lz4", shuffle="bitshuffle")},
    {"compressors": zarr.codecs.ZstdCodec(level=3, checksum=True)},
    {"compressors": zarr.codecs.GzipCodec(level=3)},
    {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.GzipCodec()]},  # by zarr-python
    {"filters": zarr.codecs.TransposeCodec(order=(2, 0, 1))},  # likewise
]


@pytest.mark.parametrize("codecs", V3_CODECS, ids=str)
@pytest.mark.parametrize("sharded", [False, True])
def test_v3_codecs_and_shards(tmp_path: Path, codecs: dict[str, Any], sharded: bool) -> None:
    values = RNG.integers(0, 60, (50, 60, 3)).astype(np.uint16)
    values[:16] = 0
    array = zarr.create_array(
        tmp_path / "a", shape=values.shape, dtype=values.dtype, chunks=(16, 24, 3),
        shards=(32, 48, 3) if sharded else None, **codecs,
    )  # fmt: skip
    array[:] = values
    for path in (tmp_path / "a", zipped(tmp_path / "a")):
        with opened(path) as reader:
            np.testing.assert_array_equal(whole(reader), values)
            if reader._arrays[0].metadata.codecs is not None:
                assert reader.plane(0, 0).is_blank(Rect(0, 0, 60, 16))
                assert not reader.plane(0, 0).is_blank(Rect(0, 0, 60, 17))


def test_a_shard_index_at_the_start(tmp_path: Path) -> None:
    values = RNG.integers(0, 60, (40, 40)).astype(np.uint8)
    codec = zarr.codecs.ShardingCodec(chunk_shape=(8, 8), index_location="start")
    zarr.create_array(
        tmp_path / "a", shape=(40, 40), dtype="u1", chunks=(16, 16), serializer=codec,
        compressors=None,
    )[:] = values  # fmt: skip
    with opened(tmp_path / "a") as reader:
        np.testing.assert_array_equal(whole(reader)[..., 0], values)


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
        info = replace(reader.info, internal={}, levels=source.info.levels, format="array")
        assert info == source.info
        assert [(v.width, v.height) for v in reader.info.levels] == [(70, 50), (35, 25), (18, 13)]
        for frame in range(6):
            np.testing.assert_array_equal(whole(reader, 0, frame), pixels[frame // 2, frame % 2])


@pytest.mark.parametrize("suffix", [".zarr", ".ozx"])
def test_tiles_as_they_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 4)
    pixels = RNG.integers(0, 255, (2, 50, 70, 3), np.uint8)
    pixels[1, :16, :16] = 0
    options = WriteOptions(tile_size=16, compression=Codec.NONE)
    path = write(array_reader(pixels, "tyxs"), tmp_path / f"a{suffix}", options).path
    with opened(path) as reader:
        level = reader.plane(0, 1).encoded()
        assert level is not None
        assert (level.columns, level.rows, level.tile_width) == (5, 4, 16)
        data = level.tile(1, 2)
        assert data is not None
        stored = np.frombuffer(data, np.uint8).reshape(3, 16, 16).transpose(1, 2, 0)
        np.testing.assert_array_equal(stored, pixels[1, 32:48, 16:32])
        assert level.tile(0, 0) is None
        assert reader.plane(0, 1).is_blank(Rect(0, 0, 16, 16))


def test_chunks_of_several_frames_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = RNG.integers(0, 255, (10, 30, 40), np.uint8)
    zarr.create_array(tmp_path / "a", shape=values.shape, dtype="u1", chunks=(10, 30, 40))[:] = (
        values
    )
    calls = []

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return decode_chunk(*arguments)

    monkeypatch.setattr("ziggurat.readers.formats.zarr.array.decode_chunk", counted)
    with opened(tmp_path / "a") as reader:
        for frame in range(10):
            got = whole(reader, 0, frame)
            np.testing.assert_array_equal(got[..., 0], values[frame])
            got[:] = 0  # what is kept stays as it is
        np.testing.assert_array_equal(whole(reader, 0, 3)[..., 0], values[3])
    assert len(calls) == 1


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
        boxes = [Rect(int(x), int(y), 60, 50) for x, y in RNG.integers(0, 240, (100, 2))]
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


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18])
def test_zips_that_are_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises((CorruptSourceError, UnsupportedFormatError)):
        opened(path)


def test_what_is_not_zarr_is_not_supported(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(UnsupportedFormatError, match="holds no zarr metadata"):
        opened(tmp_path)
    with pytest.raises(UnsupportedFormatError, match="neither a folder, nor a zip"):
        opened(tmp_path / "x.txt")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(UnsupportedFormatError, match="holds no zarr metadata"):
        opened(tmp_path / "a.zip")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    pixels = RNG.integers(0, 255, (50, 70, 3), np.uint8)
    return write(array_reader(pixels), tmp_path / "a.zarr", WriteOptions(tile_size=32)).path


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def test_a_damaged_chunk_is_named(store: Path) -> None:
    chunk = store / "0/c/0/1/1"
    for damage in (b"", b"nonsense", chunk.read_bytes()[:-1], chunk.read_bytes() + b"x"):
        chunk.write_bytes(damage)
        with opened(store) as reader:
            with pytest.raises(CorruptSourceError, match=r"chunk \[0, 1, 1\] of 0: "):
                whole(reader)
            reader.plane(0, 0).read(Rect(0, 0, 32, 32))  # the others are well


def test_a_chunk_may_not_leave_its_size(tmp_path: Path) -> None:
    """A stream that would unfold to more than its chunk is refused, not unfolded."""
    bomb = bytes(200 << 20)
    for codec in (numcodecs.Zstd(1), numcodecs.GZip(1), numcodecs.Zlib(1), numcodecs.Blosc("lz4")):
        facts = {
            "shape": [64, 64], "chunks": [64, 64], "dtype": "|u1", "fill_value": 0,
            "compressor": codec.get_config(),
        }  # fmt: skip
        with pytest.raises(CorruptSourceError, match="can't be decoded"):
            decode_chunk(codec.encode(bomb), parse_v2(facts))


@pytest.mark.parametrize(
    "path", ["../../../../etc/passwd", "/etc", "0/../../x", "\0", "no", "", ".", "0/c"]
)
def test_paths_that_lead_nowhere_or_out(store: Path, path: str) -> None:
    edit(
        store / "zarr.json",
        lambda f: f["attributes"]["ome"]["multiscales"][0]["datasets"][0].update(path=path),
    )
    with pytest.raises(CorruptSourceError, match=r"there is no array at|leads out of the image"):
        opened(store)


def test_a_forged_shape_costs_nothing(store: Path) -> None:
    edit(store / "0/zarr.json", lambda f: f.update(shape=[3, 1 << 60, 1 << 60]))
    with pytest.raises(CorruptSourceError, match="can't be sizes of an array"):
        opened(store)
    edit(store / "0/zarr.json", lambda f: f.update(shape=[3, 1 << 30, 1 << 30]))
    with opened(store) as reader:  # possible, if unlikely: only what is asked for is made
        assert reader.plane(0, 0).read(Rect(1 << 29, 1 << 29, 5, 5)).shape == (5, 5, 3)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100000, '{"zarr_format": 3}', "\xff"])
def test_metadata_that_are_none(store: Path, text: str) -> None:
    for place in ("zarr.json", "0/zarr.json"):
        good = (store / place).read_bytes()
        (store / place).write_text(text, encoding="latin-1")
        with pytest.raises(ZigguratError):
            opened(store)
        (store / place).write_bytes(good)
    opened(store).close()


def test_mutated_stores_give_pictures_or_our_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 2)
    pixels = RNG.integers(0, 9, (40, 70, 3), np.uint8)
    codecs = [Codec.BLOSC, Codec.ZSTD, Codec.GZIP]
    outcomes = {"picture": 0, "error": 0}
    for codec in codecs:
        options = WriteOptions(tile_size=16, compression=codec, overwrite=True)
        good = write(array_reader(pixels), tmp_path / "a.ozx", options).path.read_bytes()
        for _ in range(150):
            data = bytearray(good)
            for place in RNG.integers(0, len(data), RNG.integers(1, 20)):
                data[place] = RNG.integers(0, 256)
            if RNG.random() < 0.2:
                del data[RNG.integers(0, len(data)) :]
            (tmp_path / "b.ozx").write_bytes(data)
            outcomes[_outcome(tmp_path / "b.ozx")] += 1
    assert outcomes["error"] > 50
    assert outcomes["picture"] > 10


def _outcome(path: Path) -> str:
    try:
        with opened(path) as reader:
            level = min(len(reader.info.levels), 2) - 1
            size = reader.info.levels[level]
            got = reader.plane(level, 0).read(
                Rect(0, 0, min(size.width, 100), min(size.height, 100))
            )
            assert got.shape[2] == reader.info.bands
    except ZigguratError:
        return "error"
    return "picture"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    handler = functools.partial(_Handler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


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


def test_arrays_of_large_image_s_own_writing(tmp_path: Path) -> None:
    """0.5 by name on zarr v2, bands last, associated images as arrays named ``image``."""
    values = RNG.integers(0, 255, (60, 80, 3), np.uint8)
    label = RNG.integers(0, 255, (64, 64, 3), np.uint8)
    group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=2)
    group.create_array("0", shape=values.shape, dtype="u1", chunks=(512, 512, 3))[:] = values
    axes = [{"name": n, "unit": "millimeter"} for n in "yx"] + [{"name": "s"}]
    group.attrs["multiscales"] = [{
        "version": "0.5",
        "axes": axes,
        "datasets": [{
            "path": "0",
            "coordinateTransformations": [{"type": "scale", "scale": [0.002, 0.001, 1]}],
        }],
        "metadata": {"description": "words"},
    }]  # fmt: skip
    group.attrs["omero"] = {"channels": [{"label": f"Band {n}"} for n in (1, 2, 3)]}
    group.create_group("mylabel").create_array("image", shape=label.shape, dtype="u1")[:] = label
    with opened(tmp_path / "a/.zattrs") as reader:
        info = reader.info
        assert (info.mm_x, info.mm_y, info.description) == (0.001, 0.002, "words")
        assert (info.bands, info.interpretation) == (3, Interpretation.RGB)
        np.testing.assert_array_equal(whole(reader), values)
        assert info.associated == ("mylabel",)
        np.testing.assert_array_equal(reader.associated("mylabel").read(), label)


REAL = {
    "ez-zarr-6001240_labels_v0.5.zarr": ("2", 67, 68, 1, 236 * 2),
    "6001240_labels_v0.5.ozx": ("2", 67, 68, 1, 236 * 2),
    "models-hcs_example.ome.zarr": ("B/03/0/0", 5120, 2160, 1, 2),
    "ngio-v04-tczyx.zarr": ("0", 64, 64, 1, 80),
    "ngio-v05-tczyx.zarr": ("0", 64, 64, 1, 80),
    "ome-zarr-py-v1.zarr": ("0", 16, 16, 1, 2),
    "sample_float32_8bit_range.zarr.zip": ("0", 100, 100, 4, 1),
    "tiledb-CMU-1-Small-Region.ome.zarr": ("0/0", 2220, 2967, 3, 1),
}


@pytest.mark.parametrize("name", list(REAL))
def test_real_files_as_zarr_python_reads_them(name: str, data_file: Finder) -> None:
    path = data_file(f"ome-zarr/{name}")
    array_path, width, height, bands, frames = REAL[name]
    root: Any = path
    if path.is_file():
        root = zarr.storage.ZipStore(path, mode="r")
    array = zarr.open_array(root, path=array_path, mode="r")
    with opened(path) as reader:
        info = reader.info
        assert (info.width, info.height, info.bands, info.frames) == (width, height, bands, frames)
        assert info.dtype == array.dtype
        for level, size in enumerate(info.levels):
            assert reader.plane(level, frames - 1).read(size.rect).shape == (
                size.height,
                size.width,
                bands,
            )
        last = array[:] if array.nbytes < 1e8 else array[-1:]
        if name.startswith("sample"):  # bands last
            np.testing.assert_array_equal(whole(reader), last)
        elif bands > 1:
            np.testing.assert_array_equal(whole(reader), last[0, :, 0].transpose(1, 2, 0))
        else:
            plane = last.reshape(-1, *last.shape[-2:])[-1]
            np.testing.assert_array_equal(whole(reader, 0, frames - 1)[..., 0], plane)


def test_bioformats_s_slide(data_file: Finder) -> None:
    with opened(data_file("ome-zarr/tiledb-CMU-1-Small-Region.ome.zarr")) as reader:
        info = reader.info
        assert info.interpretation is Interpretation.RGB
        assert info.mm_x == pytest.approx(0.000499)
        assert info.associated == ("macro", "label")
        assert reader.associated("label").read().shape == (431, 1280, 3)
        assert len(info.levels) == 2


def test_labels_of_a_real_file(data_file: Finder) -> None:
    path = data_file("ome-zarr/ngio-v04-tczyx.zarr")
    with opened(path / "labels/label") as reader:
        assert reader.info.interpretation is Interpretation.LABELS
    with opened(path / "labels") as reader:
        assert reader.info.interpretation is Interpretation.LABELS


def test_frames_count_channels_fastest(data_file: Finder) -> None:
    with opened(data_file("ome-zarr/ngio-v04-tczyx.zarr")) as reader:
        assert [(a.name, a.size) for a in reader.info.axes] == [("t", 4), ("z", 10), ("c", 2)]
        assert [c.name for c in reader.info.channels] == ["channel_0", "channel_1"]


def test_a_store_copied_away_needs_nothing_of_where_it_was(tmp_path: Path, store: Path) -> None:
    shutil.move(store, tmp_path / "moved.zarr")
    with opened(tmp_path / "moved.zarr") as reader:
        assert reader.info.width == 70


HOSTILE: list[Any] = [
    None, True, -1, 0, 1 << 62, 10**400, 1.5, 1e308, "", "x", "../..", "NaN", [], {}, [[]], [0],
    {"a": 1},
]  # fmt: skip


def _places(node: Any, trail: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield (*trail, key)
        if isinstance(node[key], dict | list):
            yield from _places(node[key], (*trail, key))


@pytest.mark.parametrize("version", list(OmeVersion))
def test_every_fact_of_the_metadata_may_be_hostile(tmp_path: Path, version: OmeVersion) -> None:
    source = array_reader(RNG.integers(0, 9, (2, 2, 20, 24, 3), np.uint8), "czyxs")
    source.info = replace(
        source.info, channels=(Channel("a", "#ff0000", (0, 1)), Channel("b")), mm_x=0.1, mm_y=0.1
    )
    path = write(source, tmp_path / "a.zarr", WriteOptions(tile_size=16, ome_version=version)).path
    names = ["zarr.json", "0/zarr.json"] if version is OmeVersion.V05 else [".zattrs", "0/.zarray"]
    pictures = 0
    for name in names:
        good = (path / name).read_text()
        for trail in _places(json.loads(good)):
            for value in RNG.choice(np.array(HOSTILE, dtype=object), 4, replace=False):
                facts = json.loads(good)
                holder = functools.reduce(lambda node, key: node[key], trail[:-1], facts)
                holder[trail[-1]] = value
                (path / name).write_text(json.dumps(facts))
                pictures += _outcome(path) == "picture"
        (path / name).write_text(good)
    assert pictures > 50  # what is not needed is not insisted on
