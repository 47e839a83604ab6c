"""What is said of a mapped store's image: files beside the chunks, changed under a lock."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import Name, own
from ziggurat.readers.formats.sink_store.reader import read_attributes
from ziggurat.readers.formats.sink_store.tile import Array
from ziggurat.writers.files.small import NO_ROOM, write_json
from ziggurat.writers.store.mapped.locks import ATTRIBUTES, Locks


def change_attributes[T](root: str, locks: Locks, change: Callable[[dict[str, Any]], T]) -> T:
    """Change the attributes in place while nobody else does."""

    def changed(_: object) -> T:
        attributes = read_attributes(root)
        result = change(attributes)
        write_json(own(root, Name.ATTRIBUTES), attributes)
        return result

    return locks.held([ATTRIBUTES], changed)


def keep_picture(root: str, pixels: Array) -> str:
    """Keep the pixels of an associated image; return the name by which attributes know them."""
    file = f"{uuid4().hex}.npy"
    np.save(own(root, Name.ASSOCIATED) / file, pixels, allow_pickle=False)
    return file


class ValueFile:
    """What axis positions stand for: appended as tiles bring it, one line each, never rewritten."""

    def __init__(self, root: str) -> None:
        self._path = own(root, Name.VALUES)
        self._written: set[str] = set()

    def add(self, at: Mapping[str, int], values: Mapping[str, object]) -> None:
        """Add what a tile says, unless this process has said it already."""
        line = json.dumps({"at": dict(at), "values": dict(values)})
        if line in self._written:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o666)
        try:
            os.write(descriptor, line.encode() + b"\n")
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise ScratchFullError(
                error.errno, "no room to say what a position stands for", str(self._path)
            ) from error
        finally:
            os.close(descriptor)
        self._written.add(line)
