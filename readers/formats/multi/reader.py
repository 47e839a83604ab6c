"""A ``multi`` file as an image: each frame the sources in it, the later over the earlier."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.errors import (
    CorruptSourceError,
    SourceError,
    StyleError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.multi.document import Document, Part, Place, parse
from ziggurat.readers.formats.multi.frames import Frames
from ziggurat.readers.formats.multi.layers import ends, lay
from ziggurat.readers.formats.multi.sources import Sources, opening
from ziggurat.readers.formats.multi.values import (
    Samples,
    full_value,
    joint_samples,
    kind_of,
)
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.checks import finite_number, shown, whole_number
from ziggurat.readers.model.geometry import Rect, level_sizes
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Level
from ziggurat.readers.model.reader import AssociatedImage, DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.views.views import BandsReader

SCHEME = "multi://"
_LARGEST = 1 << 31
_LEAST_TILE, _LARGEST_TILE = 64, 4096
_TOLD_FRAMES = 1000


class MultiReader(Reader):
    """Files laid side by side, over one another, and as frames."""

    scattered = True  # the text tells nothing of whether the files have changed

    def __init__(self, document: Document) -> None:
        """Open the files.

        Raises
        ------
        SourceError
            One of them can't be read, or they don't fit together.
        """
        self._sources = sources = Sources(document)
        try:
            self._frames = Frames(document.axes, list(document.facts["channels"]))
            for number, part in enumerate(document.parts):
                self._frames.add(number, part, sources.infos[number])
            if not self._frames.by_axes:
                raise CorruptSourceError("no frame of any source is taken")
            samples = _samples(document, sources.infos)
            sources.become(samples)
            self._pictures = _associated(document.parts, sources)
            self.info = _info(document, sources, self._frames, samples, tuple(self._pictures))
            whole = self._whole_sources()
            self._is_whole = whole is not None
            if whole is not None:
                self.info = _with_levels(self.info, whole.levels)
        except BaseException:
            sources.close()
            raise

    def _whole_sources(self) -> ImageInfo | None:
        """Return the facts of a source, where each frame is just a source's frame as it is."""
        level = self.info.levels[0]
        found: ImageInfo | None = None
        for frame in range(self.info.frames):
            pieces = self._frames.pieces(self.info.frame_position(frame))
            if len(pieces) != 1:
                return None
            info, place = self._sources.infos[pieces[0][0]], self._sources.place(pieces[0][0])
            straight = place == Place()
            sizes = (level.width, level.height)
            if not straight or (info.width, info.height) != sizes:
                return None
            if found is not None and info.levels != found.levels:
                return None
            found = info
        return found

    def plane(self, level: int, frame: int) -> Plane:
        """Return a frame: a source's own where it is all there is in it, else put together."""
        pieces = self._frames.pieces(self.info.frame_position(frame))
        if self._is_whole:
            number, own = pieces[0]
            return self._sources.image(number).plane(level, own)
        return _Composed(self._sources, pieces, self.info, level)

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image of one of the files."""
        number, own = self._pictures[name]
        return self._sources.file(number).associated(own)

    def close(self) -> None:
        """Close the files."""
        self._sources.close()


class _Composed(DecodedPlane):
    __slots__ = ("_info", "_level", "_pieces", "_sources")

    def __init__(
        self, sources: Sources, pieces: Sequence[tuple[int, int]], info: ImageInfo, level: int
    ) -> None:
        self._sources, self._pieces, self._info, self._level = sources, pieces, info, level

    def read(self, rect: Rect) -> Pixels:
        info = self._info
        pixels = np.zeros((rect.height, rect.width, info.bands), info.dtype)
        if info.background is not None:
            pixels[:] = np.array(info.background, info.dtype)
        for number, frame in self._pieces:
            layer = self._sources.layer(number, 1 << self._level)
            shared = rect.intersect(layer.rect)
            if not shared.empty:
                part, inside = layer.read(frame, shared)
                to = shared.shift(-rect.x, -rect.y)
                base = pixels[to.y : to.bottom, to.x : to.right]
                lay(base, part, inside, alpha=info.alpha, white=full_value(info.dtype))
        return pixels

    def is_blank(self, rect: Rect) -> bool:
        layers = (self._sources.layer(number, 1 << self._level) for number, _ in self._pieces)
        return all(rect.intersect(layer.rect).empty for layer in layers)


def _samples(document: Document, infos: Sequence[ImageInfo]) -> Samples:
    said = document.facts.get("dtype")
    if said is None:
        return joint_samples(infos, None)
    try:
        dtype = np.dtype(str(said)).newbyteorder("=")
    except (TypeError, ValueError, SyntaxError):  # numpy reads some texts as Python
        dtype = None
    if dtype is None or dtype.kind not in "uif" or dtype.itemsize > 8:
        raise CorruptSourceError(f"dtype must name a type of numbers, not {shown(said)}")
    if dtype.kind == "i" and any(info.dtype != dtype for info in infos):
        raise UnsupportedFormatError(
            f"dtype {dtype.name} is not supported for other values: signed numbers have no white; "
            "name an unsigned type or a float"
        )
    return joint_samples(infos, dtype)


def _associated(parts: Sequence[Part], sources: Sources) -> dict[str, tuple[int, str]]:
    """Return the associated images of all files: which part has each, and its name there."""
    found: dict[str, tuple[int, str]] = {}
    seen = set()
    for number, part in enumerate(parts):
        if part.path in seen:
            continue
        seen.add(part.path)
        for name in sources.infos[number].associated:
            key, count = name, 0
            while key in found:
                count += 1
                key = f"{name}-{count}"
            found[key] = (number, name)
    return found


def _info(
    document: Document,
    sources: Sources,
    frames: Frames,
    samples: Samples,
    pictures: tuple[str, ...],
) -> ImageInfo:
    said, first = document.facts, sources.infos[0]
    far = [_end(sources, number) for number in range(len(document.parts))]
    width = _size("width", said, max(1, *(right for right, _ in far)))
    height = _size("height", said, max(1, *(low for _, low in far)))
    tile = [_size(f"tile{side}", said, own) for side, own in _first_tile(first)]
    tile = [min(max(side, _LEAST_TILE), _LARGEST_TILE) for side in tile]
    levels = tuple(Level(*size, *tile) for size in level_sizes(width, height, max(tile)))
    same = (samples.bands, samples.alpha) == (first.bands, first.alpha)
    scale = _scale(said.get("scale"))
    names, count = frames.channels, frames.sizes.get("c", 1)
    axes = _axes(document, frames)
    return ImageInfo(
        format="multi",
        levels=levels,
        bands=samples.bands,
        dtype=samples.dtype,
        interpretation=first.interpretation
        if same
        else kind_of(samples.bands, alpha=samples.alpha),
        alpha=samples.alpha,
        axes=axes,
        channels=tuple(map(Channel, names)) if len(names) == count and axes else (),
        mm_x=scale.get("mm_x", first.mm_x),
        mm_y=scale.get("mm_y", first.mm_y),
        magnification=scale.get("magnification", first.magnification),
        icc_profile=first.icc_profile if same else None,
        palette=first.palette if same else None,
        description=said.get("description") if isinstance(said.get("description"), str) else None,
        associated=pictures,
        background=_background(said.get("backgroundColor"), samples),
        band_names=_band_names(sources.infos, samples),
        internal={
            "sources": [part.path for part in document.parts],
            "frames": _told(document, frames, axes),
        },
        losses=frames.losses,
    )


def _band_names(infos: Sequence[ImageInfo], samples: Samples) -> tuple[str, ...]:
    """Return the names of the source's bands that has all of them."""
    fit = (info.band_names for info in infos if info.bands == samples.bands)
    return next((names for names in fit if len(names) == samples.bands), ())


