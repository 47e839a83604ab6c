"""What pages are to each other, where strips end, what resolutions mean: tables of odd cases."""

import io
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.each import each
from tests.readers.formats.memory import Memory
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.info import resolution_mm
from ziggurat.readers.formats.tiff.pages.chain import chain_structure
from ziggurat.readers.formats.tiff.pages.structure import (
    TiffStructure,
    frame_axes,
    from_series,
    is_level_of,
    resolution,
    series_pages,
)
from ziggurat.readers.formats.tiff.pages.tables import PlainTable, RestartTable

DATA = bytes(range(60))


@each("start", [0, 1, 5, 9, 10, 11])
def test_a_part_of_a_strip_is_all_in_it(start: int) -> None:
    """What follows the strip in the file is another one's."""
    cases: Any = [0, 1, 5, 9, 10, 11]
    for size in cases:
        table = PlainTable(Memory(DATA), [20, 30], [10, 10])
        if start + size > 10:
            with pytest.raises(CorruptSourceError, match="strip of 10 bytes is too short"):
                table.slice(0, start, size)
        else:
            assert table.slice(0, start, size) == DATA[20 + start : 20 + start + size]
        assert table.slice(1, 0, 10) == DATA[30:40]


@pytest.mark.parametrize(("offset", "count"), [(50, 10), (50, 11), (59, 1), (59, 2), (60, 1)])
def test_what_the_end_of_the_file_cuts_off_is_damage(offset: int, count: int) -> None:
    table = PlainTable(Memory(DATA), [offset], [count])
    reads: list[Callable[[], bytes | None]] = [
        lambda: table.get(0), lambda: table.slice(0, 0, count),
    ]  # fmt: skip
    for read in reads:
        if offset + count > 60:
            with pytest.raises(CorruptSourceError, match=f"{count} bytes at {offset} is cut off"):
                read()
        else:
            assert read() == DATA[offset:]


PHOTOMETRICS = {
    1: {0: "gray", 1: "gray", 3: "palette", 32803: "raw", 34892: "linear raw"},
    3: {2: "colour", 6: "colour", 8: "lab", 9: "icc lab", 1: "gray"},
}


def chain(samples: int, kinds: tuple[int, int], subfiletype: int = 0) -> TiffStructure:
    """Return the structure of two pages of one size, told to be of these photometrics."""
    pixels = np.arange(40 * 24 * samples, dtype=np.uint8).reshape(24, 40, samples)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as tif:
        for marked in (0, subfiletype):
            tif.write(pixels if samples > 1 else pixels[..., 0], metadata=None,
                      subfiletype=int(marked > 0),
                      photometric="rgb" if samples > 1 else "minisblack")  # fmt: skip
    file.seek(0)
    with tifffile.TiffFile(file, mode="r+b") as tif:
        for page, kind in zip(tif.pages, kinds, strict=True):
            page.tags[262].overwrite(kind)
        if subfiletype:
            tif.pages[1].tags[254].overwrite(subfiletype)
    file.seek(0)
    with tifffile.TiffFile(file) as tif:
        return chain_structure(tif, "generic")


def test_pages_are_frames_of_one_image_where_their_samples_mean_the_same() -> None:
    cases: Any = [
        (samples, first, second)
        for samples, known in PHOTOMETRICS.items()
        for first in known
        for second in known
    ]
    for samples, first, second in cases:
        found = chain(samples, (first, second))
        same = PHOTOMETRICS[samples][first] == PHOTOMETRICS[samples][second]
        assert len(found.levels[0]) == (2 if same else 1)
        assert len(found.associated) == (0 if same else 1)
        assert int(found.page.photometric) == first


@pytest.mark.parametrize(("subfiletype", "frames", "beside"), [(0, 2, 0), (1, 1, 1), (4, 1, 0)])
def test_a_page_that_is_marked_as_something_else_is_no_frame(
    subfiletype: int, frames: int, beside: int
) -> None:
    found = chain(1, (1, 1), subfiletype=subfiletype)
    assert (len(found.levels), len(found.levels[0])) == (1, frames)
    assert len(found.associated) == beside


