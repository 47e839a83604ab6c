"""How a sink's store lies on disk: names, header words, structure, chunk paths. Facts, no policy.

A store is a folder that is a Zarr v3 array (chunk grid regular, codec ``bytes`` only, so that
a chunk file is the raw pixels of one tile of one frame) with one more folder in it::

    zarr.json, c.…            the pixels (in `over`, `max` and `min` mode)
    .ziggurat/header          little-endian 64-bit words, mapped by every process: see Word
    .ziggurat/structure.json  what only an exclusive change alters: axes, bands, dtype, tile size
    .ziggurat/attributes.json what users say about the image
    .ziggurat/values.jsonl    what axis positions stand for, appended as tiles bring it
    .ziggurat/journal         one record a finished tile
    .ziggurat/{sum,weight}/   accumulators of the blending modes: Zarr arrays of the same grid
    .ziggurat/covered/        chunks that say where a masked tile laid the fill's own value

All chunks of an array lie in one folder (``c.3.14.0``, separator "."). With a folder for each index
every chunk of an image with bands would have one of its own, and making that takes as long
as making the file.
"""

import json
import math
import mmap
import os
import weakref
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum, IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.errors import (
    CorruptSourceError,
    SourceError,
    UnsupportedFormatError,
    message_of,
)
from ziggurat.readers.io.lock_files import opened
from ziggurat.readers.model.geometry import ceil_div

FOLDER = ".ziggurat"
LOG = "log.json"  # in that folder: it is a store of segments
MAGIC = int.from_bytes(b"ZIGGURAT", "little")
VERSION = 3
HEADER_BYTES = 4096
MAX_AXES = 8


class StoreFile:
    """Names inside the store's own folder."""

    HEADER = "header"
    STRUCTURE = "structure.json"
    CHANGE = "change.json"  # a structural change that must be carried to its end
    ATTRIBUTES = "attributes.json"
    VALUES = "values.jsonl"
    JOURNAL = "journal"
    LOCKS = "locks"  # an empty file; locks are byte ranges of it: see LockByte
    ASSOCIATED = "associated"


class LockByte(IntEnum):
    """Which bytes of the file of locks stand for what (first byte of a range)."""

    STRUCTURE = 0  # shared by whoever lays tiles or reads while the structure changes
    GATE = 1  # the one who changes the structure
    EXTENTS = 2  # sizes in the header, and zarr.json
    ATTRIBUTES = 3
    KEYS = 1 << 13  # tiles laid with a key
    SLOTS = 1 << 14  # redo logs
    CHUNKS = 1 << 15  # chunks under a blended tile


class HeaderWord(IntEnum):
    """Positions of the 64-bit words of the header."""

    MAGIC = 0
    VERSION = 1
    GENERATION = 2  # counts structural changes
    CHANGE = 3  # 1 while one is wanted or under way
    STALE = 4  # 1 while zarr.json lags behind the sizes below
    PUBLISHED = 5  # time of the last zarr.json, nanoseconds
    HOST = 6  # of which machine: mapped files are not safe between several
    DONE = 7  # chunks rewritten by the change under way
    HEIGHT = 8
    WIDTH = 9
    AXES = 10  # sizes of the frame axes, in the order in which they were added


class Blend(Enum):
    """What becomes of a pixel that several tiles cover."""

    OVER = "over"  # the last one wins
    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    SUM = "sum"
    WEIGHTED = "weighted"


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One Zarr array of the store: its folder in it, dtype, bands (0: no band dimension)."""

    folder: str
    dtype: np.dtype
    bands: int


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """What a tile must fit into; it changes only under the store's exclusive lock.

    ``axes`` are slowest first, as in the array; ``born`` are the same names in the order in
    which they came, which is how header and journal number them. ``bands`` 0 and ``dtype`` ""
    mean that no tile has told yet. ``settled`` says that the dtype is meant: a one-pixel blank
    tile that only reserves room leaves it open. ``fixed`` says that the caller gave the dtype,
    ``expected`` is the share of the image that tiles will cover, as far as anybody knows.
    """

    tile_width: int
    tile_height: int
    blend: Blend = Blend.OVER
    fill: float = 0
    axes: tuple[str, ...] = ()
    born: tuple[str, ...] = ()
    bands: int = 0
    dtype: str = ""
    settled: bool = False
    fixed: bool = False
    expected: float | None = None
    generation: int = 0

    @property
    def numpy_dtype(self) -> np.dtype:
        """The image's sample type."""
        return np.dtype(self.dtype)

    @property
    def arrays(self) -> tuple[StoredArray, ...]:
        """The arrays that hold the pixels: values first, weights second where there are any."""
        return _arrays(self)

    def room(self, sizes: Sequence[int]) -> float:
        """Return the bytes that an image of these sizes (axes, height, width) will surely take."""
        if not (self.dtype and self.bands and self.expected):
            return 0
        *axes, height, width = sizes
        tiles = ceil_div(width, self.tile_width) * ceil_div(height, self.tile_height)
        pixels = tiles * self.tile_width * self.tile_height * math.prod(axes)
        each = sum(max(array.bands, 1) * array.dtype.itemsize for array in self.arrays)
        return pixels * each * self.expected

    @property
    def fill_value(self) -> Any:
        """The value of pixels that nobody wrote, as a number of the image's dtype."""
        return self.numpy_dtype.type(self.fill)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {**asdict(self), "blend": self.blend.value}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "StoreLayout":
        """Make it from what :meth:`to_json` returned."""
        tuples = {name: tuple(facts[name]) for name in ("axes", "born")}
        return cls(**{**facts, **tuples, "blend": Blend(facts["blend"])})


