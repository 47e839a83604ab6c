"""The few picture formats that neither libvips nor GDAL read in their wheels, through Pillow.

BMP, PPM/PGM/PBM, TGA, PCX, SGI, ICO and the flattened picture of a PSD.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import DecodedReader, check_proportion
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

_FORMATS = ("BMP", "DIB", "PPM", "PCX", "SGI", "ICO", "PSD")
_TILE = 256
_PACKS = 20_000  # run lengths and PNGs inside icons

# What Pillow's modes become: (mode to convert to, dtype, bands).
_MODES: dict[str, tuple[str, Any, int]] = {
    "1": ("L", np.uint8, 1),
    "L": ("L", np.uint8, 1),
    "LA": ("LA", np.uint8, 2),
    "I;16": ("I;16", np.uint16, 1),
    "I": ("I", np.int32, 1),
    "F": ("F", np.float32, 1),
    "RGBA": ("RGBA", np.uint8, 4),
}
_RGB: tuple[str, Any, int] = ("RGB", np.uint8, 3)


def _open(location: Location) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes: they are checked here
            by_name = ("TGA",) if location.name.endswith(".tga") else ()  # it has no magic
            return Image.open(location.url, formats=_FORMATS + by_name)
    except UnidentifiedImageError as error:
        raise UnsupportedFormatError("not a picture that Pillow is asked to read") from error
    except Image.DecompressionBombError as error:
        raise CorruptSourceError(f"{location.url}: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise CorruptSourceError(f"{location.url} is damaged: {error}") from error


def _mode(image: Image.Image) -> tuple[str, Any, int]:
    if image.mode == "P" and "transparency" in image.info:
        return _MODES["RGBA"]
    return _MODES.get(image.mode, _RGB)


def _decode(location: Location, allocate: Callable[[], Pixels]) -> Pixels:
    with _open(location) as image:
        try:
            pixels = np.asarray(image.convert(_mode(image)[0]))
        except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
            raise CorruptSourceError(f"{location.url} can't be decoded: {error}") from error
    out = allocate()
    out[0] = pixels.reshape(out.shape[1:])
    return out


def open_reader(location: Location) -> DecodedReader:
    """Open a picture; its pixels are decoded on the first read.

    Raises
    ------
    UnsupportedFormatError
        Not one of these formats.
    CorruptSourceError
        Its header is damaged.
    """
    if location.path is None or location.is_directory:
        raise UnsupportedFormatError("Pillow is asked for local files only")
    with _open(location) as image:
        mode, dtype, bands = _mode(image)
        width, height = image.size
        name = (image.format or "picture").lower()
        profile = image.info.get("icc_profile")
    if min(width, height) < 1:
        raise CorruptSourceError(f"{location.url} claims {width} x {height} pixels")
    decoded = width * height * bands * np.dtype(dtype).itemsize
    check_proportion(location.name, decoded, location.path.stat().st_size, _PACKS)
    info = ImageInfo(
        format=name,
        levels=(Level(width, height, min(width, _TILE), min(height, _TILE)),),
        bands=bands,
        dtype=np.dtype(dtype),
        interpretation=Interpretation.GRAY if bands < 3 else Interpretation.RGB,
        alpha=mode in ("LA", "RGBA"),
        icc_profile=profile,
        internal={"pillow": {"format": name, "mode": mode}},
    )
    return DecodedReader(info, lambda allocate: _decode(location, allocate))
