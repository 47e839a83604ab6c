"""Whatever goes wrong with any one write of a sink: the tile is in wholly or not at all."""

import contextlib
import errno
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

import ziggurat
from tests.faults import INTERRUPTS, NO_ROOM, Disk, Fault, evenly
from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import HeaderWord
from ziggurat.writers.store.mapped import chunks, growth, rewrite
from ziggurat.writers.store.mapped.store import Store

# what an exception takes from its owner is closed as it goes, which Python remarks on
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
TILE = np.full((20, 20, 3), 10, np.uint8)


def begun(path: Path, blend: str) -> ziggurat.Sink:
    sink = ziggurat.new(path, tileSize=16, blend=blend)
    sink.addTile(np.full((24, 24, 3), 3, np.uint8))
    return sink


def lay(sink: ziggurat.Sink) -> None:
    """A tile over old chunks and new ones, then one that changes bands, dtype and axes."""
    sink.addTile(TILE, 10, 10, key="plain")
    sink.addTile(np.full((20, 20, 4), 300, np.uint16), 30, 0, z=1, key="wider")


def pixels(sink: ziggurat.Sink) -> list[np.ndarray]:
    return [sink.getRegion(frame=n, format="numpy")[0] for n in range(sink.frames)]


@pytest.mark.parametrize("blend", ["over", "sum"])
def test_each_write_of_tiles_and_of_growth(blend: str, memory_path: Path, disk: Disk) -> None:
    path = memory_path / "store"
    disk.spoil(None, None)
    with begun(path, blend) as right:
        lay(right)
        expected = pixels(right)
    for number in evenly(disk.writes, 5):
        for fault in (*NO_ROOM, Fault.SHORT, *INTERRUPTS):
            shutil.rmtree(path, ignore_errors=True)
            disk.spoil(number, fault)
            _one(disk, fault, path, blend, expected)


def _one(disk: Disk, fault: Fault, path: Path, blend: str, expected: list[np.ndarray]) -> None:
    wanted = KeyboardInterrupt if fault in INTERRUPTS else ScratchFullError
    try:
        sink = begun(path, blend)
    except wanted:  # the store could not be made, or its first tile
        assert disk.struck
        shutil.rmtree(path, ignore_errors=True)
        sink = begun(path, blend)
    with contextlib.suppress(wanted):
        lay(sink)
    with contextlib.suppress(wanted):
        sink.flush()
    assert disk.struck
    lay(sink)
    assert sorted(str(tile.key) for tile in sink.tiles()) == ["None", "plain", "wider"]
    for frame, (found, due) in enumerate(zip(pixels(sink), expected, strict=True)):
        assert np.array_equal(found, due), (fault, disk.calls[:3], frame)
    sink.close()
    private = {entry.name for entry in (path / ".ziggurat").iterdir()}
    assert not [name for name in private if name.startswith((".", "new-", "next", "change"))]


def test_a_program_that_runs_again_may_lay_tiles_that_no_longer_fit(tmp_path: Path) -> None:
    """Its tile of three bands is in; meanwhile the image got a fourth that sums can't be given."""
    for _ in range(2):
        with ziggurat.new(tmp_path / "s", "resume", blend="sum") as sink:
            sink.addTile(TILE, key=1)
            sink.addTile(np.full((20, 20, 4), 2, np.uint8), key=2)
            assert len(list(sink.tiles())) == 2
            assert sink.getRegion(format="numpy")[0][5, 5].tolist() == [12, 12, 12, 2]


def leave_in_its_log(sink: ziggurat.Sink, patch: pytest.MonkeyPatch) -> None:
    """Let a blended tile be left in its redo log: in, but not in the chunks."""
    blender = sink._store.blender

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with patch.context() as inner:
        inner.setattr(blender, "_apply", die)
        with pytest.raises(KeyboardInterrupt):
            sink.addTile(TILE, 8, 8)


