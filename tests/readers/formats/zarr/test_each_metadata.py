"""Each fact of a zarr array's metadata, and of the index of its shards, on a made-up store."""

import json
import math
import struct
from typing import Any

import google_crc32c
import numpy as np
import pytest

from tests.each import each
from tests.readers.formats.zarr.test_each_chunk import Store
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.array import ChunkCache, ZarrArray
from ziggurat.readers.formats.zarr.metadata import ArrayMetadata, parse_v2, parse_v3

V2: dict[str, Any] = {
    "zarr_format": 2, "shape": [30, 40], "chunks": [8, 10], "dtype": "<u2", "compressor": None,
    "fill_value": 3, "order": "C", "filters": None,
}  # fmt: skip
BYTES: dict[str, Any] = {"name": "bytes", "configuration": {"endian": "little"}}
V3: dict[str, Any] = {
    "zarr_format": 3, "node_type": "array", "shape": [30, 40], "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 10]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 3, "codecs": [BYTES],
}  # fmt: skip


def grid(*shape: int, name: str = "regular") -> dict[str, Any]:
    return {"chunk_grid": {"name": name, "configuration": {"chunk_shape": list(shape)}}}


def shards(
    inner: Any = (4, 5), index: Any = (BYTES,), codecs: Any = (BYTES,), **more: Any
) -> dict[str, Any]:
    configuration = {
        "chunk_shape": list(inner),
        "codecs": list(codecs),
        "index_codecs": list(index),
    }
    return {"codecs": [{"name": "sharding_indexed", "configuration": configuration | more}]}


