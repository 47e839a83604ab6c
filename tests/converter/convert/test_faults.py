"""A conversion of which any call that changes the disk fails: all of the old, or all of the new."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults import STOPS, Disk, Fault, digest, names_of, turns
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import WriteError

# Copied tiles as they are; and in a second folder, looked through before anybody else can see it.
WAYS = {
    "copy": ("a.tiff", ConvertOptions(overwrite=True, threads=1)),
    "checked": ("a.tiff", ConvertOptions(overwrite=True, threads=1, deidentify=True)),
    "folder": (
        "a.zarr",
        ConvertOptions(overwrite=True, threads=1, levels="source", verify="sample"),
    ),
    "pair": ("a.dzi", ConvertOptions(overwrite=True, threads=1, verify="sample")),
}


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Path:
    return make_svs(tmp_path / "slide.svs", width=90, height=60, tile=48)


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("way", WAYS)
def test_any_call_fails(
    way: str, every: bool, slide: Path, memory_path: Path, tmp_path: Path, disk: Disk
) -> None:
    """Each call with faults by turns, but two of three writes; or really each."""
    name, options = WAYS[way]
    target = memory_path / name
    convert(slide, target, options)
    new = digest(target)
    smaller = {"left": 0, "top": 0, "width": 30, "height": 20}
    convert(slide, target, ConvertOptions(overwrite=True, region=smaller))
    old, kept = digest(target), tmp_path / "kept"
    shutil.copytree(memory_path, kept)
    disk.spoil(None, None)
    convert(slide, target, options)
    calls = list(disk.calls)
    shutil.rmtree(memory_path)
    shutil.copytree(kept, memory_path)
    for number in range(len(calls) + 1) if every else turns(calls):
        disk.spoil(number, STOPS[number % len(STOPS)])
        done = False
        with suppress(WriteError, KeyboardInterrupt):
            convert(slide, target, options)
            done = True  # a copy inside the kernel that fails is made another way
        assert disk.struck is (number < len(calls))
        published = done or disk.published(target)
        assert digest(target) == (new if published else old), disk
        assert sorted(path.name for path in memory_path.iterdir()) == names_of(target), disk
        if published:
            disk.spoil(None, None)
            shutil.rmtree(memory_path)
            shutil.copytree(kept, memory_path)
    disk.spoil(None, None)
    assert len(calls) > 8
    convert(slide, target, options)
    assert digest(target) == new


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("way", WAYS)
def test_every_write_may_be_short(
    way: str, step: int, slide: Path, memory_path: Path, disk: Disk
) -> None:
    name, options = WAYS[way]
    target = memory_path / name
    convert(slide, target, options)
    whole, calls = digest(target), list(disk.calls)
    for number in [n for n, call in enumerate(calls) if call.kind == "write"][::step]:
        disk.spoil(number, Fault.SHORT)
        convert(slide, target, options)
        assert disk.struck
        assert digest(target) == whole, number
