"""How a store of segments lies: names, what was declared when it was made, what was said since.

::

    .ziggurat/log.json        what was declared; it makes a folder or prefix a store
    .ziggurat/segments/…      tiles, by the key under which they were put
    .ziggurat/merged/…        several of them in one object, which then only say where they went
    .ziggurat/moved/…         the names of merged objects whose segments all say so
    .ziggurat/attributes/n    what users say about the image: the highest number counts
    .ziggurat/values/n        what positions stand for, said without a tile
    .ziggurat/associated/…    associated images
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.sink_store.layout import FOLDER, LOG, StoreLayout
from ziggurat.readers.io.objects import Objects

DECLARED = f"{FOLDER}/{LOG}"
SEGMENTS = f"{FOLDER}/segments/"
MERGED = f"{FOLDER}/merged/"
MOVED = f"{FOLDER}/moved/"
ATTRIBUTES = f"{FOLDER}/attributes/"
VALUES = f"{FOLDER}/values/"
PICTURES = f"{FOLDER}/associated/"
PLACES = (SEGMENTS, MERGED, MOVED, ATTRIBUTES, VALUES, PICTURES)
VERSION = 1


@dataclass(frozen=True, slots=True)
class Declared:
    """What was declared when a store was made.

    ``identity`` tells it from another one that is made at the same place later.
    """

    structure: StoreLayout
    sizes: tuple[int, ...]
    identity: str = ""


def declared(structure: StoreLayout, sizes: tuple[int, ...]) -> bytes:
    """Return what is declared of a new store."""
    facts = {
        "version": VERSION,
        "identity": uuid4().hex,
        "structure": structure.to_json(),
        "sizes": list(sizes),
    }
    return json.dumps(facts).encode()


def read_declared(objects: Objects, root: str) -> Declared:
    """Return what was declared.

    Raises
    ------
    UnsupportedFormatError
        There is no store, or one of another version.
    CorruptSourceError
        What was declared can't be read.
    """
    try:
        facts = json.loads(objects.read(DECLARED))
        if facts["version"] != VERSION:
            raise UnsupportedFormatError(
                f"the store {root} is of version {facts['version']}, and this ziggurat takes "
                f"{VERSION}: use the one that made it"
            )
        structure = StoreLayout.from_json(facts["structure"])
        return Declared(structure, tuple(facts["sizes"]), str(facts.get("identity", "")))
    except FileNotFoundError as error:
        raise UnsupportedFormatError(f"{root} is not a sink's store of segments") from error
    except SourceError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptSourceError(f"what the store {root} declares can't be read") from error


def numbered(prefix: str, number: int) -> str:
    """Return the name of the object of a number."""
    return f"{prefix}{number:012d}"


def read_attributes(objects: Objects) -> tuple[int, dict[str, Any]]:
    """Return what was said about the image, and the number of its last change; 0: none yet."""
    names = objects.names(ATTRIBUTES)
    if not names:
        return 0, {}
    attributes: dict[str, Any] = json.loads(objects.read(names[-1]))
    return int(names[-1].rsplit("/", 1)[-1]), attributes


def read_values(objects: Objects) -> list[Mapping[str, object]]:
    """Return what was said of positions without a tile, in order."""
    return [json.loads(objects.read(name)) for name in objects.names(VALUES)]
