"""Readers over a reader: the same image cropped, padded, thinned out, or with other facts.

A view is cheap and holds no pixels. Where its tiles are still the tiles of its source, it hands
the encoded ones through, so that a view can be copied as its source can.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import RegionError
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect, ceil_div, grid_shape
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import AssociatedImage, Part, Pixels, Plane, Reader


class View(Reader):
    """All of a reader, unchanged; the views below override what they change."""

    def __init__(self, reader: Reader, info: ImageInfo | None = None) -> None:
        self.source = reader
        self.info = info or reader.info
        self.volatile, self.scattered = reader.volatile, reader.scattered

    def plane(self, level: int, frame: int) -> Plane:
        """Return the source's plane."""
        return self.source.plane(level, frame)

    def associated(self, name: str) -> AssociatedImage:
        """Return the source's associated image."""
        return self.source.associated(name)

    def close(self) -> None:
        """Close the source."""
        self.source.close()


class SamePixels(Plane):
    """A plane with the pixels of another one; what its tiles are, heirs say, and where they lie."""

    __slots__ = ("source",)

    def __init__(self, source: Plane) -> None:
        self.source = source

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels of the source."""
        return self.source.read(rect)

    @property
    def together(self) -> bool:
        """Ask the source."""
        return self.source.together

    def fill(self, parts: Sequence[Part], threads: int = 1, shown: Part | None = None) -> None:
        """Let the source do it."""
        self.source.fill(parts, threads, shown)

    def is_blank(self, rect: Rect) -> bool:
        """Ask the source."""
        return self.source.is_blank(rect)

    def release(self, rect: Rect) -> None:
        """Tell the source."""
        self.source.release(rect)


class OtherPixels(Plane):
    """A plane with other pixels than its source at the same places: no tile of it is stored."""

    __slots__ = ("source",)

    def __init__(self, source: Plane) -> None:
        self.source = source

    def encoded(self) -> None:
        """Return None: the source's tiles hold other pixels."""

    def places(self) -> None:
        """Return None: the source's tiles hold other pixels."""

    def is_blank(self, rect: Rect) -> bool:
        """Ask the source."""
        return self.source.is_blank(rect)

    def release(self, rect: Rect) -> None:
        """Tell the source."""
        self.source.release(rect)


def without_associated(reader: Reader) -> View:
    """Return an image that has no label, macro or other picture beside it."""
    withheld = reader.info.withheld + reader.info.associated
    return View(reader, dataclasses.replace(reader.info, associated=(), withheld=withheld))


class FramesReader(View):
    """Some frames of an image, in a given order, as one anonymous or given set of axes."""

    def __init__(self, reader: Reader, frames: Sequence[int], info: ImageInfo) -> None:
        if len(frames) != info.frames:
            raise ValueError(f"{len(frames)} frames don't fill axes of {info.frames}")
        super().__init__(reader, info)
        self._frames = tuple(frames)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane of the chosen frame."""
        return self.source.plane(level, self._frames[frame])


def select_frames(reader: Reader, wanted: Mapping[str, Sequence[int]]) -> FramesReader:
    """Keep some positions of some axes; an axis of which one is left goes away, but ``c`` stays.

    Raises
    ------
    RegionError
        An axis or a position that the image has not.
    """
    info = reader.info
    keep: dict[str, tuple[int, ...]] = {}
    for name, positions in wanted.items():
        axis = next((axis for axis in info.axes if axis.name == name), None)
        if axis is None:
            raise RegionError(f"no axis {name!r}; there are {[a.name for a in info.axes]}")
        wrong = [p for p in positions if not 0 <= p < axis.size]
        if wrong or not positions:
            raise RegionError(f"axis {name!r} has positions 0 to {axis.size - 1}, not {wrong}")
        keep[name] = tuple(positions)
    picks = [keep.get(axis.name, tuple(range(axis.size))) for axis in info.axes]
    grids = np.meshgrid(*picks, indexing="ij")
    sizes = [axis.size for axis in info.axes]
    frames = np.ravel_multi_index([g.ravel() for g in grids], sizes) if sizes else np.array([0])
    axes = []
    for axis, picked in zip(info.axes, picks, strict=True):
        if len(picked) > 1 or axis.name not in keep or axis.name == "c":
            values = None if axis.values is None else tuple(axis.values[p] for p in picked)
            left = axis.of_frames(frames)
            axes.append(dataclasses.replace(left, size=len(picked), values=values))
    channels = info.channels
    if "c" in keep and channels:
        channels = tuple(channels[p] for p in keep["c"] if p < len(channels))
    new = dataclasses.replace(info, axes=tuple(axes), channels=channels)
    return FramesReader(reader, [int(f) for f in frames], new)


class BandsReader(View):
    """Some bands of an image, in a given order."""

    def __init__(self, reader: Reader, bands: Sequence[int]) -> None:
        info = reader.info
        wrong = [band for band in bands if not 0 <= band < info.bands]
        if wrong or not bands:
            raise RegionError(f"bands must be 0 to {info.bands - 1}, not {list(bands)}")
        super().__init__(reader, _with_bands(info, tuple(bands)))
        self._bands = list(bands)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the chosen bands; the source's plane itself where all of them are wanted."""
        plane = self.source.plane(level, frame)
        if self._bands == list(range(self.source.info.bands)):
            return plane
        return _BandsPlane(plane, self._bands)