@pytest.mark.parametrize("change", ["dtype", "axis", "bands"])
def test_a_tile_cut_short_is_finished_before_the_image_changes_shape(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path / "s", "max") as sink:
        leave_in_its_log(sink, monkeypatch)
        if change == "axis":
            sink.addTile(TILE, 100, 100, z=1)
        else:
            wide = {"dtype": np.full((4, 4, 3), 0.5), "bands": np.full((4, 4, 5), 1, np.uint8)}
            sink.addTile(wide[change], 100, 100)
        found = sink.getRegion(format="numpy")[0]
        assert found[[0, 10, 23, 26], [0, 10, 23, 26], 0].tolist() == [3, 10, 10, 10]


def test_a_tile_cut_short_while_chunks_are_rewritten_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path / "s", "max") as sink, ziggurat.new(tmp_path / "s", "join") as other:
        real = rewrite.Rewriting.all

        def beside(self: rewrite.Rewriting) -> None:
            real(self)
            leave_in_its_log(other, monkeypatch)

        with monkeypatch.context() as patch:
            patch.setattr(rewrite.Rewriting, "all", beside)
            sink.addTile(np.full((4, 4, 5), 1, np.uint8), 100, 100)
        found = sink.getRegion(format="numpy")[0]
        assert found[[0, 10, 23, 26], [0, 10, 23, 26], 0].tolist() == [3, 10, 10, 10]
        assert found.shape[2] == 5


@pytest.mark.parametrize("durable", [False, True])
def test_zarr_sees_how_far_an_image_reaches_that_grew_by_another_handle(
    tmp_path: Path, durable: bool
) -> None:
    with begun(tmp_path / "s", "over") as sink, ziggurat.new(tmp_path / "s", "join") as other:
        sink.addTile(np.full((4, 4, 4), 1, np.uint8), 200, 100)
        assert json.loads((tmp_path / "s" / "zarr.json").read_text())["shape"][2] == 4
        other.addTile(np.full((4, 4, 4), 1, np.uint8), 300, 100)
        other.flush(durable=durable)
        assert json.loads((tmp_path / "s" / "zarr.json").read_text())["shape"] == [104, 304, 4]
    assert zarr.open_array(tmp_path / "s", mode="r").shape == (104, 304, 4)


