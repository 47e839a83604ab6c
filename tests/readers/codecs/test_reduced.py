"""JPEG tiles at a half, a quarter and an eighth: OpenCV's pixels, of which damage is no part."""

import cv2
import numpy as np
import pytest
import simplejpeg

from tests.each import each
from ziggurat.readers.codecs.decode import decode_tile_reduced
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

FORM = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
FLAGS = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


@each("reduction", [2, 4, 8])
@each("sampling", ["444", "422", "420"])
@each("side", [(240, 240), (250, 131)])
def test_reduced_tiles_are_opencvs(
    tissue: np.ndarray, reduction: int, sampling: str, side: tuple[int, int]
) -> None:
    pixels = np.ascontiguousarray(tissue[: side[0], : side[1]])
    stream = simplejpeg.encode_jpeg(pixels, 85, "RGB", sampling)
    found = decode_tile_reduced(stream, FORM, reduction)
    due = cv2.imdecode(np.frombuffer(stream, np.uint8), cv2.IMREAD_COLOR_RGB | FLAGS[reduction])
    np.testing.assert_array_equal(found, due)


def test_what_is_damaged_is_an_error(tissue: np.ndarray) -> None:
    stream = simplejpeg.encode_jpeg(np.ascontiguousarray(tissue[:64, :64]), 85)
    for bad in (stream[:200], stream[: len(stream) // 2], b"no picture"):
        with pytest.raises(CorruptSourceError):
            decode_tile_reduced(bad, FORM, 2)
