"""What is in: the journal, and what is made of it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ziggurat
from ziggurat.readers.errors import SinkError, SinkInputError
from ziggurat.readers.model.geometry import Rect
from ziggurat.writers.sink.coverage import covered, picture
from ziggurat.writers.store.mapped.journal import RECORD, Journal, pack_record

BOTH_KINDS = pytest.mark.usefixtures("kind")

RECTS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 25), st.integers(1, 25)),
    max_size=12,
)


def records(rects: list[tuple[int, int, int, int]]) -> np.ndarray:
    found = np.zeros(len(rects), RECORD)
    for record, (x, y, w, h) in zip(found, rects, strict=True):
        record["x"], record["y"], record["width"], record["height"] = x, y, w, h
    return found


@given(RECTS, st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30)))
@settings(max_examples=100, deadline=None)
def test_covered_is_what_painting_shows(
    rects: list[tuple[int, int, int, int]], place: tuple[int, int, int]
) -> None:
    canvas = np.zeros((100, 100), bool)
    for x, y, w, h in rects:
        canvas[y : y + h, x : x + w] = True
    x, y, side = place
    wanted = Rect(x, y, side, side)
    assert covered(records(rects), wanted) == canvas[y : y + side, x : x + side].all()


@given(RECTS)
@settings(max_examples=60, deadline=None)
def test_a_large_enough_picture_is_exact(rects: list[tuple[int, int, int, int]]) -> None:
    canvas = np.zeros((60, 70))
    for x, y, w, h in rects:
        canvas[y : y + h, x : x + w] = 1
    assert np.array_equal(picture(records(rects), 60, 70, 100), canvas)
    small = picture(records(rects), 60, 70, 7)
    assert small.shape == (6, 7)
    assert small.min() >= 0
    assert small.max() <= 1
    if not canvas.any():
        assert not small.any()
    assert abs(small.mean() - canvas.mean()) < 0.12  # edges are rounded to a quarter of a cell


@BOTH_KINDS
def test_tiles_are_told_in_their_order(tmp_path: Path) -> None:
    sink = ziggurat.new(tmp_path / "s")
    sink.addTile(np.ones((20, 30, 3), np.uint8), 5, 6, z=2)
    sink.addTile(np.ones((4, 10, 10, 3), np.uint8), 1, 1, axes="tyxs", mask=np.ones((10, 10), bool))
    first, second = sink.tiles()
    assert (first.x, first.y, first.width, first.height) == (5, 6, 30, 20)
    assert (dict(first.frame), dict(first.frames)) == ({"t": 0, "z": 2}, {"t": 1, "z": 1})
    assert (dict(second.frames), second.masked) == ({"t": 4, "z": 1}, True)
    assert sink.isWritten(5, 6, 30, 20, z=2)
    assert not sink.isWritten(5, 6, 31, 20, z=2)
    assert sink.isWritten(1, 1, 10, 10, t=3)
    assert not sink.isWritten(1, 1, t=3, z=1)
    with pytest.raises(SinkInputError, match="no axis"):
        sink.isWritten(0, 0, c=1)
    with pytest.raises(SinkInputError, match="no pixels"):
        sink.isWritten(0, 0, 0, 5)


@BOTH_KINDS
def test_coverage_is_a_picture_of_progress() -> None:
    sink = ziggurat.new(sizeX=40_000, sizeY=20_000, bands=1, dtype="uint8", axes={"z": 2})
    assert sink.coverage().shape == (128, 256)
    assert not sink.coverage().any()
    for x in range(0, 20_000, 2500):
        sink.addTile(np.ones((2500, 2500), np.uint8), x, 0, z=1)
    found = sink.coverage(64, z=1)
    assert found.shape == (32, 64)
    assert (found[:4, :32] == 1).all()
    assert found.sum() * 625 * 625 == pytest.approx(20_000 * 2500)
    assert sink.coverage(64).sum() == pytest.approx(found.sum() / 2)
    sink.close()


@BOTH_KINDS
def test_a_sink_goes_on_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with ziggurat.new(path, blend="max", tileSize=64) as sink:
        sink.addTile(np.ones((100, 100), np.uint8))
    with ziggurat.new(path, mode="join") as sink:
        assert sink.isWritten(0, 0, 100, 100)
        sink.addTile(np.full((100, 100), 2, np.uint8), 50, 0)
        assert sink.getRegion(format="numpy")[0][0, [0, 149], 0].tolist() == [1, 2]
    with ziggurat.new(path, mode="resume", blend="max") as sink:
        assert len(list(sink.tiles())) == 2
    for _ in range(2):  # the second time it is there, and NaN equals nothing
        with ziggurat.new(tmp_path / "fresh", mode="resume", dtype="f4", fill=np.nan) as sink:
            assert not list(sink.tiles())


@BOTH_KINDS
def test_joining_makes_room_for_what_it_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "s"
    pixels = np.full((70, 80, 3), 9, np.uint8)
    with ziggurat.new(path, tileSize=64, sizeX=80, sizeY=70) as sink:
        sink.addTile(pixels)
    for axes in ({}, {"z": 3}):  # the same again changes nothing that is in
        with ziggurat.new(path, mode="resume", sizeX=100, sizeY=70, axes=axes) as sink:
            assert (sink.sizeX, sink.sizeY) == (100, 70)
            assert sink.getMetadata().get("IndexRange", {}).get("IndexZ", 0) == len(axes) * 3
            assert len(list(sink.tiles())) == 1
            found = sink.getRegion(format="numpy", frame=0)[0]
            assert np.array_equal(found[:, :80], pixels)
            assert not found[:, 80:].any()
    with pytest.raises(SinkInputError, match="frame axes"):
        ziggurat.new(path, mode="join", axes=dict.fromkeys("abcdefghijklmnop", 2))


@BOTH_KINDS
def test_modes_say_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s"
    ziggurat.new(path, dtype="uint8", sizeX=5, sizeY=5).close()
    with pytest.raises(SinkError, match="mode='join' goes on with it"):
        ziggurat.new(path)
    with pytest.raises(SinkError, match="no sink's store"):
        ziggurat.new(tmp_path / "other", mode="join")
    for change in ({"blend": "max"}, {"tileSize": 64}, {"dtype": "uint16"}):
        with pytest.raises(SinkInputError, match="the store h"):
            ziggurat.new(path, mode="join", **change)
    with pytest.raises(SinkError, match="/ is there"):
        ziggurat.new("/")
    with pytest.raises(SinkError, match="place of its own"):
        ziggurat.new(tmp_path / "zero\0byte")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SinkError, match="place of its own"):
        ziggurat.new(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "s"]


def test_a_torn_record_is_no_record(tmp_path: Path) -> None:
    (tmp_path / ".ziggurat").mkdir()
    journal = Journal(tmp_path)
    journal.append(pack_record((1, 2, 3, 4), [5], [1], masked=False))
    with (tmp_path / ".ziggurat" / "journal").open("ab") as file:
        file.write(b"\1" * 128 + b"\2" * 50)
    found = journal.records()
    assert found[["x", "y", "width", "height"]].tolist() == [(1, 2, 3, 4)]
    assert found["start"][0].tolist() == [5, 0, 0, 0, 0, 0, 0, 0]
    journal.close()


def test_positions_are_those_of_their_axes_whichever_came_first() -> None:
    """An axis that comes later is slower, and behind in what the store keeps."""
    with ziggurat.new() as sink:
        sink.addTile(np.ones((8, 8), np.uint8), z=2)
        sink.addTile(np.ones((4, 8), np.uint8), z=1, c=1)
        assert sink.frameAxes == ["c", "z"]
        found = {(c, z): float(sink.coverage(c=c, z=z).mean()) for c in range(2) for z in range(3)}
        assert found == {place: {(0, 2): 1.0, (1, 1): 0.5}.get(place, 0.0) for place in found}
        assert [float(sink.coverage(c=c).mean()) for c in range(2)] == pytest.approx([1 / 3, 1 / 6])
        assert float(sink.coverage().mean()) == pytest.approx(1.5 / 6)
        assert sink.isWritten(0, 0, 8, 4, c=1, z=1)
        assert not sink.isWritten(0, 0, 8, 4, c=0, z=1)