def test_a_tile_is_in_where_there_is_no_room_to_say_how_far_the_image_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``zarr.json`` is told once there is room; the tile does not wait for that."""
    monkeypatch.setattr("ziggurat.writers.store.mapped.store.PUBLISH_EVERY_NS", -1)
    with begun(tmp_path / "s", "over") as sink:
        real = growth.write_zarr_metadata

        def full(*_: object) -> None:
            raise ScratchFullError(errno.ENOSPC, "full")

        with monkeypatch.context() as patch:
            patch.setattr(growth, "write_zarr_metadata", full)
            sink.addTile(np.full((4, 4, 3), 7, np.uint8), 200, 100, key="far")
        assert sink.hasKey("far")
        assert growth.write_zarr_metadata is real
        sink.flush()
        assert zarr.open_array(tmp_path / "s", mode="r").shape[:2] == (104, 204)


def test_no_prepared_chunks_stay_behind_a_change_without_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path / "s", "over") as sink:
        next_folder = tmp_path / "s" / ".ziggurat" / "next"
        real = os.pwrite

        def full(*arguments: object) -> int:
            if next_folder.exists():
                raise OSError(errno.ENOSPC, "full")
            return real(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(ScratchFullError, match="no room to rewrite"):
                sink.addTile(np.full((4, 4, 3), 0.5))
        assert not next_folder.exists()
        assert sink.dtype == np.uint8
        sink.addTile(np.full((4, 4, 3), 0.5))
        assert sink.getRegion(format="numpy")[0][[0, 10], [0, 10], 0].tolist() == [0.5, 3]


def test_no_prepared_chunks_stay_behind_a_killed_process(tmp_path: Path) -> None:
    begun(tmp_path / "s", "over").close()
    child = os.fork()
    if child == 0:
        sink = ziggurat.new(tmp_path / "s", "join")
        rewrite.Rewriting.touched_since = lambda _: os._exit(0)
        sink.addTile(np.full((4, 4, 3), 0.5))
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "s" / ".ziggurat" / "next").exists()
    with ziggurat.new(tmp_path / "s", "join") as sink:
        store = sink._store
        assert isinstance(store, Store)
        assert store.header.words[HeaderWord.CHANGE] == 1
        sink.addTile(np.full((4, 4, 3), 7, np.uint8))
        assert not (tmp_path / "s" / ".ziggurat" / "next").exists()
        assert sink.dtype == np.uint8


def test_pixels_of_one_chunk_are_in_no_other(tmp_path: Path) -> None:
    """A thread uses one buffer for all the chunks that it makes."""
    with ziggurat.new(tmp_path / "s", tileSize=64, fill=5, dtype="uint8") as sink:
        sink.addTile(np.full((30, 40), 9, np.uint8), 3, 4)
        sink.addTile(np.full((10, 10), 7, np.uint8), 64, 0)
        sink.addTile(np.full((2, 2), 8, np.uint8), 10, 64)
    first, second, third = (
        np.fromfile(tmp_path / "s" / f"c.{name}.0", np.uint8).reshape(64, 64)
        for name in ("0.0", "0.1", "1.0")
    )
    assert [int((chunk != 5).sum()) for chunk in (first, second, third)] == [1200, 100, 4]


def test_what_an_error_left_in_a_buffer_is_in_no_other_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ziggurat.new(tmp_path / "s", tileSize=64, fill=5, dtype="uint8") as sink:
        sink.addTile(np.full((10, 10), 9, np.uint8))  # now each thread has a buffer
        real = os.pwrite

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(ScratchFullError):
            sink.addTile(np.full((30, 30), 99, np.uint8), 64, 0)
        monkeypatch.setattr(os, "pwrite", real)
        sink.addTile(np.full((10, 10), 7, np.uint8), 64, 0)
        found = sink.getRegion(format="numpy")[0][..., 0]
        assert (found[:, 64:74] == 7).all()
        with ziggurat.open(tmp_path / "s") as source:
            assert source.sizeX == 74
        chunk = np.fromfile(tmp_path / "s" / "c.0.1.0", np.uint8).reshape(64, 64)
        assert (chunk[:10, :10] == 7).all()
        assert (chunk == 5).sum() == 64 * 64 - 100


@pytest.mark.parametrize(
    ("room", "number"),
    [(True, errno.EOPNOTSUPP), (False, errno.EOPNOTSUPP), (True, errno.EISDIR),
     (True, errno.EINVAL)],
)  # fmt: skip
def test_where_files_need_a_name_none_of_them_stays(
    room: bool, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, which has no files without a name."""
    real = chunks.roomy_opened

    def opened(path: str, flags: int) -> object:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(number, "not here")
        return real(path, flags)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with ziggurat.new(tmp_path / "s", tileSize=16) as sink:
        monkeypatch.setattr(chunks, "roomy_opened", opened)
        if not room:
            monkeypatch.setattr(os, "pwrite", full)
        with contextlib.nullcontext() if room else pytest.raises(ScratchFullError):
            sink.addTile(TILE)
        monkeypatch.undo()
        left = [p.name for p in (tmp_path / "s").rglob("*") if p.name.startswith("new-")]
        assert left == []
        if room:
            assert (sink.getRegion(format="numpy")[0] == 10).all()


@pytest.mark.parametrize("fill", [math.inf, -math.inf, math.nan, -2.5])
def test_zarr_fills_with_what_the_sink_was_told(fill: float, tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", tileSize=16, fill=fill, dtype="float32") as sink:
        sink.addTile(np.ones((4, 4), np.float32), 40, 0)
    found = np.asarray(zarr.open_array(tmp_path / "s", mode="r")[...])[..., 0]
    np.testing.assert_array_equal(found[:, :16], np.full((4, 16), fill, np.float32))
