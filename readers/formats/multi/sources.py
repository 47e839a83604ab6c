"""The sources of a ``multi`` file, opened: all of them, or, where they are alike, as needed."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.multi.document import Document, Place
from ziggurat.readers.formats.multi.layers import Layer, layer_of
from ziggurat.readers.formats.multi.values import AdaptedReader, Samples, styled
from ziggurat.readers.formats.registry import open_reader as open_any
from ziggurat.readers.io.lru import Lru
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.views import CropReader

_MOST_FILES = 512  # each holds a descriptor or more; of alike ones those that were used last
_DEEPEST = 8
_opening: ContextVar[tuple[str, ...]] = ContextVar("opening", default=())


@contextmanager
def opening(url: str) -> Iterator[None]:
    """Refuse lists that lead back to themselves.

    Raises
    ------
    CorruptSourceError
        This one is being opened already, or lists are nested too deeply.
    """
    above = _opening.get()
    name = str(Path(url).resolve()) if "://" not in url else url
    if name in above or len(above) >= _DEEPEST:
        raise CorruptSourceError(f"{url} is a list of sources that leads back to itself")
    token = _opening.set((*above, name))
    try:
        yield
    finally:
        _opening.reset(token)


class Sources:
    """Each part's image: in its style, cropped, in the values that all have."""

    def __init__(self, document: Document) -> None:
        """Open what has to be looked at.

        Raises
        ------
        SourceError
            One of them can't be read.
        """
        self._parts = document.parts
        paths = dict.fromkeys(part.path for part in self._parts)
        if len(paths) > _MOST_FILES and not document.uniform:
            raise UnsupportedFormatError(
                f"{len(paths)} files, more than {_MOST_FILES}; uniformSources: true opens alike"
                " ones only as they are needed"
            )
        self._guard = threading.RLock()
        self._open: Lru[str, Reader] = Lru(_MOST_FILES)  # closed by whoever uses it last
        self._layers: Lru[tuple[int, int], Layer] = Lru(_MOST_FILES)
        self._samples: Samples | None = None
        self.infos: list[ImageInfo] = []
        looked: list[str] = []
        for number, part in enumerate(self._parts):
            alike = document.uniform and len(looked) >= 2 and part.path not in looked
            if alike:
                self.infos.append(self.infos[-1])
                continue
            if part.path not in looked:
                looked.append(part.path)
            self.infos.append(self._own(number).info)
        self._uniform = document.uniform

    def _file(self, path: str) -> Reader:
        with self._guard:
            found = self._open.get(path)
            if found is None:
                found = open_any(path)
                self._open.put(path, found)
            return found

    def file(self, number: int) -> Reader:
        """Return a part's file as it is."""
        return self._file(self._parts[number].path)

    def _own(self, number: int) -> Reader:
        """Return a part in its style."""
        part = self._parts[number]
        return styled(self._file(part.path), part.style)

    def become(self, samples: Samples) -> None:
        """Say what the values of all of them are to be."""
        self._samples = samples

    def image(self, number: int) -> Reader:
        """Return a part with its own levels, cropped and in the values that all have.

        Raises
        ------
        CorruptSourceError
            Nothing lies in its crop, or it isn't like the others, as was said.
        """
        part, info = self._parts[number], self.infos[number]
        reader = self._own(number)
        if self._facts(reader.info) != self._facts(info):
            raise CorruptSourceError(
                f"{part.path} is not like the second source, though uniformSources says so"
            )
        wanted = self._samples
        scaled = part.scale is not None or part.shift != 0
        own = (reader.info.dtype, reader.info.bands, reader.info.alpha)
        if wanted is not None and (scaled or own != (wanted.dtype, wanted.bands, wanted.alpha)):
            reader = AdaptedReader(reader, wanted, part.scale, part.shift)
        crop = self.crop(number)
        return reader if crop is None else CropReader(reader, crop)

    @staticmethod
    def _facts(info: ImageInfo) -> tuple[object, ...]:
        return info.width, info.height, info.dtype, info.bands, info.frames

    def crop(self, number: int) -> Rect | None:
        """Return what is taken of a part, None for all."""
        crop = self._parts[number].place.crop
        if crop is None:
            return None
        left, top, right, bottom = crop
        size = self.infos[number].levels[0].rect
        cut = Rect(left, top, max(right - left, 0), max(bottom - top, 0)).intersect(size)
        if cut.empty:
            raise CorruptSourceError(f"nothing of {self._parts[number].path} lies in its crop")
        return None if cut == size else cut

    def place(self, number: int) -> Place:
        """Return where a part goes, its crop's corner in place of its own."""
        part, cut = self._parts[number], self.crop(number)
        if cut is None:
            return part.place
        s11, s12, s21, s22 = part.place.matrix
        x, y = part.place.offset
        corner = x + s11 * cut.x + s12 * cut.y, y + s21 * cut.x + s22 * cut.y
        return dataclasses.replace(part.place, offset=corner)

    def layer(self, number: int, factor: int) -> Layer:
        """Return a part in a level of the whole."""
        with self._guard:
            found = self._layers.get((number, factor))
            if found is None:
                found = layer_of(self.image(number), self.place(number), factor)
                self._layers.put((number, factor), found)
            return found

    def close(self) -> None:
        """Close the files."""
        with self._guard:
            for reader in self._open.values():
                reader.close()
            self._layers.clear()
