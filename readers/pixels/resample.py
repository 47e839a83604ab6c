"""Scaling of pixel arrays: any dtype, any number of bands, never by way of 8 bits.

By default reductions average areas (OpenCV's ``INTER_AREA``: every source pixel counts with the
part of it that an output pixel covers), so nothing aliases, and enlargements interpolate. A filter
that is asked for by its name is that of Pillow. Colours are weighted by alpha where there is any,
so that what is transparent doesn't bleed.
"""

from enum import Enum
from typing import Any

import numpy as np

from ziggurat.readers.errors import OptionError, SourceError
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.samples import (
    Nodata,
    cast_rounded,
    invalid_samples,
    mixed,
    stay_valid,
    weighted,
)


class Resample(Enum):
    """How pixels are scaled; the values from 0 are PIL's numbers for the same."""

    AREA = -1  # the default: area means when reducing, Lanczos when enlarging
    NEAREST = 0
    LANCZOS = 1
    BILINEAR = 2
    BICUBIC = 3
    BOX = 4
    HAMMING = 5


SPARE = 3  # pixels for each that comes out: what a filter is given where there are many more
_DIRECT = {"uint8", "uint16", "int16", "float32", "float64"}
_SMALL = {"bool": np.uint8, "int8": np.int16, "float16": np.float32}
_MAX_BANDS = 4  # OpenCV's limit for most of its interpolations


def parse_resample(value: Any, info: ImageInfo) -> Resample:
    """Return the method a caller asks for: True/None/False choose by kind of image.

    Labels and palette indices are never mixed: anything but a number means nearest for them.
    """
    if value is None or isinstance(value, bool):
        return default_resample(info)
    try:
        name = value.upper() if isinstance(value, str) and not value.isdigit() else None
        return Resample[name] if name else _numbered(int(value))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        known = ", ".join(f"{m.value} ({m.name})" for m in Resample if m is not Resample.AREA)
        raise OptionError(
            f"resample must be True, None or one of {known}, not {value!r}"
        ) from error


def _numbered(number: int) -> Resample:
    if number < 0:
        raise ValueError(number)
    return Resample(number)


def default_resample(info: ImageInfo) -> Resample:
    """Return the method that suits an image."""
    names = info.interpretation in (Interpretation.LABELS, Interpretation.PALETTE)
    return Resample.NEAREST if names else Resample.AREA


def resize(
    pixels: Pixels,
    width: int,
    height: int,
    method: Resample,
    *,
    alpha: bool = False,
    nodata: Nodata | None = None,
) -> Pixels:
    """Scale an array of shape (y, x, band) to (height, width, band), dtype unchanged.

    Parameters
    ----------
    pixels
        Any dtype. 64-bit integers go through float64 and are exact up to 2 ** 53.
    width, height
        One or more.
    method
        ``AREA``, ``NEAREST`` (pixels as they are), or one of Pillow's filters. These work in single
        precision where samples have more than 8 bits.
    alpha
        The last band is unassociated alpha.
    nodata
        Samples of these values are left out of averages. What is reduced is nodata where nothing
        valid is in it, what is enlarged where less than half of it is valid.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    if method is Resample.NEAREST:
        return nearest(pixels, width, height)
    scaled = _scaled(pixels, width, height, method, alpha=alpha, nodata=nodata)
    if alpha and (width > pixels.shape[1] or height > pixels.shape[0]):
        # What enlarges swings over; nothing is less than transparent, or more than opaque.
        weight = pixels[..., -1]
        np.clip(scaled[..., -1], weight.min(), weight.max(), out=scaled[..., -1])
    return scaled


def _scaled(
    pixels: Pixels,
    width: int,
    height: int,
    method: Resample,
    *,
    alpha: bool,
    nodata: Nodata | None,
) -> Pixels:
    if invalid_samples(pixels, nodata) is not None:
        sums = _resize_any(weighted(pixels, nodata, alpha=alpha), width, height, method)
        grows = width > pixels.shape[1] or height > pixels.shape[0]
        return mixed(sums, pixels.dtype, nodata, **({"least": 0.5} if grows else {}))
    if alpha and pixels.shape[2] > 1 and not _opaque(pixels[..., -1]):
        return stay_valid(_resize_transparent(pixels, width, height, method), nodata)
    return stay_valid(_resize_any(pixels, width, height, method), nodata)


def nearest(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale by taking the pixel at the centre of each output pixel."""
    rows = ((np.arange(height) + 0.5) * (pixels.shape[0] / height)).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * (pixels.shape[1] / width)).astype(np.intp)
    picked: Pixels = pixels[rows[:, None], columns]
    return picked


