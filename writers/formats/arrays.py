"""Arrays as images: ``ziggurat.write(array, "x.ome.tiff")``, for numpy, dask, zarr and the like."""

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import one_of
from ziggurat.readers.model.geometry import level_sizes
from ziggurat.readers.model.image import (
    Axis,
    Channel,
    ImageInfo,
    Interpretation,
    Level,
    ServedLevels,
)
from ziggurat.readers.views.array import ArrayLike, ArrayReader
from ziggurat.writers.formats.registry import output_for, write_levels
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.report import WriteReport

_TILE = 256
_COLORS = (3, 4)


def write(
    array: ArrayLike,
    path: str | os.PathLike[str],
    axes: str | None = None,
    *,
    levels: Sequence[ArrayLike] = (),
    channel_names: Sequence[str] | None = None,
    mm_x: float | None = None,
    mm_y: float | None = None,
    magnification: float | None = None,
    interpretation: Interpretation | str | None = None,
    options: WriteOptions | None = None,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> WriteReport:
    """Write an array as a tiled pyramid; the ending of the path decides the format.

    Parameters
    ----------
    array
        A numpy array or anything that has ``shape``, ``dtype`` and slices: dask, zarr, h5py. Its
        shape is (y, x), (y, x, band) or what ``axes`` names, its dtype bool, integers or floats.
        What is no numpy array is read by rectangles, from several threads, never as a whole.
    path
        ``.tif``, ``.ome.tif``, ``.zarr``, ``.zarr.zip``, ``.ozx``, ``.svs``, ``.png`` …
    axes
        One letter a dimension, ending in ``yx`` or ``yxs``: ``tczyx``, ``cyx``, ``yxs`` (s: the
        bands of a pixel, all others count frames). Default: ``yx`` for two dimensions, ``yxs``
        for three of which the last one has 1 to 4 positions, else ``cyx``.
    levels
        Arrays of the same axes, (y, x) or others, and dtype, each half as large in x and y as the
        one before (rounded up): levels of the pyramid that are there. Those that are not are made.
    channel_names
        One for each position on the axis ``c``, or for each band where there is no such axis.
    mm_x, mm_y
        Millimetres per pixel. Given one of them, the other one is the same.
    magnification
        Of the objective.
    interpretation
        ``gray``, ``rgb``, ``labels`` (never averaged) or ``multiband``. Default: RGB for three
        or four bands of 8 or 16 bits, gray for one, else multiband.
    options
        Compression, tile size, overwriting …; see ``WriteOptions``.
    on_progress, cancel
        Told how far it is; stops it.

    Returns
    -------
    What was written, and ``lost``: what the format has no place for, in words.

    Raises
    ------
    OptionError
        Axes, levels or names that don't fit the array, or a format that can't hold it.
    TargetExistsError
        The output exists and ``options`` don't say that it may be overwritten.
    WriteError
        It failed on the way; nothing is left under the name.
    """
    chosen = options or WriteOptions()
    stack = [array, *levels]
    names = _axes(array, axes)
    if not names.endswith("s"):
        stack = [_with_bands(one) for one in stack]
    info = _info(stack, names, channel_names, interpretation)
    info = replace(info, mm_x=mm_x or mm_y, mm_y=mm_y or mm_x, magnification=magnification)
    reader = ArrayReader(stack[0], info, stack[1:])
    output = output_for(path)
    if levels and (output.levels_by_library or output.flat):
        raise OptionError(f"invalid levels: {output.name} makes its own; leave them away")
    plan = output.plan_levels(reader, chosen)
    return write_levels(
        reader, path, plan, chosen, output=output, on_progress=on_progress, cancel=cancel
    )


def _axes(array: ArrayLike, axes: str | None) -> str:
    count = len(array.shape)
    if axes is None:
        if count == 2:
            return "yx"
        if count == 3:
            return "yxs" if array.shape[2] <= max(_COLORS) else "cyx"
        raise OptionError(f"axes must be given for an array of {count} dimensions, as 'tczyx'")
    names = axes.lower()
    if not names.endswith(("yx", "yxs")) or len(names) != count or len(set(names)) != count:
        raise OptionError(
            f"invalid axes {axes!r}: they must name the {count} dimensions of the array, each "
            "once, and end in 'yx' or 'yxs'"
        )
    return names


class _Banded:
    """An array with a last dimension of one band, which its own one lacks."""

    def __init__(self, array: ArrayLike) -> None:
        self._array = array
        self.shape = (*array.shape, 1)
        self.dtype = array.dtype

    def __getitem__(self, index: tuple[object, ...]) -> object:
        return np.asarray(self._array[index[:-1]])[..., np.newaxis]


def _with_bands(array: ArrayLike) -> ArrayLike:
    return array[..., np.newaxis] if isinstance(array, np.ndarray) else _Banded(array)


def _info(
    stack: Sequence[ArrayLike],
    names: str,
    channel_names: Sequence[str] | None,
    interpretation: Interpretation | str | None,
) -> ImageInfo:
    frames, bands = stack[0].shape[:-3], stack[0].shape[-1]
    if 0 in stack[0].shape:
        raise OptionError(f"an array of shape {tuple(stack[0].shape)} holds no pixel to write")
    dtype = np.dtype(stack[0].dtype)
    meaning = None
    if interpretation is not None:
        meaning = one_of("interpretation", interpretation, Interpretation)
    color = bands in _COLORS and dtype in (np.uint8, np.uint16)
    if meaning is None and bands == 1:
        meaning = Interpretation.GRAY
    elif meaning is None:
        meaning = Interpretation.RGB if color else Interpretation.MULTIBAND
    axes = tuple(Axis(name, size) for name, size in zip(names, frames, strict=False))
    channels, band_names = _named(channel_names, axes, bands)
    return ImageInfo(
        format="array",
        levels=_levels(stack),
        bands=bands,
        dtype=dtype,
        interpretation=meaning,
        alpha=meaning is Interpretation.RGB and bands == 4,
        axes=axes,
        channels=channels,
        band_names=band_names,
        served_levels=ServedLevels.TWO_FINER,
    )


def _levels(stack: Sequence[ArrayLike]) -> tuple[Level, ...]:
    height, width = stack[0].shape[-3:-1]
    sizes = level_sizes(width, height, 1)
    for number, (one, size) in enumerate(zip(stack, sizes, strict=False)):
        expected = (*stack[0].shape[:-3], size[1], size[0], stack[0].shape[-1])
        if tuple(one.shape) != expected or np.dtype(one.dtype) != np.dtype(stack[0].dtype):
            raise OptionError(
                f"invalid levels: number {number} must be {expected} of {stack[0].dtype}, half "
                f"of the one before, not {tuple(one.shape)} of {one.dtype}"
            )
    if len(stack) > len(sizes):
        raise OptionError(f"invalid levels: {width} x {height} pixels have {len(sizes)}")
    return tuple(Level(w, h, min(w, _TILE), min(h, _TILE)) for w, h in sizes[: len(stack)])


def _named(
    names: Sequence[str] | None, axes: Sequence[Axis], bands: int
) -> tuple[tuple[Channel, ...], tuple[str, ...]]:
    """Return the channels and the band names that a list of names stands for."""
    if names is None:
        return (), ()
    sizes = {axis.name: axis.size for axis in axes}
    due = sizes.get("c", bands)
    if isinstance(names, str) or len(names) != due:
        raise OptionError(f"channel_names must be a list of {due} names, not {names!r}")
    if "c" in sizes:
        return tuple(Channel(str(name)) for name in names), ()
    return (), tuple(str(name) for name in names)
