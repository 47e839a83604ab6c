"""The few picture formats that neither libvips nor GDAL read in their wheels, through Pillow.

BMP, PPM/PGM/PBM, TGA, PCX, SGI, ICO and the flattened picture of a PSD.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import (
    DecodedReader,
    Room,
    check_at_once,
    check_proportion,
    check_unchanged,
)
from ziggurat.readers.formats.pictures.pnm import further_pictures
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

_FORMATS = ("BMP", "DIB", "PPM", "PCX", "SGI", "ICO", "PSD")
_TILE = 256
_SGI_BYTES = 3  # where the bytes a sample are
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


# What Pillow's plug-ins raise where a file is not theirs after all: as ``Image.open`` has it.
_NOT_THEIRS = (SyntaxError, IndexError, TypeError, struct.error)


@contextmanager
def opened(location: Location, file: BinaryIO, names: tuple[str, ...]) -> Iterator[Image.Image]:
    """Give a picture whose pixels are not yet loaded; its file is closed at the end.

    Not by ``Image.open``: that counts pixels, and takes any large mask of one bit for a bomb.
    Sizes are held against the bytes of the file by whoever calls.

    Raises
    ------
    UnsupportedFormatError
        None of Pillow's plug-ins of these names takes it.
    CorruptSourceError
        One does, and fails, here or while the caller works with the picture.
    """
    Image.init()
    with file:
        for name in names:
            factory, accepts = Image.OPEN[name]
            try:
                if accepts is not None and not accepts(location.head):
                    continue
                file.seek(0)
                image = factory(file, location.url)
            except _NOT_THEIRS:
                continue
            except Exception as error:  # plug-ins raise what they like
                raise CorruptSourceError(f"{location.url} is damaged: {error}") from error
            try:
                yield image
            except SourceError:
                raise
            except Exception as error:
                raise CorruptSourceError(f"{location.url} can't be decoded: {error}") from error
            return
        raise UnsupportedFormatError("not a picture that Pillow is asked to read")


def _names(location: Location) -> tuple[str, ...]:
    return (*_FORMATS, "TGA") if location.name.endswith(".tga") else _FORMATS  # it has no magic


def _mode(image: Image.Image) -> tuple[str, Any, int]:
    if image.mode == "P" and "transparency" in image.info:
        return _MODES["RGBA"]
    return _MODES.get(image.mode, _RGB)


def _decode(location: Location, path: Path, room: Room) -> Pixels:
    with opened(location, path.open("rb"), _names(location)) as image:
        pixels = np.asarray(image.convert(_mode(image)[0]))
        out = room()
        bands = pixels.shape[2] if pixels.ndim == 3 else 1
        due = (*out.shape[1:], out.dtype)
        check_unchanged(location.url, due, (*pixels.shape[:2], bands, pixels.dtype))
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
    path = location.path
    if path is None or location.is_directory:
        raise UnsupportedFormatError("Pillow is asked for local files only")
    with opened(location, path.open("rb"), _names(location)) as image:
        mode, dtype, bands = _mode(image)
        bits = 1 if image.mode == "1" else 8 * np.dtype(dtype).itemsize * bands
        indexed = image.mode == "P"
        width, height = image.size
        name = (image.format or "picture").lower()
        profile = image.info.get("icc_profile")
    if name == "sgi" and location.head[_SGI_BYTES : _SGI_BYTES + 1] == b"\2":
        raise UnsupportedFormatError("SGI pictures of 16 bits are not supported: Pillow keeps 8")
    if min(width, height) < 1:
        raise CorruptSourceError(f"{location.url} claims {width} x {height} pixels")
    stored = width * height * (8 if indexed else bits) // 8
    size = path.stat().st_size
    check_proportion(location.name, stored, size, _PACKS)
    check_at_once(location.name, width * height * bands * np.dtype(dtype).itemsize, size)
    info = ImageInfo(
        format=name,
        levels=(Level(width, height, min(width, _TILE), min(height, _TILE)),),
        bands=bands,
        dtype=np.dtype(dtype),
        interpretation=Interpretation.GRAY if bands < 3 else Interpretation.RGB,
        alpha=mode in ("LA", "RGBA"),
        icc_profile=profile,
        internal={"pillow": {"format": name, "mode": mode}},
        losses=further_pictures(location.head, size),
    )
    return DecodedReader(info, lambda room: _decode(location, path, room))
