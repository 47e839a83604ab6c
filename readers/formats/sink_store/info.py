"""From a store's structure, sizes and attributes to the facts about its image."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ziggurat.readers.errors import EmptySinkError
from ziggurat.readers.formats.sink_store.layout import StoreLayout
from ziggurat.readers.model.image import (
    Axis,
    Channel,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
    ServedLevels,
)

FORMAT = "ziggurat store"


def image_info(
    structure: StoreLayout,
    sizes: Sequence[int],
    attributes: Mapping[str, Any],
    values: Sequence[Mapping[str, Any]],
) -> ImageInfo:
    """Return the facts about a store's image.

    ``sizes`` are those of the axes, height and width; ``attributes`` and ``values`` as the
    store has them.

    Raises
    ------
    EmptySinkError
        There is nothing in the store yet.
    """
    *axis_sizes, height, width = sizes
    if not (structure.dtype and height and width):
        raise EmptySinkError("there is no tile in the sink yet, and no size was given")
    bands, dtype = structure.bands, structure.numpy_dtype
    said = attributes.get("interpretation")
    color = dtype.name in ("uint8", "uint16") and said is None
    labels = said == Interpretation.LABELS.value and dtype.kind in "biu"
    kinds = {1: Interpretation.LABELS if labels else Interpretation.GRAY}
    if color:
        rgb = Interpretation.RGB
        kinds |= {2: Interpretation.GRAY, 3: rgb, 4: rgb}
    axes = tuple(
        _axis(name, size, attributes, values, structure.axes, axis_sizes)
        for name, size in zip(structure.axes, axis_sizes, strict=True)
    )
    additional = attributes.get("additionalMetadata")
    return ImageInfo(
        format=FORMAT,
        levels=(Level(width, height, structure.tile_width, structure.tile_height),),
        bands=bands,
        dtype=dtype,
        interpretation=kinds.get(bands, Interpretation.MULTIBAND),
        alpha=color and bands in (2, 4),
        axes=axes,
        channels=_channels(attributes, axes, bands),
        band_names=_band_names(attributes, axes, bands),
        mm_x=attributes.get("mm_x"),
        mm_y=attributes.get("mm_y"),
        magnification=attributes.get("magnification"),
        description=_description(attributes.get("imageDescription")),
        associated=tuple(attributes.get("associated", ())),
        background=(structure.fill,) * bands if structure.fill else None,
        geo=_geo(attributes),
        served_levels=ServedLevels.TWO_FINER,
        properties=_properties(additional),
        internal={
            "store": structure.to_json(),
            "additionalMetadata": additional,
            "imageDescription": attributes.get("imageDescription"),
        },
    )


def _properties(additional: Any) -> dict[str, Any]:
    """Return further facts by name; what has no names, a list or a text, has one of its own."""
    if isinstance(additional, Mapping):
        return dict(additional)
    return {} if additional is None else {"additionalMetadata": additional}


def frame_values(
    axes: Sequence[str], values: Sequence[Mapping[str, Any]], axis: str
) -> dict[tuple[int, ...], Any]:
    """Return what tiles said an axis stands for, by the position on all axes."""
    found = {}
    for entry in values:
        if axis in entry["values"]:
            position = tuple(entry["at"].get(name, 0) for name in axes)
            found[position] = entry["values"][axis]
    return found


def _axis(
    name: str,
    size: int,
    attributes: Mapping[str, Any],
    values: Sequence[Mapping[str, Any]],
    axes: Sequence[str],
    sizes: Sequence[int],
) -> Axis:
    """Return one axis; of a position whose frames differ, the first frame's value is its own."""
    number = axes.index(name)
    told = dict(sorted(frame_values(axes, values, name).items()))
    known: dict[int, Any] = {}
    for position, value in told.items():
        known.setdefault(position[number], value)
    listed = tuple(known.get(index) for index in range(size)) if known else None
    by_frame = None
    if any(value != known[position[number]] for position, value in told.items()):
        frames = itertools.product(*map(range, sizes))
        by_frame = tuple(told.get(position, known.get(position[number])) for position in frames)
    return Axis(name, size, listed, attributes.get("frameUnits", {}).get(name), by_frame)


def channels_without_place(
    attributes: Mapping[str, Any], axes: Sequence[Axis], bands: int
) -> tuple[str, ...]:
    """Return one sentence for each thing said of channels that are not in the image."""
    if any(axis.name == "c" for axis in axes):
        return ()
    names, colors = (attributes.get(key) or [] for key in ("channelNames", "channelColors"))
    lost = []
    if names and len(names) != bands:
        lost.append(f"channelNames {names}: there is no axis c, and {bands} band(s)")
    if colors and (bands > 1 or len(colors) != 1):
        lost.append(f"channelColors {colors}: there is no axis c")
    return tuple(lost)


def _band_names(attributes: Mapping[str, Any], axes: Sequence[Axis], bands: int) -> tuple[str, ...]:
    """Return the names of the channels where these are the bands."""
    names = attributes.get("channelNames") or []
    apart = any(axis.name == "c" for axis in axes)
    return tuple(names) if len(names) == bands > 1 and not apart else ()


def _channels(
    attributes: Mapping[str, Any], axes: Sequence[Axis], bands: int
) -> tuple[Channel, ...]:
    names = attributes.get("channelNames") or []
    colors = attributes.get("channelColors") or []
    sizes = [axis.size for axis in axes if axis.name == "c"]
    if not sizes and bands == 1 and max(len(names), len(colors)) == 1:
        sizes = [1]  # the only channel
    if not sizes:
        return ()
    more = [f"Band {number + 1}" for number in range(len(names), sizes[0])]
    padded = [*colors, *[None] * sizes[0]]
    pairs = zip([*names, *more][: sizes[0]], padded, strict=False)
    return tuple(Channel(name, color) for name, color in pairs)


def _description(description: object) -> str | None:
    if description is None or isinstance(description, str):
        return description
    return json.dumps(description)


def _geo(attributes: Mapping[str, Any]) -> GeoReference | None:
    projection = attributes.get("projection")
    points = attributes.get("gcps") or []
    if not projection:
        return None
    return GeoReference(
        projection, gcps=tuple(GroundControlPoint(px, py, x, y) for x, y, px, py in points)
    )
