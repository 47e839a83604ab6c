"""Where the encoded tiles of a page are: one table of places, or a train of restart intervals."""

from collections.abc import Sequence
from typing import Protocol

from ziggurat.readers.codecs.jpeg_stream import resized_header, stack_intervals
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.io.bytes import ByteSource, LocalBytes
from ziggurat.readers.model.encoded import TilePlaces

_AHEAD = 1 << 20  # bytes: some 50 tiles of a slide
_GAP = 4096  # bytes between two tiles that still are neighbours


class SegmentTable(Protocol):
    """Encoded tiles or strips by index, row by row; ``source`` is the file that they are in."""

    source: ByteSource

    def has(self, index: int) -> bool:
        """Return True where something is stored."""
        ...

    def get(self, index: int) -> bytes | None:
        """Return the bytes of one, None where nothing is stored."""
        ...


def _exactly(source: ByteSource, offset: int, size: int) -> bytes:
    data = source.read(offset, size)
    if len(data) != size:
        raise CorruptSourceError(
            f"{source.url}: a tile of {size} bytes at {offset} is cut off by the end of the "
            f"file ({source.size} bytes): it is truncated"
        )
    return data


class PlainTable:
    """The offsets and byte counts of a page, as TIFF has them; zero is "not stored"."""

    __slots__ = ("_counts", "_offsets", "source")

    def __init__(self, source: ByteSource, offsets: Sequence[int], counts: Sequence[int]) -> None:
        self.source = source
        self._offsets = offsets
        self._counts = counts

    def has(self, index: int) -> bool:
        """Return True where something is stored."""
        return bool(self._counts[index] and self._offsets[index])

    def get(self, index: int) -> bytes | None:
        """Return the bytes of a tile or strip as they are in the file."""
        offset, count = self._offsets[index], self._counts[index]
        return _exactly(self.source, offset, count) if offset and count else None

    def place(self, index: int) -> tuple[int, int]:
        """Return the offset and the size of a tile or strip."""
        return self._offsets[index], self._counts[index]

    def places(self, count: int) -> TilePlaces | None:
        """Return the first ``count`` places, None where the file is not a local one."""
        if not isinstance(self.source, LocalBytes):
            return None
        return TilePlaces(self.source, self._offsets[:count], self._counts[:count])

    def ahead(self, offset: int, size: int) -> bytes:
        """Return what is in the file from an offset on."""
        return self.source.read(offset, size)

    def slice(self, index: int, start: int, size: int) -> bytes | None:
        """Return a part of a strip: ``size`` bytes from its byte ``start`` on."""
        if not self.has(index):
            return None
        if start + size > self._counts[index]:
            raise CorruptSourceError(
                f"{self.source.url}: a strip of {self._counts[index]} bytes is too short"
            )
        return _exactly(self.source, self._offsets[index] + start, size)


class SequentialTable:
    """A plain table for who takes tile after tile: neighbours in the file are read at once.

    As much is read ahead as was taken in order before, so that at most half of it is in vain.
    A tile that is asked for out of order is read alone. Any number of threads may ask.
    """

    __slots__ = ("_begin", "_end", "_table", "_window")

    def __init__(self, table: PlainTable) -> None:
        self._table = table
        self._begin = self._end = -1  # where in the file the tiles in order lie
        self._window = 0, b""  # offset and bytes of the last large read; replaced as one

    def get(self, index: int) -> bytes | None:
        """Return the bytes of a tile, as :meth:`PlainTable.get`."""
        offset, count = self._table.place(index)
        if not 0 <= offset - self._end <= _GAP:
            self._begin = offset
        taken = offset - self._begin
        self._end = offset + count
        start, data = self._window
        known = start <= offset and offset + count <= start + len(data)
        if not known and count <= taken and count < _AHEAD // 4:
            start, data = self._window = offset, self._table.ahead(offset, min(taken, _AHEAD))
            known = count <= len(data)
        if known and count:
            return data[offset - start : offset - start + count]
        return self._table.get(index)


class RestartTable:
    """JPEG tiles put together out of the restart intervals of one huge JPEG (Hamamatsu NDPI).

    An interval is one tile wide and one row of blocks high; ``stack`` of them, one under the
    other, make a tile. No coefficient is touched. At the bottom the last interval is repeated
    to fill the tile, as tiles of a TIFF are all of full size.

    Parameters
    ----------
    header
        The stream up to its first entropy-coded byte, with the size of one interval.
    offsets, counts
        Where the intervals are, row by row, each with the marker that ends it.
    columns, rows
        How many intervals there are across and down.
    """

    __slots__ = ("_columns", "_counts", "_header", "_offsets", "_rows", "_stack", "source")

    def __init__(
        self,
        source: ByteSource,
        header: bytes,
        offsets: Sequence[int],
        counts: Sequence[int],
        columns: int,
        rows: int,
        stack: int,
    ) -> None:
        self.source = source
        self._offsets = offsets
        self._counts = counts
        self._columns = columns
        self._rows = rows
        self._stack = stack
        self._header = resized_header(header, stack)

    def has(self, index: int) -> bool:
        """Return True: such a stream has no holes."""
        del index
        return True

    def get(self, index: int) -> bytes:
        """Return a tile as one complete JPEG stream."""
        row, column = divmod(index, self._columns)
        first = row * self._stack
        last = min(first + self._stack, self._rows)
        numbers = [line * self._columns + column for line in range(first, last)]
        parts = self._run(numbers) if self._columns == 1 else self._each(numbers)
        parts += parts[-1:] * (self._stack - len(parts))
        return stack_intervals(self._header, parts)

    def _run(self, numbers: list[int]) -> list[bytes]:
        """Read neighbouring intervals at once."""
        start = self._offsets[numbers[0]]
        size = self._offsets[numbers[-1]] + self._counts[numbers[-1]] - start
        data = memoryview(_exactly(self.source, start, size))
        places = [(self._offsets[n] - start, self._counts[n]) for n in numbers]
        return [bytes(data[at : at + count]) for at, count in places]

    def _each(self, numbers: list[int]) -> list[bytes]:
        return [_exactly(self.source, self._offsets[n], self._counts[n]) for n in numbers]
