"""Memory of the engine: bounded by rows, and a mapped input given back behind it."""

import dataclasses
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hooked import HookedArray
from tests.writers.pyramid.plans import BUDGET, MEAN, assembled, plans
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.pyramid.budget import Budget
from ziggurat.writers.pyramid.engine import build
from ziggurat.writers.resample.halve import Shrinker


class Endless(HookedArray):
    """As high as wanted, without holding it: rows repeat."""

    def __init__(self, height: int) -> None:
        pixels = np.arange(64 * 1024, dtype=np.uint16).reshape(64, 1024, 1)
        super().__init__(pixels, array_reader(pixels).info)
        level = dataclasses.replace(self.info.levels[0], height=height)
        self.info = dataclasses.replace(self.info, levels=(level,))

    def read(self, level: int, frame: int, rect: Any) -> Any:
        del level, frame
        rows = np.arange(rect.y, rect.bottom) % 64
        return self._frames[0][rows, rect.x : rect.right]


def _peak(height: int) -> int:
    reader = Endless(height)
    levels = plans(reader.info, 128)
    tracemalloc.start()
    for _ in build(reader, levels, MEAN, Budget(2, 12, 1 << 17)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_height() -> None:
    few, many = _peak(4096), _peak(32768)  # the smaller long enough to meet its own peak
    if many >= 1.3 * few:  # an unlucky order of threads, which does not come twice
        few, many = max(few, _peak(4096)), min(many, _peak(32768))
    assert many < 1.3 * few


def resident(mapping: Any) -> Any:
    """Return how many bytes of a mapped array this process holds, as the kernel counts them."""
    address = f"{np.asarray(mapping).__array_interface__['data'][0]:x}-"
    with open("/proc/self/smaps", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(address):
                break
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) << 10


def mapped(path: Path, shape: Any, mode: Any) -> Any:
    pixels = np.memmap(path, np.uint8, "w+", shape=shape)
    pixels[...] = np.random.default_rng(1).integers(0, 255, shape[1:], np.uint8)
    pixels.flush()
    return np.memmap(path, np.uint8, mode, shape=shape)


@pytest.mark.parametrize(
    ("mode", "reducer"),
    [
        ("r", Reducer.MEAN),
        ("r+", Reducer.CUBIC),
        pytest.param("r+", Reducer.MEAN, marks=pytest.mark.slow),
        pytest.param("r", Reducer.CUBIC, marks=pytest.mark.slow),
    ],
)
def test_pages_of_a_mapped_input_are_given_back_behind_the_engine(
    tmp_path: Path, mode: Any, reducer: str
) -> None:
    pixels = mapped(tmp_path / "raw", (4096, 512, 3), mode)
    reader = array_reader(pixels)
    levels = plans(reader.info, 128)
    most = 0
    for tile in build(reader, levels, Shrinker(reducer), Budget(2, 6, 1 << 17)):
        if tile.level == 0 and tile.column == 0:
            most = max(most, resident(pixels))
    row = 128 * 512 * 3
    assert row < most < 6 * row  # of 32
    assert resident(pixels) <= row


def test_giving_back_loses_nothing_that_was_not_yet_on_disk(tmp_path: Path) -> None:
    pixels = mapped(tmp_path / "raw", (1024, 512, 1), "r+")
    pixels[...] = np.arange(512, dtype=np.uint16).astype(np.uint8)[:, np.newaxis]
    wanted = np.array(pixels)
    reader = array_reader(pixels)
    images = assembled(
        build(reader, plans(reader.info, 64), MEAN, BUDGET), plans(reader.info, 64), reader.info
    )
    np.testing.assert_array_equal(images[0, 0], wanted)
    np.testing.assert_array_equal(pixels, wanted)


def test_private_changes_of_a_mapping_are_kept(tmp_path: Path) -> None:
    pixels = mapped(tmp_path / "raw", (1024, 512, 1), "c")
    pixels[...] = 7  # nowhere but in this process
    reader = array_reader(pixels)
    for _ in build(reader, plans(reader.info, 64), MEAN, BUDGET):
        pass
    assert (pixels == 7).all()


@pytest.mark.parametrize("axes", ["tyxs", "syx"])
def test_only_the_rows_that_are_done_are_given_back(tmp_path: Path, axes: Any) -> None:
    pixels = mapped(tmp_path / "raw", (2, 1024, 512, 2), "r")
    wanted = np.array(pixels)
    if axes == "syx":  # planes of bands, seen as bands of pixels
        array = np.moveaxis(pixels[:, :, :, 0], 0, -1)
        reader = array_reader(array)
    else:
        reader = array_reader(pixels, axes)
    before = resident(pixels)
    reader.plane(0, 0).release(Rect(0, 0, 512, 256))
    step = 512 * 2 * 256 * (2 if axes == "syx" else 1)
    slack = 4 * os.sysconf("SC_PAGESIZE")
    assert before - resident(pixels) == pytest.approx(step, abs=slack)
    np.testing.assert_array_equal(pixels, wanted)
