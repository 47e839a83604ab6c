"""Rectangles of a grid of JPEG tiles, decoded many in a call by the native kernel."""

from collections.abc import Callable, Iterator, Sequence

from ziggurat.readers.codecs.native.kernel import DONE, Stream, Tile, TileKind, decode_tiles
from ziggurat.readers.model.reader import Part, Pixels

Cell = tuple[int, Part]  # a tile's index, and what is wanted of it

_SOME = 8  # tiles that the kernel may leave to others before it is asked whether it is of use


class TilesTogether:
    """Fills arrays from the tiles of a grid, as far as the kernel takes them.

    Scanners whose every tile makes libjpeg warn exist; the kernel is then no longer ``useful``.

    Parameters
    ----------
    kind
        What the tiles are.
    columns
        How many there are in a row.
    stream
        Returns where the stream of a tile is, by its index in the grid, row by row; None where
        there is none that the kernel can read.
    descriptor
        Returns that of the file that places are in; -1 where streams are bytes.
    """

    __slots__ = ("_columns", "_descriptor", "_done", "_kind", "_left", "_stream")

    def __init__(
        self,
        kind: TileKind,
        columns: int,
        stream: Callable[[int], Stream | None],
        descriptor: Callable[[], int] = lambda: -1,
    ) -> None:
        self._kind, self._columns = kind, columns
        self._stream, self._descriptor = stream, descriptor
        self._done = self._left = 0

    @property
    def useful(self) -> bool:
        """False where the kernel has left too many tiles to others."""
        return self._left < _SOME or self._left * 8 < self._done

    def fill(self, parts: Sequence[Part], threads: int, shown: Part | None) -> list[Cell]:
        """Fill arrays, and return what is still to be drawn."""
        cells: list[Cell] = []
        tiles: list[Tile] = []
        left: list[Cell] = []
        for index, x, y, part in self._cut(parts):
            stream = self._stream(index)
            if stream is None:
                left.append((index, part))
            else:
                cells.append((index, part))
                copy = () if shown is None else _copy(part, shown, x, y)
                tiles.append((stream, part[2], part[0] - x, part[1] - y, *copy))
        if not tiles:
            return left
        found = decode_tiles(tiles, self._kind, threads=threads, descriptor=self._descriptor())
        if any(found):
            again = [cell for cell, one in zip(cells, found, strict=True) if one != DONE]
            self._left += len(again)
            left += again
        self._done += len(tiles)
        return left

    def _cut(self, parts: Sequence[Part]) -> Iterator[tuple[int, int, int, Part]]:
        """Yield index and place (x, y) of each tile that is wanted, and what of it."""
        # plain numbers: this runs for every tile of every region
        width, height, columns = self._kind.width, self._kind.height, self._columns
        for x, y, target in parts:
            rows, across, _ = target.shape
            right, bottom = x + across, y + rows
            for top in range(y // height * height, bottom, height):
                for left in range(x // width * width, right, width):
                    index = top // height * columns + left // width
                    if left <= x and top <= y and right <= left + width and bottom <= top + height:
                        yield index, left, top, (x, y, target)
                    else:
                        x0, y0 = max(x, left), max(y, top)
                        place = target[y0 - y : top + height - y, x0 - x : left + width - x]
                        yield index, left, top, (x0, y0, place)


def _copy(part: Part, shown: Part, x: int, y: int) -> tuple[Pixels, int, int] | tuple[()]:
    """Return the piece that an array shows of a part, and its place in the tile at (x, y)."""
    begin, first, pixels = part
    left, top, target = shown
    rows, across, _ = pixels.shape
    x0, y0 = max(begin, left), max(first, top)
    x1, y1 = begin + across - left, first + rows - top
    if x0 - left >= min(x1, target.shape[1]) or y0 - top >= min(y1, target.shape[0]):
        return ()
    return target[y0 - top : y1, x0 - left : x1], x0 - x, y0 - y
