"""Where the real files are, and small made-up images for when there are none."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("ZIGGURAT_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Return a function that gives a real file of the data folder, or skips, saying so."""

    def find(relative: str) -> Path:
        path = DATA / relative
        if not path.exists():
            pytest.skip(f"no real data at {path}; set ZIGGURAT_DATA to where it is")
        return path

    return find


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def tissue() -> np.ndarray:
    """A real picture of stained tissue, uint8 (512, 512, 3)."""
    from skimage import data

    return np.asarray(data.immunohistochemistry())