@lru_cache(maxsize=64)
def _arrays(structure: StoreLayout) -> tuple[StoredArray, ...]:
    dtype, bands, blend = structure.numpy_dtype, structure.bands, structure.blend
    weight, total = f"{FOLDER}/weight", f"{FOLDER}/sum"
    if blend is Blend.OVER:
        return (StoredArray("", dtype, bands),)
    if blend in (Blend.MAX, Blend.MIN):
        return (StoredArray("", dtype, bands), StoredArray(weight, np.dtype("u1"), 0))
    if blend is Blend.SUM:
        wide = "<f8" if dtype.kind == "f" else "<u8" if dtype == np.uint64 else "<i8"
        return (StoredArray(total, np.dtype(wide), bands), StoredArray(weight, np.dtype("u1"), 0))
    wide = "<f8"
    return (StoredArray(total, np.dtype(wide), bands), StoredArray(weight, np.dtype(wide), 0))


def chunk_path(root: str, array: StoredArray, frame: Sequence[int], row: int, column: int) -> str:
    """Return the file of one chunk; ``frame`` are indices in the order of the axes."""
    folder = f"{root}/{array.folder}" if array.folder else root
    place = ".".join(map(str, (*frame, row, column)))
    return f"{folder}/c.{place}.0" if array.bands else f"{folder}/c.{place}"


def chunk_files(root: str, array: StoredArray) -> list[tuple[str, tuple[int, ...]]]:
    """Return all chunks of an array that are there, in order: the file and its indices."""
    folder = f"{root}/{array.folder}" if array.folder else root
    if not os.path.isdir(folder):  # that of accumulators is made once their dtype is known
        return []
    names = [name for name in os.listdir(folder) if name.startswith("c.")]
    keys = sorted(tuple(map(int, name.split(".")[1:])) for name in names)
    return [(f"{folder}/c.{'.'.join(map(str, key))}", key) for key in keys]


def chunk_shape(structure: StoreLayout, array: StoredArray) -> tuple[int, ...]:
    """Return (tile_height, tile_width, bands), or without bands for weights."""
    grid = (structure.tile_height, structure.tile_width)
    return (*grid, array.bands) if array.bands else grid


def store_file(root: str | os.PathLike[str], name: str) -> Path:
    """Return a path in the store's own folder."""
    return Path(root, FOLDER, name)


def is_store(root: str | os.PathLike[str]) -> bool:
    """Return True where a folder is a sink's store, of any kind."""
    return is_mapped_store(root) or is_segment_store(root)


def is_mapped_store(root: str | os.PathLike[str]) -> bool:
    """Return True where a folder is a store of mapped chunks."""
    return store_file(root, StoreFile.HEADER).is_file()


def is_segment_store(root: str | os.PathLike[str]) -> bool:
    """Return True where a folder is a store of segments."""
    return store_file(root, LOG).is_file()


class Header:
    """The mapped header of one store: a few 64-bit words, each read and written in one piece."""

    def __init__(self, root: str | os.PathLike[str], *, writable: bool) -> None:
        """Map it.

        Raises
        ------
        UnsupportedFormatError
            The folder is not a store.
        CorruptSourceError
            The header is damaged or of another version.
        """
        flags = os.O_RDWR if writable else os.O_RDONLY
        try:
            self._file = opened(store_file(root, StoreFile.HEADER), flags)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnsupportedFormatError(f"{root} is not a sink's store") from error
        # Readers come and go by the call, and nobody closes them one by one. No lock, no thread:
        # the garbage collector may come here anywhere.
        self._closing = weakref.finalize(self, self._file.close)
        self._closing.atexit = False  # whoever still has a store then looks at its header last
        if os.fstat(self._file.fileno()).st_size != HEADER_BYTES:
            raise CorruptSourceError(f"the header of the store {root} is cut short")
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        mapping = mmap.mmap(self._file.fileno(), HEADER_BYTES, access=access)
        self.words = memoryview(mapping).cast("q")
        if self.words[HeaderWord.MAGIC] != MAGIC:
            raise CorruptSourceError(f"the header of the store {root} can't be understood")
        version = self.words[HeaderWord.VERSION]
        if version != VERSION:
            age = "a newer" if version > VERSION else "an older"
            raise UnsupportedFormatError(
                f"the store {root} was made by {age} ziggurat (its version is {version}, this one "
                f"takes {VERSION}): use that, or write the image and begin a new store"
            )

    @property
    def vanished(self) -> bool:
        """True once the store has been removed."""
        return os.fstat(self._file.fileno()).st_nlink == 0

    def sizes(self, structure: StoreLayout) -> tuple[int, ...]:
        """Return the sizes so far: the frame axes (slowest first), height, width."""
        words = self.words
        axes = (words[HeaderWord.AXES + structure.born.index(name)] for name in structure.axes)
        return (*axes, words[HeaderWord.HEIGHT], words[HeaderWord.WIDTH])

    def close(self) -> None:
        """Close the file; the mapping goes with its last user."""
        self._closing()


def read_structure(root: str | os.PathLike[str]) -> StoreLayout:
    """Read the structure of a store."""
    try:
        return StoreLayout.from_json(json.loads(store_file(root, StoreFile.STRUCTURE).read_text()))
    except (FileNotFoundError, ValueError, TypeError, KeyError) as error:
        raise CorruptSourceError(f"the structure of the store {root} can't be read") from error
    except OSError as error:  # no right to, no descriptor left: nothing is wrong with the store
        raise SourceError(
            f"the structure of the store {root} can't be read: {message_of(error)}"
        ) from error
