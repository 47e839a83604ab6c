"""Bands as channels, and back: OME-TIFF has a page for each channel, where names and colours go."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.views.views import OtherPixels, View

AXIS = "c"
_COLORS = ("#ff0000", "#00ff00", "#0000ff", "#00ffff", "#ff00ff", "#ffff00", "#ffffff")
_COLOR_NAMES = {"r", "g", "b", "a", "red", "green", "blue", "alpha", "gray", "grey"}


def are_channels(info: ImageInfo) -> bool:
    """Return True for bands that have names of their own: classes, stains, wavelengths."""
    apart = info.bands > 1 and len(info.band_names) == info.bands and not info.alpha
    colors = {name.lower() for name in info.band_names} <= _COLOR_NAMES
    return apart and not colors and all(axis.name != AXIS for axis in info.axes)


class BandsApart(View):
    """Each band as a frame of one band, on an axis of channels, the fastest."""

    def __init__(self, reader: Reader) -> None:
        info = reader.info
        self._bands = info.bands
        nodata = info.nodata
        if isinstance(nodata, tuple):
            nodata = nodata[0] if len(set(nodata)) == 1 else None
        names = enumerate(info.band_names)
        pages = [number // info.bands for number in range(info.frames * info.bands)]
        super().__init__(
            reader,
            dataclasses.replace(
                info,
                bands=1,
                interpretation=Interpretation.MULTIBAND,  # no picture: never lossy
                axes=(*_each(info.axes, pages), Axis(AXIS, info.bands)),
                channels=tuple(Channel(name, _COLORS[n % len(_COLORS)]) for n, name in names),
                band_names=(),
                nodata=nodata,
                background=None if info.background is None else info.background[:1],
            ),
        )

    def plane(self, level: int, frame: int) -> Plane:
        """Return one band."""
        outer, band = divmod(frame, self._bands)
        return _Band(self.source.plane(level, outer), band)


def _each(axes: Sequence[Axis], frames: Sequence[int]) -> tuple[Axis, ...]:
    return tuple(axis.of_frames(frames) for axis in axes)


class _Band(OtherPixels):
    __slots__ = ("_band",)

    def __init__(self, source: Plane, band: int) -> None:
        super().__init__(source)
        self._band = band

    def read(self, rect: Rect) -> Pixels:
        band = self.source.read(rect)[..., self._band : self._band + 1]
        return np.ascontiguousarray(band)


class BandsTogether(View):
    """The frames of an axis of channels, the fastest one, as bands again."""

    def __init__(self, reader: Reader, facts: Mapping[str, Any]) -> None:
        info = reader.info
        self._bands = info.axes[-1].size
        names = facts.get("band_names", ())
        background, nodata = facts.get("background", ()), facts.get("nodata", info.nodata)
        fits = not isinstance(nodata, tuple) or len(nodata) == self._bands
        super().__init__(
            reader,
            dataclasses.replace(
                info,
                bands=self._bands,
                interpretation=facts.get("interpretation", Interpretation.MULTIBAND),
                axes=_each(info.axes[:-1], range(0, info.frames, self._bands)),
                channels=(),
                band_names=names if len(names) == self._bands else (),
                nodata=nodata if fits else None,
                background=background if len(background) == self._bands else None,
            ),
        )

    def plane(self, level: int, frame: int) -> Plane:
        """Return all bands."""
        frames = range(frame * self._bands, (frame + 1) * self._bands)
        return _Stack([self.source.plane(level, number) for number in frames])


class _Stack(DecodedPlane):
    __slots__ = ("_planes",)

    def __init__(self, planes: list[Plane]) -> None:
        self._planes = planes

    def read(self, rect: Rect) -> Pixels:
        return np.concatenate([plane.read(rect) for plane in self._planes], axis=2)

    def is_blank(self, rect: Rect) -> bool:
        return all(plane.is_blank(rect) for plane in self._planes)

    def release(self, rect: Rect) -> None:
        for plane in self._planes:
            plane.release(rect)
