"""JPEG tiles of a level may have tables of their own: each tile is judged by those it has."""

import imagecodecs
import numpy as np
import pytest

from ziggurat.converter.verify.compare import compare_level
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Reader


class _Rows(DecodedPlane):
    """Gray JPEG tiles of 64 x 64, of which each row has a quality of its own."""

    def __init__(self, qualities: tuple[int, ...], source: np.ndarray) -> None:
        self._tiles = [
            [
                imagecodecs.jpeg8_encode(source[y : y + 64, x : x + 64], level=quality)
                for x in range(0, source.shape[1], 64)
            ]
            for y, quality in zip(range(0, len(source), 64), qualities, strict=True)
        ]
        self.whole = np.block([[imagecodecs.jpeg8_decode(t) for t in row] for row in self._tiles])

    def read(self, rect: Rect) -> Pixels:
        return self.whole[rect.y : rect.bottom, rect.x : rect.right, np.newaxis]

    def encoded(self) -> EncodedLevel:
        form = TileFormat(Codec.JPEG, Photometric.GRAY, 1, 8, "uint8", lossless=False)
        height, width = self.whole.shape
        return EncodedLevel(
            form, width, height, 64, 64, width // 64, height // 64,
            lambda column, row: bytes(self._tiles[row][column]),
        )  # fmt: skip


class _One(Reader):
    def __init__(self, plane: DecodedPlane, width: int, height: int) -> None:
        levels = (Level(width, height, 64, 64),)
        self.info = ImageInfo("made", levels, 1, np.dtype(np.uint8), Interpretation.GRAY)
        self._plane = plane

    def plane(self, level: int, frame: int) -> DecodedPlane:
        del level, frame
        return self._plane


@pytest.mark.parametrize("qualities", [(95, 20, 60), (20, 95, 95), (60, 60, 10)])
def test_each_tile_is_judged_by_its_own_tables(qualities: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    source = (128 + 25 * rng.standard_normal((192, 128))).clip(30, 220).astype(np.uint8)
    made = _Rows(qualities, source)
    plain = _Rows((100, 100, 100), source)
    plain.whole = source
    found = compare_level(_One(made, 128, 192), _One(plain, 128, 192), 0, full=True)
    assert found.different == 6
    assert found.beyond < 0.002
