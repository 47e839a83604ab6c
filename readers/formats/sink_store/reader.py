"""The store of a sink as an image: readable by anybody, at any moment, while it grows."""

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.sink_store.blend import resolve
from ziggurat.readers.formats.sink_store.frame import FrameReader
from ziggurat.readers.formats.sink_store.info import image_info
from ziggurat.readers.formats.sink_store.layout import (
    Header,
    HeaderWord,
    LockByte,
    StoredArray,
    StoreFile,
    StoreLayout,
    chunk_path,
    chunk_shape,
    is_mapped_store,
    is_segment_store,
    read_structure,
    store_file,
)
from ziggurat.readers.formats.sink_store.log.reader import open_segments
from ziggurat.readers.io.location import Location
from ziggurat.readers.io.lock_files import SET_WAIT, open_lock_file, request
from ziggurat.readers.io.objects import is_cloud
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Reader

Arrays = tuple[StoredArray, ...]
_SHARED = request(fcntl.F_RDLCK, LockByte.STRUCTURE)


class StoreReader(FrameReader):
    """One look at a store: the facts are those of the moment it was made, pixels are today's.

    Reading takes no lock unless the structure changes meanwhile; then it shares the structure
    lock, so that it never waits for tiles nor tiles for it.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Look at a store.

        Raises
        ------
        UnsupportedFormatError
            The folder is not a store.
        SourceError
            There is nothing in it yet.
        CorruptSourceError
            It is damaged, or a process died while it changed its structure.
        """
        self._root = os.path.abspath(root)
        self._header = Header(self._root, writable=False)
        structure, self._sizes, self.info = self._still(self._facts)
        self._now = structure, structure.arrays
        self._axes = structure.axes
        self._seen = structure.generation

    def picture(self, name: str) -> Pixels:
        """Return the pixels of an associated image."""
        file = read_attributes(self._root)["associated"][name]
        pixels: Pixels = np.load(
            store_file(self._root, StoreFile.ASSOCIATED) / file, allow_pickle=False
        )
        return pixels

    def read(self, frame: int, rect: Rect) -> Pixels:
        """Return a copy of a rectangle; blended pixels are resolved, unwritten ones are ``fill``.

        Raises
        ------
        SourceError
            The store has been removed.
        CorruptSourceError
            A chunk is of the wrong size.
        """

        def look(structure: StoreLayout, arrays: Arrays) -> Pixels:
            place = self._place(frame, structure)
            values = self._gather(structure, arrays[0], place, rect)
            if len(arrays) == 1:
                return values
            weights = self._gather(structure, arrays[1], place, rect)
            return resolve(structure, values, weights)

        return self._as_promised(self._steadily(look))

    def is_blank(self, frame: int, rect: Rect) -> bool:
        """Return True where no tile ever touched any chunk of the rectangle."""
        return self.blanks(frame, [rect])[0]

    def blanks(self, frame: int, rects: Sequence[Rect]) -> list[bool]:
        """Return :meth:`is_blank` of each rectangle; a chunk is looked for once."""

        def look(structure: StoreLayout, arrays: Arrays) -> list[bool]:
            place = self._place(frame, structure)
            seen: dict[tuple[int, int], bool] = {}

            def touched(cell: tuple[int, int]) -> bool:
                if cell not in seen:
                    path = self._chunk(arrays[0], place, cell[1], cell[0])
                    seen[cell] = os.access(path, os.F_OK)  # exists() takes five times as long
                return seen[cell]

            width, height = structure.tile_width, structure.tile_height
            return [not any(map(touched, grid_cells(rect, width, height))) for rect in rects]

        blank = self._steadily(look)
        if any(blank):
            self._refuse_vanished()
        return blank

    def close(self) -> None:
        """Close the header."""
        self._header.close()

    def _steadily[T](self, look: Callable[[StoreLayout, Arrays], T]) -> T:
        """Return what ``look`` finds in a structure that does not change meanwhile.

        It looks without a lock at first, and again under the lock where something has changed.
        """
        self._refuse_vanished()
        if self._quiet():
            try:
                found = look(*self._now)
            except CorruptSourceError:
                if self._quiet():
                    raise
            else:
                if self._quiet():
                    return found
        return self._still(lambda: look(*self._current()))

    def _quiet(self) -> bool:
        """Return True where the structure is the one we know and nobody is about to change it."""
        words = self._header.words
        return (
            not words[HeaderWord.CHANGE] and words[HeaderWord.GENERATION] == self._now[0].generation
        )

    def _still[T](self, look: Callable[[], T]) -> T:
        """Return what ``look`` finds while the structure can't change."""
        try:
            file = open_lock_file(store_file(self._root, StoreFile.LOCKS))
        except FileNotFoundError as error:
            raise SourceError(f"the store {self._root} has been removed") from error
        try:
            fcntl.fcntl(file, SET_WAIT, _SHARED)
            return look()
        finally:
            file.close()

    def _facts(self) -> tuple[StoreLayout, tuple[int, ...], ImageInfo]:
        structure = self._checked_structure()
        sizes = self._header.sizes(structure)
        said = read_attributes(self._root), read_values(self._root)
        return structure, sizes, image_info(structure, sizes, *said)

    def _checked_structure(self) -> StoreLayout:
        if (
            self._header.words[HeaderWord.CHANGE]
            and store_file(self._root, StoreFile.CHANGE).exists()
        ):
            raise CorruptSourceError(
                f"a process died while it changed the store {self._root}; "
                "ziggurat.new(path, mode='join') finishes its work"
            )
        return read_structure(self._root)

    def _current(self) -> tuple[StoreLayout, Arrays]:
        self._refuse_vanished()
        if self._header.words[HeaderWord.GENERATION] != self._now[0].generation:
            structure = self._checked_structure()
            self._now = structure, structure.arrays
        return self._now

    def _refuse_vanished(self) -> None:
        if self._header.vanished:
            raise SourceError(f"the store {self._root} has been removed")

    def _place(self, frame: int, structure: StoreLayout) -> tuple[int, ...]:
        """Return a frame's indices on the axes that the store has by now."""
        position = self.info.frame_position(frame) if self._axes else {}
        return tuple(position.get(name, 0) for name in structure.axes)

    def _chunk(self, array: StoredArray, place: tuple[int, ...], row: int, column: int) -> str:
        return chunk_path(self._root, array, place, row, column)

    def _gather(
        self, structure: StoreLayout, array: StoredArray, place: tuple[int, ...], rect: Rect
    ) -> Pixels:
        width, height = structure.tile_width, structure.tile_height
        shape = (rect.height, rect.width, array.bands) if array.bands else (rect.height, rect.width)
        fill = 0 if array.folder else structure.fill
        pixels = np.empty(shape, array.dtype)
        for column, row in grid_cells(rect, width, height):
            cell = cell_rect(column, row, width, height)
            shared = rect.intersect(cell)
            part, inside = shared.shift(-rect.x, -rect.y), shared.shift(-cell.x, -cell.y)
            target = pixels[part.y : part.bottom, part.x : part.right]
            path = self._chunk(array, place, row, column)
            _read_chunk(path, chunk_shape(structure, array), inside, target, fill)
        return pixels

    def _as_promised(self, values: Pixels) -> Pixels:
        """Return pixels as ``info`` has them, whatever the store has become since."""
        return values[..., : self.info.bands].astype(self.info.dtype, copy=False)


