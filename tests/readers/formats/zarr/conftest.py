"""A made-up store."""

from pathlib import Path

import numpy as np
import pytest

from tests.readers.formats.zarr.opening import RNG
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions


@pytest.fixture
def store(tmp_path: Path) -> Path:
    pixels = RNG.integers(0, 255, (50, 70, 3), np.uint8)
    return write(array_reader(pixels), tmp_path / "a.zarr", WriteOptions(tile_size=32)).path
