"""The metadata of a zarr array, v2 and v3, as checked facts; pure, no I/O.

Sources: zarr v2 (https://zarr-specs.readthedocs.io/en/latest/v2) and v3 with the regular grid,
the codecs bytes, blosc, zstd, gzip, crc32c and sharding_indexed, and pictures (see there). What
is rarer (transpose, filters, other codecs) is marked ``codecs=None`` and left to zarr-python.
Sizes are checked here, before anybody allocates by them.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.compressors import compressor_as_v3
from ziggurat.readers.formats.zarr.pictures import PictureCodec, parse_picture

DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")  # names of what is no chunk
MOST_PIXELS = (1 << 31) - 1  # along one dimension
MOST_CHUNK_BYTES = 1 << 31  # blosc's own limit, and more than anybody should decode at once
_MOST_DIMENSIONS = 32
_COMPRESSORS = ("blosc", "zstd", "gzip", "zlib")
_CHECKSUM = "crc32c"


@dataclass(frozen=True, slots=True)
class Sharding:
    """Several chunks in one object, with an index of 16 bytes a chunk at its end or start."""

    shape: tuple[int, ...]  # of the shard, in samples
    grid: tuple[int, ...]  # of chunks in the shard
    index_at_end: bool
    index_checksum: bool

    @property
    def index_bytes(self) -> int:
        """The length of the index."""
        return 16 * math.prod(self.grid) + (4 if self.index_checksum else 0)


@dataclass(frozen=True)
class ArrayMetadata:
    """One array. ``dtype`` has the stored byte order; ``codecs`` are named in encoding order.

    ``codecs`` is None where zarr-python must decode. ``order`` is F for v2's column-major chunks.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: np.dtype
    fill: Any
    zarr_format: int
    separator: str
    prefix: str  # of chunk keys: "c" in v3's default encoding, else ""
    codecs: tuple[str, ...] | None
    compressor: str | None = None  # JSON of the one v3 codec, "null" for none; None: others
    order: str = "C"
    sharding: Sharding | None = None
    names: tuple[str | None, ...] | None = None
    picture: PictureCodec | None = None  # the chunks are: ``codecs`` is its name alone

    @property
    def chunk_bytes(self) -> int:
        """The decoded size of one chunk."""
        return math.prod(self.chunk_shape) * self.dtype.itemsize

    def key(self, index: Sequence[int]) -> str:
        """Return the key of a chunk, or shard, by its place in the grid."""
        parts = [self.prefix, *map(str, index)] if self.prefix else list(map(str, index))
        return self.separator.join(parts) or "0"


def parse_v2(
    facts: Mapping[str, object], attributes: Mapping[str, object] | None = None
) -> ArrayMetadata:
    """Return the facts of a ``.zarray``.

    Raises
    ------
    CorruptSourceError, UnsupportedFormatError
        They make no sense; they are right, but not of an image.
    """
    try:
        dtype = _dtype(facts["dtype"])
        order = str(facts.get("order", "C"))
        picture = _v2_picture(facts, dtype)
        names = (attributes or {}).get("_ARRAY_DIMENSIONS")
        return _checked(
            ArrayMetadata(
                shape=_sizes(facts["shape"], 0),
                chunk_shape=_sizes(facts["chunks"], 1),
                dtype=dtype,
                fill=_fill(facts.get("fill_value"), dtype),
                zarr_format=2,
                separator=str(facts.get("dimension_separator", ".")),
                prefix="",
                codecs=_v2_codecs(facts) if picture is None else (picture.codec.value,),
                compressor=_v2_compressor(facts, dtype),
                order=order if order in ("C", "F") else "C",
                names=tuple(names) if isinstance(names, list) else None,
                picture=picture,
            )
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptSourceError(f"the array's metadata make no sense: {error!r}") from error


def _v2_codecs(facts: Mapping[str, Any]) -> tuple[str, ...] | None:
    compressor = facts.get("compressor")
    if facts.get("filters"):
        return None
    if compressor is None:
        return ()
    name = compressor["id"]
    return (name,) if name in _COMPRESSORS else None


def _v2_picture(facts: Mapping[str, Any], dtype: np.dtype) -> PictureCodec | None:
    compressor = facts.get("compressor")
    if not compressor or facts.get("filters") or facts.get("order", "C") != "C":
        return None
    rest = {key: value for key, value in compressor.items() if key != "id"}
    codec = {"name": compressor["id"], "configuration": rest}
    return parse_picture(codec, _sizes(facts["chunks"], 1), dtype)


def _v2_compressor(facts: Mapping[str, Any], dtype: np.dtype) -> str | None:
    """Return how chunks can be copied into any array: little-endian, row-major, one codec."""
    if facts.get("filters") or facts.get("order", "C") != "C" or dtype.str.startswith(">"):
        return None
    return compressor_as_v3(facts.get("compressor"), dtype.itemsize)


def parse_v3(facts: Mapping[str, object]) -> ArrayMetadata:
    """Return the facts of an array's ``zarr.json``; raises as :func:`parse_v2`."""
    try:
        return _checked(_parse_v3(facts))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptSourceError(f"the array's metadata make no sense: {error!r}") from error


def _parse_v3(facts: Mapping[str, Any]) -> ArrayMetadata:
    dtype = _dtype(facts["data_type"])
    grid = facts["chunk_grid"]
    if grid["name"] != "regular":
        raise UnsupportedFormatError(f"chunk grid {grid['name']!r} is not read, only regular ones")
    outer = _sizes(grid["configuration"]["chunk_shape"], 1)
    chunks, sharding, inner = outer, None, [_named(codec) for codec in facts["codecs"]]
    if len(inner) == 1 and inner[0]["name"] == "sharding_indexed":
        configuration = inner[0]["configuration"]
        chunks = _sizes(configuration["chunk_shape"], 1)
        inner = [_named(codec) for codec in configuration["codecs"]]
        sharding = _sharding(outer, chunks, configuration)
    codecs, byteorder = _v3_codecs(inner)
    picture = _v3_picture(inner, chunks, dtype)
    keys = _named(facts.get("chunk_key_encoding") or "default")
    slash = "/" if keys["name"] == "default" else "."
    names = facts.get("dimension_names")
    return ArrayMetadata(
        shape=_sizes(facts["shape"], 0),
        chunk_shape=chunks,
        dtype=dtype.newbyteorder(byteorder),
        fill=_fill(facts.get("fill_value"), dtype),
        zarr_format=3,
        separator=str((keys.get("configuration") or {}).get("separator", slash)),
        prefix="c" if keys["name"] == "default" else "",
        codecs=codecs if picture is None else (picture.codec.value,),
        compressor=_v3_compressor(inner) if byteorder == "<" else None,
        sharding=sharding,
        names=tuple(names) if names else None,
        picture=picture,
    )


def _sharding(
    outer: tuple[int, ...], inner: tuple[int, ...], configuration: Mapping[str, Any]
) -> Sharding | None:
    index = [_named(codec)["name"] for codec in configuration.get("index_codecs", ())]
    if len(outer) != len(inner) or any(o % i for o, i in zip(outer, inner, strict=True)):
        raise CorruptSourceError(f"chunks of {inner} don't fit into shards of {outer}")
    if index not in (["bytes"], ["bytes", _CHECKSUM]):
        raise UnsupportedFormatError(f"a shard index encoded by {index} can't be read")
    grid = tuple(o // i for o, i in zip(outer, inner, strict=True))
    if math.prod(grid) > 1 << 24:
        raise CorruptSourceError(f"shards of {math.prod(grid)} chunks can't be meant")
    at_end = configuration.get("index_location", "end") == "end"
    return Sharding(outer, grid, at_end, len(index) == 2)


def _named(codec: Any) -> Any:
    """Return a codec, or the like, as a mapping: v3 lets a name stand for what has no settings."""
    return {"name": codec} if isinstance(codec, str) else codec


def _v3_codecs(
    named: Sequence[Any],
) -> tuple[tuple[str, ...] | None, Literal["<", ">"]]:
    """Return the bytes-to-bytes codecs in encoding order, and the byte order of the samples."""
    names = tuple(codec["name"] for codec in named)
    rest = list(names[1:])
    if rest[:1] and rest[0] in _COMPRESSORS:
        del rest[0]
    if names[:1] != ("bytes",) or rest not in ([], [_CHECKSUM]):
        return None, "<"
    endian = (named[0].get("configuration") or {}).get("endian", "little")
    return names[1:], ">" if endian == "big" else "<"


def _v3_picture(
    codecs: Sequence[Any], chunk: tuple[int, ...], dtype: np.dtype
) -> PictureCodec | None:
    named, order = list(codecs), None
    if len(named) == 2 and named[0]["name"] == "transpose":
        order = tuple(named.pop(0)["configuration"]["order"])
    return parse_picture(named[0], chunk, dtype, order) if len(named) == 1 else None


def _v3_compressor(codecs: Sequence[Any]) -> str | None:
    if len(codecs) not in (1, 2):
        return None
    if codecs[0]["name"] != "bytes" or (len(codecs) == 2 and codecs[1]["name"] == _CHECKSUM):
        return None
    return json.dumps(codecs[1] if len(codecs) == 2 else None)


def _dtype(name: object) -> np.dtype:
    if not isinstance(name, str):
        raise UnsupportedFormatError(f"samples of {name!r} are not pixels")
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise UnsupportedFormatError(f"samples of {name!r} are not pixels") from None
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise UnsupportedFormatError(f"samples of {name!r} are not pixels")
    return dtype


def _fill(value: Any, dtype: np.dtype) -> Any:
    """Return what chunks that are not stored hold; v3 also spells floats as their bits."""
    if value is None:
        return dtype.type(0)
    if isinstance(value, str) and value.startswith("0x"):
        bits = int(value, 16).to_bytes(dtype.itemsize, "big")
        return np.frombuffer(bits, dtype.newbyteorder(">"))[0].astype(dtype)
    if isinstance(value, str):  # v3 spells NaN and infinities so, some writers of v2 any number
        if dtype.kind == "f":
            return dtype.type(value.replace("Infinity", "inf"))
        value = {"true": 1, "false": 0}.get(value.lower(), value)
        value = float(value) if isinstance(value, str) and "." in value else int(value)
    if not isinstance(value, bool | int | float) or (dtype.kind != "f" and value != int(value)):
        raise ValueError(f"{value!r} can't be a fill value")
    with np.errstate(over="ignore"):  # to infinity, as everybody reads it
        return dtype.type(value if dtype.kind == "f" else int(value))


def _sizes(values: Any, least: int) -> tuple[int, ...]:
    sizes = tuple(values)
    if len(sizes) > _MOST_DIMENSIONS or not all(
        isinstance(size, int) and not isinstance(size, bool) and least <= size <= MOST_PIXELS
        for size in sizes
    ):
        raise CorruptSourceError(f"{str(sizes)[:200]} can't be sizes of an array")
    return sizes


def _checked(array: ArrayMetadata) -> ArrayMetadata:
    if len(array.chunk_shape) != len(array.shape):
        raise CorruptSourceError(f"chunks of {array.chunk_shape} don't cut up {array.shape}")
    if array.sharding and len(array.sharding.shape) != len(array.shape):
        raise CorruptSourceError(f"shards of {array.sharding.shape} don't cut up {array.shape}")
    if array.chunk_bytes > MOST_CHUNK_BYTES:
        raise CorruptSourceError(f"chunks of {array.chunk_bytes} bytes can't be meant")
    if array.separator not in ("/", "."):
        raise CorruptSourceError(f"chunk keys can't be joined by {array.separator!r}")
    return array