@each("change, key", [
        ({}, "c/1/2"), ({"chunk_key_encoding": {"name": "default"}}, "c/1/2"),
        ({"chunk_key_encoding": {"name": "v2"}}, "1.2"),
        ({"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}}}, "1/2"),
        ({"chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}}, "c.1.2"),
        ({"chunk_key_encoding": {"name": "default", "configuration": None}}, "c/1/2"),
        ({"chunk_key_encoding": None}, "c/1/2"),
    ])  # fmt: skip
def test_keys_of_chunks_of_v3(change: dict[str, Any], key: str) -> None:
    found = parse_v3(V3 | change)
    assert found.key((1, 2)) == key
    assert found.key(()) == (key[0] if key[0] == "c" else "0")


@pytest.mark.parametrize(("told", "key"), [(None, "1.2"), (".", "1.2"), ("/", "1/2")])
def test_keys_of_chunks_of_v2(told: str | None, key: str) -> None:
    found = parse_v2(V2 | ({} if told is None else {"dimension_separator": told}))
    assert (found.key((1, 2)), found.key(())) == (key, "0")


def test_facts_that_are_told() -> None:
    two = parse_v2(V2 | {"dtype": ">i4", "order": "F"}, {"_ARRAY_DIMENSIONS": ["y", "x"]})
    assert two == ArrayMetadata(
        (30, 40), (8, 10), np.dtype(">i4"), 3, 2, ".", "", (), None, "F", None, ("y", "x")
    )
    assert two.chunk_bytes == 320
    assert parse_v2(V2 | {"order": "K"}).order == "C"
    assert parse_v2(V2, {"_ARRAY_DIMENSIONS": "yx"}).names is None
    three = parse_v3(V3 | {"dimension_names": ["y", None]})
    assert three == ArrayMetadata(
        (30, 40), (8, 10), np.dtype("<u2"), 3, 3, "/", "c", (), "null", "C", None, ("y", None)
    )
    assert parse_v3(V3 | {"dimension_names": None}).names is None


@each("compressor, filters, codecs", [
        (None, None, ()), (None, [], ()), ({"id": "blosc"}, None, ("blosc",)),
        ({"id": "zlib", "level": 1}, None, ("zlib",)), ({"id": "gzip"}, None, ("gzip",)),
        ({"id": "zstd"}, None, ("zstd",)), ({"id": "lz4"}, None, None),
        ({"id": "zstd"}, [{"id": "delta"}], None), (None, [{"id": "delta"}], None),
    ])  # fmt: skip
def test_codecs_of_v2(compressor: Any, filters: Any, codecs: tuple[str, ...] | None) -> None:
    assert parse_v2(V2 | {"compressor": compressor, "filters": filters}).codecs == codecs


CRC, ZSTD = {"name": "crc32c"}, {"name": "zstd", "configuration": {}}


@each("codecs, found", [
        ([BYTES], ()), ([BYTES, ZSTD], ("zstd",)), ([BYTES, CRC], ("crc32c",)),
        ([BYTES, ZSTD, CRC], ("zstd", "crc32c")), ([BYTES, CRC, ZSTD], None),
        ([BYTES, ZSTD, ZSTD], None), ([BYTES, {"name": "else"}], None), ([ZSTD], None),
        ([{"name": "transpose", "configuration": {"order": [1, 0]}}, BYTES], None),
        ([BYTES, CRC, CRC], None),
    ])  # fmt: skip
def test_codecs_of_v3(codecs: list[Any], found: tuple[str, ...] | None) -> None:
    assert parse_v3(V3 | {"codecs": codecs}).codecs == found


@each("change, error, words", [
        (grid(8, 10, name="rectangular"), UnsupportedFormatError, "'rectangular' is not read"),
        (grid(8), CorruptSourceError, "don't cut up"),
        (grid(8, 0), CorruptSourceError, "can't be sizes"),
        ({"shape": [30, 2**31]}, CorruptSourceError, "can't be sizes"),
        ({"shape": [30, -1]}, CorruptSourceError, "can't be sizes"),
        ({"shape": [30, True]}, CorruptSourceError, "can't be sizes"),
        ({"shape": [1] * 33} | grid(*[1] * 33), CorruptSourceError, "can't be sizes"),
        (grid(2**15, 2**15 + 1), CorruptSourceError, "bytes can't be meant"),
        ({"data_type": "complex64"}, UnsupportedFormatError, "not pixels"),
        ({"data_type": "r16"}, UnsupportedFormatError, "not pixels"),
        ({"data_type": {"name": "x"}}, UnsupportedFormatError, "not pixels"),
        ({"data_type": "float128"}, UnsupportedFormatError, "not pixels"),
        ({"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "-"}}},
         CorruptSourceError, "can't be joined"),
        (shards((4, 5, 1)), CorruptSourceError, "don't fit"),
        (shards((3, 5)), CorruptSourceError, "don't fit"),
        (shards((4, 3)), CorruptSourceError, "don't fit"),
        (shards(index=[BYTES, ZSTD]), UnsupportedFormatError, "shard index"),
        (shards(index=[]), UnsupportedFormatError, "shard index"),
        (shards((1, 1)) | grid(2**12, 2**12 + 1) | {"shape": [1, 1]}, CorruptSourceError,
         "can't be meant"),
        (grid(8, 10, 4) | shards((4, 5, 4)), CorruptSourceError, "cut up"),
    ])  # fmt: skip
def test_facts_that_make_no_sense(change: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        parse_v3(V3 | change)
    assert parse_v3(V3 | grid(2**15, 2**15)).chunk_bytes == 2**31
    assert parse_v3(V3 | {"shape": [0, 2**31 - 1]}).shape == (0, 2**31 - 1)


@each("value, dtype, fill", [
        (None, "uint8", 0), ("0x7f", "uint8", 127), ("0x0102", "uint16", 258),
        ("0x3fc00000", "float32", 1.5), ("0x3ff8000000000000", "float64", 1.5),
        ("Infinity", "float32", math.inf), ("-Infinity", "float64", -math.inf), ("7", "uint8", 7),
        ("7.0", "uint8", 7), ("true", "bool", True), ("False", "bool", False), (1, "bool", True),
        (7.0, "int16", 7), (-1, "int16", -1), (0.1, "float64", 0.1), (1e300, "float32", math.inf),
    ])  # fmt: skip
def test_what_chunks_that_are_not_stored_hold(value: Any, dtype: str, fill: Any) -> None:
    found = parse_v3(V3 | {"data_type": dtype, "fill_value": value}).fill
    assert found == fill
    assert found.dtype == np.dtype(dtype)


@each("value", ["x", "0xzz", [1], {"a": 1}, 7.5, "7.5"])
def test_fills_that_cannot_be(value: Any) -> None:
    with pytest.raises(CorruptSourceError, match="make no sense"):
        parse_v3(V3 | {"fill_value": value})


@each("checked", [False, True])
@each("place", ["start", "end", None])
def test_places_in_a_shard(place: str | None, checked: bool) -> None:
    """Two chunks across, two down; the second is not stored, the third is a damaged place."""
    index = [BYTES, CRC] if checked else [BYTES]
    more = {} if place is None else {"index_location": place}
    metadata = parse_v3(V3 | shards(index=index, **more))
    sharding = metadata.sharding
    assert sharding is not None
    assert (sharding.shape, sharding.grid, metadata.chunk_shape) == ((8, 10), (2, 2), (4, 5))
    assert sharding.index_at_end is (place != "start")
    assert (sharding.index_checksum, sharding.index_bytes) == (checked, 64 + 4 * checked)
    chunk = np.arange(20, dtype="<u2")
    head = sharding.index_bytes if place == "start" else 0
    none = 2**64 - 1
    table = struct.pack("<8Q", head, 40, none, none, 1 << 62, 40, head + 40, 40)
    if checked:
        table += struct.pack("<I", google_crc32c.value(table))
    data = chunk.tobytes() + (chunk + 100).tobytes()
    whole = table + data if place == "start" else data + table
    array = ZarrArray(Store({"a/c/0/0": whole}), "a", metadata)
    np.testing.assert_array_equal(array.read(((0, 4), (0, 5))), chunk.reshape(4, 5))
    np.testing.assert_array_equal(array.read(((4, 8), (5, 10))), chunk.reshape(4, 5) + 100)
    assert (array.read(((0, 4), (5, 10))) == 3).all()
    assert array.is_blank(((0, 4), (5, 10)))
    assert not array.is_blank(((0, 4), (4, 6)))
    assert (array.read(((8, 12), (0, 5))) == 3).all()  # no shard at all
    with pytest.raises(CorruptSourceError, match="index of shard a/c/0/0 is damaged"):
        array.read(((4, 8), (0, 5)))
    short = ZarrArray(Store({"a/c/0/0": whole[: sharding.index_bytes - 1]}), "a", metadata)
    with pytest.raises(CorruptSourceError, match="shard a/c/0/0 is cut off"):
        short.read(((0, 4), (0, 5)))
    if checked:
        at = 0 if place == "start" else len(whole) - sharding.index_bytes
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(CorruptSourceError, match=r"."):
            ZarrArray(Store({"a/c/0/0": flipped}), "a", metadata).read(((0, 4), (0, 5)))


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_what_is_read_may_be_written_into(endian: str, cached: bool) -> None:
    """A chunk that is kept stays as it is, whatever a caller does with his pixels."""
    cache = ChunkCache() if cached else None
    store = Store({"c/0/0": np.arange(80, dtype="<u2" if endian == "little" else ">u2").tobytes()})
    codecs = [{"name": "bytes", "configuration": {"endian": endian}}]
    array = ZarrArray(store, "", parse_v3(V3 | {"codecs": codecs}), cache)
    for box in (((0, 8), (0, 10)), ((2, 4), (3, 5)), ((0, 8), (0, 9))):
        due = np.arange(80).reshape(8, 10)[tuple(slice(*span) for span in box)]
        for _ in range(2):
            found = array.read(box)
            np.testing.assert_array_equal(found, due)
            found[:] = 0
            assert found.base is None or found.base.nbytes <= 2 * found.nbytes
    assert json.dumps(list(store.keys)) == '["c/0/0"]'


def test_a_damaged_chunk_is_named_by_its_place() -> None:
    array = ZarrArray(Store({"a/b/c/1/2": b"123"}), "a/b", parse_v3(V3))
    with pytest.raises(CorruptSourceError, match=r"made, chunk \[1, 2\] of a/b"):
        array.read(((8, 16), (20, 30)))
    array = ZarrArray(Store({"c/1/2": b"123"}), "", parse_v3(V3))
    with pytest.raises(CorruptSourceError, match=r"made, chunk \[1, 2\] of the array"):
        array.read(((8, 16), (20, 30)))
