"""What is in: questions to the journal of a store, answered by arithmetic on rectangles."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.keys import key_text
from ziggurat.readers.formats.sink_store.layout import StoreLayout
from ziggurat.readers.model.geometry import Rect
from ziggurat.writers.store.interface import TileRecord, TileStore
from ziggurat.writers.store.tile_input import coordinate

Records = np.ndarray
FINER = 4  # coverage is counted on a grid so much finer than the one that is returned


def covered(records: Records, rect: Rect) -> bool:
    """Return True where the records' rectangles leave no pixel of ``rect`` out."""
    left = np.clip(records["x"] - rect.x, 0, rect.width)
    top = np.clip(records["y"] - rect.y, 0, rect.height)
    right = np.clip(records["x"] + records["width"] - rect.x, 0, rect.width)
    bottom = np.clip(records["y"] + records["height"] - rect.y, 0, rect.height)
    inside = (left < right) & (top < bottom)
    edges = np.stack([left, top, right, bottom])[:, inside]
    if not edges.shape[1]:
        return False
    # Between neighbouring edges all pixels have the same fate: one cell stands for them.
    columns = np.unique([0, rect.width, *edges[0], *edges[2]])
    rows = np.unique([0, rect.height, *edges[1], *edges[3]])
    x0, x1 = np.searchsorted(columns, edges[0]), np.searchsorted(columns, edges[2])
    y0, y1 = np.searchsorted(rows, edges[1]), np.searchsorted(rows, edges[3])
    seen = np.zeros((len(rows) - 1, len(columns) - 1), bool)
    for a, b, c, d in zip(y0, y1, x0, x1, strict=True):
        seen[a:b, c:d] = True
    return bool(seen.all())


def picture(records: Records, height: int, width: int, side: int) -> Records:
    """Return the covered share of each cell of a small grid over one frame, 0 to 1."""
    scale = min(1.0, side * FINER / max(height, width))
    fine = np.zeros((max(1, round(height * scale)), max(1, round(width * scale))), np.float32)
    ends = {
        "top": records["y"],
        "bottom": records["y"] + records["height"],
        "left": records["x"],
        "right": records["x"] + records["width"],
    }
    # Edges that two tiles share are rounded to the same line, so neighbours leave no gap.
    lines = {name: np.rint(values * scale).astype(np.int64) for name, values in ends.items()}
    for a, b, c, d in zip(*lines.values(), strict=True):
        fine[a:b, c:d] = 1
    step = FINER if scale < 1 else max(1, -(-max(fine.shape) // side))
    return _pooled(_pooled(fine, step, 0), step, 1)


def _pooled(array: Records, step: int, axis: int) -> Records:
    starts = np.arange(0, array.shape[axis], step)
    counts = np.diff([*starts, array.shape[axis]])
    shape = [1, 1]
    shape[axis] = len(counts)
    return np.add.reduceat(array, starts, axis=axis) / counts.reshape(shape).astype(np.float32)


class Coverage:
    """What a sink tells about the tiles that are in. The journal is read, pixels are not."""

    _store: TileStore

    def tiles(self) -> Iterator[TileRecord]:
        """Iterate over the tiles that are in, in the order in which they were finished.

        Each says its ``x``, ``y``, ``width``, ``height``, ``frame``, ``frames``, ``masked`` and
        ``key``. Memory does not grow with their number.
        """
        yield from self._store.tiles()  # and not the iterator itself: it would outlive the sink

    def hasKey(self, key: object) -> bool:
        """Return True where a tile was laid with this key, so that it need not be made again."""
        return self._store.has_key(key_text(key))

    def isWritten(self, x: int, y: int, w: int = 1, h: int = 1, **axes: int) -> bool:
        """Return True where tiles cover every pixel of a rectangle of one frame.

        Axes that are not named are at 0, as in ``addTile``. A tile with a mask counts with all
        its rectangle: what its mask kept out was decided, too.

        Raises
        ------
        SinkInputError
            An axis that the sink doesn't have, or a rectangle that can't be.
        """
        self._store.refuse_gone()
        structure = self._store.structure
        position = _position(structure, axes)
        names = {"x": x, "y": y, "w": w, "h": h}
        rect = Rect(*(coordinate(name, value) for name, value in names.items()))
        if rect.empty:
            raise SinkInputError(f"a rectangle of {w} x {h} pixels has no pixels to be written")
        place = [position.get(name, 0) for name in structure.born]
        return covered(self._store.rectangles(place), rect)

    def coverage(self, maxSize: int = 256, **axes: int) -> Records:
        """Return how much of the image is in, as a small picture.

        Parameters
        ----------
        maxSize
            Its longer side, at most.
        **axes
            Positions on frame axes; over those that are not named the mean is taken.

        Returns
        -------
        array of shape (rows, columns), float32, from 0 (nothing is in) to 1.
        """
        store = self._store
        store.refuse_gone()
        structure = store.structure
        position = _position(structure, axes)
        *sizes, height, width = store.sizes
        if not (height and width):
            return np.zeros((1, 1), np.float32)
        total: Records | None = None
        frames = _frames(structure, sizes, position)
        for place in frames:
            part = picture(store.rectangles(place), height, width, max(1, int(maxSize)))
            total = part if total is None else total + part
        assert total is not None
        return total / np.float32(len(frames))


def _position(structure: StoreLayout, axes: Mapping[str, object]) -> dict[str, int]:
    unknown = [name for name in axes if name not in structure.axes]
    if unknown:
        raise SinkInputError(f"no axis {unknown}; the sink's axes are {list(structure.axes)}")
    return {name: coordinate(name, value) for name, value in axes.items()}


def _frames(
    structure: StoreLayout, sizes: Sequence[int], position: Mapping[str, int]
) -> list[list[int]]:
    """Return all frames at a position, their axes in the order in which they came."""
    lengths = dict(zip(structure.axes, sizes, strict=True))
    ranges = [
        [position[name]] if name in position else range(lengths[name]) for name in structure.born
    ]
    grid = np.meshgrid(*ranges, indexing="ij") if ranges else []
    return np.stack([part.ravel() for part in grid], axis=1).tolist() if grid else [[]]
