"""A slide of a patient."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Any:
    return make_svs(tmp_path / "slide-of-jane-doe.svs", width=500, height=400)