def _first_tile(info: ImageInfo) -> list[tuple[str, int]]:
    level = info.levels[0]
    return [("Width", level.tile_width), ("Height", level.tile_height)]


def _with_levels(info: ImageInfo, levels: tuple[Level, ...]) -> ImageInfo:
    return replace(info, levels=levels)


def _end(sources: Sources, number: int) -> tuple[int, int]:
    """Return how far a part reaches to the right, and down."""
    cut = sources.crop(number) or sources.infos[number].levels[0].rect
    _, _, right, bottom = ends(sources.place(number), cut.width, cut.height)
    return math.ceil(right - 1e-6), math.ceil(bottom - 1e-6)


def _told(document: Document, frames: Frames, axes: Sequence[Axis]) -> list[dict[str, Any]]:
    """Return for ``getInternalMetadata`` which sources make each frame, of the first ones."""
    count = min(math.prod(axis.size for axis in axes), _TOLD_FRAMES)
    shape = [axis.size for axis in axes]
    found = []
    for number in range(count):
        place = np.unravel_index(number, shape) if shape else ()
        position = {axis.name: int(at) for axis, at in zip(axes, place, strict=True)}
        pieces = [
            {"path": document.parts[part].path, "frame": own}
            for part, own in frames.pieces(position)
        ]
        found.append({"sources": pieces, **position})
    return found


