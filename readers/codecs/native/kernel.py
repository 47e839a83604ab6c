"""Calls of the kernel where it is built, right and not switched off."""

import os
from collections.abc import Buffer, Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ziggurat.readers.codecs.jpeg_decode import stream_prefix
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.reader import Pixels

SWITCH = "ZIGGURAT_NATIVE"
MOST_THREADS = 16  # of one call
DONE = 0
_SCALES = (1, 2, 4, 8)
_SIDE = 48  # of the picture that is tried first

# where its stream is, as (offset, length) in a file or as bytes; where its pixels go, an array
# of bytes (y, x, band); and the place (x, y) in the tile, at its scale, that the array begins at.
# Perhaps another array and its place, within the first one: it gets a copy
Stream = tuple[int, int] | Buffer
Tile = tuple[Stream, Pixels, int, int] | tuple[Stream, Pixels, int, int, Pixels, int, int]
Decode = Callable[[Sequence[Tile], bytes, int, int, int, int, int, int], bytes]


@dataclass(frozen=True, slots=True)
class TileKind:
    """What tiles that are decoded together have in common: for which :func:`kind_of` asks.

    ``prefix`` stands for the first two bytes of each stream; ``width`` and ``height`` are those
    of a whole tile at full size.
    """

    prefix: bytes
    width: int
    height: int
    bands: int


def kind_of(form: TileFormat, width: int, height: int) -> TileKind | None:
    """Return the kind of some tiles, None where the kernel is not for them, or does not run."""
    plain = form.codec is Codec.JPEG and form.bits == 8 and form.dtype == "uint8"
    if not plain or form.planar or form.lossless or form.bands not in (1, 3) or decoder() is None:
        return None
    prefix = stream_prefix(form)
    return None if prefix is None else TileKind(prefix, width, height, form.bands)


def decode_tiles(
    tiles: Sequence[Tile],
    kind: TileKind,
    *,
    scale: int = 1,
    threads: int = 1,
    descriptor: int = -1,
) -> bytes:
    """Decode parts of JPEG tiles into arrays, all in one call without the interpreter's lock.

    Parameters
    ----------
    tiles
        Targets are arrays of uint8 of shape (y, x, band), rows of whole pixels, that lie within
        their tile at its scale. They may be parts of one array; none may overlap another. So
        may those that get copies.
    kind
        What the tiles are; see :func:`kind_of`.
    scale
        1, 2, 4 or 8: tiles come at 1/``scale``, sizes rounded up.
    threads
        How many to use, the caller's among them; at most :data:`MOST_THREADS`.
    descriptor
        Of the file that (offset, length) are places in.

    Returns
    -------
    A byte a tile: :data:`DONE`, or why not. What is not done has to be decoded in another way,
    which gives the same pixels or an error, and its target holds anything.

    Raises
    ------
    ValueError
        A target that is not what it must be.
    """
    decode = decoder()
    assert decode is not None  # nobody has a kind without it
    threads = max(1, min(threads, MOST_THREADS))
    return decode(
        tiles, kind.prefix, kind.width, kind.height, kind.bands, scale, threads, descriptor
    )


def decoder() -> Decode | None:
    """Return the kernel's one function, None where it is not to be used."""
    return _state()[0]


def describe() -> str:
    """Return in words whether the kernel runs, and why not."""
    return _state()[1]


@cache
def _state() -> tuple[Decode | None, str]:
    if os.environ.get(SWITCH) == "0":
        return None, f"native kernel: off ({SWITCH}=0)"
    try:
        from ziggurat.readers.codecs.native import _decode
    except ImportError as error:  # not built, or made for a library that is not here
        return None, f"native kernel: none ({error})"
    try:
        right = _is_right(_decode.decode)
    except TypeError as error:  # built from another version of its source
        return None, f"native kernel: off ({error}: install again)"
    if not right:
        return None, f"native kernel: off ({_decode.LIBRARY} gives other pixels than simplejpeg)"
    return _decode.decode, f"native kernel: on ({_decode.LIBRARY})"


def _is_right(decode: Decode) -> bool:
    """Try a small picture: the library that is found may be another one than it was built for."""
    import simplejpeg

    y, x = np.mgrid[:_SIDE, :_SIDE]
    picture = np.stack([x * 5, y * 5, (x * y) % 256], axis=2).astype(np.uint8)
    stream = simplejpeg.encode_jpeg(picture, 85, "RGB", "420")
    for scale in _SCALES[:2]:
        side = _SIDE // scale
        found = np.empty((side, side, 3), np.uint8)
        tile = stream, found, 0, 0, np.empty_like(found), 0, 0
        statuses = decode([tile], stream[:2], _SIDE, _SIDE, 3, scale, 1, -1)
        due = simplejpeg.decode_jpeg(
            stream, "RGB", min_factor=scale, min_width=side, min_height=side
        )
        if statuses[0] != DONE or not np.array_equal(found, due):
            return False
    return True
