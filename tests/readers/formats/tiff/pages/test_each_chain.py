"""Which pages of a chain are frames, levels or something beside: small files of every make-up."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.each import each
from ziggurat.readers.formats.tiff.pages.chain import broken_off, chain_structure
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure, held
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, SequentialTable

FULL, HALF, QUARTER, OTHER = (32, 96), (16, 48), (8, 24), (20, 20)


class Written:
    """A TIFF in memory, page by page; ``marks`` tell each page by the value of its pixels."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        self._tif = tifffile.TiffWriter(self.file)

    def page(
        self, size: tuple[int, int], mark: int, *, tiled: bool = False, reduced: bool = False,
        below: int = 0, dtype: str = "u1",
    ) -> "Written":  # fmt: skip
        self._tif.write(
            np.full(size, mark, dtype), metadata=None, photometric="minisblack",
            tile=(16, 16) if tiled else None, subfiletype=int(reduced), subifds=below,
        )  # fmt: skip
        return self

    def opened(self) -> tifffile.TiffFile:
        self._tif.close()
        self.file.seek(0)
        return tifffile.TiffFile(self.file)


def marks(written: Written) -> tuple[list[list[int]], list[int], TiffStructure]:
    """Return the marks of each level's frames and of what is beside, in order."""
    with written.opened() as tif:
        found = chain_structure(tif, "generic")

        def mark(page: Any) -> int:
            written.file.seek(page.offsets[0])
            return written.file.read(1)[0]

        levels = [[mark(page) for page in level] for level in found.levels]
        return levels, [mark(one.page) for one in found.associated], found


def pages(*told: Any) -> Written:
    made = Written()
    for number, (size, words) in enumerate(told):
        made.page(size, number + 1, **words)
    return made


TILED, REDUCED = {"tiled": True}, {"reduced": True}


@each("told, levels, beside, unsure", [
        # one image: smaller pages are levels, whose pixels must tell where nothing calls them so
        ([(FULL, {}), (HALF, {})], [[1], [2]], [], {1}),
        ([(FULL, {}), (HALF, REDUCED), (QUARTER, REDUCED)], [[1], [2], [3]], [], set()),
        ([(FULL, {}), (QUARTER, REDUCED), (HALF, {})], [[1], [3], [2]], [], {1}),
        ([(FULL, {}), (OTHER, {})], [[1]], [2], set()),
        ([(FULL, {}), (OTHER, REDUCED)], [[1]], [2], set()),
        ([(FULL, TILED), (HALF, TILED), (OTHER, {})], [[1], [2]], [3], {1}),
        ([(HALF, REDUCED), (FULL, {})], [[2], [1]], [], set()),
        ([(FULL, {}), (HALF, {"dtype": "u2"})], [[1]], [2], set()),
        # several: as many smaller ones as there are frames, that are marked, or tiles of tiles
        ([(FULL, {}), (FULL, {}), (HALF, {}), (HALF, {})], [[1, 2]], [3, 4], set()),
        ([(FULL, {}), (FULL, {}), (HALF, REDUCED), (HALF, REDUCED)], [[1, 2], [3, 4]], [], set()),
        ([(FULL, {}), (HALF, REDUCED), (FULL, {}), (HALF, REDUCED)], [[1, 3], [2, 4]], [], set()),
        ([(FULL, {}), (FULL, {}), (HALF, REDUCED)], [[1, 2]], [3], set()),
        ([(FULL, {}), (FULL, {})] + [(HALF, REDUCED)] * 3, [[1, 2]], [3, 4, 5], set()),
        ([(FULL, TILED), (FULL, TILED), (HALF, TILED), (HALF, TILED)], [[1, 2], [3, 4]], [], {1}),
        ([(FULL, TILED), (FULL, {}), (HALF, TILED), (HALF, {})], [[1, 2]], [3, 4], set()),
        # the image is the largest that is not called reduced, wherever it is
        ([(OTHER, {}), (FULL, {}), (OTHER, {})], [[2]], [1, 3], set()),
        ([(FULL, REDUCED), (HALF, {})], [[2]], [1], set()),
        ([(HALF, REDUCED), (FULL, REDUCED)], [[2], [1]], [], set()),
        ([(FULL, REDUCED), (FULL, {})], [[2]], [1], set()),
        ([(FULL, {}), (FULL, REDUCED)], [[1]], [2], set()),
    ])  # fmt: skip
