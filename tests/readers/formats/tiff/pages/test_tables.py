"""Tiles out of a page's table: neighbours at once, and never other bytes than their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, SequentialTable
from ziggurat.readers.io.bytes import LocalBytes


class Counted:
    """A file that counts its reads."""

    def __init__(self, path: Path) -> None:
        self._file = LocalBytes(path)
        self.url, self.size, self.reads = self._file.url, self._file.size, 0

    def read(self, offset: int, length: int) -> bytes:
        self.reads += 1
        return self._file.read(offset, length)

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def tiles(tmp_path: Path) -> tuple[Counted, list[int], list[int], list[bytes]]:
    """300 tiles of uneven sizes, one of them missing, one of them far larger than a read."""
    rng = np.random.default_rng(5)
    sizes = rng.integers(5_000, 20_000, 300).tolist()
    sizes[100], sizes[200] = 0, 2_500_000
    parts = [rng.bytes(size) for size in sizes]
    gaps = [rng.bytes(int(gap)) for gap in rng.integers(0, 3, 300)]
    path = tmp_path / "tiles"
    path.write_bytes(b"head" + b"".join(p + g for p, g in zip(parts, gaps, strict=True)))
    offsets, at = [], 4
    for part, gap in zip(parts, gaps, strict=True):
        offsets.append(at if part else 0)
        at += len(part) + len(gap)
    return Counted(path), offsets, sizes, parts


def test_tiles_in_order_are_read_many_at_once(tiles: Any) -> None:
    source, offsets, sizes, parts = tiles
    table = SequentialTable(PlainTable(source, offsets, sizes))
    assert [table.get(index) or b"" for index in range(300)] == parts
    assert source.reads < 40


@pytest.mark.parametrize("seed", range(3))
def test_tiles_in_any_order_are_the_same(tiles: Any, seed: int) -> None:
    source, offsets, sizes, parts = tiles
    table = SequentialTable(PlainTable(source, offsets, sizes))
    rng = np.random.default_rng(seed)
    order = rng.permutation(300).tolist() + sorted(rng.integers(0, 300, 100).tolist())
    for index in order:
        assert (table.get(index) or b"") == parts[index]


def test_tiles_backwards_are_read_one_by_one(tiles: Any) -> None:
    source, offsets, sizes, parts = tiles
    table = SequentialTable(PlainTable(source, offsets, sizes))
    assert [table.get(index) or b"" for index in reversed(range(300))] == parts[::-1]
    assert source.reads == 299  # the missing one isn't read


def test_a_file_that_ends_inside_of_a_tile_is_named(tiles: Any) -> None:
    source, offsets, sizes, parts = tiles
    sizes[299] += 100
    table = SequentialTable(PlainTable(source, offsets, sizes))
    assert [table.get(index) or b"" for index in range(299)] == parts[:299]
    with pytest.raises(CorruptSourceError, match="truncated"):
        table.get(299)


def test_a_tile_without_a_place_or_without_bytes_is_none(tmp_path: Path) -> None:
    (tmp_path / "tiles").write_bytes(bytes(range(50)))
    source = LocalBytes(tmp_path / "tiles")
    table = PlainTable(source, [0, 0, 7, 7], [0, 5, 0, 5])
    for index, there in enumerate([False, False, False, True]):
        assert table.has(index) is there
        due = bytes(range(7, 12)) if there else None
        assert (table.get(index), table.slice(index, 0, 5)) == (due, due)
    source.close()
