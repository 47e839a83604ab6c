"""CZI files that the vendor's own library writes, held against what was given to it.

Not against what it reads back: of BGR48 with split bytes that is something else.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pylibCZIrw import czi as zeiss

from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect

KINDS = {
    "Gray8": (1, np.uint8), "Gray16": (1, np.uint16), "Gray32Float": (1, np.float32),
    "Bgr24": (3, np.uint8), "Bgr48": (3, np.uint16),
}  # fmt: skip
PACKED = (
    "uncompressed:", "zstd0:ExplicitLevel=3", "zstd1:ExplicitLevel=2",
    "zstd1:ExplicitLevel=2;PreProcess=HiLoByteUnpack",
)  # fmt: skip
SCENES = ((-100, 50, 150, 90), (400, -30, 97, 131))  # x, y, width, height


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("kind", KINDS)
def test_scenes_times_and_focal_planes(
    kind: str, packed: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    bands, dtype = KINDS[kind]
    given: dict[tuple[int, int, int], Any] = {}
    with zeiss.create_czi(str(tmp_path / "a.czi"), compression_options=packed) as file:
        for scene, (x, y, width, height) in enumerate(SCENES):
            for t, z in itertools.product(range(2), range(2)):
                pixels = (rng.random((height, width, bands)) * 60_000).astype(dtype)
                file.write(pixels, location=(x, y), plane={"T": t, "Z": z, "C": 0}, scene=scene)
                given[scene, t, z] = pixels[..., ::-1]  # it takes and stores BGR
    with open_reader(tmp_path / "a.czi") as reader:
        info = reader.info
        assert (info.bands, info.dtype) == (bands, np.dtype(dtype))
        for (scene, t, z), pixels in given.items():
            height, width = pixels.shape[:2]
            frame = info.frame_number({"xy": scene, "t": t, "z": z})
            found = reader.plane(0, frame).read(Rect(0, 0, width, height))
            np.testing.assert_array_equal(found, pixels)
    with open_reader(tmp_path / "a.czi/1") as reader:
        assert reader.info.levels[0].rect == Rect(0, 0, 97, 131)
        frame = reader.info.frame_number({"t": 1, "z": 0})
        found = reader.plane(0, frame).read(Rect(0, 0, 97, 131))
        np.testing.assert_array_equal(found, given[1, 1, 0])
