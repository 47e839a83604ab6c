"""A ``multi`` file as an image: each frame the files that lie in it, the later over the earlier."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.multi.document import AXES, Document, Part, parse
from ziggurat.readers.formats.registry import open_reader as open_any
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.checks import finite_number, whole_number
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Level
from ziggurat.readers.model.reader import AssociatedImage, DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.views.resampled import ResampledReader
from ziggurat.readers.views.views import CropReader

_OWN = (".yaml", ".yml", ".json")
_MOST_FILES = 512  # each holds a descriptor or more
_LARGEST = 1 << 31


@dataclass(frozen=True, slots=True)
class _Piece:
    """One frame of one file, and where its corner is in the whole."""

    reader: Reader
    frame: int
    x: int
    y: int

    @property
    def rect(self) -> Rect:
        """What it covers of the whole."""
        return Rect(self.x, self.y, self.reader.info.width, self.reader.info.height)


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
        self._opened: list[Reader] = []
        try:
            placed = self._placed(document)
            self.info = _info(document, placed)
        except BaseException:
            self.close()
            raise
        axes = [axis.name for axis in self.info.axes]
        self._pieces: dict[tuple[int, ...], list[_Piece]] = {}
        for at, piece in placed:
            self._pieces.setdefault(tuple(at.get(name, 0) for name in axes), []).append(piece)

    def _placed(self, document: Document) -> list[tuple[dict[str, int], _Piece]]:
        if len(document.parts) > _MOST_FILES:
            raise UnsupportedFormatError(f"{len(document.parts)} files, more than {_MOST_FILES}")
        found = []
        for part in document.parts:
            reader = self._view(part)
            strange = [axis.name for axis in reader.info.axes if axis.name not in AXES]
            if strange and reader.info.frames > 1:
                raise UnsupportedFormatError(f"axes {strange} of {part.path.name} aren't supported")
            for frame in range(reader.info.frames):
                at = dict(part.at)
                for name, index in reader.info.frame_position(frame).items():
                    if name in AXES:
                        at[name] = at.get(name, 0) + index
                found.append((at, _Piece(reader, frame, round(part.x), round(part.y))))
        return found

    def _view(self, part: Part) -> Reader:
        if part.path.name.lower().endswith(_OWN):
            raise UnsupportedFormatError(f"lists of sources within lists ({part.path.name})")
        reader = open_any(part.path)
        self._opened.append(reader)
        if part.crop is not None:
            left, top, right, bottom = part.crop
            size = reader.info.levels[0].rect
            cut = Rect(left, top, max(right - left, 0), max(bottom - top, 0)).intersect(size)
            if cut.empty:
                raise CorruptSourceError(f"nothing of {part.path.name} lies in its crop")
            reader = CropReader(reader, cut)
        if part.scale > 1:
            raise UnsupportedFormatError("positions that enlarge a source aren't supported")
        if part.scale < 1:
            sides = (reader.info.width, reader.info.height)
            width, height = (max(1, round(side * part.scale)) for side in sides)
            reader = ResampledReader(reader, width, height)
        return reader

    def plane(self, level: int, frame: int) -> Plane:
        """Return a frame: a file's own where it is all there is in it, else put together."""
        place = tuple(self.info.frame_position(frame).values())
        pieces = self._pieces.get(place, [])
        if len(pieces) == 1 and pieces[0].rect == self.info.levels[0].rect:
            return pieces[0].reader.plane(level, pieces[0].frame)
        return _Composed(pieces, self.info)

    def associated(self, name: str) -> AssociatedImage:
        """There are none."""
        raise KeyError(name)

    def close(self) -> None:
        """Close the files."""
        for reader in self._opened:
            reader.close()


class _Composed(DecodedPlane):
    __slots__ = ("_info", "_pieces")

    def __init__(self, pieces: Sequence[_Piece], info: ImageInfo) -> None:
        self._pieces, self._info = pieces, info

    def read(self, rect: Rect) -> Pixels:
        info = self._info
        pixels = np.zeros((rect.height, rect.width, info.bands), info.dtype)
        if info.background is not None:
            pixels[:] = np.array(info.background, info.dtype)
        for piece in self._pieces:
            shared = rect.intersect(piece.rect)
            if not shared.empty:
                part = piece.reader.plane(0, piece.frame).read(shared.shift(-piece.x, -piece.y))
                to = shared.shift(-rect.x, -rect.y)
                pixels[to.y : to.bottom, to.x : to.right] = part
        return pixels

    def is_blank(self, rect: Rect) -> bool:
        return all(rect.intersect(piece.rect).empty for piece in self._pieces)


