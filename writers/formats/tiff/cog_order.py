"""A finished TIFF in the order of a cloud-optimized one: directories first, small levels first.

A viewer over HTTP then learns all places by one request, and the first it sees is small. Source:
OGC 21-026 (Cloud Optimized GeoTIFF), section 7: directories in the order of the chain, data of
the smallest overview first, those of the full resolution last.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.writers.files.writebehind import open_write_behind
from ziggurat.writers.model.progress import Cancellation

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8,
          17: 8, 18: 8}  # fmt: skip
_SUBFILE, _SUB_IFDS = 254, 330
_PLACES = {324: 325, 273: 279}  # of tiles or strips, and their sizes
_REDUCED = 1
_STEP = 8 << 20  # bytes between two looks at whether anybody wants to go on


@dataclass(frozen=True, slots=True)
class _Kind:
    """How numbers lie in a TIFF, or in a BigTIFF."""

    order: str
    big: bool

    @property
    def head(self) -> int:
        return 16 if self.big else 8

    @property
    def entry(self) -> struct.Struct:
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def count(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def offset(self) -> struct.Struct:
        return struct.Struct(self.order + ("Q" if self.big else "I"))


@dataclass(slots=True)
class _Directory:
    """One page: its entries as (tag, type, count, bytes of the values), and where its data lie."""

    entries: list[tuple[int, int, int, bytes]]
    offsets: np.ndarray
    sizes: np.ndarray
    reduced: bool
    moved: dict[int, int] = field(default_factory=dict)  # from old places to new ones


def order_as_cog(path: Path, cancel: Cancellation | None = None) -> None:
    """Write a TIFF of pages anew beside itself, and put it in its place.

    Raises
    ------
    OptionError
        It has pages below pages.
    """
    other = path.with_name(f"{path.name}.ordered")
    with path.open("rb") as source, open_write_behind(other) as target:
        kind, first = _kind(source)
        pages = list(_directories(source, kind, first))
        start = kind.head + sum(_length(page, kind) for page in pages)
        _lay(pages, start)
        _write_head(target, pages, kind)
        if target.tell() != start:
            raise WriteError(f"{path} has directories of {target.tell()} bytes, not {start}")
        for page in _data_order(pages):
            _copy(page, source, target, cancel)
    other.replace(path)


def _kind(file: BinaryIO) -> tuple[_Kind, int]:
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    kind = _Kind(order, struct.unpack(f"{order}H", head[2:4])[0] == 43)
    place = head[8:16] if kind.big else head[4:8]
    return kind, kind.offset.unpack(place)[0]


def _directories(file: BinaryIO, kind: _Kind, offset: int) -> Iterator[_Directory]:
    while offset:
        file.seek(offset)
        (count,) = kind.count.unpack(file.read(kind.count.size))
        table = file.read(count * kind.entry.size)
        (offset,) = kind.offset.unpack(file.read(kind.offset.size))
        entries, values = [], {}
        for tag, form, number, value in kind.entry.iter_unpack(table):
            size = number * _SIZES[form]
            if size > kind.offset.size:
                file.seek(kind.offset.unpack(value)[0])
                value = file.read(size)
            entries.append((tag, form, number, value[:size]))
            if tag in (_SUBFILE, *_PLACES, *_PLACES.values()):
                letter = {3: "u2", 4: "u4", 16: "u8"}[form]
                values[tag] = np.frombuffer(value[:size], kind.order + letter).astype(np.int64)
            if tag == _SUB_IFDS:
                raise OptionError("levels in SubIFDs can't be laid out as a COG; use pages")
        place = next(tag for tag in _PLACES if tag in values)
        reduced = bool(values.get(_SUBFILE, np.zeros(1))[0] == _REDUCED)
        yield _Directory(entries, values[place], values[_PLACES[place]], reduced)


def _length(page: _Directory, kind: _Kind) -> int:
    """Return the bytes of a directory with its values, each on a word boundary."""
    table = kind.count.size + len(page.entries) * kind.entry.size + kind.offset.size
    values = (len(value) for _, _, _, value in page.entries if len(value) > kind.offset.size)
    return table + table % 2 + sum(size + size % 2 for size in values)


def _data_order(pages: list[_Directory]) -> list[_Directory]:
    """Return levels from small to large, then label, macro and the like."""
    levels = [page for number, page in enumerate(pages) if number == 0 or page.reduced]
    return [*reversed(levels), *(page for page in pages[1:] if not page.reduced)]


def _lay(pages: list[_Directory], start: int) -> None:
    """Give each tile its new place; equal places stay equal."""
    for page in _data_order(pages):
        for offset, size in zip(page.offsets.tolist(), page.sizes.tolist(), strict=True):
            if offset and size and offset not in page.moved:
                page.moved[offset] = start
                start += size + size % 2


def _write_head(target: BinaryIO, pages: list[_Directory], kind: _Kind) -> None:
    mark = b"II" if kind.order == "<" else b"MM"
    version = (
        struct.pack(f"{kind.order}HHH", 43, 8, 0) if kind.big else struct.pack(f"{kind.order}H", 42)
    )
    target.write(mark + version + kind.offset.pack(kind.head))
    begin = kind.head
    for number, page in enumerate(pages):
        following = begin + _length(page, kind)
        last = number + 1 == len(pages)
        target.write(_directory(page, kind, begin, 0 if last else following))
        begin = following


def _directory(page: _Directory, kind: _Kind, begin: int, following: int) -> bytes:
    table = kind.count.size + len(page.entries) * kind.entry.size + kind.offset.size
    place = begin + table + table % 2
    parts, values = [kind.count.pack(len(page.entries))], []
    for tag, form, number, old in page.entries:
        value = old
        if tag in _PLACES:
            moved = [page.moved.get(offset, 0) for offset in page.offsets.tolist()]
            value = np.array(moved, kind.order + {4: "u4", 16: "u8"}[form]).tobytes()
        if len(value) <= kind.offset.size:
            parts.append(kind.entry.pack(tag, form, number, value))
            continue
        parts.append(kind.entry.pack(tag, form, number, kind.offset.pack(place)))
        values.append(value + b"\0" * (len(value) % 2))
        place += len(values[-1])
    head = b"".join([*parts, kind.offset.pack(following)])
    return head + b"\0" * (table % 2) + b"".join(values)


def _copy(
    page: _Directory, source: BinaryIO, target: BinaryIO, cancel: Cancellation | None
) -> None:
    sizes = dict(zip(page.offsets.tolist(), page.sizes.tolist(), strict=True))
    for old, new in page.moved.items():
        if target.tell() != new:
            raise WriteError(f"a tile lies at {target.tell()}, not at {new}")
        source.seek(old)
        left = sizes[old]
        while left:
            if cancel is not None:
                cancel.check()
            data = source.read(min(left, _STEP))
            if not data:
                raise WriteError("the file ends inside a tile")
            target.write(data)
            left -= len(data)
        target.write(b"\0" * (sizes[old] % 2))
