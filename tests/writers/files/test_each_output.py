"""Every kind of output, as the table has them: who may read it, and what a failure leaves."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from tests.hooked import HookedArray
from ziggurat.readers.errors import CorruptSourceError, TargetExistsError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.formats.registry import OUTPUTS, Output

PIXELS = np.random.default_rng(6).integers(0, 256, (300, 90, 3), np.uint8)  # a level or two
KINDS = pytest.mark.parametrize("row", OUTPUTS, ids=lambda row: row.name)
TASKS = pytest.mark.parametrize(
    "row", [row for row in OUTPUTS if row.divisible], ids=lambda row: row.name
)
# A file, a file with a folder beside it, a folder: each is published in a way of its own.
WAYS = pytest.mark.parametrize(
    "row",
    list({(row.folder, row.beside): row for row in OUTPUTS}.values()),
    ids=lambda row: row.name,
)


GEO = [
    (33550, "d", 3, (10, 10, 0), True),
    (33922, "d", 6, (0, 0, 0, 500_000, 5_000_000, 0), True),
    (34735, "H", 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633), True),
]  # metres of UTM 33 north


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for name, tags in (("picture.tif", []), ("map.tif", GEO)):
        tifffile.imwrite(
            folder / name, PIXELS, tile=(32, 32), photometric="rgb", extratags=tags, metadata=None
        )
    return folder


@pytest.fixture
def source(images: Path, row: Output) -> Path:
    return images / ("map.tif" if row.geospatial else "picture.tif")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def _options(row: Output) -> ziggurat.ConvertOptions:
    return ziggurat.ConvertOptions(format=row.name, overwrite=False)


def _target(row: Output, folder: Path) -> Path:
    return folder / f"o{row.suffixes[0]}"


def _modes(folder: Path) -> set[tuple[bool, str]]:
    """Return the modes of all below a folder, and whether they are of folders."""
    return {
        (path.is_dir(), oct(path.stat().st_mode & 0o777))
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


def _allowed(row: Output) -> set[tuple[bool, str]]:
    folders = {(True, "0o750")} if row.folder or row.beside else set()
    return {(False, "0o640"), *folders}


@TASKS
def test_tasks_give_an_output_the_same_modes(
    row: Output, source: Path, tmp_path: Path, umask: None
) -> None:
    plan = ziggurat.plan_tasks(source, _target(row, tmp_path), _options(row))
    for task in plan.tasks:
        task()
    plan.finish()
    assert _modes(tmp_path) == _allowed(row)
    assert [path.name for path in tmp_path.iterdir()] == [_target(row, tmp_path).name]


@WAYS
def test_a_link_that_leads_nowhere_is_kept(row: Output, source: Path, tmp_path: Path) -> None:
    target = _target(row, tmp_path)
    beside = row.folder_beside(target)
    for link in (target, beside):
        if link is None:
            continue
        link.symlink_to(tmp_path / "gone" / "far")
        with pytest.raises(TargetExistsError):
            ziggurat.convert(source, target, _options(row))
        assert [path.name for path in tmp_path.iterdir()] == [link.name]
        assert os.readlink(link) == str(tmp_path / "gone" / "far")
        link.unlink()


class Failing(HookedArray):
    """Its last rows can't be read."""

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        if rect.y + rect.height > 290:
            raise CorruptSourceError("damaged below row 290")
        return super().read(level, frame, rect)


@KINDS
def test_an_output_has_the_modes_of_the_umask_and_a_failure_leaves_it(
    row: Output, source: Path, tmp_path: Path, umask: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staged in a folder of its owner's alone, it does not stay so for those it is made for."""
    target = _target(row, tmp_path)
    ziggurat.convert(source, target, _options(row))
    assert _modes(tmp_path) == _allowed(row)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    with open_reader(source) as reader:
        broken = Failing(PIXELS, reader.info)
    monkeypatch.setattr("ziggurat.converter.convert.open_reader", lambda *_, **__: broken)
    options = ziggurat.ConvertOptions(format=row.name, overwrite=True)
    for path in (target, _target(row, tmp_path).with_name(f"p{row.suffixes[0]}")):
        with pytest.raises(CorruptSourceError, match="damaged below"):
            ziggurat.convert(source, path, options)
        assert {p: p.is_file() and p.read_bytes() for p in tmp_path.rglob("*")} == before


@TASKS
def test_a_beginning_that_is_cancelled_or_refused_leaves_nothing(
    row: Output, source: Path, tmp_path: Path
) -> None:
    target = _target(row, tmp_path)
    plan = ziggurat.plan_tasks(source, target, _options(row))
    for task in plan.tasks[:1]:
        task()
    plan.cancel()
    assert list(tmp_path.iterdir()) == []
    ziggurat.convert(source, target, _options(row))
    with pytest.raises(TargetExistsError):
        ziggurat.plan_tasks(source, target, _options(row))
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("store", ["mapped", "log"])
def test_a_ninth_axis_asked_for_by_joining_is_refused_and_changes_nothing(
    tmp_path: Path, store: str
) -> None:
    axes = dict.fromkeys("abcdefgh", 2)
    with ziggurat.new(tmp_path / "s", store=store) as sink:
        sink.addTile(np.full((4, 4), 3, np.uint8), **dict.fromkeys(axes, 0))
    with pytest.raises(ziggurat.errors.SinkInputError, match="8 frame axes at most"):
        ziggurat.new(tmp_path / "s", mode="join", axes={"z": 2}, sizeX=9)
    with ziggurat.new(tmp_path / "s", mode="join") as sink:
        sink.addTile(np.full((4, 4), 5, np.uint8), 4, **dict.fromkeys(axes, 0))
        assert (sink.sizeX, sink.sizeY, sink.frames) == (8, 4, 1)
        assert sink.getRegion(format="numpy")[0][0, :, 0].tolist() == [3] * 4 + [5] * 4
