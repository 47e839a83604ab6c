"""Memory for decoded tiles: cut from large pieces, and used again when a tile is dropped.

A page of fresh memory costs a fault, and the 48 pages of a tile of 256² in RGB nearly half of
what decoding it costs. Large pieces come in huge pages where the system has them, and what
tiles leave behind is given to the next ones instead of back to the system.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ziggurat.readers.model.reader import Pixels

_PIECE = 8 << 20  # numpy asks for huge pages from 4 MiB on
_SMALLEST, _LARGEST = 32 << 10, 1 << 20  # bytes of a tile; others are left to numpy
_IDLE = 128 << 20  # bytes kept for tiles to come: those of a slide go to the next one's
_STEP = 4096
_UINT8 = np.dtype(np.uint8)

Memory = tuple[int, Pixels]  # the address of a place, and the piece that it is cut from

_free: dict[int, deque[Memory]] = {}  # by bytes of a place


class _Place(ctypes.Array[ctypes.c_ubyte]):
    """A part of a piece of memory, on loan to one array: who drops the array, gives it back."""

    __slots__ = ("memory",)
    _type_, _length_ = ctypes.c_ubyte, 0
    if TYPE_CHECKING:
        memory: Memory

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if ending():  # the names of this module may be gone, and nobody wants the memory
            return
        size = ctypes.sizeof(self)
        places = _free[size]
        if len(_free) > 1 and idle_bytes() >= _IDLE:  # other sizes may be of no use any more
            for other in tuple(_free.values()):
                if other is not places:
                    other.clear()
        # beyond the limit it is forgotten: a piece that has no place in use goes back whole
        if len(places) * size < _IDLE:
            places.append(self.memory)


@cache
def _place_of(size: int) -> type[_Place]:
    """Return the class of places of so many bytes: of each array it is the ``base``."""
    _free.setdefault(size, deque())
    return type("_Place", (_Place,), {"__slots__": (), "_length_": size})


def idle_bytes() -> int:
    """Return how much memory waits for tiles to come."""
    return sum(size * len(places) for size, places in tuple(_free.items()))


def tile_memory(height: int, width: int, bands: int) -> Pixels:
    """Return an uninitialised array of uint8 of shape (height, width, bands).

    It is an array like any other; its memory is used again once nothing refers to it.
    """
    count = height * width * bands
    if not _SMALLEST <= count <= _LARGEST:
        return np.empty((height, width, bands), np.uint8)
    size = -(-count // _STEP) * _STEP
    kind = _place_of(size)
    try:
        memory = _free[size].pop()  # that was used last: it may be in the processor's cache
    except IndexError:
        memory = _cut(size)
    place = kind.from_address(memory[0])
    place.memory = memory
    return np.ndarray((height, width, bands), _UINT8, place)


def _cut(size: int) -> Memory:
    piece = np.empty(_PIECE, np.uint8)
    begin = piece.ctypes.data
    _free[size].extend((begin + at, piece) for at in range(size, _PIECE - size + 1, size))
    return begin, piece
