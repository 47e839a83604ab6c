"""Levels and tiles that a viewer of DeepZoom would put together wrongly."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.deepzoom.deepzoom import copy_refusal, plan_levels
from ziggurat.writers.formats.registry import write_levels
from ziggurat.writers.model.options import WriteOptions

EXACT = WriteOptions(lossy=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 199}, "must be halvings"),
        ({"height": 76}, "must be halvings"),
        ({"tile_width": 64}, "must be squares"),
        (
            {"format": TileFormat(Codec.JPEG, Photometric.RGB, 3, 8, "uint8")},
            "must be of one codec",
        ),
    ],
)
def test_levels_that_no_viewer_would_put_together_are_refused(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    reader = array_reader(np.zeros((150, 400, 3), np.uint8))
    levels = list(plan_levels(reader, EXACT))
    levels[1] = dataclasses.replace(levels[1], **change)
    with pytest.raises(OptionError, match=words):
        write_levels(reader, tmp_path / "a.dzi", levels, EXACT)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("size", "fits"), [((64, 64), True), ((255, 255), False), ((64, 32), False)]
)
def test_only_squares_that_can_be_halved_are_copied(size: tuple[int, int], fits: bool) -> None:
    form = TileFormat(Codec.JPEG, Photometric.RGB, 3, 8, "uint8")
    tiles = EncodedLevel(form, 64, 64, *size, 1, 2, lambda _column, _row: b"")
    assert (copy_refusal(tiles, array_reader(np.zeros((64, 64, 3), np.uint8)).info) is None) is fits
