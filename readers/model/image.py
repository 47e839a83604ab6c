"""What is in an image: frozen facts, validated when made, no I/O.

Vocabulary: a *level* is one resolution of the pyramid (0 is the full one), a *frame* is
one y-x plane with its *bands* (samples), *axes* number the frames (slowest axis first,
as in a C-ordered array), a *channel* is one position on the axis named ``c``.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import Rect


class Interpretation(Enum):
    """What the bands of a pixel mean."""

    GRAY = "gray"  # one band, with or without alpha
    RGB = "rgb"  # three colour bands, with or without alpha
    LABELS = "labels"  # integers that name things; never averaged
    PALETTE = "palette"  # indices into ImageInfo.palette
    MULTIBAND = "multiband"  # any number of bands without a colour meaning


class ServedLevels(Enum):
    """Which stored level serves a level that is not stored, as the reference has it by format.

    (:meth:`ziggurat.readers.grid.pyramid.Pyramid.preferred` goes by it.)
    """

    EVERY = "every"  # each is served as itself: maps, pictures
    FINER = "finer"  # the next finer one that is stored: slides
    TWO_FINER = "two finer"  # so too, but one at most two levels finer: each third counts as stored
    THREE_FINER = "three finer"  # at most three


@dataclass(frozen=True, slots=True)
class Level:
    """One stored resolution: its size and the size of its stored tiles, in its own pixels."""

    width: int
    height: int
    tile_width: int
    tile_height: int

    def __post_init__(self) -> None:
        if min(self.width, self.height, self.tile_width, self.tile_height) < 1:
            raise ValueError(f"a level needs sizes of one or more, not {self}")

    @property
    def rect(self) -> Rect:
        """The whole level as a rectangle."""
        return Rect(0, 0, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Axis:
    """One frame axis: lower-case name, length, and what each position stands for.

    ``by_frame`` says what each frame of the image stands for on this axis, in their order, where
    frames at one position differ (times that depend on the plane); ``values`` has the first.
    """

    name: str
    size: int
    values: tuple[Any, ...] | None = None
    unit: str | None = None
    by_frame: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.lower():
            raise ValueError(f"axis names are lower case, not {self.name!r}")
        if self.size < 1:
            raise ValueError(f"axis {self.name!r} needs a size of one or more, not {self.size}")
        if self.values is not None and len(self.values) != self.size:
            raise ValueError(
                f"axis {self.name!r} has {self.size} positions but {len(self.values)} values"
            )

    def of_frames(self, numbers: Iterable[int]) -> "Axis":
        """Return the same axis in an image that has these frames, in this order."""
        if self.by_frame is None:
            return self
        return replace(self, by_frame=tuple(self.by_frame[number] for number in numbers))


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its name and, where known, its display colour as ``#rrggbb`` and window."""

    name: str
    color: str | None = None
    window: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class GroundControlPoint:
    """A pixel position (x right, y down) and where it is in the projection."""

    pixel_x: float
    pixel_y: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class GeoReference:
    """Where on earth: a projection (anything OSR reads) and an affine transform or points.

    ``transform`` is GDAL's: x = t[0] + column * t[1] + row * t[2], y = t[3] + column * t[4] +
    row * t[5], of the pixels' top-left corners.
    """

    projection: str
    transform: tuple[float, float, float, float, float, float] | None = None
    gcps: tuple[GroundControlPoint, ...] = ()


# What the user of a sink gave, kept under ``internal`` as it was given: texts, numbers, mappings.
GIVEN = ("imageDescription", "additionalMetadata")


GIVEN_FIELD = "Ziggurat"  # of containers that have named texts: all that was given, as JSON


def given_text(given: Mapping[str, Any]) -> str:
    """Return what a user gave as a text that a field of any container takes; empty for nothing."""
    return json.dumps(given).replace("|", "\\u007c") if given else ""


def given_facts(text: object) -> dict[str, Any]:
    """Return what :func:`given_text` says; nothing where it isn't that."""
    try:
        said = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return {name: said[name] for name in GIVEN if name in said} if isinstance(said, dict) else {}