class _BandsPlane(OtherPixels):
    __slots__ = ("_bands",)

    def __init__(self, source: Plane, bands: list[int]) -> None:
        super().__init__(source)
        self._bands = bands

    def read(self, rect: Rect) -> Pixels:
        return np.ascontiguousarray(self.source.read(rect)[..., self._bands])


def _with_bands(info: ImageInfo, bands: tuple[int, ...]) -> ImageInfo:
    alpha = info.alpha and len(bands) > 1 and bands[-1] == info.bands - 1
    colors = len(bands) - alpha
    kind = info.interpretation
    if kind is Interpretation.RGB and colors != 3:
        kind = Interpretation.GRAY if colors == 1 else Interpretation.MULTIBAND
    nodata = info.nodata
    if isinstance(nodata, tuple):
        nodata = tuple(nodata[band] for band in bands)
    per_band = info.background is not None and len(info.background) == info.bands
    background = tuple(info.background[b] for b in bands) if per_band and info.background else None
    names = tuple(info.band_names[b] for b in bands) if len(info.band_names) == info.bands else ()
    same_color = kind is info.interpretation
    return dataclasses.replace(
        info,
        bands=len(bands),
        interpretation=kind,
        lossy=info.lossy and len(bands) == info.bands,  # a band by itself is a measurement
        alpha=alpha,
        nodata=nodata,
        background=background,
        band_names=names,
        icc_profile=info.icc_profile if same_color else None,
    )


class CropReader(View):
    """A rectangle of an image; levels where it falls on whole pixels of a level are kept.

    Tiles go through as they are where the corner of the crop lies on the tile grid. Pixels of
    such edge tiles beyond the crop are still in their bytes, as in any padded tile.
    """

    def __init__(self, reader: Reader, rect: Rect) -> None:
        info = reader.info
        if rect.empty or rect.intersect(info.levels[0].rect) != rect:
            raise RegionError(
                f"{rect} is not inside the image of {info.width} x {info.height} pixels"
            )
        rects, picks, levels = [], [], []
        for index, level in enumerate(info.levels):
            part = _rect_in_level(rect, info, index)
            if part is None:
                continue
            rects.append(part)
            picks.append(index)
            levels.append(dataclasses.replace(level, width=part.width, height=part.height))
        geo = None if info.geo is None else _shifted_geo(info.geo, rect.x, rect.y)
        super().__init__(reader, dataclasses.replace(info, levels=tuple(levels), geo=geo))
        self._rects, self._picks = rects, picks

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane at the place of the crop."""
        return _CropPlane(self.source.plane(self._picks[level], frame), self._rects[level])


class _CropPlane(Plane):
    __slots__ = ("_part", "_source")

    def __init__(self, source: Plane, part: Rect) -> None:
        self._source = source
        self._part = part

    def _moved(self, rect: Rect) -> Rect:
        return rect.shift(self._part.x, self._part.y)

    def read(self, rect: Rect) -> Pixels:
        return self._source.read(self._moved(rect))

    def encoded(self) -> EncodedLevel | None:
        """Return the encoded tiles where the corner lies on the tile grid, else None."""
        tiles, part = self._source.encoded(), self._part
        if tiles is None or part.x % tiles.tile_width or part.y % tiles.tile_height:
            return None
        left, top = part.x // tiles.tile_width, part.y // tiles.tile_height
        columns, rows = grid_shape(part.width, part.height, tiles.tile_width, tiles.tile_height)
        return dataclasses.replace(
            tiles,
            width=part.width,
            height=part.height,
            columns=columns,
            rows=rows,
            tile=lambda column, row: tiles.tile(column + left, row + top),
        )

    def places(self) -> None:
        """Return None: they are a part of the source's."""

    def is_blank(self, rect: Rect) -> bool:
        return self._source.is_blank(self._moved(rect))

    def release(self, rect: Rect) -> None:
        self._source.release(self._moved(rect))


