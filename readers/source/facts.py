"""What is in an image, as methods: sizes, metadata, bands, frames."""

import contextlib
import dataclasses
import json
from typing import Any, cast

import numpy as np

from ziggurat.readers.errors import TileRangeError
from ziggurat.readers.grid.frames import axes_frame, channel_names, frame_axes
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.words import BandInformation, ImageMetadata
from ziggurat.readers.pixels.band_values import band_values, known_band_values
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.output.dicts import (
    JSONDict,
    band_interpretations,
    image_metadata,
    json_numbers,
)
from ziggurat.readers.source.place import band_facts, geo_metadata, raster_image
from ziggurat.readers.style.access import effective_style


class SizeMethods:
    """Sizes and types as properties."""

    @property
    def sizeX(self: HasImage) -> int:
        """Full-resolution width in pixels."""
        return self._image().info.width

    @property
    def sizeY(self: HasImage) -> int:
        """Full-resolution height in pixels."""
        return self._image().info.height

    @property
    def levels(self: HasImage) -> int:
        """Number of conceptual ÷2 levels that ``getTile`` serves."""
        return self._image().pyramid.count

    @property
    def tileWidth(self: HasImage) -> int:
        """Width of the tiles that ``getTile`` serves."""
        return self._image().pyramid.tile_size[0]

    @property
    def tileHeight(self: HasImage) -> int:
        """Height of the tiles that ``getTile`` serves."""
        return self._image().pyramid.tile_size[1]

    @property
    def dtype(self: HasImage) -> np.dtype:
        """Of the pixels."""
        return self._image().info.dtype

    @property
    def bandCount(self: HasImage) -> int:
        """Number of bands (samples) of a pixel."""
        return self._image().info.bands

    @property
    def frames(self: HasImage) -> int:
        """Number of frames."""
        return self._image().info.frames

    @property
    def channelNames(self: HasImage) -> list[str] | None:
        """Names of the channels, where the image tells them."""
        return channel_names(self._image().info)

    @property
    def encoding(self: HasImage) -> str:
        """How tiles are encoded."""
        return self._options.encoding

    @property
    def jpegQuality(self: HasImage) -> int:
        """The quality of tiles that are encoded as JPEG, 0 to 100."""
        return self._options.jpegQuality

    @property
    def edge(self: HasImage) -> bool | str | None:
        """What becomes of tiles at the right and the bottom edge."""
        return self._options.edge

    @property
    def name(self: HasImage) -> str:
        """The backend that reads the image."""
        info = self._image().info
        return info.backend or info.format

    @staticmethod
    def getLRUHash(*arguments: Any, **options: Any) -> str:
        """Return a text that is equal for openings of one path with equal options."""
        return f"{arguments} {sorted(options.items(), key=str)}"

    def getState(self: HasImage) -> str:
        """Return a text that is equal for equal images opened with equal options."""
        return f"{self._image().path} {self._options}"

    @property
    def style(self: HasImage) -> Any:
        """The style that all pixels are read with; None where there is none. May be set."""
        style = self._options.style  # kept as JSON where it can be, so that equal ones are equal
        known = isinstance(style, str) and style.startswith("{")
        return json.loads(style) if known else style

    @style.setter
    def style(self: HasImage, style: object) -> None:
        effective_style(style)  # refuses what can't be meant; stored pixels alone are cached
        self._options = dataclasses.replace(self._options, style=style)


