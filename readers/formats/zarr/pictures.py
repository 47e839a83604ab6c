"""Chunks that are pictures: JPEG and JPEG 2000 by the names that imagecodecs gives them in zarr.

They hold (y, x) or (y, x, band), whatever the order of the array's dimensions: in zarr v3 a
``transpose`` before them puts the bands last. What is told of a codec but not known here is left
to zarr-python.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.jpeg_stream import (
    JpegHeader,
    merge_tables,
    parse_header,
    stream_photometric,
)
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.codec import PICTURE_CHUNKS, Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

_BANDS = (3, 4)
_SPACES = {"RGB": Photometric.RGB, "YCBCR": Photometric.YCBCR}
# of encoding alone; all others that are told change what comes out
_ENCODING = {
    Codec.JPEG: {
        "level", "bitspersample", "subsampling", "optimize", "smoothing", "lossless", "predictor",
        "squeeze",
    },
    Codec.JPEG2000: {
        "level", "codecformat", "colorspace", "tile", "bitspersample", "resolutions", "reversible",
        "mct", "verbose", "numthreads", "squeeze",
    },
}  # fmt: skip
_DECODING = {
    Codec.JPEG: {"tables", "colorspace_data", "colorspace_jpeg"},
    Codec.JPEG2000: frozenset[str](),
}


@dataclass(frozen=True, slots=True)
class PictureCodec:
    """How the pictures of an array's chunks lie in it.

    Attributes
    ----------
    order
        The dimension of the array that each one of the stored chunk is.
    height, width, bands
        Of a picture.
    space
        Of the colours of a JPEG, where the array says it; None: the stream does.
    tables
        Of JPEG, common to all chunks.
    """

    codec: Codec
    dtype: str
    order: tuple[int, ...]
    height: int
    width: int
    bands: int
    space: Photometric | None = None
    tables: bytes | None = None

    def format(self, data: bytes) -> TileFormat:
        """Return what the tiles are, of which one's bytes are given.

        Raises
        ------
        CorruptSourceError
            The bytes are no such picture.
        """
        form = TileFormat(
            codec=self.codec,
            photometric=Photometric.GRAY if self.bands == 1 else Photometric.RGB,
            bands=self.bands,
            bits=8 * np.dtype(self.dtype).itemsize,
            dtype=self.dtype,
            tables=self.tables,
        )
        if self.codec is not Codec.JPEG:
            return form
        header = self._header(data)
        return TileFormat(
            codec=self.codec,
            photometric=self.space or _own_space(header),
            bands=self.bands,
            bits=header.bits,
            dtype=self.dtype,
            subsampling=header.subsampling if header.components == 3 else None,
            tables=self.tables,
            lossless=header.lossless,
        )

    def contradicts(self, data: bytes) -> bool:
        """Return True for a JPEG that says of its colours what the array doesn't."""
        if self.space is None or self.codec is not Codec.JPEG:
            return False
        header = self._header(data)
        return header.lossless or stream_photometric(header, self.space) is not self.space

    def _header(self, data: bytes) -> JpegHeader:
        """Return what a JPEG says of itself: of this size, before anybody decodes it."""
        header = parse_header(merge_tables(data, self.tables))
        found = header.height, header.width, header.components
        if found != (self.height, self.width, self.bands):
            raise CorruptSourceError(
                f"a picture of {found} in a chunk of {(self.height, self.width, self.bands)}"
            )
        return header


def _own_space(header: JpegHeader) -> Photometric:
    """Return the colour space that libjpeg takes for a stream's."""
    return stream_photometric(header, Photometric.YCBCR)


def parse_picture(
    codec: Mapping[str, Any],
    chunk_shape: Sequence[int],
    dtype: np.dtype,
    order: Sequence[int] | None = None,
) -> PictureCodec | None:
    """Return how chunks are decoded that are pictures; None where they are not, or in odd ways.

    Parameters
    ----------
    codec
        Its ``name`` and ``configuration``.
    order
        Of the ``transpose`` before it.
    """
    found = next((c for c in PICTURE_CHUNKS if c.row.zarr == codec.get("name")), None)
    facts = {k: v for k, v in (codec.get("configuration") or {}).items() if v is not None}
    if found is None or set(facts) - _ENCODING[found] - _DECODING[found]:
        return None
    axes = tuple(range(len(chunk_shape)) if order is None else order)
    if sorted(axes) != list(range(len(chunk_shape))):
        return None
    size = _picture_size([chunk_shape[axis] for axis in axes])
    if size is None or not found.row.takes(dtype.kind, dtype.itemsize, size[2]):
        return None
    spaces = facts.get("colorspace_jpeg"), facts.get("colorspace_data")
    if not _usual(spaces, size[2]):
        return None
    tables = facts.get("tables")
    return PictureCodec(
        found,
        dtype.name,
        axes,
        *size,
        space=_SPACES.get(str(spaces[0])),
        tables=base64.b64decode(tables) if tables else None,
    )


def _picture_size(shape: Sequence[int]) -> tuple[int, int, int] | None:
    """Return (height, width, bands) of the pictures of chunks of a shape; None: there are none."""
    for count, size in ((3, shape[-3:]), (2, (*shape[-2:], 1))):
        lone = len(shape) >= count and math.prod(shape[:-count]) == 1 and min(size[:2]) > 1
        if lone and (count == 2 or size[2] in (1, *_BANDS)):
            return size[0], size[1], size[2]
    return None


def _usual(spaces: tuple[object, object], bands: int) -> bool:
    """Return True where a JPEG's colour spaces are what comes out as RGB, or as gray."""
    if bands == 1:
        return all(space in (None, "GRAYSCALE") for space in spaces)
    return spaces in ((None, None), (None, "RGB"), ("RGB", "RGB"), ("YCBCR", "RGB"))


def decode_picture(data: bytes, picture: PictureCodec, shape: Sequence[int]) -> np.ndarray:
    """Return the samples of a chunk in the order of its array, of a shape; maybe not writable.

    Raises
    ------
    CorruptSourceError
        The bytes are not such a chunk.
    """
    size = picture.height, picture.width
    if picture.contradicts(data):
        tile = _as_told(data, picture)
    else:
        tile = decode_tile(data, picture.format(data), size)
    if tile.shape != (*size, picture.bands) or tile.dtype.name != picture.dtype:
        raise CorruptSourceError(
            f"a picture of {tile.shape}, {tile.dtype}, in a chunk of {(*size, picture.bands)}, "
            f"{picture.dtype}"
        )
    stored = tile.reshape([shape[axis] for axis in picture.order])
    return stored.transpose(np.argsort(picture.order))


def _as_told(data: bytes, picture: PictureCodec) -> np.ndarray:
    """Decode a JPEG by the array's word, against its own."""
    assert picture.space is not None
    try:
        tile = imagecodecs.jpeg8_decode(
            data, tables=picture.tables, colorspace=picture.space.name, outcolorspace="RGB"
        )
    except Exception as error:  # every codec has error classes of its own
        raise CorruptSourceError(f"a jpeg chunk can't be decoded: {error}") from error
    return np.asarray(tile)
