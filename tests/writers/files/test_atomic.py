"""Outputs appear whole or not at all, whatever happens in between."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from tests import preloaded
from tests.hooked import HookedArray
from tests.writers.files import write_worker
from tests.writers.sink.test_interrupts import interrupted
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.errors import (
    CancelledError,
    CorruptSourceError,
    OptionError,
    TargetExistsError,
    WriteError,
)
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.files.atomic import STAGING_PREFIX, atomic_directory, atomic_file, sweep
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation


def names(folder: Path) -> Any:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.tif") as staged:
        staged.write_bytes(b"new")
        (staged.parent / "spool").write_bytes(b"anything")
        assert staged.name == "a.tif"
        assert not (tmp_path / "a.tif").exists()
    assert names(tmp_path) == ["a.tif"]
    assert (tmp_path / "a.tif").read_bytes() == b"new"
    assert (tmp_path / "a.tif").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> Any:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
@pytest.mark.parametrize("make", [atomic_file, atomic_directory])
def test_nothing_is_left_of_a_failure_and_the_old_stays(
    tmp_path: Path, make: Any, error: Any
) -> None:
    target = tmp_path / "a.zarr"
    with make(target) as staged:
        _fill(staged, "old")

    def fail() -> None:
        with make(target, overwrite=True) as staged:
            _fill(staged, "new")
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == ["a.zarr"]
    assert _content(target) == "old"
    with make(target, overwrite=True) as staged:
        _fill(staged, "new")
    assert _content(target) == "new"
    assert names(tmp_path) == ["a.zarr"]


def _fill(path: Path, text: str) -> None:
    (path / "zarr.json" if path.is_dir() else path).write_text(text)


def _content(path: Path) -> Any:
    return (path / "zarr.json" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("make", [atomic_file, atomic_directory])
def test_an_existing_output_is_replaced_only_when_told(tmp_path: Path, make: Any) -> None:
    target = tmp_path / "a.zarr"
    with make(target) as staged:
        _fill(staged, "old")
    with pytest.raises(TargetExistsError, match="say overwrite"), make(target):
        pytest.fail("the block must not begin")
    assert _content(target) == "old"


def test_a_folder_is_never_replaced_by_a_file_nor_a_file_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.tif").mkdir()
    with (
        pytest.raises(TargetExistsError, match="is a folder"),
        atomic_file(tmp_path / "folder.tif", overwrite=True),
    ):
        pass
    (tmp_path / "file.zarr").write_text("x")
    with (
        pytest.raises(TargetExistsError, match="is a file"),
        atomic_directory(tmp_path / "file.zarr", overwrite=True),
    ):
        pass
    assert names(tmp_path) == ["file.zarr", "folder.tif"]


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter1.tex").write_text("x")
    with (
        pytest.raises(TargetExistsError, match="holds no zarr store"),
        atomic_directory(precious, overwrite=True),
    ):
        pass
    assert names(precious) == ["chapter1.tex"]


def test_a_sink_does_not_replace_its_own_store_nor_that_of_another(tmp_path: Path) -> None:
    tile = np.full((50, 40), 9, np.uint8)
    with ziggurat.new(tmp_path / "other.zarr") as other, ziggurat.new(tmp_path / "a.zarr") as sink:
        for each in (other, sink):
            each.addTile(tile)
        for target in (sink.path, other.path):
            with pytest.raises(TargetExistsError, match="store of a sink"):
                sink.write(target)
        for each in (other, sink):
            each.addTile(tile, 40)
            assert (each.getRegion(format="numpy")[0] == 9).all()


def test_a_name_that_begins_with_a_tilde_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with ziggurat.new("~sink of mine") as sink:
        sink.addTile(np.full((50, 40), 9, np.uint8))
        sink.write("~result.tiff", lossy=False)
    ziggurat.convert("~result.tiff", "~copy.tiff")
    assert verify("~copy.tiff", "~result.tiff").ok
    assert (ziggurat.open("~copy.tiff").getRegion(format="numpy")[0] == 9).all()
    assert names(tmp_path) == ["~copy.tiff", "~result.tiff", "~sink of mine"]


def test_no_folder_for_the_target_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no such folder"), atomic_file(tmp_path / "no" / "a.tif"):
        pass


def test_two_writers_without_overwrite_one_wins_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"

    def write_between() -> None:
        with atomic_file(target) as first:
            first.write_text("first")
            with atomic_file(target) as second:
                second.write_text("second")

    with pytest.raises(TargetExistsError, match="meanwhile"):
        write_between()
    assert target.read_text() == "second"
    assert names(tmp_path) == ["a.tif"]


def test_a_store_is_there_whole_at_every_moment_of_being_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"

    def replace(text: str) -> None:
        with atomic_directory(target, overwrite=True) as staged:
            for part in ("zarr.json", "c0", "c1"):
                (staged / part).write_text(text)

    replace("0")
    stop, torn = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            if not target.exists():
                torn.append("gone")

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(12):
        replace(str(number))
    stop.set()
    thread.join()
    assert torn == []
    assert {(target / part).read_text() for part in ("zarr.json", "c0", "c1")} == {"11"}


def test_the_next_write_sweeps_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    left = tmp_path / f"{STAGING_PREFIX}00000000-a.tif"
    other = tmp_path / f"{STAGING_PREFIX}00000000-b.tif"
    for folder in (left, other):
        folder.mkdir()
        (folder / ".lock").touch()
    with atomic_file(tmp_path / "a.tif") as staged:
        staged.touch()
        sweep(tmp_path / "a.tif")  # does not sweep the one at work
        assert staged.exists()
    assert names(tmp_path) == [other.name, "a.tif"]


class Failing(HookedArray):
    def read(self, level: int, frame: int, rect: Any) -> Any:
        if rect.y > 300:
            raise CorruptSourceError("damaged below row 300")
        return super().read(level, frame, rect)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif", "a.zarr", "a.zarr.zip"])
def test_a_source_that_fails_leaves_nothing_and_can_be_written_again(
    tmp_path: Path, tissue: np.ndarray, name: str
) -> None:
    reader = Failing(tissue, array_reader(tissue).info)
    options = WriteOptions(tile_size=64)
    with pytest.raises(CorruptSourceError, match="damaged below"):
        write(reader, tmp_path / name, options)
    assert names(tmp_path) == []
    write(array_reader(tissue), tmp_path / name, options)
    assert names(tmp_path) == [name]


def test_cancelling_leaves_nothing(tmp_path: Path, tissue: np.ndarray) -> None:
    cancel = Cancellation()
    with pytest.raises(CancelledError):
        write(
            array_reader(tissue),
            tmp_path / "a.tif",
            WriteOptions(tile_size=16),
            on_progress=lambda event: cancel.cancel() if event.done > 100 else None,
            cancel=cancel,
        )
    assert names(tmp_path) == []


def test_an_unknown_ending_is_refused_with_the_known_ones(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    words = r"'a\.xyz' doesn't say what it shall be.*\.ome\.tif.*\.zarr"
    with pytest.raises(OptionError, match=words):
        write(array_reader(tissue), tmp_path / "a.xyz")
    assert names(tmp_path) == []


def test_a_full_disk_is_an_error_in_words_and_leaves_nothing(
    small_disk: Callable[[int], Path], rng: np.random.Generator
) -> None:
    small = small_disk(2)
    pixels = rng.integers(0, 255, (1024, 1024, 3), np.uint8)
    for name in ("a.tif", "a.ome.tif", "a.zarr", "a.zarr.zip"):
        with pytest.raises(WriteError, match=r"No space left"):
            write(array_reader(pixels), small / name, WriteOptions(lossy=False))
        assert names(small) == []
    pixels[:] = 0
    write(array_reader(pixels), small / "a.tif", WriteOptions(lossy=False))
    np.testing.assert_array_equal(tifffile.imread(small / "a.tif"), pixels)


def start(target: Path, value: str = "1") -> preloaded.Child:
    process = preloaded.Child(write_worker.main, str(target), value)
    assert process.stdout.readline() == b"begun\n"
    return process


def check_whole(target: Any, value: Any) -> None:
    with tifffile.TiffFile(target) as tif:
        assert len(tif.series[0].levels) == 4
        pixels = tif.asarray()
    assert (pixels[:16, :16] == value).all()
    wanted = np.random.default_rng(5).integers(0, 255, (512, 512, 3), np.uint8)
    np.testing.assert_array_equal(pixels[16:], wanted[16:])


@pytest.mark.parametrize(
    "delays",
    [
        pytest.param((0.05, 0.2), id="two"),
        pytest.param(tuple(n / 25 for n in range(12)), id="many", marks=pytest.mark.slow),
    ],
)
def test_a_kill_leaves_a_whole_output_and_the_next_write_cleans_up(
    tmp_path: Path, delays: Any
) -> None:
    target = tmp_path / "a.tif"
    start(target, "1").end()
    old = 1
    check_whole(target, old)
    for new, delay in enumerate(delays, old + 1):
        process = start(target, str(new))
        time.sleep(delay)
        process.kill()
        ended = process.end().returncode
        # a process may be killed on its way out, when its output is in place already
        done = ended == 0 or tifffile.imread(target)[0, 0, 0] == new
        old = new if done else old
        check_whole(target, old)
        assert all(n == "a.tif" or n.startswith(STAGING_PREFIX) for n in names(tmp_path))
    assert start(target, "100").end().returncode == 0
    check_whole(target, 100)
    assert names(tmp_path) == ["a.tif"]


def test_an_interrupt_leaves_nothing_at_all(tmp_path: Path) -> None:
    process = start(tmp_path / "a.tif")
    while not any(name.startswith(STAGING_PREFIX) for name in names(tmp_path)):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert process.end().returncode != 0
    assert names(tmp_path) == []


def test_two_processes_write_one_target_and_one_wins_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    both = [start(target, str(value)) for value in (1, 2)]
    for process in both:
        assert process.end().returncode == 0
    with tifffile.TiffFile(target) as tif:
        value = int(tif.asarray()[0, 0, 0])
    assert value in (1, 2)
    check_whole(target, value)
    assert names(tmp_path) == ["a.tif"]


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # what an interrupt takes from its owner is closed as it goes
def test_an_interrupt_at_any_moment_leaves_nothing_that_stays(tmp_path: Path) -> None:
    target, at, going = tmp_path / "a.bin", 0, True

    def work() -> None:
        with atomic_file(target, overwrite=True) as staged:
            staged.write_bytes(b"new")

    work()
    while going:
        going = interrupted(work, at)
        at += 1
        assert target.read_bytes() == b"new"
        if len(os.listdir(tmp_path)) > 1:  # it came while the folder was being removed
            work()
            assert os.listdir(tmp_path) == ["a.bin"], at
    assert at > 30


def test_a_write_that_begins_is_not_swept_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, real = tmp_path / "a.tif", fcntl.flock
    swept: list[Path] = []

    def flock(descriptor: int, how: int) -> None:
        if not swept:
            swept.append(target)
            sweep(target)  # just before the first one takes its lock
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with atomic_file(target, False) as staged:
        staged.write_bytes(b"all")
    assert swept
    assert target.read_bytes() == b"all"


@pytest.mark.parametrize("make", [atomic_file, atomic_directory])
def test_a_link_that_leads_nowhere_is_something_that_is_there(tmp_path: Path, make: Any) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "gone")
    with pytest.raises(TargetExistsError, match="exists"), make(tmp_path / "out"):
        pass
    assert (tmp_path / "out").is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_being_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with atomic_file(tmp_path / "out") as staged:
            staged.write_bytes(b"patient")
            assert staged.parent.stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)
