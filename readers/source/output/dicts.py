"""The dictionaries that describe an image, out of its facts."""

import math
from typing import Any

from ziggurat.readers.grid.frames import frames_metadata
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.model.image import ImageInfo, Interpretation


class JSONDict(dict[str, Any]):
    """A dictionary that notebooks show as a tree."""

    def _repr_json_(self) -> dict[str, Any]:
        return dict(self)


def image_metadata(pyramid: Pyramid) -> JSONDict:
    """Return what ``getMetadata`` gives for every image."""
    info = pyramid.info
    width, height = pyramid.tile_size
    return JSONDict(
        levels=pyramid.count,
        sizeX=info.width,
        sizeY=info.height,
        tileWidth=width,
        tileHeight=height,
        **pyramid.resolution.as_dict(),
        dtype=info.dtype.name,
        bandCount=info.bands,
        **frames_metadata(info),
    )


def band_interpretations(info: ImageInfo) -> list[str]:
    """Return what each band is: a colour, gray, alpha, its own name, or ``unknown``."""
    if info.band_names:
        names = list(info.band_names)
    elif info.interpretation is Interpretation.RGB:
        names = ["red", "green", "blue"]
    elif info.interpretation in (Interpretation.GRAY, Interpretation.LABELS):
        names = ["gray"]
    elif info.interpretation is Interpretation.PALETTE:
        names = ["palette"]
    else:
        names = []
    names = (names + ["unknown"] * info.bands)[: info.bands]
    if info.alpha and not info.band_names:
        names[-1] = "alpha"
    return names


def json_numbers(value: object) -> Any:
    """Return a value with words for the numbers that JSON knows none of, as GDAL writes them."""
    if isinstance(value, dict):
        return {key: json_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_numbers(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value
