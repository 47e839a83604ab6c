"""Temporary stores in a folder that is everybody's, and sinks that are forgotten."""

import gc
import os
import stat
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
import zarr

import ziggurat
from tests import preloaded
from ziggurat.readers.errors import SinkError, UnsupportedFormatError
from ziggurat.readers.formats.sink_store.layout import HEADER_BYTES, HeaderWord
from ziggurat.writers.store import scratch


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", [f"{scratch.PREFIX}evil", f"{scratch.MAKING}evil"])
def test_links_in_the_temporary_folder_are_not_followed(name: str, shared: Path) -> None:
    home = shared.parent / "home"
    (home / ".ziggurat").mkdir(parents=True)
    for file in ("c.0.0", "c.notes.txt", ".ziggurat/owner.lock"):
        (home / file).write_text("mine")
    os.utime(home, (1, 1))
    (shared / name).symlink_to(home)
    ziggurat.new().close()
    assert sorted(path.name for path in home.rglob("*") if path.is_file()) == [
        "c.0.0", "c.notes.txt", "owner.lock"
    ]  # fmt: skip


def test_what_is_not_ours_is_left_alone(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = ziggurat.new()
    sink._ending.ownership.close()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    scratch.sweep(shared)
    assert Path(sink.path).is_dir()
    monkeypatch.undo()
    scratch.sweep(shared)
    assert not Path(sink.path).exists()


def test_a_temporary_store_is_nobody_else_s_to_look_into(shared: Path, tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        assert stat.S_IMODE(os.stat(sink.path).st_mode) == 0o700
    with ziggurat.new(tmp_path / "own") as sink:  # a place that was chosen keeps the usual rights
        mask = os.umask(0)
        os.umask(mask)
        assert stat.S_IMODE(os.stat(sink.path).st_mode) == 0o777 & ~mask


FORGOTTEN = """
import faulthandler, gc, os, sys, threading
from concurrent.futures import ThreadPoolExecutor
import numpy as np, ziggurat
faulthandler.dump_traceback_later(60, exit=True)
def forgotten(*place):
    sink = ziggurat.new(*place, sizeX=1024, sizeY=1024, bands=3, dtype="uint8", blend="sum")
    sink.addTile(np.zeros((512, 512, 3), np.uint8), 900, 0)
    ring = [sink]; ring.append(ring)
    return sink.path
start = threading.Thread.start
def collecting_start(thread):
    gc.collect(); start(thread)   # the collector may run anywhere
gc.disable(); threading.Thread.start = collecting_start
for place in ([], sys.argv[1:]):
    path = forgotten(*place)
    with ThreadPoolExecutor(2) as pool:
        print(sum(pool.map(lambda n: n, range(50))), os.path.exists(path))
"""


def test_a_forgotten_sink_goes_quietly_in_the_middle_of_anything(tmp_path: Path) -> None:
    """One in a temporary place, and one at a path, which stays."""
    path = str(tmp_path / "s")
    command = [sys.executable, "-X", "dev", "-c", FORGOTTEN, path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1225", "False", "1225", "True"]
    # and what other programs see of it is up to date
    assert zarr.open_array(path, mode="r").shape == (1024, 1412, 3)


def test_a_sink_forgotten_while_its_own_locks_are_held_does_not_wait(tmp_path: Path) -> None:
    keeper = ziggurat.new(tmp_path / "s", sizeX=50, sizeY=50, bands=1, dtype="uint8")
    store = keeper._store

    def forget() -> None:
        other = ziggurat.new(tmp_path / "s", mode="join")
        other.ring = other
        del other

    forget()
    store.header.words[HeaderWord.STALE] = 1
    store.lock.exclusive(gc.collect)
    keeper.addTile(np.ones((5, 5), np.uint8))
    assert keeper.getRegion(format="numpy")[0].sum() == 25
    keeper.close()


def test_a_store_of_another_version_says_so(tmp_path: Path) -> None:
    for version, age in ((99, "newer"), (1, "older")):
        path = tmp_path / age
        ziggurat.new(path).close()
        header = path / ".ziggurat" / "header"
        words = np.frombuffer(header.read_bytes(), "<i8").copy()
        assert words.nbytes == HEADER_BYTES
        words[HeaderWord.VERSION] = version
        header.write_bytes(words.tobytes())
        for opening in (lambda p: ziggurat.new(p, mode="join"), ziggurat.open):
            with pytest.raises(UnsupportedFormatError, match=f"{age} ziggurat"):
                opening(path)


def test_a_store_without_rights_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s"
    ziggurat.new(path).close()
    real = os.open

    def refusing(file: str, flags: int, *rest: int) -> int:  # root may write everywhere
        if str(file).startswith(str(path)) and flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, flags, *rest)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(SinkError, match="may not be written to"):
        ziggurat.new(path, mode="join")


def test_a_blended_sink_needs_few_descriptors() -> None:
    code = """
import resource, numpy as np, ziggurat
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
sinks = [ziggurat.new(tileSize=16, blend="mean") for _ in range(4)]
for i in range(30):
    for sink in sinks:
        sink.addTile(np.full((24, 24, 3), 5, np.uint8), x=i * 16)
assert all((sink.getRegion(format="numpy")[0][:16] == 5).all() for sink in sinks)
"""
    done = preloaded.run(preloaded.code, code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_temporary_store_goes_with_its_maker_and_not_with_a_child() -> None:
    sink = ziggurat.new(dtype="uint8", bands=1)
    place = Path(sink.path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads, of other tests
        child = os.fork()
    if not child:
        sink.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert place.is_dir()
    sink.addTile(np.ones((4, 4), np.uint8))
    sink.close()
    assert not place.exists()
