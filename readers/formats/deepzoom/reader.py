"""DeepZoom (``.dzi``, ``.szi``), Zoomify and IIIF level 0: pictures as folders of tile files."""

import contextlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace

import imagecodecs
import numpy as np

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.jpeg_stream import parse_header, stream_photometric
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.deepzoom.facts import pictures_beside, profile_of, slide_facts
from ziggurat.readers.formats.deepzoom.layouts import (
    TileSet,
    parse_dzi,
    parse_iiif,
    parse_zoomify,
)
from ziggurat.readers.io.keys import FolderStore, KeyStore, UrlStore, ZipStore
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells, grid_shape
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane, Reader

_MOST_METADATA = 16 << 20
_ZOOMIFY, _IIIF = "ImageProperties.xml", "info.json"
_DEEPEST = 4  # folders in a zip
_MOST_PICTURE = 1 << 14  # pixels a side of an associated image
_PNG = b"\x89PNG\r\n\x1a\n"


def open_reader(location: Location) -> "TileSetReader":
    """Open a tile set by its description, by the folder that holds it, or in one ``.szi``.

    Raises
    ------
    UnsupportedFormatError
        It is none of the known ones.
    CorruptSourceError
        Its description makes no sense, or its first tile is missing or damaged.
    """
    store, name = _open_store(location)
    try:
        data = store.get_range(name, 0, _MOST_METADATA)
        if data is None:
            raise UnsupportedFormatError(f"there is no {name}")
        reader = _read_one(store, _parse(name, data))
        reader.scattered = not isinstance(store, ZipStore)
        return reader
    except BaseException:
        if not location.is_remote:
            store.close()
        raise


def _open_store(location: Location) -> tuple[KeyStore, str]:
    """Return where the tiles lie, and the key of what describes them."""
    if location.is_directory and location.path is not None:
        for name in (_ZOOMIFY, _IIIF):
            if (location.path / name).is_file():
                return FolderStore(location.path), name
        raise UnsupportedFormatError(f"it holds neither {_ZOOMIFY} nor {_IIIF}")
    if location.head.startswith(b"PK"):
        store = ZipStore(location.open_bytes())
        found = list(_descriptions(store, ""))
        if len(found) != 1:
            raise UnsupportedFormatError(f"a zip of {len(found)} DeepZoom images, not of one")
        return store, found[0]
    if location.path is None:
        folder, _, name = location.url.split("?")[0].rpartition("/")
        return UrlStore(folder), name
    return FolderStore(location.path.parent), location.path.name


def _descriptions(store: KeyStore, folder: str, depth: int = 0) -> Iterator[str]:
    """Yield what describes the images in a folder of a zip, and in those below it."""
    for name in store.children(folder):
        key = f"{folder}/{name}" if folder else name
        if name.lower().endswith(".dzi"):
            yield key
        elif depth < _DEEPEST and not name.endswith("_files"):
            yield from _descriptions(store, key, depth + 1)


def _read_one(store: KeyStore, sets: Sequence[TileSet]) -> "TileSetReader":
    """Return the reader of the first tile set whose tiles are as it says."""
    for one in sets[:-1]:
        with contextlib.suppress(CorruptSourceError):
            return TileSetReader(store, one)
    return TileSetReader(store, sets[-1])


def _parse(name: str, data: bytes) -> Sequence[TileSet]:
    folder, slash, last = name.rpartition("/")
    base = folder + slash
    if last.lower() == _ZOOMIFY.lower():
        return parse_zoomify(data, base)
    if last.lower() == _IIIF:
        return [parse_iiif(data, base)]
    if last.lower().endswith(".xml") and b"<!DOCTYPE" in data:
        raise UnsupportedFormatError("it is XML, but not DeepZoom")
    return [parse_dzi(data, name.rpartition(".")[0])]


