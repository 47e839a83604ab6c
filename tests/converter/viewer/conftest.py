"""A slide, results over it, and a gallery of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.converter.viewer.answers import Gallery
from ziggurat.converter.viewer.shown import Shown


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Path:
    return make_svs(tmp_path / "slide.svs", width=700, height=500)


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels that tests only look at."""
    path = tmp_path_factory.mktemp("labels") / "labels.tiff"
    numbers = (np.arange(500)[:, None] // 100 * 7 + np.arange(700) // 100).astype(np.uint16)
    with ziggurat.new(bands=1, dtype="uint16") as sink:
        sink.addTile(numbers[..., None], 0, 0)
        sink.interpretation = "labels"
        sink.write(path)
    return path


@pytest.fixture
def gallery(slide: Path, labels: Path) -> Iterator[Gallery]:
    shown = Gallery([Shown(slide), Shown(labels)])
    yield shown
    shown.close()