def _opaque(alpha: np.ndarray) -> bool:
    return bool(alpha.min() == alpha.max())


def _resize_transparent(pixels: Pixels, width: int, height: int, method: Resample) -> Pixels:
    exact = np.float64 if pixels.dtype.itemsize > 2 else np.float32
    weight = pixels[..., -1:].astype(exact)
    summed = _resize_any(
        np.concatenate([pixels[..., :-1] * weight, weight], axis=2), width, height, method
    )
    total = summed[..., -1:]
    plain = _resize_any(pixels[..., :-1].astype(exact), width, height, method)
    colors = np.where(total > 0, summed[..., :-1] / np.where(total > 0, total, 1), plain)
    return cast_rounded(np.concatenate([colors, total], axis=2), pixels.dtype)


def _resize_any(pixels: Pixels, width: int, height: int, method: Resample) -> Pixels:
    dtype = pixels.dtype
    if dtype.name in _SMALL:
        work = pixels.astype(_SMALL[dtype.name])
    elif dtype.name not in _DIRECT or not dtype.isnative:
        work = pixels.astype(np.float64 if dtype.name not in _DIRECT else dtype.newbyteorder("="))
    else:
        work = pixels
    if dtype == np.bool_:
        work = work.astype(np.float32)
    bands = work.shape[2]
    if bands <= _MAX_BANDS:
        scaled = _resize_few(work, width, height, method)
    else:
        parts = [
            _resize_few(work[..., first : first + _MAX_BANDS], width, height, method)
            for first in range(0, bands, _MAX_BANDS)
        ]
        scaled = np.concatenate(parts, axis=2)
    return scaled if scaled.dtype == dtype else cast_rounded(scaled, dtype)


def _resize_few(pixels: Pixels, width: int, height: int, method: Resample) -> Pixels:
    if method is not Resample.AREA:
        return _filtered(pixels, width, height, method)
    import cv2

    rows, columns, bands = pixels.shape
    pixels = np.ascontiguousarray(pixels)
    if width <= columns and height <= rows:
        scaled = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        return _shaped(scaled, height, width, bands)
    # one axis shrinks, the other grows: each in its own way
    if width < columns or height < rows:
        small_w, small_h = min(width, columns), min(height, rows)
        pixels = cv2.resize(pixels, (small_w, small_h), interpolation=cv2.INTER_AREA)
    scaled = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LANCZOS4)
    return _shaped(scaled, height, width, bands)


def _shaped(scaled: object, height: int, width: int, bands: int) -> Pixels:
    """Return what OpenCV gives as (y, x, band); it leaves a single band out."""
    due = height, width, bands
    if not isinstance(scaled, np.ndarray) or scaled.shape not in (due, due[: 2 + (bands > 1)]):
        found = scaled.shape if isinstance(scaled, np.ndarray) else type(scaled).__name__
        raise SourceError(f"OpenCV gave {found} for pixels of {due}")
    return scaled.reshape(due)


def _filtered(pixels: Pixels, width: int, height: int, method: Resample) -> Pixels:
    """Scale by one of Pillow's filters, band by band."""
    from PIL import Image  # loads what callers that take the default never need

    exact = np.uint8 if pixels.dtype == np.uint8 else np.float32
    kind = Image.Resampling(method.value)
    bands = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(pixels[..., band], exact)).resize(
                (width, height), kind
            )
        )
        for band in range(pixels.shape[2])
    ]
    scaled = np.stack(bands, axis=2)
    return scaled if scaled.dtype == pixels.dtype else cast_rounded(scaled, pixels.dtype)
