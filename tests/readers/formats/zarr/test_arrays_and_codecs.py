"""The OME-Zarr backend on arrays of every dtype, compressor, codec and shard of zarr-python."""

from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

from tests.readers.formats.zarr.opening import RNG, opened, whole, zipped
from ziggurat.readers.errors import (
    CorruptSourceError,
)
from ziggurat.readers.formats.zarr.chunks import decode_chunk
from ziggurat.readers.formats.zarr.metadata import parse_v2
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.zarr import shards as zarr_shards
from ziggurat.writers.model.options import WriteOptions


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


def test_a_chunk_may_not_leave_its_size(tmp_path: Path) -> None:
    """A stream that would unfold to more than its chunk is refused, not unfolded."""
    bomb = bytes(20 << 20)
    for codec in (numcodecs.Zstd(1), numcodecs.GZip(1), numcodecs.Zlib(1), numcodecs.Blosc("lz4")):
        facts = {
            "shape": [64, 64], "chunks": [64, 64], "dtype": "|u1", "fill_value": 0,
            "compressor": codec.get_config(),
        }  # fmt: skip
        with pytest.raises(CorruptSourceError, match="can't be decoded"):
            decode_chunk(codec.encode(bomb), parse_v2(facts))