@dataclass(frozen=True)
class ImageInfo:
    """Everything about an image but its pixels.

    ``levels[0]`` is the full resolution. ``axes`` are the frame axes, slowest first; the frame
    number of a position is its C-order index, and without axes there is one frame. ``mm_x`` and
    ``mm_y`` are millimetres per full-resolution pixel. ``nodata`` is per image or, as a tuple,
    per band. ``internal`` is what ``getInternalMetadata`` shows: free, JSON-like, per backend.
    ``losses`` says in a sentence each what the file holds and these pixels and facts do not.
    ``lossy`` pixels have been through a codec that changes them.
    ``withheld`` names what was left out of it on purpose: associated images, ``channels`` (their
    names), ``icc_profile`` (its texts).
    ``backend`` reads it; ``declined`` says of those that were asked before it why they don't.

    What a format is like is said by its backend, too; nobody else looks at ``format``, which is for
    people. ``open_format``: many programs write it, it is no scanner's own. ``square_pixels``: it
    has one pixel size for both sides. ``composed``: its stored tiles overlap, so that there is none
    to take. ``chunked``: its stored tiles are chunks of arrays, made for whatever purpose.
    """

    format: str
    levels: tuple[Level, ...]
    bands: int
    dtype: np.dtype
    interpretation: Interpretation
    alpha: bool = False  # the last band is (unassociated) alpha
    axes: tuple[Axis, ...] = ()
    channels: tuple[Channel, ...] = ()
    mm_x: float | None = None
    mm_y: float | None = None
    magnification: float | None = None
    icc_profile: bytes | None = None
    description: str | None = None
    associated: tuple[str, ...] = ()
    background: tuple[float, ...] | None = None  # the colour of missing tiles, per band
    nodata: float | tuple[float | None, ...] | None = None
    palette: tuple[tuple[int, int, int, int], ...] | None = None  # RGBA
    band_names: tuple[str, ...] = ()
    geo: GeoReference | None = None
    # vendor facts by field name: texts, and of what a sink was told whatever JSON holds
    properties: Mapping[str, Any] = field(default_factory=dict)
    internal: Mapping[str, Any] = field(default_factory=dict)
    losses: tuple[str, ...] = ()
    lossy: bool = False
    withheld: tuple[str, ...] = ()
    served_levels: ServedLevels = ServedLevels.EVERY
    open_format: bool = False
    square_pixels: bool = False
    composed: bool = False
    chunked: bool = False
    backend: str | None = None
    declined: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.levels:
            raise ValueError("an image needs at least one level")
        if self.bands < 1:
            raise ValueError(f"an image needs one or more bands, not {self.bands}")
        names = [axis.name for axis in self.axes]
        if len(set(names)) != len(names) or {"x", "y", "s"} & set(names):
            raise ValueError(f"frame axes must be distinct and none of x, y, s: {names}")
        if any(len(axis.by_frame or ()) not in (0, self.frames) for axis in self.axes):
            raise ValueError(f"an axis tells values of other than {self.frames} frames")
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    @property
    def placed(self) -> bool:
        """True where it is known in which system on earth it is, not only in some plane."""
        return self.geo is not None and bool(self.geo.projection)

    @property
    def given(self) -> dict[str, object]:
        """What the user of a sink gave beside the pixels, typed as it was given."""
        return {name: self.internal[name] for name in GIVEN if self.internal.get(name) is not None}

    @property
    def width(self) -> int:
        """Full-resolution width in pixels."""
        return self.levels[0].width

    @property
    def height(self) -> int:
        """Full-resolution height in pixels."""
        return self.levels[0].height

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return math.prod(axis.size for axis in self.axes)

    def downsample(self, level: int) -> float:
        """Return how many full-resolution pixels one pixel of a level spans."""
        full, small = self.levels[0], self.levels[level]
        return max(full.width / small.width, full.height / small.height)

    def frame_number(self, position: Mapping[str, int]) -> int:
        """Return the frame at a position; axes that are not named are at 0."""
        unknown = set(position) - {axis.name for axis in self.axes}
        if unknown:
            raise KeyError(
                f"no axis named {sorted(unknown)}; there are {[a.name for a in self.axes]}"
            )
        number = 0
        for axis in self.axes:
            index = position.get(axis.name, 0)
            if not 0 <= index < axis.size:
                raise IndexError(
                    f"axis {axis.name!r} has {axis.size} positions, not one at {index}"
                )
            number = number * axis.size + index
        return number

    def frame_values(self, axis: Axis) -> tuple[Any, ...]:
        """Return what each frame stands for on an axis that has values."""
        values = axis.values or (None,) * axis.size
        places = (self.frame_position(n)[axis.name] for n in range(self.frames))
        return axis.by_frame or tuple(values[place] for place in places)

    def frame_position(self, frame: int) -> dict[str, int]:
        """Return the position of a frame on each axis, slowest axis first."""
        if not 0 <= frame < self.frames:
            raise IndexError(f"there are {self.frames} frames, not one numbered {frame}")
        position = {}
        for axis in reversed(self.axes):
            frame, position[axis.name] = divmod(frame, axis.size)
        return dict(reversed(position.items()))
