"""An image as an array: ``source[y0:y1, x0:x1]``, and lazily as dask or a list of levels."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.model.geometry import Rect, ceil_div
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.window import read_level
from ziggurat.readers.source.hooks import HasImage

if TYPE_CHECKING:
    import dask.array
    from numpy.typing import DTypeLike

_CHUNK = 1024  # pixels a side of dask's chunks, at least


class LevelArray:
    """One stored level of one frame as (y, x, band), indexed like numpy, read when asked for.

    Slices of any step and whole numbers index y and x; bands take whatever numpy takes.
    """

    def __init__(self, image: Callable[[], Image], level: int, frame: int) -> None:
        self._image = image
        self._level = level
        self._frame = frame

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, bands)."""
        info = self._image().info
        return info.levels[self._level].height, info.levels[self._level].width, info.bands

    @property
    def dtype(self) -> np.dtype:
        """Of the pixels."""
        return self._image().info.dtype

    @property
    def ndim(self) -> int:
        """Always three."""
        return 3

    @property
    def size(self) -> int:
        """Number of values."""
        height, width, bands = self.shape
        return height * width * bands

    @property
    def chunks(self) -> tuple[int, int, int]:
        """(height, width, bands) of the stored tiles."""
        info = self._image().info
        level = info.levels[self._level]
        return level.tile_height, level.tile_width, info.bands

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: object) -> Pixels:
        height, width, _ = self.shape
        parts = _expanded(index)
        rows, columns = _axis(parts[0], height), _axis(parts[1], width)
        rect = Rect(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
        if rect.empty:
            pixels = np.empty((rect.height, rect.width, self.shape[2]), self.dtype)
        else:
            pixels = read_level(self._image(), self._level, self._frame, rect)
        picked: Pixels = pixels[rows[2], columns[2]]
        return picked[..., *parts[2:]] if len(parts) > 2 else picked

    def __array__(self, dtype: "DTypeLike | None" = None, copy: bool | None = None) -> Pixels:
        if copy is False:
            raise ValueError("pixels are read from a file: an array can't be had without a copy")
        pixels = self[:]
        return pixels if dtype is None else pixels.astype(dtype)


def _expanded(index: object) -> tuple[Any, ...]:
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis for part in parts):
        place = next(number for number, part in enumerate(parts) if part is Ellipsis)
        parts[place : place + 1] = [slice(None)] * (4 - len(parts))
    if len(parts) > 3 or any(part is None or part is Ellipsis for part in parts):
        raise OptionError(f"an index must be of three dimensions (y, x, band), not {index!r}")
    return tuple(parts + [slice(None)] * (2 - len(parts)))


def _axis(index: object, size: int) -> tuple[int, int, Any]:
    """Return (start, stop) of what must be read, and the index into it."""
    if isinstance(index, slice):
        places = range(size)[index]
        if not len(places):
            return 0, 0, slice(None)
        low, high = min(places[0], places[-1]), max(places[0], places[-1])
        if places.step > 0:
            return low, high + 1, slice(None, None, places.step)
        return low, high + 1, slice(None, None, places.step)
    if not hasattr(index, "__index__") or isinstance(index, bool):
        raise OptionError(f"y and x must be slices or whole numbers, not {index!r}")
    number = int(index)
    if not -size <= number < size:
        raise IndexError(f"index {number} is outside of an axis of {size}")
    number %= size
    return number, number + 1, 0


class IndexingMethods:
    """Array-like access at full resolution, and to every stored level."""

    @property
    def shape(self: HasImage) -> tuple[int, int, int]:
        """(height, width, bands) of a frame at full resolution."""
        return LevelArray(self._image, 0, 0).shape

    @property
    def ndim(self: HasImage) -> int:
        """Always three: a frame is (y, x, band)."""
        return 3

    def __getitem__(self: HasImage, index: object) -> Pixels:
        """Return pixels (y, x, band) of the first frame at full resolution, as numpy would."""
        return LevelArray(self._image, 0, 0)[index]

    def __array__(
        self: HasImage, dtype: "DTypeLike | None" = None, copy: bool | None = None
    ) -> Pixels:
        return LevelArray(self._image, 0, 0).__array__(dtype, copy)

    def level_arrays(self: HasImage, frame: int | None = None) -> list[LevelArray]:
        """Return every stored level, largest first, as lazy arrays (y, x, band) for viewers.

        Their dtype is the image's; what is indexed is read then.

        ``napari.Viewer().add_image(source.level_arrays(), multiscale=True, rgb=True)``
        """
        return stored_levels(self._image, frame)

    def to_dask(self: HasImage, level: int = 0, frame: int | None = None) -> "dask.array.Array":
        """Return a stored level as a dask array (y, x, band), a chunk per some stored tiles.

        Its dtype is the image's.

        Raises
        ------
        OptionError
            dask isn't installed, or there is no such level.
        """
        return _dask_level(self._image, level, frame)

    def multiscale(self: HasImage, frame: int | None = None) -> "list[dask.array.Array]":
        """Return every stored level, largest first, as dask arrays with the frame axes in front.

        ``napari.Viewer().add_image(source.multiscale(), multiscale=True)``

        Parameters
        ----------
        frame
            This frame alone, without frame axes. Default: all, as (axes …, y, x, band), the
            slowest axis first; an image without frame axes has (y, x, band). Their dtype is the
            image's.

        Raises
        ------
        OptionError
            dask isn't installed.
        """
        info = self._image().info
        levels = range(len(info.levels))
        if frame is not None or not info.axes:
            return [_dask_level(self._image, level, frame) for level in levels]
        sizes = tuple(axis.size for axis in info.axes)
        frames = range(info.frames)
        return [_stacked([_dask_level(self._image, n, f) for f in frames], sizes) for n in levels]


def stored_levels(image: Callable[[], Image], frame: int | None) -> list[LevelArray]:
    """Return every stored level of a frame, largest first; ``image`` is asked at each reading."""
    info = image().info
    number = check_frame(info, frame)
    return [LevelArray(image, level, number) for level in range(len(info.levels))]


def _dask_level(image: Callable[[], Image], level: int, frame: int | None) -> "dask.array.Array":
    arrays = stored_levels(image, frame)
    if not 0 <= level < len(arrays):
        raise OptionError(f"there are stored levels 0 to {len(arrays) - 1}, not {level!r}")
    return _as_dask(arrays[level])


def _stacked(frames: "list[dask.array.Array]", sizes: tuple[int, ...]) -> "dask.array.Array":
    """Return dask arrays of frames as one with the frame axes in front."""
    import dask.array

    return dask.array.stack(frames).reshape(*sizes, *frames[0].shape)


def _as_dask(array: LevelArray) -> "dask.array.Array":
    """Return a lazy level as a dask array whose chunks are whole stored tiles."""
    try:
        import dask.array
    except ImportError as error:
        raise OptionError("to_dask needs dask: pip install 'ziggurat[dask]'") from error
    tile_height, tile_width, bands = array.chunks
    chunks = (
        ceil_div(_CHUNK, tile_height) * tile_height,
        ceil_div(_CHUNK, tile_width) * tile_width,
        bands,
    )
    return dask.array.from_array(array, chunks=chunks, asarray=False, fancy=False, lock=False)