def page(**tags: Any) -> Any:
    codes = {"x": 282, "y": 283, "unit": 296}
    found = {codes[name]: value for name, value in tags.items()}
    return SimpleNamespace(tags=SimpleNamespace(valueof=lambda code, *d: found.get(code, *d)
                                                if d else found.get(code)))  # fmt: skip


@each("unit, millimetres", [(None, 25.4), (1, None), (2, 25.4), (3, 10.0), (4, None), (0, None)])
def test_the_size_of_pixels_by_the_resolution(unit: int | None, millimetres: float | None) -> None:
    """Without a unit they are inches, as the standard has it; 1 is no unit."""
    cases: Any = [
        ((20000, 1), (5000, 1)),
        ((100, 1), (99, 1)),
        ((72, 1), (300, 3)),
        (150.5, 72.0),
        ((1, 0), (0, 1)),
        (None, (40000, 4)),
        ((5000,), (1, 2, 3)),
        ("300", True),
    ]
    for x, y in cases:
        tags = {"x": x, "y": y} | ({} if unit is None else {"unit": unit})

        def due(value: Any) -> float | None:
            ratio = {(300, 3): 100.0, (40000, 4): 10000.0, (5000,): 5000.0, 150.5: 150.5}.get(value)
            if isinstance(value, tuple) and len(value) == 2 and value[1] == 1:
                ratio = float(value[0])
            big = ratio is not None and ratio >= 100
            return millimetres / ratio if millimetres and big and ratio else None

        found = resolution_mm(page(**tags))
        assert found == tuple(None if due(v) is None else pytest.approx(due(v)) for v in (x, y))


@each("value", [None, (1, 0), (0, 1), (-3, 1), (math.inf, 1), True, "3", ()])
def test_resolutions_that_tell_nothing(value: Any) -> None:
    assert resolution(page(x=value), 282) is None


HOME = SimpleNamespace(filehandle=SimpleNamespace(path="home"))


def plane(width: int, number: int, **more: Any) -> Any:
    made = SimpleNamespace(
        dataoffsets=(number,), databytecounts=(9,), jpegtables=None, parent=HOME, shape=(6, width),
        imagewidth=width, imagelength=6, photometric=1, subfiletype=0, samplesperpixel=1,
        dtype=np.dtype("u1"), is_reduced=False, is_subifd=False,
    )  # fmt: skip
    made.keyframe = made
    vars(made).update(more)
    return made


class Series(list[Any]):
    """A series of tifffile's, of pages of 6 rows."""

    def __init__(self, pages: list[Any], axes: str, shape: tuple[int, ...], **more: Any) -> None:
        super().__init__(pages)
        self.keyframe = next(page for page in pages if page is not None)
        self.axes, self.shape, self.kind, self.name = axes, shape, "ome", "x"
        self.is_truncated, self.dataoffset = False, None
        vars(self).update(more)


def stack(width: int, there: str) -> Series:
    """Return four planes; a dot stands for one that is missing."""
    pages = [plane(width, 10 * width + n) if c != "." else None for n, c in enumerate(there)]
    return Series(pages, "ZYX", (len(there), 6, width))


@each(
    "full, lower, used",
    [
        ("####", ["####", "####"], [40, 20, 10]),
        ("####", ["###.", "####"], [40, 10]),
        ("####", [".###", "#.##"], [40]),
        ("##.#", ["##.#", "####"], [40, 20]),  # one that has more is another's
        ("##.#", ["#.##", "##.#"], [40, 10]),
        ("...#", ["...#", "#..."], [40, 20]),
    ],
)
def test_a_level_that_lacks_a_frame_is_not_used(
    full: str, lower: list[str], used: list[int]
) -> None:
    levels = [stack(width, there) for width, there in zip((20, 10), lower, strict=True)]
    for order in (levels, levels[::-1]):
        found = from_series(stack(40, full), [stack(40, full), *order], [], HOME)
        widths = [next(p for p in level if p is not None).keyframe.imagewidth
                  for level in found.levels]  # fmt: skip
        assert widths == used
        for level in found.levels:
            assert [data is not None for data in level] == [c == "#" for c in full]
            numbers = [data.offsets[0] % 10 for data in level if data is not None]
            assert numbers == [n for n, c in enumerate(full) if c == "#"]
        assert [(axis.name, axis.size) for axis in found.axes] == [("z", 4)]


