"""Memory for decoded tiles: cut from large pieces, and used again when a tile is dropped.

A page of fresh memory costs a fault, and the 48 pages of a tile of 256² in RGB nearly half of
what decoding it costs. Large pieces come in huge pages where the system has them, and what
tiles leave behind is given to the next ones instead of back to the system.
"""

import sys
from collections import deque
from collections.abc import Callable

import numpy as np

from ziggurat.readers.model.reader import Pixels

_PIECE = 8 << 20  # numpy asks for huge pages from 4 MiB on
_SMALLEST, _LARGEST = 32 << 10, 1 << 20  # bytes of a tile; others are left to numpy
_IDLE = 128 << 20  # bytes kept for tiles to come: those of a slide go to the next one's
_STEP = 4096

_free: dict[int, deque[memoryview]] = {}  # by bytes of a place


class _Place:
    """A part of a piece of memory, on loan to one array: who drops the array, gives it back."""

    __slots__ = ("_memory",)

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory

    def __buffer__(self, flags: int) -> memoryview:
        return self._memory

    def __release_buffer__(
        self, view: memoryview, ending: Callable[[], bool] = sys.is_finalizing
    ) -> None:
        if ending():  # the names of this module may be gone, and nobody wants the memory
            return
        size = len(self._memory)
        if idle_bytes() >= _IDLE:  # places of other sizes may be of no use any more
            for other, places in tuple(_free.items()):
                if other != size:
                    places.clear()
        # beyond the limit it is forgotten: a piece that has no place in use goes back whole
        if len(_free[size]) * size < _IDLE:
            _free[size].append(self._memory)


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
    places = _free.setdefault(size, deque())
    try:
        memory = places.pop()  # the one that was used last: it may be in the processor's cache
    except IndexError:
        memory = _cut(size, places)
    return np.frombuffer(_Place(memory), np.uint8, count).reshape(height, width, bands)


def _cut(size: int, places: "deque[memoryview]") -> memoryview:
    piece = memoryview(np.empty(_PIECE, np.uint8))
    places.extend(piece[at : at + size] for at in range(size, _PIECE - size + 1, size))
    return piece[:size]
