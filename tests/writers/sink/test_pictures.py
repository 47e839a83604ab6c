"""Pictures of any mode as tiles: what Pillow shows is what is laid."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

import ziggurat

COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 8, 7)]


def picture(mode: str, **facts: Any) -> Image.Image:
    """Return 6 x 4 pixels of a mode, all four colours among them."""
    rng = np.random.default_rng(3)
    if mode.startswith("P"):
        made = Image.new("P", (6, 4))
        made.putpalette([part for color in COLORS for part in color])
        made.putdata(rng.integers(0, 4, 24).tolist())
        made.info |= facts
        return made.convert("PA") if mode == "PA" else made
    plain = Image.fromarray(rng.integers(0, 255, (4, 6, 4), np.uint8), "RGBA")
    if mode in ("La", "RGBa"):
        return plain.convert("LA" if mode == "La" else "RGBA").convert(mode)
    return plain.convert("L").convert("1") if mode == "1" else plain.convert("RGB").convert(mode)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("mode", "facts", "shown"),
    [
        ("P", {}, "RGB"),
        ("P", {"transparency": 2}, "RGBA"),
        ("P", {"transparency": bytes([255, 128, 0, 9])}, "RGBA"),
        ("PA", {}, "RGBA"),
        ("1", {}, "1"),
        ("L", {}, "L"),
        ("LA", {}, "LA"),
        ("La", {}, "LA"),
        ("RGBa", {}, "RGBA"),
        ("CMYK", {}, "RGB"),
        ("YCbCr", {}, "RGB"),
        ("HSV", {}, "RGB"),
        ("I", {}, "I"),
        ("F", {}, "F"),
    ],
)
def test_a_picture_is_laid_as_it_is_shown(mode: str, facts: dict[str, Any], shown: str) -> None:
    tile = picture(mode, **facts)
    wanted = np.asarray(tile if mode == shown else tile.convert(shown))
    with ziggurat.new(tileSize=16) as sink:
        sink.addTile(tile)
        found = sink.getRegion(format="numpy")[0]
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted.reshape(4, 6, -1))
