"""OME-Zarr 0.1 to 0.5 and plain zarr arrays, v2 and v3, in a folder, a zip or under a URL."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.codecs.tile_memory import tile_memory
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.array import ChunkCache, ZarrArray
from ziggurat.readers.formats.zarr.associated import find_associated
from ziggurat.readers.formats.zarr.beside import losses_beside
from ziggurat.readers.formats.zarr.fields import open_fields
from ziggurat.readers.formats.zarr.metadata import DOCUMENTS, ArrayMetadata
from ziggurat.readers.formats.zarr.plain import plain_multiscale
from ziggurat.readers.formats.zarr.sqlite import MAGIC, SqliteStore
from ziggurat.readers.formats.zarr.stored import check_claim, is_empty, with_stored_separator
from ziggurat.readers.formats.zarr.tree import Node, find_image, find_root, read_array, read_node
from ziggurat.readers.io.keys import (
    FolderStore,
    KeyStore,
    SubStore,
    UrlStore,
    ZipStore,
    checked_key,
)
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect, grid_shape
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import AssociatedImage, DecodedImage, Pixels, Plane, Reader
from ziggurat.readers.ngff.attributes import fill_value
from ziggurat.readers.ngff.layout import BANDS, ArrayLayout
from ziggurat.readers.ngff.parse import (
    OWN_KEY,
    Multiscale,
    NgffImage,
    StoredArray,
    read_image,
    read_multiscale,
)


def open_reader(location: Location) -> Reader:
    """Open an image of zarr arrays: of a plate or a well, all fields.

    Raises
    ------
    UnsupportedFormatError
        It isn't zarr, or zarr without an image.
    CorruptSourceError
        It is, but damaged.
    """
    store = _open_store(location)
    try:
        root = find_root(store)
        place = "/".join(part for part in (root, checked_key(location.inside)) if part)
        reader = _opened_reader(SubStore(store, place) if place else store)
        reader.scattered = not isinstance(store, ZipStore | SqliteStore)
        return reader
    except BaseException:
        if not location.is_remote:  # the next backend asks the same remote file
            store.close()
        raise


def _opened_reader(store: KeyStore) -> Reader:
    top = read_node(store, "")
    if top is not None and top.array is None:
        cache = ChunkCache()
        fields = open_fields(store, top, lambda path: OmeZarrReader(store, path, cache=cache))
        if fields is not None:
            return fields
    return OmeZarrReader(store)


def _open_store(location: Location) -> KeyStore:
    if location.is_directory:
        return location.open_keys() if location.path is None else FolderStore(location.path)
    if location.name in DOCUMENTS:
        if location.path is None:
            return UrlStore(location.url.rsplit("/", 1)[0])
        return FolderStore(location.path.parent)
    if location.head.startswith(MAGIC):
        if location.path is None:
            raise UnsupportedFormatError("SQLite stores are read where they are local: download it")
        return SqliteStore(location.path)
    if not location.head.startswith(b"PK"):
        raise UnsupportedFormatError("it is neither a folder, nor a zip, nor an SQLite store")
    return ZipStore(location.open_bytes())


class OmeZarrReader(Reader):
    """One image of a hierarchy: the arrays of its levels, and its associated images."""

    def __init__(
        self,
        store: KeyStore,
        path: str = "",
        *,
        alone: bool = False,
        cache: ChunkCache | None = None,
    ) -> None:
        self._store = store
        self._node = find_image(store, path)
        image, arrays = _open_image(store, self._node)
        self.layout = image.layout
        check_claim(store, arrays[image.levels[-1]], image.layout)
        cache = cache or ChunkCache()
        self._arrays = [_opened(store, arrays[i], image.layout, cache) for i in image.levels]
        self._associated = {} if alone else find_associated(store, self._node)
        self.info = _with_facts(
            image.info, self._associated, self._node, self._arrays[0].metadata.fill
        )
        if not alone:
            taken = [*(array.path for array in arrays), *self._associated.values()]
            losses = losses_beside(store, self._node, taken)
            if is_empty(store, arrays[0]):
                fill = self._arrays[0].metadata.fill
                losses = (f"not one chunk is stored: all pixels are {fill}", *losses)
            self.info = dataclasses.replace(self.info, losses=losses)
        self._closed = False
        self.picture_formats: dict[tuple[int, int], TileFormat | None] = {}  # by level and frame

    def plane(self, level: int, frame: int) -> Plane:
        """Return one frame of the array of a level."""
        return _ArrayPlane(self, level, frame)

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image."""
        path = self._associated[name]

        def read() -> Pixels:
            reader = OmeZarrReader(self._store, path, alone=True)
            return reader.plane(0, 0).read(reader.info.levels[0].rect)

        return DecodedImage(read)

    def array(self, level: int) -> ZarrArray:
        """Return the array of a level.

        Raises
        ------
        SourceError
            The store is closed.
        """
        if self._closed:
            raise SourceError(f"{self._store.url} is closed")
        return self._arrays[level]

    def close(self) -> None:
        """Close the store."""
        self._closed = True
        self._store.close()


