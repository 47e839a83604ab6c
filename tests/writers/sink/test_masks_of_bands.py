"""A mask of a tile of fewer bands keeps of each band what is there."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat

KINDS = ["mapped", "log"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_of_gray_and_alpha_in_an_image_of_colours(tmp_path: Path, kind: str) -> None:
    mask = np.ones((4, 4, 2), bool)
    mask[:, 2:, 0] = False
    mask[2:, :, 1] = False
    with ziggurat.new(tmp_path / "s", store=kind) as sink:
        sink.addTile(np.full((4, 4, 4), (10, 20, 30, 200), np.uint8))
        sink.addTile(np.full((4, 4, 2), (90, 40), np.uint8), mask=mask)
        pixels = sink.getRegion(format="numpy")[0]
    assert pixels[0, 0].tolist() == [90, 90, 90, 40]
    assert pixels[0, 3].tolist() == [10, 20, 30, 40]
    assert pixels[3, 0].tolist() == [90, 90, 90, 200]
    assert pixels[3, 3].tolist() == [10, 20, 30, 200]