class MetadataMethods:
    """Metadata, bands, frames and their axes."""

    def getMetadata(self: HasImage) -> ImageMetadata:
        """Return sizes, scale, levels, frames and channels under their public names.

        Geospatial images add where they are, and ``bands``: what :meth:`getBandInformation` says,
        with ``min``, ``max``, ``mean`` and ``stdev`` where they can be had at little cost (None
        where all is nodata). All of it is valid JSON: numbers that JSON has no word for are
        ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which ``float`` understands.
        """
        return metadata_of(self._image())

    @property
    def metadata(self: HasImage) -> ImageMetadata:
        """The same as :meth:`getMetadata`."""
        return metadata_of(self._image())

    @property
    def imageDescription(self: HasImage) -> Any:
        """The description: a text, or what JSON holds where it is an object or a list of that."""
        text = self._image().info.description
        if text is not None and text[:1] in ("{", "["):
            with contextlib.suppress(ValueError, RecursionError):
                return json.loads(text)
        return text

    @property
    def additionalMetadata(self: HasImage) -> Any:
        """Further facts: what a sink was told, as it was told, or a vendor's fields by name."""
        info = self._image().info
        return info.given.get("additionalMetadata", dict(info.properties) or None)

    @shares_words()
    def getInternalMetadata(self: HasImage) -> JSONDict:
        """Return what the file says in its own words: free-form, different for every format."""
        info = self._image().info
        said = info.internal or {"properties": dict(info.properties)}
        if info.backend is None:
            return JSONDict(said)
        found = {"backend": info.backend, "declined": dict(info.declined)}
        if info.losses:
            found["losses"] = list(info.losses)
        return JSONDict({**said, **found})

    @shares_words()
    def getBandInformation(self: HasImage, statistics: bool = False) -> dict[int, BandInformation]:
        """Return facts per band, counted from 1.

        Parameters
        ----------
        statistics
            Add ``min``, ``max``, ``mean`` and ``stdev``, nodata left out: what the file says of
            itself, else of an overview of at most 2048 pixels a side. Those of a map in another
            projection are of the stored raster.
        """
        return bands_of(self._image(), statistics=statistics)

    def getOneBandInformation(self: HasImage, band: int) -> BandInformation:
        """Return facts and statistics of one band, counted from 1."""
        bands = bands_of(self._image(), statistics=True)
        if band not in bands:
            raise TileRangeError(f"there are bands 1 to {len(bands)}, not {band!r}")
        return bands[band]

    def frameToAxes(self: HasImage, frame: int) -> dict[str, int]:
        """Return the position of a frame on each axis; ``{'frame': n}`` without axes."""
        return frame_axes(self._image().info, frame)

    def axesToFrame(self: HasImage, **position: int) -> int:
        """Return the frame at a position, as ``axesToFrame(c=1, z=3)``; axes not named are at 0."""
        return axes_frame(self._image().info, position)

    def getICCProfiles(self: HasImage, idx: int | None = None, onlyInfo: bool = False) -> Any:
        """Return the image's colour profiles as bytes (or facts about them), None without any.

        Parameters
        ----------
        idx
            Return only this one; there is at most one, number 0.
        onlyInfo
            Say how large it is instead of returning it.
        """
        profile = self._image().info.icc_profile
        if profile is None or idx not in (None, 0):
            return None
        found = {"bytes": len(profile)} if onlyInfo else profile
        return found if idx == 0 else [found]


def metadata_of(image: Image) -> ImageMetadata:
    """Return what ``getMetadata`` says."""
    geo = geo_metadata(image.info)
    bands: dict[str, object] = {"bands": _bands_as_json(image)} if geo else {}
    if image.info.band_names and not geo:
        bands = {"bands": bands_of(image)}
    return cast(ImageMetadata, JSONDict(image_metadata(image.pyramid), **geo, **bands))


def bands_of(image: Image, *, statistics: bool = False) -> dict[int, BandInformation]:
    """Return what ``getBandInformation`` says."""
    info = image.info
    result = {
        number: cast(BandInformation, {"interpretation": name, **band_facts(info, number)})
        for number, name in enumerate(band_interpretations(info), 1)
    }
    if statistics:
        found = band_values(raster_image(image) or image)
        for facts, values in zip(result.values(), found, strict=False):
            facts.update(cast(BandInformation, values))
    return result


def _bands_as_json(image: Image) -> dict[int, BandInformation]:
    bands, raster = bands_of(image), raster_image(image)
    found = () if raster is None else known_band_values(raster)
    for facts, values in zip(bands.values(), found, strict=False):
        numbers = {key: None if v != v else v for key, v in values.items()}
        facts.update(cast(BandInformation, numbers))
    return {number: json_numbers(facts) for number, facts in bands.items()}