def _background(color: object, samples: Samples) -> tuple[float, ...] | None:
    if color is None:
        return None
    if not isinstance(color, list):
        raise CorruptSourceError(f"backgroundColor must be a list of numbers, not {shown(color)}")
    dtype = samples.dtype
    limits: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    low, high = float(limits.min), float(limits.max)
    color = [
        finite_number("backgroundColor", value, low, CorruptSourceError, most=high)
        for value in color
    ]
    colors = samples.bands - samples.alpha
    if len(color) == 1 and colors == 3:
        color = color * 3
    values = [float(value) for value in color[:colors]] + [0.0] * max(0, colors - len(color))
    if samples.alpha:
        values.append(float(color[colors]) if len(color) > colors else full_value(samples.dtype))
    return tuple(values)


def _scale(said: object) -> dict[str, float]:
    """Return what is told of the size of a pixel."""
    known = {} if said is None else said
    if not isinstance(known, dict):
        raise CorruptSourceError(f"scale must be a mapping, not {shown(said)}")
    for name, value in known.items():
        if name in ("mm_x", "mm_y", "magnification"):
            finite_number(name, value, error=CorruptSourceError, above=0)
    return known


def _size(name: str, said: Mapping[str, object], due: int) -> int:
    return whole_number(name, said.get(name, due), 1, CorruptSourceError, most=_LARGEST)


def _axes(document: Document, frames: Frames) -> tuple[Axis, ...]:
    """Return the axes that anything is placed on, the slowest first."""
    axes = []
    for name, size in frames.sizes.items():
        known = document.values.get(name)
        listed = tuple(known.get(at) for at in range(size)) if known else None
        axes.append(Axis(name, size, listed))
    if len(frames.channels) == 1 and frames.on_axes and "c" not in frames.sizes:
        axes.append(Axis("c", 1))
    return tuple(axes)


def open_reader(location: Location) -> Reader:
    """Open a text that lists sources, or ``multi://`` and the text itself.

    Raises
    ------
    UnsupportedFormatError
        It is another text, or asks for what isn't read.
    SourceError
        One of its files can't be read; the message says which.
    """
    if location.path is not None:
        text, folder, name = location.path.read_bytes(), location.path.parent, location.path.name
    elif location.url.startswith(SCHEME):
        text, folder, name = location.url.removeprefix(SCHEME).encode(), Path(), SCHEME
    else:
        raise UnsupportedFormatError("lists of sources are read from local files")
    try:
        with opening(location.url):
            document = parse(text, folder)
            reader: Reader = MultiReader(document)
            if document.facts.get("singleBand") is True and reader.info.bands > 1:
                reader = BandsReader(reader, (0,))
            return reader
    except UnsupportedFormatError:
        raise
    except (SourceError, StyleError) as error:
        raise CorruptSourceError(f"a source of {name}: {error}") from error
