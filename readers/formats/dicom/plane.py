"""The frames of DICOM instances, decoded, and the levels that are made of them."""

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.native.kernel import kind_of
from ziggurat.readers.codecs.native.together import TilesTogether
from ziggurat.readers.codecs.segment_cache import SHARED
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.dicom.facts import (
    in_pixels,
    instance_syntax,
    sample_type,
    tile_format,
)
from ziggurat.readers.formats.dicom.frames import FrameTable, frame_table
from ziggurat.readers.formats.dicom.instance import FullGrid, Instance, Place
from ziggurat.readers.formats.dicom.syntaxes import decode_frame
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells, grid_shape
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Part, Pixels, Plane, draw

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

    @property
    def plain(self) -> bool:
        """True where the samples of a frame's stream are the pixels, as they are."""
        item = self.instance
        own = instance_syntax(item).decode is None
        return own and not item.spare_bits and item.photometric != "MONOCHROME1"

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


class FramesPlane(Plane):
    """The frames of a level at one place of a slide's axes."""

    def __init__(
        self, info: ImageInfo, files: Sequence[InstanceFrames], level: int, place: Place
    ) -> None:
        self._info, self._level = info, info.levels[level]
        self._files, self._place = files, place
        self._columns = -(-self._level.width // self._level.tile_width)

    def _find(self, cell: tuple[int, int]) -> tuple[InstanceFrames, int] | None:
        """Return the file and frame that hold a tile, or None."""
        for file in self._files:
            grid = file.instance.grids.get(self._place)
            index = grid.get(cell) if grid is not None else None
            if index is not None:
                return file, index
        return None

    @cached_property
    def _kernel(self) -> TilesTogether | None:
        """What decodes many frames at once, None where each has to be decoded alone."""
        try:
            form = self._files[0].format
            alike = all(file.format == form and file.plain for file in self._files)
        except SourceError:  # said by who decodes a frame
            return None
        facts = self._level
        kind = kind_of(form, facts.tile_width, facts.tile_height) if alike else None
        return None if kind is None else TilesTogether(kind, self._columns, self._stream)

    def _stream(self, index: int) -> bytes | None:
        row, column = divmod(index, self._columns)
        found = self._find((column, row))
        try:
            return None if found is None else found[0].frame(found[1])
        except SourceError:  # said by who reads it again
            return None

    @property
    def together(self) -> bool:
        """True where the native kernel takes the frames."""
        return self._kernel is not None and self._kernel.useful

    def fill(self, parts: Sequence[Part], threads: int = 1, shown: Part | None = None) -> None:
        """Fill arrays with rectangles of the level, many frames in a call where that goes."""
        if self._kernel is None or not self._kernel.useful:
            super().fill(parts, threads, shown)
            return
        for _, (x, y, target) in self._kernel.fill(parts, threads, shown):
            self._join(Rect(x, y, target.shape[1], target.shape[0]), target)
            if shown is not None:
                draw((x, y, target), shown)

    def read(self, rect: Rect) -> Pixels:
        """Decode the frames that a rectangle touches, and join them."""
        out = np.empty((rect.height, rect.width, self._info.bands), self._info.dtype)
        if self.together:
            self.fill([(rect.x, rect.y, out)])
        else:
            self._join(rect, out)
        return out

    def _join(self, rect: Rect, out: Pixels) -> None:
        """Decode frames one by one, and draw what lies in a rectangle."""
        facts, info = self._level, self._info
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