def test_pages_one_after_another(
    told: Any, levels: list[list[int]], beside: list[int], unsure: set[int]
) -> None:
    found = marks(pages(*told))
    assert found[:2] == (levels, beside)
    assert found[2].unsure == unsure
    axes = [(axis.name, axis.size) for axis in found[2].axes]
    assert axes == ([("i", len(levels[0]))] if len(levels[0]) > 1 else [])
    assert found[2].losses == ()


def test_levels_that_hang_below_every_frame() -> None:
    made = Written()
    for frame in (10, 20):
        made.page(FULL, frame, below=2)
        made.page(HALF, frame + 1, reduced=True).page(QUARTER, frame + 2, reduced=True)
    levels, beside, found = marks(made)
    assert (levels, beside) == ([[10, 20], [11, 21], [12, 22]], [])
    assert found.unsure == frozenset()


def test_levels_below_in_any_order_and_such_as_some_frames_lack() -> None:
    """A level that not all frames have is made anew: it is nothing beside the image."""
    made = Written()
    made.page(FULL, 10, below=2).page(QUARTER, 12, reduced=True).page(HALF, 11, reduced=True)
    made.page(FULL, 20, below=2).page(HALF, 21, reduced=True).page(QUARTER, 22, reduced=True)
    made.page(FULL, 30, below=2).page(OTHER, 33, reduced=True).page(QUARTER, 32, reduced=True)
    levels, beside, _ = marks(made)
    assert (levels, beside) == ([[10, 20, 30], [12, 22, 32]], [33])


def test_two_levels_of_one_size_below_a_frame_are_one() -> None:
    made = Written().page(FULL, 10, below=2)
    made.page(HALF, 11, reduced=True).page(HALF, 12, reduced=True)
    assert marks(made)[0] == [[10], [11]]


@pytest.mark.parametrize("large", [True, False])
def test_the_image_below_a_preview(large: bool) -> None:
    """Of raw pictures; what hangs below a whole page is no image."""
    made = Written().page(HALF, 10, reduced=True, below=2)
    made.page(FULL, 11).page(QUARTER, 12, reduced=True)
    levels, beside, _ = marks(made if large else made.page(QUARTER, 13))
    if large:
        assert (levels, beside) == ([[11], [10]], [])
    else:
        assert levels == [[13]]
        assert sorted(beside) == [10, 11, 12]


def test_what_any_reader_must_show() -> None:
    made = pages((HALF, REDUCED), (FULL, {}), (OTHER, {}), (FULL, {"dtype": "u2"}), (FULL, {}))
    with made.opened() as tif:
        assert held(tif) == {
            "width": 96, "height": 32, "bands": 1, "frames": 3, "sample type": "uint8",
        }  # fmt: skip


def test_a_chain_that_breaks_off() -> None:
    made = pages((FULL, {}), (HALF, {}))
    with made.opened() as tif:
        assert len(tif.pages) == 2
        assert broken_off(tif) is None
        last = tif.pages.next_page_offset
        size = tif.filehandle.size
    data = bytearray(made.file.getvalue())
    assert last is not None
    assert data[last : last + 4] == bytes(4)
    for target in (size + 100, size):
        data[last : last + 4] = target.to_bytes(4, "little")
        with tifffile.TiffFile(io.BytesIO(bytes(data))) as tif:
            told = broken_off(tif)
        assert told is not None
        assert f"the chain of 2 pages leads on to byte {target:,} of {size:,}" in told
    with tifffile.TiffFile(io.BytesIO(bytes(data[:last]))) as tif:
        assert broken_off(tif) is None


class Read:
    """A file in memory that remembers its reads."""

    url = "made"

    def __init__(self, size: int) -> None:
        self._data = np.random.default_rng(4).bytes(size)
        self.size = size
        self.reads: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self._data[offset : offset + length]

    def close(self) -> None:
        pass


@each("gap", [0, 1, 4096, 4097, -10])
@each("size", [1, 100, (1 << 18) - 1, 1 << 18])
def test_as_much_is_read_ahead_as_was_taken_in_order(size: int, gap: int) -> None:
    """Tiles far apart, overlapping or very large are read one by one."""
    if size + gap < 1:
        return
    count = 12
    offsets = [5000 + number * (size + gap) for number in range(count)]
    source = Read(offsets[-1] + size)
    table = SequentialTable(PlainTable(source, offsets, [size] * count))
    for number, offset in enumerate(offsets):
        assert table.get(number) == source._data[offset : offset + size]
    together = 0 <= gap <= 4096 and size < 1 << 18
    if gap == 0 and together:
        assert len(source.reads) < count
    if not together:
        assert [read for read in source.reads if read[1]] == [(o, size) for o in offsets]
    assert all(length <= max(size, 1 << 20) for _, length in source.reads)
