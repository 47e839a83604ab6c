"""Outputs on object storage, tried on objects that are files: nothing of others is replaced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import OptionError, TargetExistsError
from ziggurat.readers.io.objects import CloudObjects
from ziggurat.writers.sink.sink import Sink
from ziggurat.writers.tasks import plan
from ziggurat.writers.tasks.desk import CloudDesk, is_there, parts_there, put_part, remove_hierarchy
from ziggurat.writers.tasks.plan import WritePlan

SMALL = 6_000  # bytes of pixels of a task


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with ziggurat.new() as made:
        made.addTile(np.random.default_rng(1).integers(0, 250, (120, 130, 3), np.uint8))
        yield made


def _plan(sink: Sink, target: str, **options: Any) -> WritePlan:
    return sink.plan(target, tileSize=32, partBytes=SMALL, **options)


def _done(sink: Sink, target: str, **options: Any) -> WritePlan:
    plan = _plan(sink, target, **options)
    for task in (*plan.tasks, *plan.tasks):
        task()
    plan.finish()
    return plan


def _files(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.mark.parametrize("name", ["a.zarr", "a.tiff"])
def test_what_is_put_there_is_what_a_folder_gets(
    sink: Sink, folder_bucket: str, tmp_path: Path, name: str
) -> None:
    _done(sink, f"{folder_bucket}/{name}")
    _done(sink, str(tmp_path / name))
    put, here = tmp_path / "bucket" / name, tmp_path / name
    assert list(_files(tmp_path / "bucket")) == [
        f"{name}/{file}" if put.is_dir() else name for file in (_files(put) or [""])
    ]
    with ziggurat.open(put) as one, ziggurat.open(here) as other:
        assert one.getMetadata() == other.getMetadata()
        for scale in (1, 2, 4):
            size = {"maxWidth": 130 // scale}
            np.testing.assert_array_equal(
                one.getRegion(format="numpy", output=size)[0],
                other.getRegion(format="numpy", output=size)[0],
            )
    assert is_there(f"{folder_bucket}/{name}")


def test_nothing_that_is_there_is_written_over(
    sink: Sink, folder_bucket: str, tmp_path: Path
) -> None:
    _done(sink, f"{folder_bucket}/a.zarr")
    _done(sink, f"{folder_bucket}/a.tiff")
    before = _files(tmp_path)
    for overwrite in (True, False):
        with pytest.raises(TargetExistsError, match="can't be exchanged in one step"):
            _plan(sink, f"{folder_bucket}/a.zarr", overwriteAllowed=overwrite)
    with pytest.raises(TargetExistsError, match="exists already"):
        _plan(sink, f"{folder_bucket}/a.tiff", overwriteAllowed=False)
    assert _files(tmp_path) == before
    _done(sink, f"{folder_bucket}/a.tiff", overwriteAllowed=True)
    assert _files(tmp_path).keys() == before.keys()


def test_a_file_that_came_meanwhile_stays(sink: Sink, folder_bucket: str, tmp_path: Path) -> None:
    plan = _plan(sink, f"{folder_bucket}/a.tiff", overwriteAllowed=False)
    for task in plan.tasks:
        task()
    CloudObjects(folder_bucket).create("a.tiff", b"another's")
    with pytest.raises(TargetExistsError, match="by somebody else meanwhile"):
        plan.finish()
    assert (tmp_path / "bucket" / "a.tiff").read_bytes() == b"another's"


def test_of_two_that_begin_at_once_one_is_told(
    sink: Sink, folder_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _plan(sink, f"{folder_bucket}/a.zarr")
    with pytest.raises(TargetExistsError, match="is under way, or was left"):
        _plan(sink, f"{folder_bucket}/a.zarr")
    with monkeypatch.context() as patch:  # both have looked before either put anything
        patch.setattr(CloudObjects, "names", lambda *_: [])
        with pytest.raises(TargetExistsError, match="has just begun"):
            _plan(sink, f"{folder_bucket}/a.zarr")
    first.tasks[0]()
    first.cancel()
    assert CloudObjects(folder_bucket).names("") == []


def test_a_part_that_comes_after_the_end_is_taken_away_again(
    sink: Sink, folder_bucket: str
) -> None:
    plan = _plan(sink, f"{folder_bucket}/a.tiff")
    desk = CloudDesk(plan.target, plan.name)
    put_part(desk, 0, b"in time")
    assert len(parts_there(desk)) == 1
    plan.cancel()
    put_part(desk, 1, b"too late")
    assert parts_there(desk) == []


def test_what_makes_it_an_image_is_removed_first(
    sink: Sink, folder_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who dies in the middle leaves chunks, and no image with holes in it."""
    _done(sink, f"{folder_bucket}/a.zarr")
    gone: list[str] = []
    delete = CloudObjects.delete

    def told(self: CloudObjects, name: str) -> None:
        gone.append(name)
        delete(self, name)

    monkeypatch.setattr(CloudObjects, "delete", told)
    remove_hierarchy(f"{folder_bucket}/a.zarr")
    documents = [name.endswith(("zarr.json", ".zattrs")) for name in gone]
    assert documents == sorted(documents, reverse=True)
    assert len(documents) > sum(documents) > 1
    assert CloudObjects(folder_bucket).names("") == []


def test_what_is_there_stays_where_its_write_can_not_be_cut(
    sink: Sink, folder_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{folder_bucket}/a.zarr"
    _done(sink, target)
    before = sorted(CloudObjects(folder_bucket).names(""))
    tifffile.imwrite(tmp_path / "a.tif", np.ones((64, 64), np.uint8))

    def fail(*_: object) -> NoReturn:
        raise OptionError("it can't be cut")

    monkeypatch.setattr(plan, "Division", fail)
    with pytest.raises(OptionError, match="can't be cut"):
        ziggurat.plan_tasks(tmp_path / "a.tif", target, ziggurat.ConvertOptions(overwrite=True))
    assert before
    assert sorted(CloudObjects(folder_bucket).names("")) == before
