"""Drawings that take what they like of a few bytes: within limits, or refused in words."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.pictures import apart

WHOLE = 'x="0" y="0" width="100%" height="100%"'


def drawing(path: Path, body: str, side: int = 500) -> Path:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}">'
    path.write_text(f"{head}{body}</svg>")
    return path


def filtered(filters: str) -> str:
    rect = '<rect width="500" height="500" fill="red" filter="url(#f)"/>'
    return f'<filter id="f" {WHOLE}>{filters}</filter>{rect}'


def pixels(path: Path) -> np.ndarray:
    with ziggurat.open(path) as source:
        found: np.ndarray = source.getRegion(format="numpy")[0]
    return found


def test_a_filter_that_ends_in_time_is_drawn(tmp_path: Path) -> None:
    path = drawing(tmp_path / "a.svg", filtered('<feGaussianBlur stdDeviation="3"/>'))
    assert tuple(pixels(path)[250, 250]) == (255, 0, 0, 255)


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param(
            '<feTurbulence baseFrequency="0.5" numOctaves="20"/>' * 40, marks=pytest.mark.slow
        ),
        '<feMorphology operator="dilate" radius="200"/>',
    ],
    ids=["turbulence", "dilation"],
)
def test_a_drawing_that_takes_too_long_is_given_up(
    tmp_path: Path, filters: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "SECONDS", 1)
    path = drawing(tmp_path / "a.svg", filtered(filters))
    with pytest.raises(CorruptSourceError, match="more than 1 s of processor time"):
        pixels(path)


def test_a_picture_within_that_fills_the_memory_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "MEMORY_BYTES", 150 << 20)
    stream = io.BytesIO()
    Image.new("L", (7000, 7000)).save(stream, "PNG", compress_level=1)
    link = f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
    path = drawing(tmp_path / "a.svg", f'<image width="9" height="9" href="{link}"/>', 20)
    with pytest.raises(CorruptSourceError, match=r"can't be drawn"):
        pixels(path)


def test_a_drawing_of_many_strips_and_odd_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "_STRIP_BYTES", 500 * 4 * 7)
    circle = '<circle cx="250" cy="250" r="240" fill="#102030"/>'
    path = drawing(tmp_path / "a\udcff -x.svg", circle)
    found = pixels(path)
    rows, columns = np.indices((500, 500)) - 249.5
    inside = np.hypot(rows, columns)
    assert (found[inside < 238] == (0x10, 0x20, 0x30, 255)).all()
    assert (found[inside > 242] == 0).all()