class _ArrayPlane(Plane):
    __slots__ = ("_frame", "_level", "_reader")

    def __init__(self, reader: OmeZarrReader, level: int, frame: int) -> None:
        self._reader, self._level, self._frame = reader, level, frame

    def _box(self, rect: Rect) -> Sequence[tuple[int, int]]:
        return self._reader.layout.window(self._reader.info.frame_position(self._frame), rect)

    def read(self, rect: Rect) -> Pixels:
        """Return a rectangle, decoded in the calling thread."""
        array = self._reader.array(self._level)
        return bands_last(array.read(self._box(rect)), self._reader.layout)

    def encoded(self) -> EncodedLevel | None:
        """Return a level as its chunks where each holds one tile of one frame with all bands."""
        info, layout = self._reader.info, self._reader.layout
        size = info.levels[self._level]
        array = self._reader.array(self._level)
        expected = layout.chunk_shape(size.tile_width, size.tile_height)
        if array.metadata.codecs is None or array.metadata.chunk_shape != expected:
            return None
        columns, rows = grid_shape(size.width, size.height, size.tile_width, size.tile_height)
        first = [start for start, _ in self._box(Rect(0, 0, 1, 1))]
        cell = [start // chunk for start, chunk in zip(first, expected, strict=True)]
        x, y = layout.index("x"), layout.index("y")
        assert x is not None
        assert y is not None

        def tile(column: int, row: int) -> bytes | None:
            place = list(cell)
            place[x], place[y] = column, row
            return array.stored(place)

        form = self._format(tile, columns, rows)
        if form is None:
            return None
        return EncodedLevel(
            form,
            size.width,
            size.height,
            size.tile_width,
            size.tile_height,
            columns,
            rows,
            tile,
        )

    def _format(
        self, tile: Callable[[int, int], bytes | None], columns: int, rows: int
    ) -> TileFormat | None:
        """Return what the tiles are; None for pictures of which nobody else would say the same."""
        reader = self._reader
        array = reader.array(self._level).metadata
        if array.picture is None:
            return _chunk_format(array, reader.info, reader.layout)
        key = self._level, self._frame
        if key not in reader.picture_formats:
            cells = itertools.product(range(columns), range(rows))
            first = next(filter(None, (tile(*cell) for cell in cells)), None)
            reader.picture_formats[key] = _picture_format(array, reader.layout, first)
        return reader.picture_formats[key]

    def places(self) -> None:
        """Return None: chunks lie in files of their own, or where a shard's index says."""

    def is_blank(self, rect: Rect) -> bool:
        """Return True where no chunk is stored, and this level's fill value is that of all."""
        array, first = self._reader.array(self._level), self._reader.array(0)
        if array.metadata.codecs is None or not same_value(
            array.metadata.fill, first.metadata.fill
        ):
            return False
        return array.is_blank(self._box(rect))

    def release(self, rect: Rect) -> None:
        """Nothing is mapped."""


def bands_last(samples: np.ndarray, layout: ArrayLayout) -> Pixels:
    """Return a box of one frame's samples as (y, x, band), contiguous."""
    bands, y, x = (layout.index(name) for name in (BANDS, "y", "x"))
    assert y is not None
    assert x is not None
    height, width = samples.shape[y], samples.shape[x]
    if layout.bands == 1:
        flat = samples.reshape(height, width) if y < x else samples.reshape(width, height).T
        return np.ascontiguousarray(flat)[..., np.newaxis]
    assert bands is not None
    order = [bands, y, x]
    rest = [i for i in range(samples.ndim) if i not in order]
    planes = samples.transpose(*rest, *order).reshape(layout.bands, height, width)
    return interleaved(planes)


def interleaved(planes: np.ndarray) -> Pixels:
    """Return (band, y, x) as contiguous (y, x, band)."""
    size = planes.dtype.itemsize
    if size <= 2 and 2 <= len(planes) <= 4 and planes.strides[-1] == size:
        import cv2

        kind = np.uint8 if size == 1 else np.uint16  # the bits are only moved
        bands, height, width = planes.shape
        place = tile_memory(height, width, bands * size).view(kind)
        merged: Pixels = np.asarray(cv2.merge([plane.view(kind) for plane in planes], place))
        due = planes[:, -1, -1].view(kind)
        if merged.shape != place.shape or not np.array_equal(merged[-1, -1], due):
            raise CorruptSourceError(f"OpenCV did not put {bands} bands together")
        return merged.view(planes.dtype)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _chunk_format(array: ArrayMetadata, info: ImageInfo, layout: ArrayLayout) -> TileFormat:
    """Return the codec of chunks; OTHER, as only zarr targets can take them.

    A chunk can be copied where it means the same in the array that it goes to: its samples lie
    as (band, y, x), and what is not stored is the same fill value.
    """
    bands, y, x = (layout.index(name) for name in (BANDS, "y", "x"))
    assert y is not None
    assert x is not None
    in_order = y < x and (info.bands == 1 or bands is None or bands < y)
    copied = in_order and same_value(array.fill, fill_value(info))
    return TileFormat(
        codec=Codec.OTHER,
        photometric=Photometric.RGB if info.interpretation.value == "rgb" else Photometric.GRAY,
        bands=info.bands,
        bits=array.dtype.itemsize * 8,
        dtype=info.dtype.name,
        planar=info.bands > 1,
        byteorder=">" if array.dtype.str.startswith(">") else "<",
        lossless=True,
        zarr=array.compressor if copied else None,
    )


def _picture_format(
    array: ArrayMetadata, layout: ArrayLayout, data: bytes | None
) -> TileFormat | None:
    """Return what the pictures of an array are, of which one is given."""
    assert array.picture is not None
    order = array.picture.order
    y, x, bands = (layout.index(name) for name in ("y", "x", BANDS))
    last = (y, x) if array.picture.bands == 1 else (y, x, bands)
    in_order = tuple(i for i in order if array.chunk_shape[i] > 1 or i in last)[-len(last) :]
    if data is None or in_order != last or array.picture.bands != layout.bands:
        return None
    return None if array.picture.contradicts(data) else array.picture.format(data)


def same_value(a: object, b: object) -> bool:
    """Return True for equal numbers, and for two that are none."""
    return bool(a == b) or bool(a != a and b != b)


def _open_image(store: KeyStore, node: Node) -> tuple[NgffImage, list[Node]]:
    multiscale: Multiscale | None = None
    if node.array is None:
        multiscale = read_multiscale(node.attributes)
    if multiscale is None:
        multiscale, nodes = plain_multiscale(store, node)
    else:
        base = f"{node.path}/" if node.path else ""
        nodes = _level_nodes(store, [base + path for path in multiscale.paths])
    first = with_stored_separator(store, nodes[0])
    if first is not nodes[0]:
        assert first.array is not None
        nodes = [_with_separator(item, first.array.separator) for item in nodes]
    stored = []
    for item in nodes:
        assert item.array is not None
        array = item.array
        native = array.dtype.newbyteorder("=")
        stored.append(StoredArray(array.shape, array.chunk_shape, native, array.names))
    if 0 in stored[0].shape:
        raise UnsupportedFormatError(f"{store.url}: an array of {stored[0].shape} is empty")
    return read_image(node.attributes, multiscale, stored), nodes


def _with_separator(node: Node, separator: str) -> Node:
    assert node.array is not None
    return dataclasses.replace(node, array=dataclasses.replace(node.array, separator=separator))


def _level_nodes(store: KeyStore, paths: Sequence[str]) -> list[Node]:
    """Return the arrays of the levels; lower ones that are missing are done without."""
    if not paths:
        raise CorruptSourceError(f"{store.url}: the image names no arrays")
    nodes = [read_array(store, paths[0])]
    for path in paths[1:64]:
        node = read_node(store, path)
        if node is not None and node.array is not None and 0 not in node.array.shape:
            nodes.append(node)
    return nodes


def _opened(store: KeyStore, node: Node, layout: ArrayLayout, cache: ChunkCache) -> ZarrArray:
    assert node.array is not None
    single = layout.chunk_shape(1, 1)
    spare = ("x", "y")
    several = any(
        chunk > one
        for d, chunk, one in zip(layout.dimensions, node.array.chunk_shape, single, strict=True)
        if d.name not in spare
    )
    return ZarrArray(store, node.path, node.array, cache if several else None)


def _with_facts(info: ImageInfo, associated: dict[str, str], node: Node, fill: Any) -> ImageInfo:
    attributes = {key: value for key, value in node.attributes.items() if key != OWN_KEY}
    zarr = {"base": attributes, "path": node.path}
    internal = {"zarr": zarr | ({"written_by": OWN_KEY} if OWN_KEY in node.attributes else {})}
    background = info.background
    if background is None and fill != 0 and np.isfinite(fill):
        background = (float(fill),) * info.bands
    return dataclasses.replace(
        info,
        associated=tuple(associated),
        internal={**internal, **info.internal},
        background=background,
    )
