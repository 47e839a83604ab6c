"""Magnifications, levels, and points and regions from one scale to another."""

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.pyramid import Pyramid, rounded_level
from ziggurat.readers.grid.regions import (
    REGION_KEYS,
    SCALE_KEYS,
    Bounds,
    check_keys,
    clipped,
    region_bounds,
    wanted_scale,
)
from ziggurat.readers.grid.units import Unit, parse_unit, pixels_per_unit
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.words import (
    LevelMagnification,
    Magnification,
    Options,
    Region,
    Scale,
)
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.place import geo_bounds

_MAG_PIXELS = Unit("mag_pixels")


class ScaleMethods:
    """Everything about scale that needs no pixels."""

    def getNativeMagnification(self: HasImage) -> Magnification:
        """Return magnification, mm_x and mm_y of the full resolution; None where unknown.

        A magnification that the file doesn't tell is estimated as 0.01 / mm_x.
        """
        return self._image().pyramid.resolution.as_dict()

    def getMagnificationForLevel(self: HasImage, level: float | None = None) -> LevelMagnification:
        """Return magnification, mm_x, mm_y and scale (full-resolution pixels a pixel) of a level.

        ``level`` may be fractional; None is the full resolution.
        """
        pyramid = self._image().pyramid
        number = pyramid.count - 1 if level is None else level
        scale = pyramid.scale(number)
        return {**pyramid.resolution.at(scale).as_dict(), "level": number, "scale": scale}

    @shares_words()
    def getLevelForMagnification(
        self: HasImage,
        magnification: float | None = None,
        exact: bool = False,
        mm_x: float | None = None,
        mm_y: float | None = None,
        rounding: str | bool | None = "round",
    ) -> int | float | None:
        """Return the level of a magnification or pixel size.

        Parameters
        ----------
        magnification, mm_x, mm_y
            What is wanted; several are averaged. Without any: the full resolution.
        exact
            None unless a level has just that scale.
        rounding
            ``'round'`` or ``'ceil'`` give whole levels that exist; False a fractional one, no
            less than 0 and no more than the full resolution's; None one that isn't clamped.
        """
        pyramid = self._image().pyramid
        level = pyramid.fractional(magnification, mm_x, mm_y)
        if level is None:
            return pyramid.count - 1
        if exact:
            whole = level == int(level) and 0 <= level < pyramid.count
            return int(level) if whole else None
        return rounded_level(level, pyramid.count, rounding)

    def getPreferredLevel(self: HasImage, level: int) -> int:
        """Return the stored level that serves a wanted one: itself, or the next finer."""
        return self._image().pyramid.preferred(level)

    def convertRegionScale(
        self: HasImage,
        sourceRegion: Region | Options,
        sourceScale: Scale | Options | None = None,
        targetScale: Scale | Options | None = None,
        targetUnits: str | None = None,
        cropToImage: bool = True,
    ) -> dict[str, object]:
        """Return the same region in another unit or scale, with the keys that were given.

        Parameters
        ----------
        sourceRegion
            A region; its ``'mag_pixels'`` are those of ``sourceScale``.
        targetUnits
            Default: the region's own, but full-resolution pixels for ``'mag_pixels'``. A region
            that has the unit already comes back as it is.
        targetScale
            What ``'mag_pixels'`` are in the result.
        cropToImage
            Round to whole full-resolution pixels and clip to the image first.
        """
        image = self._image()
        return converted_region(
            image, sourceRegion, sourceScale, targetScale, targetUnits, crop=cropToImage
        )

    def getPointAtAnotherScale(
        self: HasImage,
        point: tuple[float, float],
        sourceScale: Scale | Options | None = None,
        sourceUnits: str | None = None,
        targetScale: Scale | Options | None = None,
        targetUnits: str | None = None,
    ) -> tuple[float, float]:
        """Return a point (x, y) in another unit or scale; negative places count from the far edge.

        Units and scales are as in :meth:`convertRegionScale`.
        """
        if len(point) != 2:
            raise OptionError(f"a point must be (x, y), not {point!r}")
        image = self._image()
        source = parse_unit(sourceUnits)
        target = _target(source, targetUnits)
        if target == source and source != _MAG_PIXELS:
            return point[0], point[1]
        region = {"left": point[0], "top": point[1], "units": source}
        left, top, *_ = _bounds(image, region, sourceScale)
        x, y = pixels_per_unit(image.info, target, _scale(image.pyramid, targetScale))
        return left / x, top / y


def converted_region(
    image: Image,
    region: Options,
    source_scale: Options | None = None,
    target_scale: Options | None = None,
    target_units: str | None = None,
    *,
    crop: bool = True,
) -> dict[str, object]:
    """Return a region in another unit or scale, as :meth:`ScaleMethods.convertRegionScale`."""
    asked = check_keys("region", region, REGION_KEYS)
    unit = parse_unit(asked.get("units"))
    target = _target(unit, target_units)
    if target == unit and unit != _MAG_PIXELS:
        return dict(region)
    left, top, right, bottom = _bounds(image, asked, source_scale)
    if crop:
        rect = clipped(image.info, (left, top, right, bottom))
        left, top, right, bottom = rect.x, rect.y, rect.right, rect.bottom
    x, y = pixels_per_unit(image.info, target, _scale(image.pyramid, target_scale))
    every = {
        "left": left / x,
        "top": top / y,
        "right": right / x,
        "bottom": bottom / y,
        "width": (right - left) / x,
        "height": (bottom - top) / y,
    }
    return {**{key: every[key] for key in every if key in asked}, "units": target.name}


def _bounds(image: Image, region: Options, scale: Options | None) -> Bounds:
    geo = geo_bounds(image.info)
    return region_bounds(image.info, region, _scale(image.pyramid, scale), geo)


def _target(source: Unit, name: str | None) -> Unit:
    if name is not None:
        return parse_unit(name)
    return Unit("base_pixels") if source == _MAG_PIXELS else source


def _scale(pyramid: Pyramid, scale: Options | None) -> float:
    plain = check_keys("scale", scale, SCALE_KEYS)
    plain.pop("exact", None)
    return wanted_scale(pyramid, plain) or 1.0
