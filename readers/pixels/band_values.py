"""What values the bands of an image have: as the file says, else of a small part of it."""

import math
from typing import Any
from weakref import WeakKeyDictionary

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.model.samples import uncounted
from ziggurat.readers.pixels.histogram import statistics
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.window import overview, read_level

_OVERVIEW = 2048  # pixels a side
_MOST_READ = 16 << 20  # pixels for metadata, which are asked for often, and first of all
_BLOCKS, _BLOCK = 5, 256  # along each side, and pixels of each
_NAMES = {"MINIMUM": "min", "MAXIMUM": "max", "MEAN": "mean", "STDDEV": "stdev"}

Facts = dict[str, Any]
_known: WeakKeyDictionary[Reader, tuple[Facts, ...]] = WeakKeyDictionary()


def band_values(image: Image) -> tuple[Facts, ...]:
    """Return ``min``, ``max``, ``mean`` and ``stdev`` of each band, nodata left out.

    What the file itself says counts first. Else they are those of an overview of at most 2048
    pixels a side. A band of which nothing counts has NaN for all of them, a band of complex
    numbers has none.
    """
    return _with_stored(image.info, _of_pixels(image, [overview(image, 0, _OVERVIEW)]))


def known_band_values(image: Image) -> tuple[Facts, ...]:
    """Return the same for metadata: nothing where it can't be had at little cost.

    Of a raster without overviews 25 blocks stand for the whole. It is found once for each
    opening, and not for images that still change, nor of files that are damaged.
    """
    if image.reader.volatile:
        return ({},) * image.info.bands
    found = _known.get(image.reader)
    if found is None:
        stored = stored_values(image.info)
        try:
            found = stored if all(stored) else _with_stored(image.info, _of_little(image))
        except SourceError:
            found = stored
        _known[image.reader] = found
    return found


def stored_values(info: ImageInfo) -> tuple[Facts, ...]:
    """Return the statistics that a raster's file holds, by band; empty where it holds none."""
    bands = info.internal.get("gdal", {}).get("bands", ())
    found = [_stored(band.get("metadata", {})) for band in bands[: info.bands]]
    return (*found, *({},) * (info.bands - len(found)))


def _stored(metadata: dict[str, str]) -> Facts:
    try:
        values = {name: float(metadata[f"STATISTICS_{stored}"]) for stored, name in _NAMES.items()}
    except (KeyError, ValueError):
        return {}
    sound = all(map(math.isfinite, values.values())) and values["min"] <= values["max"]
    return values if sound else {}


def _with_stored(info: ImageInfo, found: tuple[Facts, ...]) -> tuple[Facts, ...]:
    return tuple(a or b for a, b in zip(stored_values(info), found, strict=True))


def _of_little(image: Image) -> tuple[Facts, ...]:
    info = image.info
    level = info.levels[image.pyramid.best(max(info.width, info.height) / _OVERVIEW).index]
    if level.width * level.height <= _MOST_READ:
        return _of_pixels(image, [overview(image, 0, _OVERVIEW)])
    return _of_pixels(image, [read_level(image, 0, 0, rect) for rect in _spread(info)])


def _spread(info: ImageInfo) -> list[Rect]:
    """Return a few blocks all over the image, each within as few stored tiles as can be."""
    level = info.levels[0]
    width, height = min(_BLOCK, level.width), min(_BLOCK, level.height)
    places = [(number + 0.5) / _BLOCKS for number in range(_BLOCKS)]
    lefts = {_start(level.width, level.tile_width, width, place) for place in places}
    tops = {_start(level.height, level.tile_height, height, place) for place in places}
    return [Rect(x, y, width, height) for y in sorted(tops) for x in sorted(lefts)]


def _start(size: int, tile: int, length: int, place: float) -> int:
    return min(int(size * place) // tile * tile, size - length)


def _of_pixels(image: Image, parts: list[Pixels]) -> tuple[Facts, ...]:
    info = image.info
    if info.dtype.kind == "c":
        return ({},) * info.bands
    found = statistics(parts, uncounted(info))
    assert found is not None
    facts = found.as_dict()
    return tuple(
        {key: values[band].item() for key, values in facts.items()} for band in range(info.bands)
    )
