"""An image's facts as JSON-like values, for ``ziggurat info --json`` and for tables."""

import base64
from typing import Any

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader


def describe(reader: Reader, path: str) -> dict[str, Any]:
    """Return everything that is known of an image but its pixels."""
    info = reader.info
    return {
        "path": path,
        "format": info.format,
        "backend": info.backend,
        "declined": dict(info.declined),
        "losses": list(info.losses),
        "width": info.width,
        "height": info.height,
        "bands": info.bands,
        "dtype": info.dtype.name,
        "interpretation": info.interpretation.value,
        "alpha": info.alpha,
        "mm_x": info.mm_x,
        "mm_y": info.mm_y,
        "magnification": info.magnification,
        "levels": _levels(reader),
        "frames": info.frames,
        "axes": [
            {"name": a.name, "size": a.size, "values": _jsonable(a.values), "unit": a.unit}
            for a in info.axes
        ],
        "channels": [{"name": c.name, "color": c.color, "window": c.window} for c in info.channels],
        "associated": [{"name": n, **associated_facts(reader, n)} for n in info.associated],
        "icc_profile": _icc(info),
        "geospatial": info.placed,
        "description": info.description,
        "properties": dict(info.properties),
    }


def _levels(reader: Reader) -> list[dict[str, Any]]:
    levels = []
    for index, level in enumerate(reader.info.levels):
        tiles = reader.plane(index, 0).encoded()
        levels.append(
            {
                "width": level.width,
                "height": level.height,
                "tile_width": level.tile_width,
                "tile_height": level.tile_height,
                "downsample": reader.info.downsample(index),
                "codec": None if tiles is None else tiles.format.codec.value,
            }
        )
    return levels


def associated_facts(reader: Reader, name: str) -> dict[str, object]:
    """Return the size of an associated image, its codec, or why it can't be read."""
    try:
        stored = reader.associated(name).encoded()
        if stored is not None:
            return {"width": stored.width, "height": stored.height, "codec": stored.codec.value}
        pixels = reader.associated(name).read()
    except SourceError as error:
        return {"width": None, "height": None, "codec": None, "error": str(error)}
    return {"width": pixels.shape[1], "height": pixels.shape[0], "codec": None}


def _icc(info: ImageInfo) -> str | None:
    return base64.b64encode(info.icc_profile).decode() if info.icc_profile else None


def _jsonable(values: tuple[object, ...] | None) -> list[object] | None:
    if values is None:
        return None
    return [v if isinstance(v, str | int | float | bool | None) else str(v) for v in values]