class TileSetReader(Reader):
    """One picture in tile files. What its first tile holds, all must."""

    def __init__(self, store: KeyStore, tiles: TileSet) -> None:
        self.tiles = tiles
        self._store = store
        self._spelling = 0  # which of the keys that a tile may have was right
        first = self._first()
        self._form = _form_of(first)
        tile = _decode(first, self._form, (1 << 14, 1 << 14))
        colors = tile.shape[2] - (tile.shape[2] in (2, 4))
        self._pictures = pictures_beside(store, tiles.associated)
        told = [store.get_range(key, 0, _MOST_METADATA) for key in tiles.properties]
        profile = store.get(tiles.profile) if tiles.profile is not None else None
        self.info = ImageInfo(
            format=tiles.name,
            levels=tuple(
                Level(level.width, level.height, tiles.tile_width, tiles.tile_height)
                for level in tiles.levels
            ),
            bands=tile.shape[2],
            dtype=tile.dtype,
            interpretation=Interpretation.RGB if colors == 3 else Interpretation.GRAY,
            alpha=colors != tile.shape[2],
            icc_profile=profile or profile_of(first),
            associated=tuple(self._pictures),
            lossy=not self._form.lossless,
            open_format=True,
            **slide_facts([data for data in told if data]),
        )
        for number in range(len(tiles.levels)):  # sizes are rounded in more than one way
            level = tiles.levels[number]
            columns, rows = grid_shape(
                level.width, level.height, tiles.tile_width, tiles.tile_height
            )
            if not level.lacks(columns - 1, rows - 1):
                self.decoded(number, columns - 1, rows - 1)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the tiles of a level; there is one frame."""
        del frame
        return _TilesPlane(self, level)

    def _first(self) -> bytes:
        """Return the first tile there is, of the full size or else of the smallest level."""
        for level in (0, -1):
            if not self.tiles.levels[level].lacks(0, 0):
                return self.stored(level, 0, 0)
        raise CorruptSourceError(f"{self._store.url}: its smallest level has no tile")

    def stored(self, level: int, column: int, row: int) -> bytes:
        """Return the file of a tile.

        Raises
        ------
        CorruptSourceError
            It is missing.
        """
        keys = self.tiles.levels[level].keys(column, row)
        usual = self._spelling if self._spelling < len(keys) else 0
        for number in (usual, *range(usual), *range(usual + 1, len(keys))):
            data = self._store.get(keys[number])
            if data:
                self._spelling = number
                return data
        raise CorruptSourceError(f"{self._store.url}: the tile {keys[0]} is missing or empty")

    def span(self, level: int, column: int, row: int) -> Rect:
        """Return the pixels of a level that the file of a tile holds."""
        size = self.tiles.levels[level]
        width, height, more = self.tiles.tile_width, self.tiles.tile_height, self.tiles.overlap
        cell = cell_rect(column, row, width, height)
        wide = Rect(
            max(0, cell.x - more),
            max(0, cell.y - more),
            width + more + min(cell.x, more),
            height + more + min(cell.y, more),
        )
        return wide.intersect(Rect(0, 0, size.width, size.height))

    def decoded(self, level: int, column: int, row: int) -> Pixels:
        """Return the pixels of :meth:`span`.

        Raises
        ------
        CorruptSourceError
            The tile is missing, damaged, or of another size or kind than is due.
        """
        due = self.span(level, column, row)
        if self.tiles.levels[level].lacks(column, row):
            return np.zeros((due.height, due.width, self.info.bands), self.info.dtype)
        data = self.stored(level, column, row)
        place = f"{self._store.url}: the tile {self.tiles.levels[level].keys(column, row)[0]}"
        try:
            tile = _decode(data, _form_of(data), (due.height, due.width))
        except SourceError as error:
            raise CorruptSourceError(f"{place}: {error}") from error
        found = tile.shape[1], tile.shape[0], tile.shape[2], tile.dtype
        if found != (due.width, due.height, self.info.bands, self.info.dtype):
            raise CorruptSourceError(
                f"{place} holds {found}, not {due.width} x {due.height} pixels"
            )
        return tile

    def encoded_level(self, level: int) -> EncodedLevel | None:
        """Return the tiles of a level where all are of one size and can be told by their format."""
        size, tiles = self.info.levels[level], self.tiles
        whole = size.width % tiles.tile_width == 0 and size.height % tiles.tile_height == 0
        form = self._form
        if form.codec is not Codec.JPEG or tiles.overlap or not whole:
            return None
        lacks = tiles.levels[level].lacks
        columns, rows = grid_shape(size.width, size.height, tiles.tile_width, tiles.tile_height)

        def tile(column: int, row: int) -> bytes | None:
            if lacks(column, row):
                return None
            data = self.stored(level, column, row)
            if _form_of(data) != form:
                key = tiles.levels[level].keys(column, row)[0]
                raise CorruptSourceError(f"{self._store.url}: {key} is encoded as no other tile")
            return data

        return EncodedLevel(
            form, size.width, size.height, tiles.tile_width, tiles.tile_height, columns, rows, tile
        )

    def blank(self, level: int, rect: Rect) -> bool:
        """Return True where no tile need be there."""
        cells = grid_cells(rect, self.tiles.tile_width, self.tiles.tile_height)
        return all(self.tiles.levels[level].lacks(*cell) for cell in cells)

    def associated(self, name: str) -> AssociatedImage:
        """Return a picture beside the image."""
        key = self._pictures[name]
        return _Picture(f"{self._store.url}: {key}", self._store.get(key) or b"")

    def close(self) -> None:
        """Close the store."""
        self._store.close()


class _TilesPlane(Plane):
    __slots__ = ("_level", "_reader")

    def __init__(self, reader: TileSetReader, level: int) -> None:
        self._reader, self._level = reader, level

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels out of the tiles that hold them."""
        reader, tiles = self._reader, self._reader.tiles
        out = np.empty((rect.height, rect.width, reader.info.bands), reader.info.dtype)
        for column, row in grid_cells(rect, tiles.tile_width, tiles.tile_height):
            cell = cell_rect(column, row, tiles.tile_width, tiles.tile_height)
            part, span = cell.intersect(rect), reader.span(self._level, column, row)
            tile = reader.decoded(self._level, column, row)
            x, y = part.x - span.x, part.y - span.y
            piece = tile[y : y + part.height, x : x + part.width]
            out[part.y - rect.y :, part.x - rect.x :][: part.height, : part.width] = piece
        return out

    def encoded(self) -> EncodedLevel | None:
        """Return the tiles as they are stored, where a target could take them."""
        return self._reader.encoded_level(self._level)

    def places(self) -> None:
        """Return None: each tile is a file of its own."""

    def is_blank(self, rect: Rect) -> bool:
        """Return True where the image has no part to show."""
        return self._reader.blank(self._level, rect)

    def release(self, rect: Rect) -> None:
        """Nothing is kept."""


