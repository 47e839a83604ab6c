"""Focal planes of an SVS: pages of one size, and those of which some levels have more."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat

WORDS = "Aperio Image Library v11.2.1 \r\n256x256|AppMag = 20|MPP = 0.5"


@pytest.mark.parametrize(
    ("values", "frames", "lost"),
    [
        ([(10, 256), (20, 256), (10, 128), (20, 128)], [10, 20], None),
        ([(10, 256), (20, 256), (10, 128)], [10], "1 focal planes of some levels"),
        ([(10, 256), (10, 128), (20, 128)], [10], "1 focal planes of some levels"),
    ],
)
def test_planes_that_not_all_levels_have_are_told(
    tmp_path: Path, values: list[tuple[int, int]], frames: list[int], lost: str | None
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.svs") as tif:
        for value, side in values:
            tif.write(np.full((side, side, 3), value, np.uint8), tile=(64, 64), metadata=None,
                      photometric="rgb", description=WORDS, software=False)  # fmt: skip
    with ziggurat.open(tmp_path / "a.svs") as source:
        seen = [
            int(source.getRegion(format="numpy", frame=n)[0][0, 0, 0]) for n in range(source.frames)
        ]
        assert seen == frames
        losses = source.getInternalMetadata().get("losses", [])
    assert lost is None or any(lost in loss for loss in losses)
    assert bool(losses) == bool(lost)
