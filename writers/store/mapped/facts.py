"""What is said of a mapped store's image: files beside the chunks, changed under a lock."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import StoreFile, store_file
from ziggurat.readers.formats.sink_store.reader import read_attributes, read_values
from ziggurat.readers.formats.sink_store.tile import Array
from ziggurat.writers.files.small import NO_ROOM, write_json
from ziggurat.writers.store.mapped.locks import ATTRIBUTES, Locks


class Facts:
    """What is said of a store's image. Axis positions are appended, one line each, as tiles come.

    ``refuse_gone`` raises where the store was closed, or removed.
    """

    def __init__(self, root: str, locks: Locks, refuse_gone: Callable[[], None]) -> None:
        self._root, self._locks, self._refuse_gone = root, locks, refuse_gone
        # what this process said last of each position, by where that is on axes: 0 is no place
        self._said: dict[tuple[tuple[str, int], ...], str] = {}

    def attributes(self) -> dict[str, Any]:
        """Return what was said about the image."""
        return read_attributes(self._root)

    def change[T](self, change: Callable[[dict[str, object]], T]) -> T:
        """Change the attributes in place while nobody else does."""
        self._refuse_gone()

        def changed(_: object) -> T:
            attributes = read_attributes(self._root)
            result = change(attributes)
            write_json(store_file(self._root, StoreFile.ATTRIBUTES), attributes)
            return result

        return self._locks.held([ATTRIBUTES], changed)

    def keep_picture(self, pixels: Array) -> str:
        """Keep the pixels of an associated image; return the name by which attributes know it."""
        self._refuse_gone()
        file = f"{uuid4().hex}.npy"
        np.save(store_file(self._root, StoreFile.ASSOCIATED) / file, pixels, allow_pickle=False)
        return file

    def values(self) -> list[Mapping[str, object]]:
        """Return what positions stand for, in the order in which it was said."""
        return read_values(self._root)

    def add_values(self, at: Mapping[str, int], values: Mapping[str, object]) -> None:
        """Say what a position stands for, unless that is what this process said of it last."""
        line = json.dumps({"at": dict(at), "values": dict(values)})
        place = tuple(sorted(item for item in at.items() if item[1]))
        if self._said.get(place) == line:
            return
        path = store_file(self._root, StoreFile.VALUES)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            os.write(descriptor, line.encode() + b"\n")
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise ScratchFullError(
                error.errno, "no room to say what a position stands for", str(path)
            ) from error
        finally:
            os.close(descriptor)
        self._said[place] = line
