"""Whether a library has filled the memory that it was given.

Memory is used again, and what lay in it before may be another slide's pixels.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ziggurat.readers.model.reader import Pixels

# What no library can write by chance both times.
_MARKS = (b"\xa5\x5a\xc3\x3c\x96\x69\x0f\xf1", b"\x5a\xa5\x3c\xc3\x69\x96\xf0\x1e")


def checked_fill[T](place: Pixels, fill: Callable[[], T]) -> T:
    """Let a library fill an array of uint8, and return what it returns.

    The last bytes are marked before; where the mark is still there, it may be what is due, and is
    asked for once more with another one. An array that is smaller than the memory is returned
    as it is: of it nothing is known.

    Raises
    ------
    ValueError
        The mark stayed both times: the memory has not been written to its end.
    """
    flat = place.reshape(-1)  # a view: places are contiguous
    for mark in _MARKS:
        end = np.frombuffer(mark, np.uint8)[: flat.size]
        flat[flat.size - end.size :] = end
        found = fill()
        less = isinstance(found, np.ndarray) and found.nbytes < flat.size
        if less or not end.size or not np.array_equal(flat[flat.size - end.size :], end):
            return found
    raise ValueError("it left the memory for its pixels as it was")


def check_differences(tile: Pixels, first: Any, column: Any) -> None:
    """Refuse a tile of differences that was not added up: by the second column, (y, band).

    Parameters
    ----------
    tile
        After adding up along its rows, (y, x, band).
    first, column
        Its first two columns before that.

    Raises
    ------
    ValueError
        The second column is not the sum of both.
    """
    if tile.shape[1] > 1 and not np.array_equal(tile[:, 1], first + column):
        raise ValueError("its differences were not added up")
