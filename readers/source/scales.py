"""Magnifications, levels, and points and regions from one scale to another."""

from collections.abc import Mapping
from typing import Any

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.levels import preferred_level
from ziggurat.readers.grid.regions import (
    REGION_KEYS,
    SCALE_KEYS,
    check_keys,
    clipped,
    region_bounds,
    wanted_scale,
)
from ziggurat.readers.grid.scales import (
    fractional_level,
    level_count,
    level_scale,
    native_resolution,
    rounded_level,
)
from ziggurat.readers.grid.units import Unit, parse_unit, pixels_per_unit
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.source.hooks import SourceHooks
from ziggurat.readers.source.image import geo_bounds

Scale = Mapping[str, Any]
_MAG_PIXELS = Unit("mag_pixels")


class ScaleMethods(SourceHooks):
    """Everything about scale that needs no pixels."""

    def getNativeMagnification(self) -> dict[str, float | None]:
        """Return magnification, mm_x and mm_y of the full resolution; None where unknown.

        A magnification that the file doesn't tell is estimated as 0.01 / mm_x.
        """
        return native_resolution(self._reader().info).as_dict()

    def getMagnificationForLevel(self, level: float | None = None) -> dict[str, float | None]:
        """Return magnification, mm_x, mm_y and scale (full-resolution pixels a pixel) of a level.

        ``level`` may be fractional; None is the full resolution.
        """
        info = self._reader().info
        number = level_count(info) - 1 if level is None else level
        scale = level_scale(info, number)  # type: ignore[arg-type]
        found: dict[str, float | None] = native_resolution(info).at(scale).as_dict()
        return {**found, "level": number, "scale": scale}

    @shares_words()
    def getLevelForMagnification(
        self,
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
        info = self._reader().info
        level = fractional_level(info, magnification, mm_x, mm_y)
        if level is None:
            return level_count(info) - 1
        if exact:
            whole = level == int(level) and 0 <= level < level_count(info)
            return int(level) if whole else None
        return rounded_level(level, level_count(info), rounding)

    def getPreferredLevel(self, level: int) -> int:
        """Return the stored level that serves a wanted one: itself, or the next finer."""
        return preferred_level(self._reader().info, level)

    def convertRegionScale(
        self,
        sourceRegion: Mapping[str, Any],
        sourceScale: Scale | None = None,
        targetScale: Scale | None = None,
        targetUnits: str | None = None,
        cropToImage: bool = True,
    ) -> dict[str, Any]:
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
        info = self._reader().info
        region = check_keys("region", sourceRegion, REGION_KEYS)
        unit = parse_unit(region.get("units"))
        target = _target(unit, targetUnits)
        if target == unit and unit != _MAG_PIXELS:
            return dict(sourceRegion)
        bounds = region_bounds(info, region, _scale(info, sourceScale), geo_bounds(info))
        if cropToImage:
            rect = clipped(info, bounds)
            bounds = (rect.x, rect.y, rect.right, rect.bottom)
        left, top, right, bottom = bounds
        x, y = pixels_per_unit(info, target, _scale(info, targetScale))
        every = {
            "left": left / x,
            "top": top / y,
            "right": right / x,
            "bottom": bottom / y,
            "width": (right - left) / x,
            "height": (bottom - top) / y,
        }
        given: dict[str, Any] = {key: every[key] for key in every if key in region}
        return {**given, "units": target.name}

    def getPointAtAnotherScale(
        self,
        point: tuple[float, float],
        sourceScale: Scale | None = None,
        sourceUnits: str | None = None,
        targetScale: Scale | None = None,
        targetUnits: str | None = None,
    ) -> tuple[float, float]:
        """Return a point (x, y) in another unit or scale; negative places count from the far edge.

        Units and scales are as in :meth:`convertRegionScale`.
        """
        if len(point) != 2:
            raise OptionError(f"a point is (x, y), not {point!r}")
        info = self._reader().info
        source = parse_unit(sourceUnits)
        target = _target(source, targetUnits)
        if target == source and source != _MAG_PIXELS:
            return point[0], point[1]
        region = {"left": point[0], "top": point[1], "units": source}
        bounds = region_bounds(info, region, _scale(info, sourceScale), geo_bounds(info))
        x, y = pixels_per_unit(info, target, _scale(info, targetScale))
        return bounds[0] / x, bounds[1] / y


def _target(source: Unit, name: str | None) -> Unit:
    if name is not None:
        return parse_unit(name)
    return Unit("base_pixels") if source == _MAG_PIXELS else source


def _scale(info: Any, scale: Scale | None) -> float:
    plain = check_keys("scale", scale, SCALE_KEYS)
    plain.pop("exact", None)
    return wanted_scale(info, plain) or 1.0
