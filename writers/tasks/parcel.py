"""What a part of a write leaves for its end: encoded tiles, and pixels of the next level.

All in one object, framed as ``io/framed`` says. The index is ``{"tiles": […], "tops": […],
"written": n}`` with entries ``[level, frame, column, row, offset, size, blank]``; size -1:
nothing is stored.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

from ziggurat.readers.io.framed import framed, read_framed
from ziggurat.readers.io.objects import Objects, side_by_side
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.model.levels import BlankTile, EncodedTile

MAGIC = b"ZIGPART1"
_NOTHING = -1


class Place(NamedTuple):
    """Where a tile's bytes lie: an object, and where in it; ``size`` -1: nothing is stored."""

    name: str
    offset: int
    size: int
    blank: bool


@dataclass(slots=True)
class Parcel:
    """Tiles in the image's own frames, levels, columns and rows, as they are made."""

    tiles: list[EncodedTile] = field(default_factory=list)
    tops: list[EncodedTile] = field(default_factory=list)  # pixels as :func:`packed_pixels`
    written: int = 0  # bytes that went to the output already

    def packed(self) -> bytes:
        """Return it as one object's bytes; blank tiles are in it once."""
        blobs: list[bytes] = []
        blanks: dict[bytes, int] = {}
        end = 0

        def entry(tile: EncodedTile) -> list[int]:
            nonlocal end
            data = tile.data
            place = [tile.level, tile.frame, tile.column, tile.row]
            if data is None:
                return [*place, 0, _NOTHING, 1]
            blank = isinstance(data, BlankTile)
            offset = blanks.get(data, end) if blank else end
            if offset == end:
                blobs.append(data)
                end += len(data)
            if blank:
                blanks[data] = offset
            return [*place, offset, len(data), int(blank)]

        index = {
            "tiles": [entry(tile) for tile in self.tiles],
            "tops": [entry(tile) for tile in self.tops],
            "written": self.written,
        }
        return framed(MAGIC, index, blobs)


Key = tuple[int, int, int, int]  # level, frame, column, row


class Parcels:
    """All that parts have left, by place in the image."""

    def __init__(self, objects: Objects, names: Iterable[str]) -> None:
        """Read their indexes.

        Raises
        ------
        CorruptSourceError
            One of them is damaged.
        """
        self._objects = objects
        self.tiles: dict[Key, Place] = {}
        self.tops: dict[Key, Place] = {}
        self.written = 0
        self._blanks: dict[bytes, BlankTile] = {}
        names = list(names)

        def read(name: str) -> tuple[Any, int]:
            return read_framed(objects, name, MAGIC, "part of a write")

        for name, (index, start) in zip(names, side_by_side(objects, read, names), strict=True):
            self.written += index["written"]
            for kind, found in (("tiles", self.tiles), ("tops", self.tops)):
                for *key, offset, size, blank in index[kind]:
                    level, frame, column, row = key
                    place = Place(name, start + offset, size, bool(blank))
                    found[level, frame, column, row] = place

    def read(self, place: Place) -> bytes | None:
        """Return a tile's bytes; all blank ones of the same bytes are one object."""
        if place.size == _NOTHING:
            return None
        data = self._objects.read(place.name, place.offset, place.size)
        if len(data) != place.size:
            raise EOFError(f"{place.name} ends in the middle of a tile")
        return self._blanks.setdefault(data, BlankTile(data)) if place.blank else data


def packed_pixels(pixels: Pixels) -> bytes:
    """Return pixels (y, x, band) as bytes that :func:`unpacked_pixels` takes."""
    plain = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    size = struct.pack("<II", *pixels.shape[:2])
    return size + bytes(imagecodecs.zstd_encode(plain.tobytes(), level=1))


def unpacked_pixels(data: bytes, bands: int, dtype: np.dtype[Any]) -> Pixels:
    """Return pixels (y, x, band) as they were packed."""
    size = struct.unpack_from("<II", data)
    raw = imagecodecs.zstd_decode(data[8:])
    found: Pixels = np.frombuffer(raw, dtype.newbyteorder("<")).reshape(*size, bands)
    return found.astype(dtype, copy=False)
