"""Where the real files are, and small made-up images for when there are none."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("ZIGGURAT_DATA", ROOT.parent / "shared" / "data"))


def data_file(relative: str) -> Path:
    """Return a real file of the data folder, or skip the test, saying so."""
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"no real data at {path}; set ZIGGURAT_DATA to where it is")
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def tissue() -> np.ndarray:
    """A real picture of stained tissue, uint8 (512, 512, 3)."""
    from skimage import data

    return np.asarray(data.immunohistochemistry())