class _Picture(AssociatedImage):
    __slots__ = ("_data", "_place")

    def __init__(self, place: str, data: bytes) -> None:
        self._place, self._data = place, data

    def read(self) -> Pixels:
        """Return the pixels."""
        try:
            return _decode(self._data, _form_of(self._data), (_MOST_PICTURE, _MOST_PICTURE))
        except SourceError as error:
            raise CorruptSourceError(f"{self._place}: {error}") from error

    def encoded(self) -> EncodedImage | None:
        """Return the stream of a JPEG as it is stored."""
        if not self._data.startswith(b"\xff\xd8"):
            return None
        header = parse_header(self._data)
        return EncodedImage(Codec.JPEG, header.width, header.height, self._data)

    def stored(self) -> None:
        """Return None: there is no page."""


def _form_of(data: bytes) -> TileFormat:
    """Return the format of a tile out of its own bytes."""
    if data.startswith(b"\xff\xd8"):
        header = parse_header(data)
        if header.components not in (1, 3) or header.bits != 8:
            raise UnsupportedFormatError(
                f"JPEG tiles of {header.components} components and {header.bits} bits"
            )
        gray = header.components == 1
        return TileFormat(
            codec=Codec.JPEG,
            photometric=stream_photometric(header, Photometric.YCBCR),
            bands=header.components,
            bits=8,
            dtype="uint8",
            subsampling=None if gray else header.subsampling,
            lossless=header.lossless,
        )
    if data.startswith(_PNG) and len(data) > 26:
        bits, kind = data[24], data[25]
        bands = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(kind, 0)
        form = TileFormat(Codec.PNG, Photometric.RGB, bands, bits, "uint8", lossless=True)
        return replace(form, dtype="uint16") if bits == 16 else form
    if data[8:12] == b"WEBP":
        bands = 4 if data[12:16] == b"VP8X" and data[20] & 0x10 else 3
        return TileFormat(Codec.WEBP, Photometric.RGB, bands, 8, "uint8")
    raise UnsupportedFormatError(f"tiles that begin with {data[:8].hex()} are no JPEG, PNG or WebP")


def _decode(data: bytes, form: TileFormat, most: tuple[int, int]) -> Pixels:
    """Return a tile; refuse one that claims more than (height, width)."""
    if form.codec is not Codec.PNG:
        return decode_tile(data, form, most)
    width, height = struct.unpack_from(">II", data, 16)
    if height > most[0] or width > most[1]:
        raise CorruptSourceError(f"a tile of {width} x {height} where {most[::-1]} is due")
    try:
        tile: Pixels = np.asarray(imagecodecs.png_decode(data))
    except (RuntimeError, ValueError) as error:
        raise CorruptSourceError(f"a PNG tile can't be decoded: {error}") from error
    if tile.shape[:2] != (height, width):
        raise CorruptSourceError(f"a PNG tile of {width} x {height} decodes to {tile.shape}")
    return tile if tile.ndim == 3 else tile[..., np.newaxis]
