"""A maker of DICOM instances."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.dicom_files import make_dicom


@pytest.fixture
def make_instance() -> Callable[..., Path]:
    """Return a function that writes frames as an instance of a slide; each has its own UID."""
    return make_dicom


@pytest.fixture
def picture(tissue: np.ndarray) -> np.ndarray:
    return tissue[:200, :300]
