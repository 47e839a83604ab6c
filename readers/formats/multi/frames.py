"""Which frame of the whole each frame of each source goes to. No pixels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.multi.document import FRAME, Part
from ziggurat.readers.model.image import ImageInfo

_MOST_FRAMES = 1 << 18  # also of all sources together


@dataclass(slots=True)
class Frames:
    """Frames by position, as the parts are added in their order.

    ``by_axes`` and ``plain`` give for each position (on the axes, and by mere number) the parts
    and their frames, the lowest first; ``behind`` is the first place after all of them.
    """

    axes: Sequence[str]
    channels: list[str]
    by_axes: dict[tuple[int, ...], list[tuple[int, int]]] = field(default_factory=dict)
    plain: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    on_axes: bool = True
    left_out: int = 0
    taken: int = 0
    behind: dict[str, int] = field(default_factory=lambda: {FRAME: 0, "z": 0})
    unordered: dict[str, None] = field(default_factory=dict)

    def add(self, number: int, part: Part, info: ImageInfo) -> None:
        """Add a part.

        A source that doesn't say where it is comes behind all that are there: by its number, or,
        where they have axes, along z.
        """
        behind = {} if part.told else dict(self.behind)
        names = self._names(part, info)
        known = [axis for axis in info.axes if axis.size > 1 and axis.name in self.axes]
        strange = [axis.name for axis in info.axes if axis.size > 1 and axis not in known]
        if known and strange and not part.strides:
            raise UnsupportedFormatError(
                f"axes {strange} of {part.path} aren't supported; name them in the file's axes"
            )
        frames = range(info.frames)
        taken = (
            frames if part.frames is None else [at for at in sorted(part.frames) if at in frames]
        )
        self.taken += len(taken)
        if self.taken > _MOST_FRAMES:
            raise CorruptSourceError(f"more than {_MOST_FRAMES} frames of all sources")
        for frame in taken:
            own = _as_axes(part, info, frame)
            if own is None:
                self.left_out += 1
                continue
            at = tuple(self._at(part, axis, own.get(axis, 0), behind) for axis in self.axes)
            at = self._on_channel(part, names, own.get("c", 0), at)
            count = self._at(part, FRAME, frame, behind)
            self.plain.setdefault(count, []).append((number, frame))
            self.by_axes.setdefault(at, []).append((number, frame))
            z = at[self.axes.index("z")]
            for axis, place in ((FRAME, count), ("z", z)):
                self.behind[axis] = max(self.behind[axis], place + 1)
            ordered = info.frames <= 1 or bool(known) or bool(part.strides)
            self.on_axes = (self.on_axes and ordered) or (part.told and any(at))
            if not ordered:
                self.unordered[part.path] = None

    def _at(self, part: Part, axis: str, own: int, behind: Mapping[str, int]) -> int:
        return part.numbering[axis].at(own) + behind.get(axis, 0)

    def _names(self, part: Part, info: ImageInfo) -> list[str]:
        """Return the names of a part's own channels; those of the whole grow by what is new."""
        names = [channel.name for channel in info.channels]
        names[: len(part.channels)] = part.channels
        self.channels += names[len(self.channels) :]
        return names

    def _on_channel(
        self, part: Part, names: list[str], own: int, at: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return a position with that of the channel's name, where names say it."""
        if own >= len(names):
            return at
        name = names[own]
        if name not in self.channels and (part.names_channels or len(self.channels) == at[0]):
            self.channels.append(name)
        if name in self.channels and not part.places_channels:
            return (self.channels.index(name), *at[1:])
        return at

    @property
    def losses(self) -> tuple[str, ...]:
        """Say which frames can't be seen."""
        found = []
        if self.left_out:
            found.append(f"{self.left_out} frames for which framesAsAxes has no position")
        if self.on_axes and self.unordered:
            found.append(
                f"frames of {', '.join(self.unordered)}, which lie on one another, as nothing says"
                " on which axis they are; framesAsAxes does"
            )
        return tuple(found)

    @property
    def sizes(self) -> dict[str, int]:
        """How many positions there are on each axis that has several, the slowest first."""
        if not self.on_axes:
            sizes = {FRAME: max(self.plain) + 1}
        else:
            places = reversed(list(enumerate(self.axes)))
            sizes = {axis: 1 + max(at[n] for at in self.by_axes) for n, axis in places}
        if math.prod(sizes.values()) > _MOST_FRAMES:
            raise CorruptSourceError("more frames than an image can have")
        return {axis: size for axis, size in sizes.items() if size > 1}

    def pieces(self, position: Mapping[str, int]) -> list[tuple[int, int]]:
        """Return part and frame of all that lies in a frame, the lowest first."""
        if not self.on_axes:
            return self.plain.get(position.get(FRAME, 0), [])
        return self.by_axes.get(tuple(position.get(axis, 0) for axis in self.axes), [])


def _as_axes(part: Part, info: ImageInfo, frame: int) -> dict[str, int] | None:
    """Return where a source's frame is in itself; None where its strides have no place for it."""
    if not part.strides:
        return info.frame_position(frame)
    left, sizes = info.frames, {}
    for axis, stride in sorted(part.strides.items(), key=lambda pair: -pair[1]):
        sizes[axis] = left // stride
        left = stride
    if frame >= math.prod(sizes.values()):
        return None
    return {axis: (frame // stride) % sizes[axis] for axis, stride in part.strides.items()}
