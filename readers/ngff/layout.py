"""How frames and bands lie in the dimensions of an OME-Zarr array; pure, no I/O.

OME-NGFF allows two to five dimensions: time first, then at most one channel axis and one of a
free kind, then space (z) y x. An image may have more axes than that, and bands besides. So a
stored dimension is a list of *components*: the names of the frame axes, or ``s`` for the bands,
that are folded into it in C order. The usual dimension has one component, its own name.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis

BANDS = "s"
MOST_DIMENSIONS = 5
_SPACE = ("z", "y", "x")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of the array: its name and the axes folded into it, slowest first."""

    name: str
    components: tuple[str, ...]

    @property
    def kind(self) -> str | None:
        """NGFF's axis type; None for axes that it has no type for."""
        if self.name in _SPACE:
            return "space"
        return {"t": "time", "c": "channel", BANDS: "channel"}.get(self.name)


@dataclass(frozen=True)
class ArrayLayout:
    """The dimensions of an image's arrays, its frame axes (slowest first) and its bands."""

    dimensions: tuple[Dimension, ...]
    axes: tuple[Axis, ...]
    bands: int

    def __post_init__(self) -> None:
        held = [name for dimension in self.dimensions for name in dimension.components]
        wanted = {axis.name for axis in self.axes} | {"y", "x"}
        if len(held) != len(set(held)) or set(held) - {BANDS} != wanted:
            raise ValueError(f"dimensions {held} don't hold the axes {sorted(wanted)}")
        if self.bands > 1 and BANDS not in held:
            raise ValueError(f"no dimension holds the {self.bands} bands")

    def _size(self, component: str) -> int:
        if component == BANDS:
            return self.bands
        return next(axis.size for axis in self.axes if axis.name == component)

    def shape(self, width: int, height: int) -> tuple[int, ...]:
        """Return the shape of the array of one level."""
        sizes = {"x": width, "y": height}
        return tuple(
            sizes[d.name] if d.name in sizes else math.prod(map(self._size, d.components))
            for d in self.dimensions
        )

    def chunk_shape(self, width: int, height: int) -> tuple[int, ...]:
        """Return the shape of chunks that hold one tile of one frame, all bands of it."""
        sizes = {"x": width, "y": height}
        return tuple(
            sizes.get(d.name, self.bands if BANDS in d.components else 1) for d in self.dimensions
        )

    def window(self, position: dict[str, int], rect: Rect) -> tuple[tuple[int, int], ...]:
        """Return (start, stop) per dimension of a rectangle of the frame at a position."""
        spans = {"x": (rect.x, rect.right), "y": (rect.y, rect.bottom)}
        return tuple(spans.get(d.name) or self._span(d, position) for d in self.dimensions)

    def _span(self, dimension: Dimension, position: dict[str, int]) -> tuple[int, int]:
        first, last = 0, 0
        for name in dimension.components:
            size = self._size(name)
            low, high = (0, size - 1) if name == BANDS else (position[name], position[name])
            first, last = first * size + low, last * size + high
        return first, last + 1

    def index(self, name: str) -> int | None:
        """Return which dimension holds an axis (or ``s``), None where none does."""
        for number, dimension in enumerate(self.dimensions):
            if name in dimension.components:
                return number
        return None


def ngff_layout(axes: Sequence[Axis], bands: int) -> ArrayLayout:
    """Lay out an image's axes as NGFF orders and allows them.

    Bands go into the channel dimension, as its fastest part. One axis of a name that NGFF
    doesn't know keeps a dimension of its own (before the channels), as long as there are five
    dimensions at most; where that doesn't do, all such axes are folded into the channels.
    """
    names = [axis.name for axis in axes]
    free = [name for name in names if name not in ("t", "c", *_SPACE)]
    channels = ["c"] * ("c" in names) + [BANDS] * (bands > 1)
    count = len(free) + bool(channels) + ("t" in names) + ("z" in names) + 2
    if len(free) > 1 or count > MOST_DIMENSIONS:
        channels, free = [*free, *channels], []
    dimensions = [Dimension("t", ("t",))] * ("t" in names)
    dimensions += [Dimension(name, (name,)) for name in free]
    if channels:
        dimensions.append(Dimension("c", tuple(channels)))
    dimensions += [Dimension(n, (n,)) for n in _SPACE if n in (*names, "y", "x")]
    return ArrayLayout(tuple(dimensions), tuple(axes), bands)
