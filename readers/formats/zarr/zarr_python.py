"""zarr-python on one of our stores, for arrays whose codecs are not decoded here."""

import functools
from collections.abc import AsyncIterator, Iterable
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

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError, ZigguratError
from ziggurat.readers.io.keys import KeyStore

_NOT_HERE = (
    KeyError,
    ImportError,
    NotImplementedError,
    numcodecs.errors.UnknownCodecError,
    zarr.errors.UnknownCodecError,
)


class ReadOnlyStore(Store):
    """One of our stores as zarr-python wants it."""

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, store: KeyStore) -> None:
        super().__init__(read_only=True)
        self._store = store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReadOnlyStore) and other._store is self._store

    def __hash__(self) -> int:
        return id(self._store)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a key's bytes, or a part of them."""
        data = self._bytes(key, byte_range)
        return None if data is None else prototype.buffer.from_bytes(data)

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


def read_box(store: KeyStore, path: str, box: Iterable[tuple[int, int]]) -> Any:
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
            samples = _samples(store, path, part)
        except _NOT_HERE:  # of known names, maybe
            _register_imagecodecs()
            samples = _samples(store, path, part)
    except ZigguratError:
        raise
    except _NOT_HERE as error:
        said = f"a codec of {path or 'the array'} is not installed or not supported here"
        raise UnsupportedFormatError(f"{store.url}: {said}: {error}") from error
    except Exception as error:  # codecs raise whatever they like
        raise CorruptSourceError(f"{store.url}: {path or 'the array'}: {error}") from error
    return samples.astype(samples.dtype.newbyteorder("="), copy=not samples.flags.writeable)


def _samples(store: KeyStore, path: str, part: tuple[slice, ...]) -> np.ndarray:
    array = zarr.open_array(ReadOnlyStore(store), path=path, mode="r")
    return np.asarray(array[part])


@functools.cache
def _register_imagecodecs() -> None:
    """Give zarr and numcodecs the codecs that imagecodecs has under names of its own."""
    import imagecodecs.numcodecs  # not before: few arrays want them
    import imagecodecs.zarr

    imagecodecs.zarr.register_codecs(verbose=False)
    imagecodecs.numcodecs.register_codecs(verbose=False)
