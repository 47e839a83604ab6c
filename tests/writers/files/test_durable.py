"""An output is on the disk before it has its name, and its name is on the disk before it is told.

And whatever goes wrong with any one of its writes, it is there whole or not at all.
"""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.faults import Call, Disk
from ziggurat.readers.errors import SinkError, TargetExistsError, WriteError
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.files import system
from ziggurat.writers.files.atomic import atomic_directory, atomic_file
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

OUTPUTS = ("a.tif", "a.ome.tif", "a.svs", "a.zarr", "a.zarr.zip")  # no COG: GDAL writes it
SMALL = WriteOptions(tile_size=64, lossy=False, overwrite=True)


@pytest.fixture
def picture(tissue: np.ndarray) -> np.ndarray:
    return tissue[:150, :200]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
def test_written_then_flushed_then_renamed_then_its_folder_flushed(
    name: str, there: bool, memory_path: Path, picture: np.ndarray, disk: Disk
) -> None:
    target = memory_path / name
    if there:
        write(array_reader(picture[:30, :30]), target, SMALL)
        disk.spoil(None, None)
    write(array_reader(picture), target, SMALL)
    flushed, renamed, folder = disk.calls[-3:]
    assert (renamed.kind, renamed.path) == ("rename", target)
    assert flushed == Call("syncfs" if target.is_dir() else "fsync", renamed.source)
    assert folder == Call("fsync", memory_path)
    written = [disk.calls[number].path for number in disk.writes]
    assert all(renamed.source in (path, *path.parents) or path.name == ".spool" for path in written)


def test_a_store_whose_flush_fails_has_no_name(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def syncfs(self, _: int) -> int:
            return -1

    monkeypatch.setattr(system, "_libc", Broken())
    with pytest.raises(WriteError, match="could not be written"):
        write(array_reader(picture), tmp_path / "a.zarr", SMALL)
    assert os.listdir(tmp_path) == []


def test_a_file_whose_flush_fails_has_no_name(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(WriteError, match="the disk is broken"):
        write(array_reader(picture), tmp_path / "a.tif", SMALL)
    assert os.listdir(tmp_path) == []


class Plain:
    """The C library of a system, or a file system, that can't rename with conditions."""

    def __init__(self, code: int) -> None:
        self.code = code

    def syncfs(self, _: int) -> int:
        return 0

    def renameat2(self, *_: object) -> int:
        import ctypes

        ctypes.set_errno(self.code)
        return -1


@pytest.fixture(params=[errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "_libc", Plain(request.param))


def fill(staged: Path, text: str) -> None:
    (staged / "zarr.json" if staged.is_dir() else staged).write_text(text)


def said(target: Path) -> str:
    return (target / "zarr.json" if target.is_dir() else target).read_text()


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("make", [atomic_file, atomic_directory])
def test_without_conditional_renames_outputs_come_and_are_replaced_all_the_same(
    make: Callable[..., contextlib.AbstractContextManager[Path]], tmp_path: Path
) -> None:
    target = tmp_path / "a.zarr"
    for text in ("one", "two"):
        with make(target, overwrite=text == "two") as staged:
            fill(staged, text)
        assert said(target) == text
        assert os.listdir(tmp_path) == ["a.zarr"]

    def late() -> None:
        target.rename(tmp_path / "other")
        with make(target) as staged:
            fill(staged, "mine")
            (tmp_path / "other").rename(target)  # somebody else was faster

    with pytest.raises(TargetExistsError, match="meanwhile"):
        late()
    assert said(target) == "two"
    assert os.listdir(tmp_path) == ["a.zarr"]


@pytest.mark.usefixtures("plain")
def test_a_store_that_cannot_be_exchanged_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.zarr"
    with atomic_directory(target) as staged:
        fill(staged, "old")
    real, calls = os.rename, []

    def rename(source: Path, goal: Path) -> None:
        calls.append((source, goal))
        if len(calls) == 2:
            raise OSError(errno.EIO, "the disk is broken")
        real(source, goal)

    def replace() -> None:
        with atomic_directory(target, overwrite=True) as staged:
            fill(staged, "new")
            monkeypatch.setattr(os, "rename", rename)

    with pytest.raises(WriteError, match="broken"):
        replace()
    assert said(target) == "old"
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_durable_flush_of_a_store_of_segments_too(memory_path: Path, disk: Disk) -> None:
    with ziggurat.new(memory_path / "s", store="log") as sink:
        sink.addTile(np.ones((60, 60), np.uint8))
        disk.spoil(None, None)
        sink.flush(durable=True)
    assert Call("syncfs", memory_path / "s") in disk.calls


def test_a_durable_flush_brings_everything_onto_the_disk(
    memory_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = memory_path / "s"
    with ziggurat.new(path, tileSize=64) as sink:
        sink.addTile(np.ones((60, 60), np.uint8))
        sink.addTile(np.ones((60, 60), np.uint8), 600, 600)  # zarr.json lags behind
        disk.spoil(None, None)
        sink.flush(durable=True)
        assert disk.calls[-1] == Call("syncfs", path)
        assert any(call.path.name == "zarr.json" for call in disk.calls[:-1])

        class Broken:
            def syncfs(self, _: int) -> int:
                return -1

        with monkeypatch.context() as patch:
            patch.setattr(system, "_libc", Broken())
            with pytest.raises(SinkError, match="could not be brought onto the disk"):
                sink.flush(durable=True)
