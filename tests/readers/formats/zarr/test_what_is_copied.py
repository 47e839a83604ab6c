"""Which arrays' chunks may be laid into any other array as they are: each codec, order, format."""

import json
from typing import Any

import pytest

from tests.each import each
from ziggurat.readers.formats.zarr.compressors import codec_as_v2, compressor_as_v3
from ziggurat.readers.formats.zarr.metadata import parse_v2, parse_v3

ZSTD = {"name": "zstd", "configuration": {"level": 3, "checksum": False}}
BLOSC: dict[str, Any] = {
    "name": "blosc",
    "configuration": {
        "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0,
    },
}  # fmt: skip
GZIP = {"name": "gzip", "configuration": {"level": 6}}
CRC = {"name": "crc32c"}


def stored_bytes(endian: str | None) -> dict[str, Any]:
    return {"name": "bytes"} if endian is None else {
        "name": "bytes", "configuration": {"endian": endian},
    }  # fmt: skip


def array(codecs: list[Any], dtype: str = "uint16") -> dict[str, Any]:
    return {
        "zarr_format": 3, "node_type": "array", "shape": [30, 40], "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 20]}},
        "chunk_key_encoding": {"name": "default"}, "fill_value": 0, "codecs": codecs,
    }  # fmt: skip


@each("sharded", [False, True])
@each("rest, copied", [
        ([], "null"), ([ZSTD], ZSTD), ([BLOSC], BLOSC), ([GZIP], GZIP), ([CRC], None),
        ([ZSTD, CRC], None), ([ZSTD, GZIP], None),
    ])  # fmt: skip
@each("endian", ["little", "big", None])
def test_chunks_of_v3(endian: str | None, rest: list[Any], copied: Any, sharded: bool) -> None:
    """Bytes the other way round are nobody's but this array's."""
    codecs = [stored_bytes(endian), *rest]
    if sharded:
        index = [stored_bytes("little")]
        inner = {"chunk_shape": [8, 10], "codecs": codecs, "index_codecs": index}
        codecs = [{"name": "sharding_indexed", "configuration": inner}]
    found = parse_v3(array(codecs))
    assert found.chunk_shape == ((8, 10) if sharded else (16, 20))
    if endian == "big" or copied is None:
        assert found.compressor is None
    else:
        assert json.loads(str(found.compressor)) == (None if copied == "null" else copied)
    if found.codecs is not None:
        assert found.dtype.str == (">u2" if endian == "big" else "<u2")
        assert found.codecs == tuple(codec["name"] for codec in rest)


@pytest.mark.parametrize("name", ["codecs", "chunk_key_encoding"])
def test_a_name_may_stand_for_what_has_no_settings(name: str) -> None:
    """So version 3.1 of the format has it."""
    facts = array([{"name": "bytes"}], "uint8")
    short = {"codecs": ["bytes"], "chunk_key_encoding": "default"}[name]
    assert parse_v3(facts | {name: short}) == parse_v3(facts)
    index = [stored_bytes("little"), CRC]
    inner: dict[str, Any] = {"chunk_shape": [8, 10], "codecs": [{"name": "bytes"}],
                             "index_codecs": index}  # fmt: skip
    brief = inner | {"codecs": ["bytes"], "index_codecs": [index[0], "crc32c"]}
    both = [array([{"name": "sharding_indexed", "configuration": c}]) for c in (inner, brief)]
    assert parse_v3(both[0]) == parse_v3(both[1])


@pytest.mark.parametrize(
    ("codecs", "copied"),
    [
        ([{"name": "transpose", "configuration": {"order": [1, 0]}}, stored_bytes("little")], None),
        ([stored_bytes("little"), ZSTD, GZIP, CRC], None),
    ],
)  # fmt: skip
def test_chunks_of_v3_that_are_others(codecs: list[Any], copied: None) -> None:
    assert parse_v3(array(codecs)).compressor is copied


V2_CASES: list[tuple[dict[str, Any], Any]] = [
    ({}, None),
    ({"compressor": {"id": "zstd", "level": 3}}, ZSTD),
    ({"compressor": {"id": "gzip", "level": 6}}, GZIP),
    ({"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}}, BLOSC),
    ({"compressor": {"id": "blosc", "shuffle": -1}}, BLOSC),  # of two bytes
    ({"compressor": {"id": "zlib", "level": 6}}, "not"),  # no codec of v3
    ({"compressor": {"id": "gzip", "level": "6"}}, "not"),
    ({"compressor": {"id": "blosc", "shuffle": 7}}, "not"),
    ({"filters": [{"id": "delta", "dtype": "<u2"}]}, "not"),
    ({"order": "F"}, "not"),
    ({"dtype": ">u2"}, "not"),
    ({"dtype": ">u2", "compressor": {"id": "zstd", "level": 3}}, "not"),
]


@each("change, copied", V2_CASES)
def test_chunks_of_v2(change: dict[str, Any], copied: Any) -> None:
    plain = {"shape": [30, 40], "chunks": [16, 20], "dtype": "<u2", "compressor": None,
             "fill_value": 0, "order": "C", "filters": None}  # fmt: skip
    found = parse_v2(plain | change).compressor
    if copied == "not":
        assert found is None
    else:
        assert json.loads(str(found)) == copied


@pytest.mark.parametrize("codec", [None, ZSTD, BLOSC, GZIP])
def test_names_of_v3_and_back(codec: dict[str, Any] | None) -> None:
    said = compressor_as_v3(codec_as_v2(codec), 2)
    assert json.loads(str(said)) == codec


@pytest.mark.parametrize(
    ("itemsize", "shuffle"), [(1, "bitshuffle"), (2, "shuffle"), (8, "shuffle")]
)
def test_the_shuffle_that_goes_by_the_type(itemsize: int, shuffle: str) -> None:
    said: Any = json.loads(str(compressor_as_v3({"id": "blosc", "shuffle": -1}, itemsize)))
    assert said["configuration"]["shuffle"] == shuffle
    assert said["configuration"]["typesize"] == itemsize
