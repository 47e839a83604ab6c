"""Pictures that a codec decodes at one go, on the first read; their head says what they are."""

from collections.abc import Callable

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.pictures.base import (
    DecodedReader,
    Room,
    check_at_once,
    check_proportion,
    check_unchanged,
)
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

_TILE = 256
_MOST_BYTES = 256 * 1024 * 1024


def whole_bytes(location: Location) -> bytes:
    """Return all of a file.

    Raises
    ------
    SourceError
        It is too large for that.
    """
    source = location.open_bytes()
    if source.size > _MOST_BYTES:
        raise SourceError(
            f"{location.url}: {source.size} bytes of a picture that can't be read by parts; "
            "make it a pyramid"
        )
    return source.read(0, source.size)


def whole_reader(
    location: Location,
    name: str,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    decode: Callable[[bytes], object],
    *,
    packs: int,
    alpha: bool = False,
) -> DecodedReader:
    """Return the reader of a picture that a codec decodes whole.

    Parameters
    ----------
    location, name
        Its file, and what its format is called.
    shape, dtype
        (height, width, bands) and sample type, as its head says; what is decoded must be the same.
    decode
        Bytes of the file to pixels; may raise what it likes.
    packs
        Decoded bytes that the codec can pack into a stored one.
    alpha
        Whether the last band is alpha.

    Raises
    ------
    CorruptSourceError
        The head claims no pixels, or more than the bytes can hold.
    """
    height, width, bands = shape
    if min(shape) < 1:
        raise CorruptSourceError(f"{location.url} claims {width} x {height} pixels")
    claimed = width * height * bands * dtype.itemsize
    size = location.open_bytes().size
    check_proportion(location.name, claimed, size, packs)
    check_at_once(location.name, claimed, size)
    colors = bands - alpha
    meanings = {1: Interpretation.GRAY, 3: Interpretation.RGB}
    info = ImageInfo(
        format=name,
        levels=(Level(width, height, min(width, _TILE), min(height, _TILE)),),
        bands=bands,
        dtype=dtype,
        interpretation=meanings.get(colors, Interpretation.MULTIBAND),
        alpha=alpha,
        internal={name: {"name": location.name}},
    )

    def decoded(room: Room) -> Pixels:
        del room  # the codec has made room
        try:
            pixels = np.asarray(decode(whole_bytes(location)))
        except SourceError:
            raise
        except Exception as error:  # every codec has error classes of its own
            raise CorruptSourceError(f"{location.url} can't be decoded: {error}") from error
        pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
        check_unchanged(location.url, (shape, dtype), (pixels.shape, pixels.dtype))
        return pixels[np.newaxis]

    return DecodedReader(info, decoded)
