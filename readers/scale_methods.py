"""Magnifications, levels, and points and regions from one scale to another."""

from collections.abc import Mapping
from typing import Any

from ziggurat.readers.constants import TileInputUnits
from ziggurat.readers.errors import OptionError
from ziggurat.readers.hooks import SourceHooks
from ziggurat.readers.regions import REGION_KEYS, check_keys, wanted_scale
from ziggurat.readers.scales import (
    fractional_level,
    level_count,
    level_scale,
    native_resolution,
    rounded_level,
)
from ziggurat.readers.stored import preferred_level
from ziggurat.readers.units import parse_unit, pixels_per_unit

Scale = Mapping[str, Any]


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
            ``'round'`` or ``'ceil'`` give whole levels that exist, None and False a fractional
            one, not clamped.
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
            A region; ``units`` ``'mag_pixels'`` are those of ``sourceScale``.
        targetUnits
            Default: the region's own.
        targetScale
            What ``'mag_pixels'`` are in the result.
        cropToImage
            Clip what is beyond the image.
        """
        info = self._reader().info
        region = check_keys("region", sourceRegion, REGION_KEYS)
        unit_name = region.pop("units", None)
        unit, unit_size = parse_unit(unit_name), parse_unit(region.pop("unitsWH", unit_name))
        target = unit if targetUnits is None else parse_unit(targetUnits)
        from_scale, to_scale = _scale(info, sourceScale), _scale(info, targetScale)
        into = pixels_per_unit(info, target, to_scale)
        edge, size = (pixels_per_unit(info, u, from_scale) for u in (unit, unit_size))
        result: dict[str, Any] = {}
        for key, value in region.items():
            vertical = key in ("top", "bottom", "height")
            per = (size if key in ("width", "height") else edge)[vertical]
            pixels = value * per
            if cropToImage and not 0 <= pixels <= (info.height if vertical else info.width):
                pixels = min(max(pixels, 0), info.height if vertical else info.width)
            elif per == into[vertical]:
                result[key] = value
                continue
            result[key] = pixels / into[vertical]
        name = unit_name if targetUnits is None else targetUnits
        if name is not None:
            result["units"] = TileInputUnits.get(name, name)
        return result

    def getPointAtAnotherScale(
        self,
        point: tuple[float, float],
        sourceScale: Scale | None = None,
        sourceUnits: str | None = None,
        targetScale: Scale | None = None,
        targetUnits: str | None = None,
    ) -> tuple[float, float]:
        """Return a point (x, y) in another unit or scale."""
        if len(point) != 2:
            raise OptionError(f"a point is (x, y), not {point!r}")
        info = self._reader().info
        source = parse_unit(sourceUnits)
        target = source if targetUnits is None else parse_unit(targetUnits)
        per = pixels_per_unit(info, source, _scale(info, sourceScale))
        into = pixels_per_unit(info, target, _scale(info, targetScale))
        return point[0] * per[0] / into[0], point[1] * per[1] / into[1]


def _scale(info: Any, scale: Scale | None) -> float:
    plain = {key: value for key, value in (scale or {}).items() if key != "exact"}
    return wanted_scale(info, plain) or 1.0
