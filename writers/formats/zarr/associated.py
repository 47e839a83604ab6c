"""Label, macro and other associated images of an OME-Zarr: small images in groups of their own."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import numpy as np

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.codec import PICTURE_CHUNKS
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_cells
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.ngff.attributes import WrittenLevel, image_attributes
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.writers.codecs.chunks import chunk_codec
from ziggurat.writers.files.keys import Keys
from ziggurat.writers.formats.zarr.nodes import (
    ArraySpec,
    array_documents,
    chunk_key,
    group_documents,
)
from ziggurat.writers.model.options import WriteOptions

FOLDER = "associated"
_CHUNK = 1024
_LONGEST = 200


class AssociatedImages:
    """The associated images of a reader, read when made: they are small.

    Attributes
    ----------
    paths
        Each one's group by name.
    documents
        The metadata of their groups and arrays by key.
    lost
        What could not be read, in words.
    """

    def __init__(self, reader: Reader, options: WriteOptions) -> None:
        if options.compression in PICTURE_CHUNKS:  # a label must stay what it is, for everybody
            options = replace(options, compression=None, level=None)
        self.paths: dict[str, str] = {}
        self.documents: dict[str, bytes] = {}
        self.lost: tuple[str, ...] = ()
        self._format = options.ome_version.zarr_format
        self._arrays: list[tuple[ArraySpec, Pixels]] = []
        for name in reader.info.associated:
            try:
                pixels = reader.associated(name).read()
            except SourceError as error:
                self.lost += (f"associated image {name!r} can't be read: {error}",)
                continue
            self._add(name, pixels, options)

    def _add(self, name: str, pixels: Pixels, options: WriteOptions) -> None:
        path = f"{FOLDER}/{quote(name, safe=' ') or '_'}"
        if len(path) > _LONGEST:
            path = f"{FOLDER}/image {len(self.paths)}"  # file systems take 255 bytes
        if name in (".", ".."):
            path = f"{FOLDER}/{name.replace('.', '%2E')}"
        height, width, bands = pixels.shape
        info = _picture(pixels)
        layout = ngff_layout((), bands)
        spec = ArraySpec(
            path=f"{path}/0",
            shape=layout.shape(width, height),
            chunk_shape=layout.chunk_shape(min(width, _CHUNK), min(height, _CHUNK)),
            dtype=info.dtype,
            fill=0,
            codec=chunk_codec(info, options),
            names=tuple(d.name for d in layout.dimensions),
        )
        level = WrittenLevel("0", width, height)
        attributes = image_attributes(info, layout, [level], options.ome_version, name=name)
        self.documents |= group_documents(FOLDER, {}, self._format)
        self.documents |= group_documents(path, attributes, self._format)
        self.documents |= array_documents(spec, self._format)
        self.paths[name] = path
        self._arrays.append((spec, pixels))

    def write(self, target: Keys) -> None:
        """Write all their chunks."""
        for spec, pixels in self._arrays:
            leading = (0,) * (len(spec.shape) - 2)
            for (column, row), tile in _tiles(pixels, spec.chunk_shape[-1], spec.chunk_shape[-2]):
                key = chunk_key(spec, (*leading, row, column), self._format)
                target.write(key, spec.codec.encode(tile))


def _picture(pixels: Pixels) -> ImageInfo:
    height, width, bands = pixels.shape
    color = bands in (3, 4) and pixels.dtype in (np.uint8, np.uint16)
    meaning = Interpretation.RGB if color else Interpretation.MULTIBAND
    return ImageInfo(
        format="associated",
        levels=(Level(width, height, width, height),),
        bands=bands,
        dtype=pixels.dtype,
        interpretation=Interpretation.GRAY if bands == 1 else meaning,
        alpha=color and bands == 4,
    )


def _tiles(pixels: Pixels, width: int, height: int) -> Iterator[tuple[tuple[int, int], Pixels]]:
    """Yield (column, row) and the full tile, zero beyond the edge."""
    rect = Rect(0, 0, pixels.shape[1], pixels.shape[0])
    for column, row in grid_cells(rect, width, height):
        cell = cell_rect(column, row, width, height)
        part = pixels[cell.y : cell.bottom, cell.x : cell.right]
        tile = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
        tile[: part.shape[0], : part.shape[1]] = part
        yield (column, row), tile
