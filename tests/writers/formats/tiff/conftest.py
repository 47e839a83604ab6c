"""A picture of some levels."""

from typing import Any

import numpy as np
import pytest


@pytest.fixture
def big_tissue(tissue: np.ndarray) -> Any:
    return np.tile(tissue, (2, 3, 1))[:1000, :1450]
