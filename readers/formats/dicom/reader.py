"""DICOM whole slides: a folder, or any instance in it, is one slide; frames as they are stored.

Reading frames here, and not through OpenSlide, keeps three things: bytes for copying, exact
pixels at levels whose downsample is not a whole number, and 16-bit channels. What is no plain
tile grid is left to OpenSlide. A level's place without a frame shows the background.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.segment_cache import SHARED
from ziggurat.readers.errors import (
    CorruptSourceError,
    LeftToOthersError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.dicom.arrange import arrange
from ziggurat.readers.formats.dicom.facts import (
    in_pixels,
    instance_syntax,
    sample_type,
    slide_info,
    tile_format,
)
from ziggurat.readers.formats.dicom.frames import FrameTable, frame_table
from ziggurat.readers.formats.dicom.instance import (
    FullGrid,
    Instance,
    Place,
    is_dicom,
    read_instance,
    read_series,
)
from ziggurat.readers.formats.dicom.syntaxes import decode_frame
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells, grid_shape
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane, Reader

_ASSOCIATED = {"LABEL": "label", "OVERVIEW": "macro", "THUMBNAIL": "thumbnail"}
_SLOW = (Codec.JPEG2000, Codec.JPEGXL, Codec.OTHER)


class InstanceFrames:
    """The frames of one file, found on first use."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._source = LocalBytes(instance.path)
        self._lock = threading.Lock()
        self._table: FrameTable | None = None
        self._format: TileFormat | None = None
        self._token = object()

    def frame(self, index: int) -> bytes:
        """Return the bytes of a frame."""
        return self._frames().frame(self._source, index)

    def _frames(self) -> FrameTable:
        with self._lock:
            if self._table is None:
                item = self.instance
                native = None
                if instance_syntax(item).native:
                    native = item.tile_width * item.tile_height * item.bands * (item.bits // 8)
                self._table = frame_table(
                    self._source, item.pixel_offset, item.frames, native, item.extended
                )
            return self._table

    @property
    def format(self) -> TileFormat:
        """How the frames are encoded; the first one's code stream decides."""
        if self._format is None:
            self._format = tile_format(self.instance, self.frame(0))
        return self._format

    def decode(self, index: int, keep: bool = False) -> Pixels:
        """Return a frame's pixels, of the instance's tile size; not to be written into.

        ``keep`` says that other parts of the frame may be asked for: slow codecs remember it.
        """
        kept = SHARED.get((self._token, index)) if keep else None
        if kept is not None:
            return kept
        item = self.instance
        shape = (item.tile_height, item.tile_width)
        due = (*shape, item.bands)
        tile = self._samples(index, due)
        if tile.dtype != self.format.dtype or tile.shape != due:
            # no padding: a hostile header may claim tiles of gigabytes around a stream of one pixel
            raise CorruptSourceError(
                f"{item.path}: frame {index} holds {tile.shape} of {tile.dtype}, where {due} of "
                f"{self.format.dtype} are due"
            )
        tile = in_pixels(tile, item, self.format.photometric)
        if keep and self.format.codec in _SLOW:
            SHARED.put((self._token, index), tile)
        return tile

    def _samples(self, index: int, due: tuple[int, int, int]) -> Pixels:
        item = self.instance
        syntax = instance_syntax(item)
        try:
            if syntax.decode is not None:
                return decode_frame(self.frame(index), syntax, due, sample_type(item))
            return decode_tile(self.frame(index), self.format, due[:2])
        except CorruptSourceError as error:
            raise CorruptSourceError(f"{item.path}: frame {index}: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._source.close()


class DicomReader(Reader):
    """A slide: levels made of instances, and associated images."""

    scattered = True

    def __init__(self, instances: Sequence[Instance], left_out: Sequence[str] = ()) -> None:
        self._files = [InstanceFrames(instance) for instance in arrange(instances)]
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
        return _FramesPlane(self.info, self._levels[level], level, self._places[frame])

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image."""
        return _AssociatedFile(self._associated[name])

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()


class _FramesPlane(Plane):
    __slots__ = ("_files", "_info", "_level", "_place")

    def __init__(
        self, info: ImageInfo, files: Sequence[InstanceFrames], level: int, place: Place
    ) -> None:
        self._info, self._level = info, info.levels[level]
        self._files, self._place = files, place

    def _find(self, cell: tuple[int, int]) -> tuple[InstanceFrames, int] | None:
        """Return the file and frame that hold a tile, or None."""
        for file in self._files:
            grid = file.instance.grids.get(self._place)
            index = grid.get(cell) if grid is not None else None
            if index is not None:
                return file, index
        return None

    def read(self, rect: Rect) -> Pixels:
        """Decode the frames that a rectangle touches, and join them."""
        facts, info = self._level, self._info
        out = np.empty((rect.height, rect.width, info.bands), info.dtype)
        for column, row in grid_cells(rect, facts.tile_width, facts.tile_height):
            cell = cell_rect(column, row, facts.tile_width, facts.tile_height)
            part = cell.intersect(rect)
            target = out[
                part.y - rect.y : part.bottom - rect.y, part.x - rect.x : part.right - rect.x
            ]
            found = self._find((column, row))
            if found is None:
                self._check_sparse((column, row))
                target[:] = np.array(info.background or 0, info.dtype)
                continue
            tile = found[0].decode(found[1], keep=part != cell)
            target[:] = tile[part.y - cell.y : part.bottom - cell.y, part.x - cell.x :][
                :, : part.width
            ]
        return out

    def _check_sparse(self, cell: tuple[int, int]) -> None:
        """Raise where a tile is missing of a level that has to have all of them."""
        grids = [file.instance.grids.get(self._place) for file in self._files]
        if any(isinstance(grid, FullGrid) for grid in grids):
            names = ", ".join(file.instance.path.name for file in self._files)
            raise CorruptSourceError(
                f"tile {cell} is in none of the files of its level ({names}): a part of the slide "
                "is missing"
            )

    def encoded(self) -> EncodedLevel | None:
        """Return a level's frames as they are stored."""
        files = self._files
        form = files[0].format
        inverted = any(file.instance.photometric == "MONOCHROME1" for file in files)
        plain = form.codec is Codec.NONE and form.photometric is Photometric.YCBCR
        spare = form.codec is Codec.NONE and any(file.instance.spare_bits for file in files)
        if form.codec is Codec.OTHER or inverted or plain or spare:
            return None  # tiles that don't mean by themselves what is shown
        if any(file.format != form for file in files[1:]):
            return None
        facts = self._level
        columns, rows = grid_shape(facts.width, facts.height, facts.tile_width, facts.tile_height)

        def tile(column: int, row: int) -> bytes | None:
            found = self._find((column, row))
            return found[0].frame(found[1]) if found else None

        return EncodedLevel(
            form,
            facts.width,
            facts.height,
            facts.tile_width,
            facts.tile_height,
            columns,
            rows,
            tile,
        )

    def places(self) -> None:
        """Return None: frames may lie in pieces."""

    def is_blank(self, rect: Rect) -> bool:
        """Return True where no frame is stored."""
        cells = grid_cells(rect, self._level.tile_width, self._level.tile_height)
        return not any(self._find(cell) for cell in cells)

    def release(self, rect: Rect) -> None:
        """Nothing is mapped."""


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