def _info(document: Document, placed: Sequence[tuple[Mapping[str, int], _Piece]]) -> ImageInfo:
    first = placed[0][1].reader.info
    for _, piece in placed:
        info = piece.reader.info
        if (info.dtype, info.bands) != (first.dtype, first.bands):
            raise UnsupportedFormatError(
                f"sources of {info.bands} bands of {info.dtype} beside"
                f" {first.bands} of {first.dtype}"
            )
        if piece.x < 0 or piece.y < 0:
            raise UnsupportedFormatError("positions left of, or above, the corner")
    said = document.facts
    width = _size("width", said, max(piece.rect.right for _, piece in placed))
    height = _size("height", said, max(piece.rect.bottom for _, piece in placed))
    whole = Rect(0, 0, width, height)
    levels: tuple[Level, ...] = (
        Level(width, height, first.levels[0].tile_width, first.levels[0].tile_height),
    )
    alike = all(p.rect == whole and p.reader.info.levels == first.levels for _, p in placed)
    axes = _axes(document, placed)
    if alike and len(placed) == math.prod(axis.size for axis in axes):
        levels = first.levels
    scale = _scale(said.get("scale"))
    color = said.get("backgroundColor")
    fits = isinstance(color, list) and len(color) == first.bands
    names = document.channels
    count = next((axis.size for axis in axes if axis.name == "c"), 0)
    return ImageInfo(
        format="multi",
        levels=levels,
        bands=first.bands,
        dtype=first.dtype,
        interpretation=first.interpretation,
        alpha=first.alpha,
        axes=axes,
        channels=tuple(Channel(name) for name in names) if len(names) == count else (),
        mm_x=scale.get("mm_x", first.mm_x),
        mm_y=scale.get("mm_y", first.mm_y),
        magnification=scale.get("magnification", first.magnification),
        icc_profile=first.icc_profile,
        palette=first.palette,
        description=said.get("description") if isinstance(said.get("description"), str) else None,
        background=tuple(float(value) for value in color) if fits and color else None,
        internal={"sources": [str(part.path) for part in document.parts]},
    )


def _scale(said: object) -> dict[str, float]:
    """Return what is told of the size of a pixel."""
    known = said if isinstance(said, dict) else {}
    for name, value in known.items():
        if name in ("mm_x", "mm_y", "magnification"):
            finite_number(name, value, error=CorruptSourceError, above=0)
    return known


def _size(name: str, said: Mapping[str, object], due: int) -> int:
    return whole_number(name, said.get(name, due), 1, CorruptSourceError, most=_LARGEST)


def _axes(
    document: Document, placed: Sequence[tuple[Mapping[str, int], _Piece]]
) -> tuple[Axis, ...]:
    """Return the axes that anything is placed on, the slowest first."""
    axes = []
    for name in reversed(AXES):
        size = 1 + max(at.get(name, 0) for at, _ in placed)
        if size > 1 or (name == "c" and document.channels):
            size = max(size, len(document.channels)) if name == "c" else size
            known = document.values.get(name)
            listed = tuple(known.get(at) for at in range(size)) if known else None
            axes.append(Axis(name, size, listed))
    if math.prod(axis.size for axis in axes) > 1 << 24:
        raise CorruptSourceError("more frames than an image can have")
    return tuple(axes)


def open_reader(location: Location) -> Reader:
    """Open a text that lists sources.

    Raises
    ------
    UnsupportedFormatError
        It is another text, or asks for what isn't read.
    SourceError
        One of its files can't be read; the message says which.
    """
    if location.path is None:
        raise UnsupportedFormatError("lists of sources are read from local files")
    document = parse(location.path.read_bytes(), location.path.parent)
    try:
        return MultiReader(document)
    except UnsupportedFormatError:
        raise
    except SourceError as error:
        raise CorruptSourceError(f"a source of {location.path.name}: {error}") from error
