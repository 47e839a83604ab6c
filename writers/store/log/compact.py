"""Merging small segments: many objects become a few, which are listed and read by one request each.

A merged object is put first, then each segment in it is replaced by a stub that says where it went,
so that a task that is tried again still finds its name taken. Whoever dies in between leaves the
tiles in both places, which is no harm, and the next one puts the stubs that are missing. Readers
at work follow the stubs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.sink_store.log.layout import MERGED, MOVED, PLACES, SEGMENTS
from ziggurat.readers.formats.sink_store.log.segment import merged, opened, read_index, stub
from ziggurat.readers.io.objects import Objects

SMALL = 16 << 20  # bytes of a segment; larger ones are well as they are
FULL = 128 << 20  # bytes of a merged object, about: they are in memory once

Part = tuple[Mapping[str, Any], bytes]


def compact(objects: Objects) -> int:
    """Merge the small segments of a store; return how many were merged.

    It may run while tiles are put and read, more than once, and be killed.

    Raises
    ------
    CorruptSourceError
        A segment is damaged; what was merged before it stays merged.
    """
    sweep(objects)
    names = objects.names(SEGMENTS)
    for holder in _unfinished(objects):
        _put_stubs(objects, holder, (one.name for one in read_index(objects, holder)))
    there = {one.name for holder in objects.names(MERGED) for one in read_index(objects, holder)}
    waiting: list[Part] = []
    size = count = 0
    for name in (name for name in names if name.removeprefix(SEGMENTS) not in there):
        data = objects.read(name)
        found = None if len(data) > SMALL else opened(data, name)
        if found is None:
            continue
        if SEGMENTS + str(found[0]["name"]) != name:  # it would be put in another one's place
            raise CorruptSourceError(f"{name} says that it is {found[0]['name']!r}: damaged")
        waiting.append(found)
        size += len(found[1])
        if size >= FULL:
            count += _merge(objects, waiting)
            waiting, size = [], 0
    return count + _merge(objects, waiting)


def sweep(objects: Objects) -> None:
    """Remove what writers left unfinished when they died, an hour ago or more."""
    for place in PLACES:
        objects.sweep(place)


def _merge(objects: Objects, parts: list[Part]) -> int:
    if len(parts) < 2:
        return 0
    names = [str(one["name"]) for one, _ in parts]
    holder = MERGED + hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()
    objects.create(holder, merged(parts))
    _put_stubs(objects, holder, names)
    return len(parts)


def _put_stubs(objects: Objects, holder: str, names: Iterable[str]) -> None:
    for name in names:
        objects.replace(SEGMENTS + name, stub(holder))
    objects.create(MOVED + holder.removeprefix(MERGED), b"")


def _unfinished(objects: Objects) -> list[str]:
    """Return the merged objects whose stubs nobody has finished."""
    done = {name.removeprefix(MOVED) for name in objects.names(MOVED)}
    return [name for name in objects.names(MERGED) if name.removeprefix(MERGED) not in done]
