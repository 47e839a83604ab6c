"""Segments: an index of tiles, then their pixels, each with a checksum. Immutable once put.

Framed as ``io/framed`` says. The index is ``{"segments": [{"name", "base", "time", "entries"}]}``
or ``{"moved": name}``; the bytes of an entry are pixels, then mask, then weights, raw, or ZSTD
where that is shorter.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.sink_store.tile import Array, TileInput
from ziggurat.readers.io.framed import framed, parse_framed, read_framed
from ziggurat.readers.io.objects import Objects

MAGIC = b"ZIGSEG1\n"
WHAT = "segment of a sink's store"


@dataclass(frozen=True, slots=True)
class Segment:
    """The index of one segment; ``holder`` is the object it lies in, ``base`` where in that."""

    name: str
    holder: str
    base: int
    time: int
    entries: Sequence[Mapping[str, Any]]


def packed(name: str, time: int, tiles: Sequence[TileInput], *, compress: bool = True) -> bytes:
    """Return a segment of tiles as bytes."""
    entries, blobs, place = [], [], 0
    for tile in tiles:
        entry, blob = _packed_tile(tile, compress)
        entries.append({**entry, "at": place})
        blobs.append(blob)
        place += len(blob)
    return framed(MAGIC, {"segments": [_listed(name, 0, time, entries)]}, blobs)


def notice(name: str, time: int, facts: Mapping[str, object]) -> bytes:
    """Return a segment that has no tile, and says something: room that is reserved, axes."""
    return framed(MAGIC, {"segments": [_listed(name, 0, time, [facts])]}, [])


def merged(parts: Sequence[tuple[Mapping[str, Any], bytes]]) -> bytes:
    """Return several segments as one object: as the index of each lists it, and its bytes."""
    listed, blobs, base = [], [], 0
    for one, data in parts:
        listed.append({**one, "base": base})
        blobs.append(data)
        base += len(data)
    return framed(MAGIC, {"segments": listed}, blobs)


def stub(holder: str) -> bytes:
    """Return what is left of a segment that has moved."""
    return framed(MAGIC, {"moved": holder}, [])


def opened(data: bytes, name: str) -> tuple[Mapping[str, Any], bytes] | None:
    """Return a segment as its index lists it, and its bytes; None where it has moved.

    Raises
    ------
    CorruptSourceError
        It is damaged, or a tile in it is.
    """
    index, end = parse_framed(data, name, MAGIC, WHAT)
    if "moved" in index:
        return None
    (one,) = index["segments"]
    for entry in one["entries"]:
        if "at" in entry:
            at = end + entry["at"]
            _refuse_damaged(entry, data[at : at + entry["size"]])
    return one, data[end:]


def _listed(name: str, base: int, time: int, entries: Sequence[Mapping[str, object]]) -> object:
    return {"name": name, "base": base, "time": time, "entries": list(entries)}


def read_index(objects: Objects, holder: str) -> list[Segment]:
    """Return the segments of an object, or of the one that it says they have moved to.

    Raises
    ------
    CorruptSourceError
        It is no segment, or damaged, or what it has moved to is.
    """
    try:
        index, end = read_framed(objects, holder, MAGIC, WHAT)
    except CorruptSourceError:  # it was replaced by a stub between two reads of it, or is damaged
        index, end = read_framed(objects, holder, MAGIC, WHAT)
    if "moved" in index:
        holder = str(index["moved"])
        index, end = read_framed(objects, holder, MAGIC, WHAT)
    try:
        return [
            Segment(one["name"], holder, end + one["base"], one["time"], one["entries"])
            for one in index["segments"]
        ]
    except (LookupError, TypeError) as error:
        raise CorruptSourceError(f"{holder}: an index that makes no sense: {error!r}") from error


def _packed_tile(tile: TileInput, compress: bool) -> tuple[dict[str, Any], bytes]:
    weight = tile.weight
    parts = [tile.pixels, tile.mask]
    if isinstance(weight, np.ndarray):
        weight = weight.astype("<f8")
        parts.append(weight)
    raw = b"".join(
        part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes()
        for part in parts
        if part is not None
    )
    stored = _shorter(raw) if compress else raw
    entry = {
        "key": None if tile.key is None else tile.key.decode(),
        "x": tile.x,
        "y": tile.y,
        "axes": list(tile.axes),
        "start": dict(tile.start),
        "values": dict(tile.values),
        "shape": list(tile.pixels.shape),
        "dtype": tile.pixels.dtype.name,
        "mask": None if tile.mask is None else list(tile.mask.shape),
        "weight": "array" if isinstance(weight, np.ndarray) else weight,
        "blank": bool(tile.blank_pixel),
        "raw": len(raw),
        "size": len(stored),
        "crc": zlib.crc32(stored),
    }
    return entry, stored


def _shorter(raw: bytes) -> bytes:
    import imagecodecs

    stored = bytes(imagecodecs.zstd_encode(raw, level=1))
    return stored if len(stored) < len(raw) else raw


def tile_facts(entry: Mapping[str, Any]) -> TileInput:
    """Return a tile by its index entry alone: of its pixels a single one, blank."""
    axes, shape = tuple(entry["axes"]), entry["shape"]
    height, width, bands = shape[-3:]
    return TileInput(
        np.zeros((1,) * (len(shape) - 1) + (bands,), entry["dtype"]),
        entry["x"],
        entry["y"],
        axes,
        entry["start"],
        dict(zip(axes, shape[:-3], strict=True)),
        entry["values"],
        None,
        None,
        None if entry["key"] is None else entry["key"].encode(),
        height,
        width,
        bands,
        entry["blank"],
    )


def unpacked(entry: Mapping[str, Any], stored: bytes) -> tuple[Array, Array | None, Array | None]:
    """Return pixels (axes …, y, x, band), mask (frames or 1, y, x, bands or 1) and weights (y, x).

    Raises
    ------
    CorruptSourceError
        The bytes are not those that were put.
    """
    _refuse_damaged(entry, stored)
    raw = stored
    if entry["size"] != entry["raw"]:
        import imagecodecs

        raw = bytes(imagecodecs.zstd_decode(stored))
    pixels, place = _array(raw, 0, entry["dtype"], entry["shape"])
    mask = weight = None
    if entry["mask"] is not None:
        mask, place = _array(raw, place, "bool", entry["mask"])
    if entry["weight"] == "array":
        weight, place = _array(raw, place, "float64", entry["shape"][-3:-1])
    return pixels, mask, weight


def _refuse_damaged(entry: Mapping[str, Any], stored: bytes) -> None:
    if len(stored) != entry["size"] or zlib.crc32(stored) != entry["crc"]:
        raise CorruptSourceError(f"a tile at ({entry['x']}, {entry['y']}) is damaged")


def _array(raw: bytes, place: int, dtype: str, shape: Sequence[int]) -> tuple[Array, int]:
    kind = np.dtype(dtype).newbyteorder("<")
    count = int(np.prod(shape))
    array = np.frombuffer(raw, kind, count, place).reshape(shape)
    return array.astype(np.dtype(dtype), copy=False), place + count * kind.itemsize
