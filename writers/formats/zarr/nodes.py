"""The metadata documents of zarr groups and arrays, v3 and v2; pure, no I/O."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ziggurat.writers.codecs.chunks import ChunkCodec

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array to write. ``shard_shape`` is None for chunks in objects of their own."""

    path: str
    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: np.dtype
    fill: float
    codec: ChunkCodec
    names: tuple[str, ...]
    shard_shape: tuple[int, ...] | None = None
    attributes: Json = field(default_factory=dict)

    @property
    def shard_grid(self) -> tuple[int, ...]:
        """How many chunks a shard has along each dimension."""
        outer = self.shard_shape or self.chunk_shape
        return tuple(o // c for o, c in zip(outer, self.chunk_shape, strict=True))


def group_documents(path: str, attributes: Json, zarr_format: int) -> dict[str, bytes]:
    """Return a group's metadata by key."""
    if zarr_format == 3:
        facts = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        return {joined(path, "zarr.json"): _encoded(facts)}
    documents = {joined(path, ".zgroup"): _encoded({"zarr_format": 2})}
    if attributes:
        documents[joined(path, ".zattrs")] = _encoded(attributes)
    return documents


def array_documents(spec: ArraySpec, zarr_format: int) -> dict[str, bytes]:
    """Return an array's metadata by key."""
    if zarr_format == 3:
        return {joined(spec.path, "zarr.json"): _encoded(_array_v3(spec))}
    # xarray knows the names of a v2 array's dimensions by this attribute alone
    attributes = {"_ARRAY_DIMENSIONS": spec.names, **spec.attributes}
    return {
        joined(spec.path, ".zarray"): _encoded(_array_v2(spec)),
        joined(spec.path, ".zattrs"): _encoded(attributes),
    }


def chunk_key(spec: ArraySpec, place: Sequence[int], zarr_format: int) -> str:
    """Return the key of a chunk, or shard, by its place in the grid."""
    prefix = "c/" if zarr_format == 3 else ""
    return joined(spec.path, prefix + "/".join(map(str, place)))


def joined(path: str, name: str) -> str:
    """Return a key below a path; the root's path is empty."""
    return f"{path}/{name}" if path else name


def _encoded(facts: Json) -> bytes:
    # ECMA-404 has no NaN: facts that may be one are spelled out before they come here.
    # A name of a file need not be UTF-8; what it can't say becomes a question mark.
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=1)
    return text.encode("utf-8", "replace")


def _fill(spec: ArraySpec) -> Any:
    if spec.dtype.kind == "b":
        return bool(spec.fill)
    return float(spec.fill) if spec.dtype.kind == "f" else int(spec.fill)


def _array_v3(spec: ArraySpec) -> Json:
    codecs = _picture_v3(spec) if spec.codec.picture else _bytes_v3(spec)
    if spec.shard_shape:
        codecs = [_sharding(spec, codecs)]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": spec.shape,
        "data_type": spec.dtype.name,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": spec.shard_shape or spec.chunk_shape},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _fill(spec),
        "codecs": codecs,
        "dimension_names": spec.names,
        "attributes": spec.attributes,
    }


def _bytes_v3(spec: ArraySpec) -> list[Json]:
    endian = {"configuration": {"endian": "little"}} if spec.dtype.itemsize > 1 else {}
    codecs: list[Json] = [{"name": "bytes", **endian}]
    return [*codecs, spec.codec.v3] if spec.codec.v3 else codecs


def _picture_v3(spec: ArraySpec) -> list[Json]:
    """Return the codecs of pictures: the dimension with the bands is put last."""
    assert spec.codec.v3 is not None
    count = len(spec.shape)
    bands = [i for i in range(count - 2) if spec.chunk_shape[i] > 1]
    if not bands:
        return [spec.codec.v3]
    order = [i for i in range(count) if i not in bands] + bands
    return [{"name": "transpose", "configuration": {"order": order}}, spec.codec.v3]


def _sharding(spec: ArraySpec, codecs: list[Json]) -> Json:
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": spec.chunk_shape,
            "codecs": codecs,
            "index_codecs": index,
            "index_location": "end",
        },
    }


def _array_v2(spec: ArraySpec) -> Json:
    return {
        "zarr_format": 2,
        "shape": spec.shape,
        "chunks": spec.chunk_shape,
        "dtype": spec.dtype.newbyteorder("<").str,
        "compressor": spec.codec.v2,
        "fill_value": _fill(spec),
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }
