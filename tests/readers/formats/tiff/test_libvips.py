"""TIFFs that libvips wrote, against libvips' own reading of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from ziggurat.readers.formats.tiff.reader import open_reader
from ziggurat.readers.io.location import locate

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg subifds": ("rgb", {"tile": True, "pyramid": True, "compression": "jpeg", "subifd": True}),
    "jpeg 4:4:4 pages": ("rgb", {"tile": True, "pyramid": True, "compression": "jpeg", "Q": 95}),
    "jpeg strips": ("rgb", {"compression": "jpeg"}),
    "down to one pixel": ("rgb", {"tile": True, "pyramid": True, "depth": "onepixel"}),
    "lzw predictor": ("rgb", {"compression": "lzw", "predictor": "horizontal"}),
    "float predictor": ("float", {"tile": True, "compression": "deflate", "predictor": "float"}),
    "webp": ("rgb", {"tile": True, "compression": "webp", "Q": 80}),
    "webp with alpha": ("rgba", {"tile": True, "compression": "webp", "lossless": True}),
    "one bit": ("gray", {"bitdepth": 1}),
    "four bits": ("gray", {"bitdepth": 4}),
    "white is zero": ("gray", {"miniswhite": True}),
    "fax": ("gray", {"bitdepth": 1, "miniswhite": True, "compression": "ccittfax4"}),
}


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_libvips(tmp_path: Path, tissue: np.ndarray, name: str) -> None:
    kind, options = CASES[name]
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(tissue[:200, :150]))
    picture = picture.copy(interpretation="srgb")
    made = {
        "rgb": lambda: picture,
        "rgba": lambda: picture.bandjoin(255),
        "gray": lambda: picture.colourspace("b-w"),
        "float": lambda: picture.cast("float") / 3,
    }[kind]()
    path = tmp_path / "a.tif"
    made.tiffsave(path, **options)
    with open_reader(locate(path)) as reader:
        levels = reader.info.levels
        assert len(levels) >= (2 if options.get("pyramid") else 1)
        for index, level in enumerate(levels):
            where = {"subifd": index - 1} if options.get("subifd") else {"page": index}
            expected = pyvips.Image.new_from_file(str(path), revalidate=True, **where).numpy()
            found = reader.plane(index, 0).read(level.rect)
            np.testing.assert_array_equal(found, expected.reshape(found.shape))
        if options.get("depth"):
            assert (levels[-1].width, levels[-1].height) == (1, 1)
