"""What is said of a store's image: numbered objects, each put once; and how objects are put."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import numpy as np

from ziggurat.readers.errors import ScratchFullError, SinkError, ZigguratError, message_of
from ziggurat.readers.formats.sink_store.log import layout
from ziggurat.readers.formats.sink_store.tile import Array
from ziggurat.readers.io.objects import Objects
from ziggurat.writers.files.small import NO_ROOM


class Putting:
    """Puts objects of a store; ``refuse_gone`` raises where that was closed, or removed."""

    def __init__(self, objects: Objects, root: str, refuse_gone: Callable[[], None]) -> None:
        self.objects, self.refuse_gone = objects, refuse_gone
        self._root = root

    def create(self, name: str, data: bytes) -> bool:
        """Put an object; return False where there is one of that name.

        Raises
        ------
        ScratchFullError, SinkError
            It could not be put.
        """
        try:
            return self.objects.create(name, data)
        except ZigguratError as error:
            raise SinkError(f"the sink's store can't be written to: {error}") from error
        except OSError as error:
            self.refuse_gone()
            if error.errno in NO_ROOM:
                raise ScratchFullError(
                    error.errno, "no room for a tile in the sink's store", self._root
                ) from error
            raise SinkError(f"the sink's store can't be written to: {message_of(error)}") from error


class LogFacts:
    """What is said of an image beside its tiles; ``of_tiles`` gives what those say themselves."""

    def __init__(
        self, put: Putting, of_tiles: Callable[[], Sequence[Mapping[str, object]]]
    ) -> None:
        self._put, self._of_tiles = put, of_tiles

    def attributes(self) -> dict[str, Any]:
        """Return what was said about the image."""
        return layout.read_attributes(self._put.objects)[1]

    def change[T](self, change: Callable[[dict[str, object]], T]) -> T:
        """Change the attributes: the next number is put where nobody has put it meanwhile."""
        self._put.refuse_gone()
        while True:
            number, attributes = layout.read_attributes(self._put.objects)
            result = change(attributes)
            data = json.dumps(attributes).encode()
            if self._put.create(layout.numbered(layout.ATTRIBUTES, number + 1), data):
                return result

    def keep_picture(self, pixels: Array) -> str:
        """Keep an associated image; return the name by which attributes know it."""
        self._put.refuse_gone()
        name = f"{uuid4().hex}.npy"
        data = io.BytesIO()
        np.save(data, pixels, allow_pickle=False)
        self._put.create(layout.PICTURES + name, data.getvalue())
        return name

    def values(self) -> list[Mapping[str, object]]:
        """Return what positions stand for: what tiles said, then what was said without."""
        return [*self._of_tiles(), *layout.read_values(self._put.objects)]

    def add_values(self, at: Mapping[str, int], values: Mapping[str, object]) -> None:
        """Say what a position stands for."""
        data = json.dumps({"at": dict(at), "values": dict(values)}).encode()
        number = len(self._put.objects.names(layout.VALUES)) + 1
        while not self._put.create(layout.numbered(layout.VALUES, number), data):
            number += 1