def _rect_in_level(rect: Rect, info: ImageInfo, index: int) -> Rect | None:
    """Return a full-resolution rectangle in a level's pixels where its corner is whole there."""
    if index == 0:
        return rect
    factor = round(info.downsample(index))
    level = info.levels[index]
    near = all(
        abs(full / factor - small) < 1.01
        for full, small in ((info.width, level.width), (info.height, level.height))
    )
    if not near or rect.x % factor or rect.y % factor:
        return None
    part = Rect(
        rect.x // factor,
        rect.y // factor,
        ceil_div(rect.width, factor),
        ceil_div(rect.height, factor),
    ).intersect(level.rect)
    return None if part.empty else part


def _shifted_geo(geo: GeoReference, dx: int, dy: int) -> GeoReference:
    t = geo.transform
    moved = t and (
        t[0] + dx * t[1] + dy * t[2], t[1], t[2],
        t[3] + dx * t[4] + dy * t[5], t[4], t[5],
    )  # fmt: skip
    gcps = tuple(
        dataclasses.replace(p, pixel_x=p.pixel_x - dx, pixel_y=p.pixel_y - dy) for p in geo.gcps
    )
    return dataclasses.replace(geo, transform=moved, gcps=gcps)


class PaddedReader(View):
    """Level 0 of an image on a larger canvas, top left; what is beyond it has one colour."""

    def __init__(
        self, reader: Reader, width: int, height: int, fill: Sequence[float] | None = None
    ) -> None:
        info = reader.info
        size = max(width, info.width), max(height, info.height)
        level = dataclasses.replace(info.levels[0], width=size[0], height=size[1])
        super().__init__(reader, dataclasses.replace(info, levels=(level,)))
        color = fill or info.background or (0.0,) * info.bands
        self._fill = np.asarray(color, dtype=info.dtype)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane on its canvas."""
        return _PaddedPlane(self.source.plane(level, frame), self.source.info, self._fill)


class _PaddedPlane(Plane):
    __slots__ = ("_bands", "_fill", "_inside", "_source")

    def __init__(self, source: Plane, info: ImageInfo, fill: np.ndarray[Any, Any]) -> None:
        self._source, self._fill = source, fill
        self._inside, self._bands = info.levels[0].rect, info.bands

    def read(self, rect: Rect) -> Pixels:
        """Return the image's pixels, and the fill colour beyond them."""
        inner = rect.intersect(self._inside)
        if inner == rect:
            return self._source.read(rect)
        pixels = np.empty((rect.height, rect.width, self._bands), self._fill.dtype)
        pixels[:] = self._fill
        if not inner.empty:
            part = self._source.read(inner)
            y, x = inner.y - rect.y, inner.x - rect.x
            pixels[y : y + inner.height, x : x + inner.width] = part
        return pixels

    def encoded(self) -> None:
        """Return None: edge tiles would show what the source's encoder padded them with."""

    def places(self) -> None:
        """Return None, as there are no tiles."""

    def is_blank(self, rect: Rect) -> bool:
        """Return True beyond the image; inside of it, ask the source."""
        inner = rect.intersect(self._inside)
        return inner.empty or self._source.is_blank(inner)

    def release(self, rect: Rect) -> None:
        """Tell the source of what is inside of it."""
        self._source.release(rect.intersect(self._inside))


class LevelsReader(View):
    """Some of the stored levels of an image; the first becomes the full resolution."""

    def __init__(self, reader: Reader, levels: Sequence[int]) -> None:
        info = reader.info
        wrong = [level for level in levels if not 0 <= level < len(info.levels)]
        if wrong or not levels or list(levels) != sorted(set(levels)):
            raise RegionError(f"levels must be 0 to {len(info.levels) - 1}, not {list(levels)}")
        self._levels = tuple(levels)
        super().__init__(reader, _at_level(info, self._levels))

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane of the chosen level."""
        return self.source.plane(self._levels[level], frame)


def _at_level(info: ImageInfo, picks: tuple[int, ...]) -> ImageInfo:
    levels = tuple(info.levels[pick] for pick in picks)
    return scaled_info(info, levels)


def scaled_info(info: ImageInfo, levels: tuple[Level, ...]) -> ImageInfo:
    """Return the facts of the same image in other sizes: millimetres, magnification, place."""
    fx, fy = info.width / levels[0].width, info.height / levels[0].height
    geo = info.geo
    if geo is not None:
        t = geo.transform
        scaled = t and (t[0], t[1] * fx, t[2] * fy, t[3], t[4] * fx, t[5] * fy)
        gcps = tuple(
            dataclasses.replace(p, pixel_x=p.pixel_x / fx, pixel_y=p.pixel_y / fy) for p in geo.gcps
        )
        geo = dataclasses.replace(geo, transform=scaled, gcps=gcps)
    return dataclasses.replace(
        info,
        levels=levels,
        mm_x=None if info.mm_x is None else info.mm_x * fx,
        mm_y=None if info.mm_y is None else info.mm_y * fy,
        magnification=None if info.magnification is None else info.magnification / max(fx, fy),
        geo=geo,
    )
