"""An array in memory (or mapped) as an image: for tests, associated images and results."""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level, ServedLevels
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader


class ArrayLike(Protocol):
    """What is read like a numpy array: dask, zarr, h5py, tensorstore and others."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""

    @property
    def dtype(self) -> Any:
        """The type of the samples, as ``numpy.dtype`` takes it."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return a part that ``numpy.asarray`` takes."""


class ArrayReader(Reader):
    """One array of shape (frame axes …, y, x, band) for each level."""

    def __init__(
        self, array: ArrayLike, info: ImageInfo, smaller: Sequence[ArrayLike] = ()
    ) -> None:
        self.info = info
        frames = tuple(axis.size for axis in info.axes)
        levels = (array, *smaller)
        for level, one in zip(info.levels, levels, strict=True):
            expected = (*frames, level.height, level.width, info.bands)
            if tuple(one.shape) != expected:
                raise OptionError(
                    f"an array of shape {one.shape} is not the image of shape {expected}"
                )
        self._levels = [_frames(one, frames) for one in levels]
        self._frames = self._levels[0]

    def plane(self, level: int, frame: int) -> Plane:
        """Return one plane of the array of a level."""
        if level >= len(self._levels):
            raise OptionError(f"an array has one level: it must be 0, not {level}")
        frames = self._levels[level]
        if isinstance(frames, _Lazy):
            return _LazyPlane(frames, frame)
        return _ArrayPlane(frames[frame], _shared_mapping(frames))


@dataclass(frozen=True, slots=True)
class _Lazy:
    """An array whose pixels are fetched as they are asked for."""

    array: ArrayLike
    frames: tuple[int, ...]  # sizes of the frame axes


def _frames(array: ArrayLike, frames: tuple[int, ...]) -> np.ndarray | _Lazy:
    if not isinstance(array, np.ndarray):
        return _Lazy(array, frames)
    # slices of a memory map cost several times those of a plain array over it
    return np.asarray(array).reshape(-1, *array.shape[-3:])


class _LazyPlane(DecodedPlane):
    __slots__ = ("_lazy", "_place")

    def __init__(self, lazy: _Lazy, frame: int) -> None:
        self._lazy = lazy
        self._place = tuple(int(n) for n in np.unravel_index(frame, lazy.frames or (1,)))

    def read(self, rect: Rect) -> Pixels:
        """Return a rectangle, computed or loaded now."""
        place = self._place if self._lazy.frames else ()
        part = (*place, slice(rect.y, rect.bottom), slice(rect.x, rect.right), slice(None))
        return np.asarray(self._lazy.array[part])


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


def _shared_mapping(array: np.ndarray) -> mmap.mmap | None:
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
    array: np.ndarray,
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
        served_levels=ServedLevels.TWO_FINER,
        alpha=color and bands == 4 and interpretation in (None, Interpretation.RGB),
        axes=tuple(Axis(name, size) for name, size in zip(frame_axes, array.shape, strict=False)),
    )
    return ArrayReader(array, info)
