"""A crop at the very edge, which a level rounded down doesn't reach, has no such level."""

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.views.array import ArrayReader
from ziggurat.readers.views.views import CropReader


def test_a_crop_beyond_a_level_has_full_resolution_alone() -> None:
    full = np.arange(102 * 102, dtype=np.uint16).reshape(102, 102, 1)
    levels = (Level(102, 102, 64, 64), Level(50, 50, 50, 50))
    info = ImageInfo("made", levels, 1, np.dtype(np.uint16), Interpretation.GRAY)
    reader = ArrayReader(full, info, [full[:100:2, :100:2]])
    crop = CropReader(reader, Rect(100, 0, 2, 2))
    assert [(level.width, level.height) for level in crop.info.levels] == [(2, 2)]
    np.testing.assert_array_equal(crop.plane(0, 0).read(Rect(0, 0, 2, 2)), full[:2, 100:])
    both = CropReader(reader, Rect(40, 40, 20, 20))
    assert [(level.width, level.height) for level in both.info.levels] == [(20, 20), (10, 10)]
