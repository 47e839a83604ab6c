"""Calls into GDAL that can fail without a word: all are made here, and looked at here.

GDAL decodes and warps in threads of its own. What one of those complains of never reaches the
caller: no exception is raised, the call returns None or a code, and the buffer that should have
been filled holds whatever lay in memory. So nothing else calls ``ReadRaster``, ``Warp`` and the
like; a call that failed quietly is made again in one thread, which gives the message.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from osgeo import gdal

from ziggurat.readers.errors import CorruptSourceError, ZigguratError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels

gdal.UseExceptions()

# GDAL's blocks would take a twentieth of the machine; decoded tiles are kept by our own cache.
_BLOCK_CACHE_BYTES = 128 << 20
if "GDAL_CACHEMAX" not in os.environ:
    gdal.SetCacheMax(min(gdal.GetCacheMax(), _BLOCK_CACHE_BYTES))

# What GDAL raises: its messages may hold bytes of a damaged file, which no text can be made of.
GDAL_ERRORS = (RuntimeError, UnicodeDecodeError, MemoryError)
_ONE_THREAD = {"GDAL_NUM_THREADS": "1"}
# What libraries below GDAL call a warning although pixels are missing.
_CUT_SHORT = ("premature end of", "unexpected end of file")

GDAL_TYPES = {
    np.dtype(code): kind
    for code, kind in {
        "u1": gdal.GDT_Byte,
        "i1": gdal.GDT_Int8,
        "u2": gdal.GDT_UInt16,
        "i2": gdal.GDT_Int16,
        "u4": gdal.GDT_UInt32,
        "i4": gdal.GDT_Int32,
        "u8": gdal.GDT_UInt64,
        "i8": gdal.GDT_Int64,
        "f2": gdal.GDT_Float16,
        "f4": gdal.GDT_Float32,
        "f8": gdal.GDT_Float64,
        "c8": gdal.GDT_CFloat32,
        "c16": gdal.GDT_CFloat64,
    }.items()
}


@contextmanager
def gdal_words() -> Iterator[list[str]]:
    """Collect what GDAL says in this thread; nothing of it reaches stderr."""
    words: list[str] = []
    gdal.PushErrorHandler(lambda _kind, _number, text: words.append(text))
    try:
        yield words
    finally:
        gdal.PopErrorHandler()


def checked[T](
    what: str,
    function: Callable[[], T | None],
    error: type[ZigguratError] = CorruptSourceError,
    *,
    again: bool = True,
    heard: list[str] | None = None,
) -> T:
    """Call GDAL, and return what it returns: never None, never a code of failure.

    Parameters
    ----------
    what
        What can't be done if it fails; the beginning of the message.
    function
        Makes the call.
    error
        What is raised if it fails.
    again
        A call that failed without a word is made once more, in one thread.
    heard
        What GDAL warned of in a call that went well is added to it.
    """
    said: list[str] = []
    for options in ({}, _ONE_THREAD) if again else ({},):
        with gdal_words() as words, gdal.config_options(options):
            try:
                result = function()
            except GDAL_ERRORS as problem:
                raise error(f"{what}: {_text(problem) or '; '.join(words)}") from problem
        cut = [word for word in words if any(sign in word.lower() for sign in _CUT_SHORT)]
        if cut:
            raise error(f"{what}: {cut[0]}")
        failed = result is None or (type(result) is int and result != gdal.CE_None)
        if not failed:
            assert result is not None
            if heard is not None:
                heard += words
            return result
        said += words
    raise error(f"{what}: {'; '.join(said) or 'GDAL failed and gives no reason'}")


def _text(problem: BaseException) -> str:
    if isinstance(problem, UnicodeDecodeError):  # it names a file, or quotes a damaged one
        return problem.object.decode("utf-8", "replace")
    return "its own message is no text" if isinstance(problem, UnicodeError) else str(problem)


def read_pixels(
    dataset: gdal.Dataset, rect: Rect, bands: Sequence[int], dtype: np.dtype, name: str
) -> Pixels:
    """Return a rectangle of some bands (1 …) as (y, x, band), converted to ``dtype``.

    Raises
    ------
    CorruptSourceError
        GDAL can't read it, with or without a word.
    """
    pixels = np.zeros((rect.height, rect.width, len(bands)), dtype)
    if not pixels.size:
        return pixels
    rows, columns, samples = pixels.strides
    checked(
        f"{name} can't be read",
        lambda: dataset.ReadRaster(
            rect.x,
            rect.y,
            rect.width,
            rect.height,
            buf_type=GDAL_TYPES[dtype],
            band_list=list(bands),
            buf_obj=pixels,
            buf_line_space=rows,
            buf_pixel_space=columns,
            buf_band_space=samples,
        ),
    )
    return pixels


def put_pixels(
    dataset: gdal.Dataset,
    rect: Rect,
    pixels: Pixels,
    what: str = "a raster in memory can't be made",
    error: type[ZigguratError] = CorruptSourceError,
) -> None:
    """Write (y, x, band) into a rectangle of a raster; bools go as 0 and 1."""
    stored = np.ascontiguousarray(pixels.view(np.uint8) if pixels.dtype.kind == "b" else pixels)
    rows, columns, samples = stored.strides
    checked(
        what,
        lambda: dataset.WriteRaster(
            rect.x,
            rect.y,
            rect.width,
            rect.height,
            stored,
            buf_type=GDAL_TYPES[stored.dtype],
            buf_line_space=rows,
            buf_pixel_space=columns,
            buf_band_space=samples,
        ),
        error,
    )


def create(
    driver: str,
    name: str,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    options: Sequence[str] = (),
    error: type[ZigguratError] = CorruptSourceError,
) -> gdal.Dataset:
    """Return a new raster of a shape (height, width, bands)."""
    height, width, bands = shape
    return checked(
        f"{name or 'a raster in memory'} can't be made",
        lambda: gdal.GetDriverByName(driver).Create(
            name, width, height, bands, GDAL_TYPES[dtype], list(options)
        ),
        error,
    )


def warped_pixels(what: str, source: gdal.Dataset, **options: object) -> Pixels:
    """Return what ``gdal.Warp`` makes of a raster as (y, x, band), in the raster's own type.

    Raises
    ------
    CorruptSourceError
        The source can't be read, or not be warped.
    """

    def warp() -> Pixels | None:
        made = gdal.Warp("", source, format="MEM", **options)
        return None if made is None else made.ReadAsArray(interleave="pixel")

    pixels = checked(what, warp)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