def open_reader(location: Location) -> Reader:
    """Open a sink's store by its folder.

    Raises
    ------
    UnsupportedFormatError
        The folder is not a store.
    """
    if location.path is None:
        if location.remote_directory and is_cloud(location.url):
            return open_segments(location.url)
        raise UnsupportedFormatError("not a sink's store")
    if is_segment_store(location.path):
        return open_segments(str(location.path))
    if not is_mapped_store(location.path):
        raise UnsupportedFormatError("not a sink's store")
    return StoreReader(location.path)


def read_attributes(root: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what users have said about the image, as the sink wrote it."""
    try:
        attributes: dict[str, Any] = json.loads(store_file(root, StoreFile.ATTRIBUTES).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CorruptSourceError(f"the attributes of the store {root} can't be read") from error
    return attributes


def read_values(root: str | os.PathLike[str]) -> list[Mapping[str, object]]:
    """Return what tiles said their positions stand for, in the order in which they came.

    Each is ``{"at": {axis: index …}, "values": {axis: value …}}``.
    """
    try:
        lines = store_file(root, StoreFile.VALUES).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines[:-1]]


def _read_chunk(
    path: str, shape: tuple[int, ...], inside: Rect, target: Pixels, fill: float
) -> None:
    """Copy a part of a chunk; whole rows are read, in one piece.

    Raises
    ------
    CorruptSourceError
        The chunk is shorter or longer than one of this shape: its rows would lie elsewhere.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        target[...] = fill
        return
    try:
        row_shape = (inside.height, *shape[1:])
        whole = inside.width == shape[1] and target.flags.c_contiguous
        rows = target if whole else np.empty(row_shape, target.dtype)
        row_bytes = rows.nbytes // inside.height
        due, found = row_bytes * shape[0], os.fstat(descriptor).st_size
        view = memoryview(rows).cast("B")
        if found != due or os.preadv(descriptor, [view], inside.y * row_bytes) != len(view):
            raise CorruptSourceError(f"the chunk {path} is of {found} bytes, not {due}")
    finally:
        os.close(descriptor)
    if not whole:
        target[...] = rows[:, inside.x : inside.right]
