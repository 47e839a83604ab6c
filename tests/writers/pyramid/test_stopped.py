"""The engine that fails, is cancelled or left early: the first error, and nothing left behind."""

from typing import Any

import numpy as np
import pytest

from tests.hooked import HookedArray
from tests.readers.io.labouring import labouring
from tests.writers.pyramid.plans import BUDGET, MEAN, plans
from ziggurat.readers.errors import CancelledError, CorruptSourceError
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import LevelPlan, Stored
from ziggurat.writers.model.progress import Cancellation
from ziggurat.writers.pyramid.engine import build


class BrokenReader(HookedArray):
    def read(self, level: int, frame: int, rect: Any) -> Any:
        if rect.y >= 128:
            raise CorruptSourceError(f"no pixels at {rect}")
        return super().read(level, frame, rect)


def test_the_first_error_is_raised_and_no_thread_is_left(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (512, 512, 1), np.uint8)
    reader = BrokenReader(pixels, array_reader(pixels).info)
    cancel = Cancellation()
    with pytest.raises(CorruptSourceError, match="no pixels at Rect"):
        list(build(reader, plans(reader.info, 64), MEAN, BUDGET, cancel=cancel))
    assert labouring() == []
    with pytest.raises(CorruptSourceError):
        cancel.check()


def test_an_encoder_that_fails_stops_everything(rng: np.random.Generator) -> None:
    reader = array_reader(rng.integers(0, 255, (512, 512, 1), np.uint8))

    def fail(tile: Any) -> None:
        raise MemoryError("no room for a tile")

    levels = [LevelPlan(512, 512, 64, 64, Stored(0), fail)]
    with pytest.raises(MemoryError, match="no room"):
        list(build(reader, levels, MEAN, BUDGET))
    assert labouring() == []


def test_closing_early_stops_the_threads_and_is_nobodys_error(rng: np.random.Generator) -> None:
    reader = array_reader(rng.integers(0, 255, (512, 512, 1), np.uint8))
    cancel = Cancellation()
    tiles = build(reader, plans(reader.info, 32), MEAN, BUDGET, cancel=cancel)
    next(tiles)
    tiles.close()
    assert labouring() == []
    assert not cancel.cancelled


def test_cancelling_from_outside_raises_what_it_was_cancelled_with(
    rng: np.random.Generator,
) -> None:
    reader = array_reader(rng.integers(0, 255, (512, 512, 1), np.uint8))
    cancel = Cancellation()
    tiles = build(reader, plans(reader.info, 32), MEAN, BUDGET, cancel=cancel)
    next(tiles)
    cancel.cancel()
    with pytest.raises(CancelledError, match="was cancelled"):
        list(tiles)
    assert labouring() == []
