"""Tiles of pictures as the chunks of one array: each of just a chunk's size, all of one format."""

import dataclasses

from ziggurat.readers.codecs.jpeg_like import can_be_like
from ziggurat.readers.codecs.jpeg_stream import merge_tables
from ziggurat.readers.codecs.stream_size import stream_size
from ziggurat.readers.errors import ConversionError
from ziggurat.readers.model.codec import PICTURE_CHUNKS
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Plane, Reader
from ziggurat.readers.views.views import SamePixels, View


def picture_refusal(tiles: EncodedLevel, info: ImageInfo) -> str | None:
    """Return why tiles of JPEG or JPEG 2000 can't be chunks as they are; None where they can."""
    form = tiles.format
    if form.planar and form.bands > 1:
        return "bands are stored apart"
    if form.photometric is Photometric.PALETTE or form.dtype != info.dtype.name:
        return "its pictures are not the image's samples"
    if not can_be_like(form):  # YCbCr that only a TIFF says, samples of 12 bits
        return f"no zarr library would know the colours or samples of its {form.codec.value}"
    if form.lossless and form.bands > 1 and form.codec.row.must_lose:
        return "lossless JPEG says nothing of its colours"
    return None


class ChunkReader(View):
    """An image whose encoded pictures can lie in one array as its chunks.

    zarr's codecs know nothing but the array: a picture whose tables are not those of the first
    frame gets its own, and one that is smaller or larger than its tile is refused.
    """

    def plane(self, level: int, frame: int) -> Plane:
        """Return a plane of the source."""
        return _ChunkPlane(self.source.plane(level, frame), self.source, level)


class _ChunkPlane(SamePixels):
    __slots__ = ("_level", "_reader")

    def __init__(self, source: Plane, reader: Reader, level: int) -> None:
        super().__init__(source)
        self._reader, self._level = reader, level

    def encoded(self) -> EncodedLevel | None:
        """Return the source's tiles, pictures in the format of the first frame's."""
        tiles, first = self.source.encoded(), self._reader.plane(self._level, 0).encoded()
        if tiles is None or first is None or tiles.format.codec not in PICTURE_CHUNKS:
            return tiles
        source, like = tiles, first.format

        def tile(column: int, row: int) -> bytes | None:
            data = source.tile(column, row)
            if data is None:
                return None
            return _fitted(data, source.format, like, source.tile_width, source.tile_height)

        return dataclasses.replace(tiles, format=like, tile=tile)

    def places(self) -> None:
        """Return None: chunks do not lie one behind the other in a file."""


def _fitted(data: bytes, form: TileFormat, like: TileFormat, width: int, height: int) -> bytes:
    """Return a tile as it is, with its own tables where they are not those of the array."""
    size = stream_size(form.codec, data)
    if size != (width, height) or form.photometric is not like.photometric:
        found = f"{size and size[0]} x {size and size[1]} pixels of {form.photometric.value}"
        raise ConversionError(
            f"a tile of {found} among those of {width} x {height} of {like.photometric.value} "
            "can't be a chunk as it is: --reencode (reencode=True) encodes all of them anew"
        )
    return data if form.tables == like.tables else merge_tables(data, form.tables)
