"""An array in memory (or mapped) as an image: for tests, associated images and results."""

import mmap
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader


class ArrayReader(Reader):
    """One array of shape (frame axes …, y, x, band)."""

    def __init__(self, array: np.ndarray[Any, np.dtype[Any]], info: ImageInfo) -> None:
        expected = (*(a.size for a in info.axes), info.height, info.width, info.bands)
        if array.shape != expected:
            raise OptionError(
                f"an array of shape {array.shape} is not the image of shape {expected}"
            )
        self.info = info
        # slices of a memory map cost several times those of a plain array over it
        self._frames = np.asarray(array).reshape(-1, *array.shape[-3:])
        self._mapping = _shared_mapping(self._frames)

    def plane(self, level: int, frame: int) -> Plane:
        """Return one plane of the array; there is only level 0."""
        if level:
            raise OptionError(f"an array has level 0 only, not {level}")
        return _ArrayPlane(self._frames[frame], self._mapping)


class _ArrayPlane(DecodedPlane):
    __slots__ = ("_mapping", "_pixels")

    def __init__(self, pixels: Pixels, mapping: mmap.mmap | None) -> None:
        self._pixels = pixels
        self._mapping = mapping

    def read(self, rect: Rect) -> Pixels:
        """Return a rectangle of the array itself."""
        part = self._pixels[rect.y : rect.bottom, rect.x : rect.right]
        part.flags.writeable = False
        return part

    def release(self, rect: Rect) -> None:
        """Let the pages of a mapped file go from this process; the file and its cache keep them."""
        if self._mapping is None or rect.empty:
            return
        part = self._pixels[rect.y : rect.bottom, rect.x : rect.right]
        planar = part.strides[2] > part.strides[0]
        for plane in [part[..., band] for band in range(part.shape[2])] if planar else [part]:
            low, high = byte_bounds(plane)
            if high - low <= plane.strides[0] * rect.height:  # rows lie one after the other
                _drop_pages(self._mapping, low, high)


def _shared_mapping(array: np.ndarray[Any, np.dtype[Any]]) -> mmap.mmap | None:
    """Return the mapping of a file that an array lies in, if its pages are the file's own.

    Those of a private mapping (mode ``c``) may hold changes that are nowhere else.
    """
    base: Any = array
    shared = False
    while isinstance(base, np.ndarray):
        shared = isinstance(base, np.memmap) and base.mode in ("r", "r+", "w+")
        base = base.base
    return base if shared and isinstance(base, mmap.mmap) else None


def _drop_pages(mapping: mmap.mmap, low: int, high: int) -> None:
    """Unmap the pages between two addresses; one that is needed on is met again at a small cost."""
    start = byte_bounds(np.frombuffer(mapping, np.uint8))[0]
    first = (low - start) // mmap.PAGESIZE * mmap.PAGESIZE
    last = (high - start) // mmap.PAGESIZE * mmap.PAGESIZE
    if last > first:
        mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


def array_reader(
    array: np.ndarray[Any, np.dtype[Any]],
    axes: str = "yxs",
    *,
    interpretation: Interpretation | None = None,
    tile: int = 256,
) -> ArrayReader:
    """Wrap an array.

    Parameters
    ----------
    array
        Of any dtype; its dimensions are named by ``axes``.
    axes
        One letter a dimension, ending in ``yx`` or ``yxs`` (s: bands).
    interpretation
        Default: RGB for three or four bands of 8 or 16 bits, gray for one, else multiband.
    tile
        Nominal tile size of the level.
    """
    if not axes.endswith(("yx", "yxs")) or len(axes) != array.ndim:
        raise OptionError(f"axes {axes!r} don't name the {array.ndim} dimensions of the array")
    if axes.endswith("yx"):
        array = array[..., np.newaxis]
    *_, height, width, bands = array.shape
    frame_axes = axes.removesuffix("s").removesuffix("yx")
    color = bands in (3, 4) and array.dtype in (np.uint8, np.uint16)
    guess = Interpretation.RGB if color else Interpretation.MULTIBAND
    if bands == 1:
        guess = Interpretation.GRAY
    info = ImageInfo(
        format="array",
        levels=(Level(width, height, tile, tile),),
        bands=bands,
        dtype=array.dtype,
        interpretation=interpretation or guess,
        alpha=color and bands == 4 and interpretation in (None, Interpretation.RGB),
        axes=tuple(Axis(name, size) for name, size in zip(frame_axes, array.shape, strict=False)),
    )
    return ArrayReader(array, info)
