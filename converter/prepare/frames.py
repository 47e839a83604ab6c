"""Which frames are meant: positions of axes, or the names that channels and positions have."""

from collections.abc import Mapping, Sequence

from ziggurat.readers.errors import RegionError
from ziggurat.readers.model.image import ImageInfo


def frame_numbers(
    info: ImageInfo, wanted: Mapping[str, Sequence[int | str]]
) -> dict[str, tuple[int, ...]]:
    """Return wanted frames as positions: names are those of channels, or an axis's values.

    Raises
    ------
    RegionError
        A name that the axis hasn't, or that several of its positions have.
    """
    return {
        axis: tuple(p if isinstance(p, int) else _position(info, axis, p) for p in positions)
        for axis, positions in wanted.items()
    }


def _position(info: ImageInfo, axis: str, name: str) -> int:
    names = [channel.name for channel in info.channels] if axis == "c" else []
    if not names:
        found = next((known for known in info.axes if known.name == axis), None)
        names = [str(value) for value in (found.values if found and found.values else ())]
    exact = [number for number, known in enumerate(names) if known == name]
    matches = exact or [n for n, known in enumerate(names) if known.lower() == name.lower()]
    if len(matches) != 1:
        told = ", ".join(names) if names else "no names; give numbers from 0"
        several = "several positions are" if matches else "no position is"
        raise RegionError(f"{several} named {name!r} on axis {axis!r}, which has {told}")
    return matches[0]
