"""The seam to dask, which is optional."""

from typing import Any, Protocol

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import ceil_div

_CHUNK = 1024  # pixels a side, at least


class ChunkedArray(Protocol):
    """What dask needs to know of a lazy level beside its shape, dtype and indexing."""

    @property
    def chunks(self) -> tuple[int, int, int]:
        """(height, width, bands) of the stored tiles."""


def as_dask(array: ChunkedArray) -> Any:
    """Return a lazy level as a dask array whose chunks are whole stored tiles."""
    try:
        import dask.array
    except ImportError as error:
        raise OptionError("to_dask needs dask: pip install 'ziggurat[dask]'") from error
    tile_height, tile_width, bands = array.chunks
    chunks = (
        ceil_div(_CHUNK, tile_height) * tile_height,
        ceil_div(_CHUNK, tile_width) * tile_width,
        bands,
    )
    return dask.array.from_array(array, chunks=chunks, asarray=False, fancy=False, lock=False)
