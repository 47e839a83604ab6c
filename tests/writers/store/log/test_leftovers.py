"""What is left where writers die: no name is given to a file before it is whole."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.io import objects

SEGMENTS = ".ziggurat/segments"


def killed(work: Callable[[], object]) -> None:
    """Fork a child that does some work and is killed at its first written piece."""
    child = os.fork()
    if child == 0:
        real = os.write

        def die(descriptor: int, data: bytes) -> int:
            real(descriptor, bytes(data[:10]))
            os.kill(os.getpid(), signal.SIGKILL)
            return 0

        os.write = die
        work()
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def lay(sink: ziggurat.Sink) -> None:
    sink.addTile(np.ones((40, 40, 3), np.uint8), key=1)


def test_a_writer_killed_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    try:
        os.close(os.open(tmp_path, os.O_WRONLY | (objects.NAMELESS or os.O_CREAT)))
    except OSError:
        pytest.skip("no files without a name here")
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        sink.addTile(np.ones((4, 4, 3), np.uint8))
        before = os.listdir(tmp_path / "s" / SEGMENTS)
        killed(lambda: lay(sink))
        assert os.listdir(tmp_path / "s" / SEGMENTS) == before
        lay(sink)
        assert len(list(sink.tiles())) == 2


@pytest.mark.parametrize("again", ["join", "compact"])
def test_where_files_must_have_names_the_dead_one_s_go_later(
    again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "NAMELESS", 0)
    place = tmp_path / "s" / SEGMENTS
    with ziggurat.new(tmp_path / "s", store="log") as sink:
        sink.addTile(np.ones((4, 4, 3), np.uint8))
        killed(lambda: lay(sink))
        (left,) = place.glob(f"{objects.TEMPORARY}*")
        assert len(list(sink.tiles())) == 1
        for age, there in ((0.0, True), (objects.FORGOTTEN + 60, False)):
            os.utime(left, (time.time() - age,) * 2)
            if again == "join":
                ziggurat.new(tmp_path / "s", mode="join").close()
            else:
                sink.compact()
            assert left.exists() == there
        assert len(list(sink.tiles())) == 1
        lay(sink)
        assert len(list(sink.tiles())) == 2


def test_a_writer_whose_unfinished_file_was_swept_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "NAMELESS", 0)
    real = os.write

    def slow(descriptor: int, data: bytes) -> int:
        for left in (tmp_path / "s" / SEGMENTS).glob(f"{objects.TEMPORARY}*"):
            left.unlink()
        return real(descriptor, data)

    with ziggurat.new(tmp_path / "s", store="log") as sink:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", slow)
            with pytest.raises(ziggurat.errors.SinkError, match="can't be written to"):
                lay(sink)
        assert not list(sink.tiles())