def test_series_whose_frames_are_not_their_pages() -> None:
    pages = [plane(8, n) for n in range(3)]
    elsewhere = plane(8, 5, parent=SimpleNamespace(filehandle=SimpleNamespace(path="other")))
    found = series_pages(Series([pages[0], elsewhere], "TYX", (2, 6, 8)), HOME)
    assert [data.path for data in found if data] == [None, "other"]
    one = Series(pages[:1], "ZYX", (3, 6, 8), is_truncated=True, dataoffset=7)
    assert [data.plane for data in series_pages(one, HOME) if data] == [0, 1, 2]
    with pytest.raises(UnsupportedFormatError, match="not contiguous"):
        series_pages(Series(pages[:1], "ZYX", (3, 6, 8), is_truncated=True), HOME)
    with pytest.raises(UnsupportedFormatError, match="series of"):
        series_pages(Series(pages, "ZYX", (3, 6, 4)), HOME)
    for frames in (2, 4):
        with pytest.raises(CorruptSourceError, match=f"{frames} frames has 3 pages"):
            series_pages(Series(pages, "ZYX", (frames, 6, 8)), HOME)
    with pytest.raises(CorruptSourceError, match="0 frames"):
        series_pages(Series(pages, "ZYX", (0, 6, 8)), HOME)


def test_axes_have_names_of_their_own() -> None:
    letters, shape = "TCAEHLPRVQQIYXS", (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 1, 6, 8, 3)
    axes = frame_axes(Series([plane(8, 0)], letters, shape))
    assert [(axis.name, axis.size) for axis in axes] == [
        ("t", 2), ("c", 3), ("angle", 4), ("lambda", 5), ("lifetime", 6), ("exposure", 7),
        ("phase", 8), ("tile", 9), ("event", 2), ("q", 3), ("q2", 4),
    ]  # fmt: skip


@each("size, change, level", [
        ((50, 30), {}, True), ((25, 15), {}, True), ((100, 60), {}, False), ((100, 30), {}, False),
        ((33, 20), {}, True), ((34, 20), {}, True), ((50, 40), {}, False), ((120, 30), {}, False),
        ((50, 31), {}, True), ((50, 33), {}, False), ((50, 30), {"samplesperpixel": 3}, False),
        ((50, 30), {"dtype": np.dtype("u2")}, False), ((50, 30), {"photometric": 4}, False),
        ((50, 30), {"subfiletype": 4}, False), ((50, 30), {"subfiletype": 1}, True),
        ((0, 0), {}, False), ((50, 0), {}, False),
    ])  # fmt: skip
def test_what_is_a_smaller_version(size: tuple[int, int], change: Any, level: bool) -> None:
    base = plane(100, 0, imagelength=60)
    small = plane(size[0], 1, **({"imagelength": size[1]} | change))
    assert is_level_of(small, base) is level


@pytest.mark.parametrize("columns", [1, 3])
def test_tiles_out_of_restart_intervals(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five rows of intervals, two to a tile: the last one is repeated below the image."""
    where = "ziggurat.readers.formats.tiff.pages.tables"
    monkeypatch.setattr(f"{where}.resized_header", lambda header, stack: header * stack)
    monkeypatch.setattr(f"{where}.stack_intervals", lambda header, parts: (header, parts))
    counts = [2 + n % 3 for n in range(5 * columns)]
    offsets = [3 + sum(counts[:n]) + n for n in range(len(counts))]
    data = bytes(range(90))[: offsets[-1] + counts[-1]]
    table: Any = RestartTable(Memory(data), b"h", offsets, counts, columns, 5, 2)
    parts = [data[at : at + count] for at, count in zip(offsets, counts, strict=True)]
    for row in range(3):
        for column in range(columns):
            rows = [min(2 * row + line, 4) for line in range(2)]
            due = [parts[line * columns + column] for line in rows]
            assert table.get(row * columns + column) == (b"hh", due)
            assert table.has(row * columns + column)
    if columns == 1:
        table = RestartTable(Memory(data[:-1]), b"h", offsets, counts, columns, 5, 2)
        with pytest.raises(CorruptSourceError, match="cut off"):
            table.get(2)
