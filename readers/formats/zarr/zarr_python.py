"""zarr-python on one of our stores, for arrays whose codecs are not decoded here."""

import functools
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import numcodecs.errors
import numpy as np
import zarr
import zarr.errors
from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype

from ziggurat.readers.codecs.stream_size import claimed_size
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError, ZigguratError
from ziggurat.readers.formats.zarr.chunks import shard_index
from ziggurat.readers.formats.zarr.metadata import DOCUMENTS, ArrayMetadata
from ziggurat.readers.io.keys import KeyStore

_NOT_HERE = (
    KeyError,
    ImportError,
    NotImplementedError,
    numcodecs.errors.UnknownCodecError,
    zarr.errors.UnknownCodecError,
)

_LARGER = 4  # times its chunk, that a picture may be before it is refused unseen
_SMALL = 1 << 22  # pixels


class ReadOnlyStore(Store):
    """One of our stores as zarr-python wants it."""

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, store: KeyStore, array: ArrayMetadata) -> None:
        super().__init__(read_only=True)
        self._store = store
        self._array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadOnlyStore) and other._store is self._store

    def __hash__(self) -> int:
        return id(self._store)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a key's bytes, or a part of them."""
        data = self._bytes(key, byte_range)
        if data is None:
            return None
        if key.rpartition("/")[2] in DOCUMENTS:
            return prototype.buffer.from_bytes(data)
        for chunk in self._chunks(data, whole=byte_range is None):
            claimed = claimed_size(chunk)
            if claimed is not None and math.prod(claimed) > max(
                _LARGER * self._array.chunk_bytes, _SMALL
            ):  # before anybody allocates for it
                raise CorruptSourceError(
                    f"{self._store.url}: {key} holds a picture of {claimed[0]} x {claimed[1]} in "
                    f"a chunk of {self._array.chunk_bytes} bytes: damaged or hostile"
                )
        return prototype.buffer.from_bytes(data)

    def _chunks(self, data: bytes, *, whole: bool) -> Iterator[bytes]:
        """Yield what may be chunks: the bytes themselves, or those in a whole shard."""
        sharding = self._array.sharding
        if sharding is None or not whole or len(data) < sharding.index_bytes:
            yield data
            return
        length = sharding.index_bytes
        index = shard_index(data[-length:] if sharding.index_at_end else data[:length], self._array)
        for offset, size in index.tolist():
            yield data[offset : offset + size]

    def _bytes(self, key: str, byte_range: ByteRequest | None) -> bytes | None:
        match byte_range:
            case None:
                return self._store.get(key)
            case RangeByteRequest(start, end):
                return self._store.get_range(key, start, end - start)
            case SuffixByteRequest(suffix):
                return self._store.get_range(key, -suffix, suffix)
            case OffsetByteRequest(offset):
                whole = self._store.get(key)
                return None if whole is None else whole[offset:]

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of several keys."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Return True where a key is there."""
        return self._store.get_range(key, 0, 1) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse."""
        raise NotImplementedError("this store is for reading")

    async def delete(self, key: str) -> None:
        """Refuse."""
        raise NotImplementedError("this store is for reading")

    async def list(self) -> AsyncIterator[str]:
        """Return nothing; arrays are opened by name."""
        empty: tuple[str, ...] = ()
        for key in empty:
            yield key

    list_prefix = list_dir = list  # type: ignore[assignment]


def read_box(
    store: KeyStore, path: str, box: Iterable[tuple[int, int]], array: ArrayMetadata
) -> Any:
    """Return a box of an array's samples, decoded by zarr-python.

    Raises
    ------
    UnsupportedFormatError
        zarr-python knows none of such codecs.
    CorruptSourceError
        The samples can't be decoded.
    """
    part = tuple(slice(*span) for span in box)
    try:
        try:
            samples = _samples(ReadOnlyStore(store, array), path, part)
        except _NOT_HERE:  # of known names, maybe
            _register_imagecodecs()
            samples = _samples(ReadOnlyStore(store, array), path, part)
    except ZigguratError:
        raise
    except _NOT_HERE as error:
        said = f"a codec of {path or 'the array'} is not installed or not supported here"
        raise UnsupportedFormatError(f"{store.url}: {said}: {error}") from error
    except Exception as error:  # codecs raise whatever they like
        raise CorruptSourceError(f"{store.url}: {path or 'the array'}: {error}") from error
    return samples.astype(samples.dtype.newbyteorder("="), copy=not samples.flags.writeable)


def _samples(store: ReadOnlyStore, path: str, part: tuple[slice, ...]) -> np.ndarray:
    array = zarr.open_array(store, path=path, mode="r")
    return np.asarray(array[part])


@functools.cache
def _register_imagecodecs() -> None:
    """Give zarr and numcodecs the codecs that imagecodecs has under names of its own."""
    import imagecodecs.numcodecs  # not before: few arrays want them
    import imagecodecs.zarr

    imagecodecs.zarr.register_codecs(verbose=False)
    imagecodecs.numcodecs.register_codecs(verbose=False)
