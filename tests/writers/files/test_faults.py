"""Each call that changes the disk goes wrong once: nothing is lost, nothing half done is seen."""

import os
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.faults import STOPS, Disk, Fault, digest, file_size_limit, names_of, turns
from tests.readers.io.labouring import labouring
from ziggurat.readers.errors import WriteError
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation, Level
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

NAMES = ("a.tiff", "a.ome.tiff", "a.svs", "a.zarr", "a.zarr.zip", "a.szi")  # no COG: GDAL writes it
EXACT = WriteOptions(lossy=False, tile_size=32, threads=1, overwrite=True)
OLD = np.full((40, 50, 3), 9, np.uint8)
NEW = np.random.default_rng(3).integers(0, 255, (130, 40, 3), np.uint8)


def pixels_of(path: Path) -> np.ndarray:
    with ziggurat.open(path) as source:
        return np.asarray(source.getRegion(format="numpy")[0])


@pytest.mark.parametrize("name", [*NAMES, "a.dzi"])
@pytest.mark.parametrize("faults", [1, pytest.param(len(STOPS), marks=pytest.mark.slow)])
def test_any_call_fails(name: str, faults: int, memory_path: Path, disk: Disk) -> None:
    """Each call but two of three writes once, with faults by turns; or all with each of them."""
    target = memory_path / name
    write(array_reader(NEW), target, EXACT)
    new = digest(target)
    write(array_reader(OLD), target, EXACT)
    old = digest(target)
    disk.spoil(None, None)
    write(array_reader(NEW), target, EXACT)
    calls = list(disk.calls)
    write(array_reader(OLD), target, EXACT)
    for number in turns(calls) if faults == 1 else range(len(calls) + 1):
        for turn in range(faults):
            disk.spoil(number, STOPS[(number + turn) % len(STOPS)])
            told: BaseException | None = None
            try:
                write(array_reader(NEW), target, EXACT)
            except (WriteError, KeyboardInterrupt) as error:
                told = error
            assert disk.struck is (number < len(calls))
            if not disk.struck:
                break
            assert told, "nobody was told"
            if isinstance(told, WriteError):
                assert os.strerror(disk.code) in str(told)
            assert digest(target) == (new if disk.published(target) else old), disk
            assert sorted(path.name for path in memory_path.iterdir()) == names_of(target), disk
            if disk.published(target):
                disk.spoil(None, None)
                write(array_reader(OLD), target, EXACT)
    assert number > 10
    assert digest(target) == new
    np.testing.assert_array_equal(pixels_of(target), NEW)


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*NAMES, "a.dzi"])
def test_every_write_may_be_short(name: str, step: int, memory_path: Path, disk: Disk) -> None:
    target = memory_path / name
    write(array_reader(NEW), target, EXACT)
    whole, calls = digest(target), list(disk.calls)
    for number in [n for n, call in enumerate(calls) if call.kind == "write"][::step]:
        disk.spoil(number, Fault.SHORT)
        write(array_reader(NEW), target, EXACT)
        assert disk.struck
        assert digest(target) == whole, number


@pytest.mark.parametrize("name", NAMES)
def test_a_failure_leaves_no_thread(name: str, memory_path: Path, disk: Disk) -> None:
    """Not even while somebody looks at the error: the collector would end threads anywhere."""
    write(array_reader(NEW), memory_path / name, EXACT)
    disk.spoil(len(disk.calls) * 2 // 3, Fault.FULL)
    with pytest.raises(WriteError) as caught:
        write(array_reader(NEW), memory_path / name, EXACT)
    assert not labouring(), caught


def test_what_failed_after_it_got_its_name_is_told_so(memory_path: Path, disk: Disk) -> None:
    target = memory_path / "a.tiff"
    write(array_reader(NEW), target, EXACT)
    disk.spoil(len(disk.calls) - 1, Fault.BROKEN)
    with pytest.raises(WriteError, match="is whole under its name, but"):
        write(array_reader(NEW), target, EXACT)


def map_reader() -> ArrayReader:
    place = GeoReference("EPSG:32633", (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))
    info = ImageInfo(
        format="made up", levels=(Level(40, 130, 128, 128),), bands=3, dtype=NEW.dtype,
        interpretation=Interpretation.RGB, geo=place,
    )  # fmt: skip
    return ArrayReader(NEW, info)


@pytest.mark.parametrize("name", [*NAMES, "cog.tiff"])
def test_the_disk_has_room_for_so_many_bytes_of_a_file(name: str, memory_path: Path) -> None:
    """Writes of C libraries among them: they are cut short, and the next one fails."""
    target = memory_path / name
    reader = map_reader() if name == "cog.tiff" else array_reader(NEW)
    options = WriteOptions(lossy=False, threads=1)
    write(reader, target, options)
    largest = max(f.stat().st_size for f in (target, *target.rglob("*")) if f.is_file())
    old = digest(target)
    again = WriteOptions(lossy=False, threads=1, overwrite=True)
    for room in {0, 1, 7, *range(largest // 9, largest, largest // 9), largest - 1}:
        with file_size_limit(room), pytest.raises(WriteError):
            write(reader, target, again)
        assert digest(target) == old
        assert [path.name for path in memory_path.iterdir()] == [name]
