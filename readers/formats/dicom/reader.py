"""DICOM whole slides: a folder, or any instance in it, is one slide; frames as they are stored.

Reading frames here, and not through OpenSlide, keeps three things: bytes for copying, exact
pixels at levels whose downsample is not a whole number, and 16-bit channels. What is no plain
tile grid is left to OpenSlide. A level's place without a frame shows the background.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ziggurat.readers.errors import (
    CorruptSourceError,
    LeftToOthersError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.dicom.arrange import arrange
from ziggurat.readers.formats.dicom.facts import slide_info
from ziggurat.readers.formats.dicom.instance import (
    Instance,
    Place,
    is_dicom,
    read_instance,
    read_series,
)
from ziggurat.readers.formats.dicom.plane import FramesPlane, InstanceFrames
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane, Reader

_ASSOCIATED = {"LABEL": "label", "OVERVIEW": "macro", "THUMBNAIL": "thumbnail"}


class DicomReader(Reader):
    """A slide: levels made of instances, and associated images."""

    scattered = True

    def __init__(self, instances: Sequence[Instance], left_out: Sequence[str] = ()) -> None:
        self._files = [InstanceFrames(instance) for instance in arrange(instances)]
        self._planes: dict[tuple[int, Place], FramesPlane] = {}
        groups: dict[tuple[int, int], list[InstanceFrames]] = defaultdict(list)
        self._associated: dict[str, InstanceFrames] = {}
        for file in self._files:
            if file.instance.kind in _ASSOCIATED:
                self._associated.setdefault(_ASSOCIATED[file.instance.kind], file)
            elif file.instance.kind == "VOLUME":
                groups[file.instance.size].append(file)
        if not groups:
            raise UnsupportedFormatError("a DICOM series without a slide's levels")
        self._levels = [groups[size] for size in sorted(groups, reverse=True)]
        base = [file.instance for file in self._levels[0]]
        self._places = sorted(
            {place for instance in base for place in instance.grids},
            key=lambda place: (_path_order(base, place[0]), place[1]),
        )
        # a lower level without some of the channels or planes would show them blank
        self._levels = [files for files in self._levels if self._whole(files)]
        levels = [[file.instance for file in files] for files in self._levels]
        try:
            names = tuple(sorted(self._associated))
            self.info = slide_info(levels, self._places, names, left_out)
        except SourceError:
            raise
        except Exception as error:  # pydicom parses values on access, and raises what it likes
            raise CorruptSourceError(
                f"{base[0].path} has a damaged DICOM header: {error!r}"
            ) from error

    def _whole(self, files: Sequence[InstanceFrames]) -> bool:
        """Return True where a level has tiles of every channel and focal plane."""
        held = {place for file in files for place in file.instance.grids}
        return held.issuperset(self._places)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the frames of a level at a place of the slide's axes."""
        place = level, self._places[frame]
        plane = self._planes.get(place)
        if plane is None:  # kept: whether the kernel is of use, a plane learns from its tiles
            plane = FramesPlane(self.info, self._levels[level], *place)
            plane = self._planes.setdefault(place, plane)
        return plane

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image."""
        return _AssociatedFile(self._associated[name])

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()


class _AssociatedFile(AssociatedImage):
    __slots__ = ("_file",)

    def __init__(self, file: InstanceFrames) -> None:
        self._file = file

    def read(self) -> Pixels:
        """Return the pixels; tiled ones are joined."""
        file = self._file
        item = file.instance
        whole = Rect(0, 0, item.width, item.height)
        grid = next(iter(item.grids.values()))
        if item.width * item.height > 4 * item.tile_width * item.tile_height * item.frames:
            raise CorruptSourceError(f"{item.path} claims {item.width} x {item.height} pixels")
        out = np.zeros((item.height, item.width, item.bands), file.format.dtype)
        for cell in grid_cells(whole, item.tile_width, item.tile_height):
            index = grid.get(cell)
            if index is not None:
                part = cell_rect(*cell, item.tile_width, item.tile_height).intersect(whole)
                tile = file.decode(index)[: part.height, : part.width]
                out[part.y : part.bottom, part.x : part.right] = tile
        return out

    def encoded(self) -> EncodedImage | None:
        """Return an image of one frame as its code stream."""
        file = self._file
        item = file.instance
        copied = file.format.codec in (Codec.JPEG, Codec.JPEG2000)
        if item.frames != 1 or not copied or item.photometric == "MONOCHROME1":
            return None
        return EncodedImage(file.format.codec, item.width, item.height, file.frame(0))

    def stored(self) -> None:
        """Return None: it is no TIFF."""


def _path_order(instances: Sequence[Instance], path: str) -> int:
    order = [name for instance in instances for name in instance.paths]
    return order.index(path) if path in order else len(order)


def _siblings(folder: Path, series: str | None) -> list[Path]:
    """Return the files of a series in a folder; without one, of the only series there is."""
    found: dict[str, list[Path]] = defaultdict(list)
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder} can't be read: {error.strerror or error}") from error
    for path in paths:
        if not path.is_file() or not is_dicom(path):
            continue
        own = read_series(path)
        if own is not None and series in (None, own):
            found[own].append(path)
    if len(found) > 1:
        first = ", ".join(paths[0].name for paths in found.values())
        raise UnsupportedFormatError(
            f"{folder} holds {len(found)} DICOM slides; name one by a file of it: {first}"
        )
    return next(iter(found.values()), [])


def open_reader(location: Location) -> DicomReader:
    """Open a slide by its folder or by any of its instances.

    Raises
    ------
    UnsupportedFormatError
        No whole slide, or one that is no plain tile grid.
    CorruptSourceError
        Damaged.
    """
    path = location.path
    if path is None:
        raise UnsupportedFormatError("DICOM slides are read from local files only")
    if location.is_directory:
        paths = _siblings(path, None)
        if not paths:
            raise UnsupportedFormatError("a folder without DICOM slides")
        return _slide([read_instance(item) for item in paths])
    own = read_instance(path)
    others, left_out = _readable(p for p in _siblings(path.parent, own.series) if p != path)
    return _slide([own, *others], left_out)


def _slide(instances: Sequence[Instance], left_out: Sequence[str] = ()) -> DicomReader:
    """Return the reader of a slide; what can't be read here is left to who shows all of it."""
    try:
        return DicomReader(instances, left_out)
    except UnsupportedFormatError as error:
        levels = [item for item in instances if item.kind == "VOLUME"]
        if not levels:
            raise
        base = max(levels, key=lambda item: item.size)
        due = {
            "width": base.width,
            "height": base.height,
            "sample type": f"{'' if base.signed else 'u'}int{base.bits}",
            "bands": base.bands,
            "frames": base.planes * len(base.paths),
        }
        raise LeftToOthersError(str(error), due) from error


def _readable(paths: Iterable[Path]) -> tuple[list[Instance], list[str]]:
    """Return the neighbours that can be read, and what is wrong with the others.

    One damaged level must not hide the others; but a file that can't be opened now, for want of
    permission or descriptors, is no reason to show less of the slide.
    """
    found, left_out = [], []
    for path in paths:
        try:
            found.append(read_instance(path))
        except (UnsupportedFormatError, CorruptSourceError) as error:
            left_out.append(f"{path.name}: {error}")
    return found, left_out
