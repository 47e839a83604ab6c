"""How the tests of the DICOM backend cut pictures into frames and read them back."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.dicom_files import TILE
from ziggurat.readers.formats.dicom.reader import DicomReader
from ziggurat.readers.formats.dicom.reader import open_reader as open_dicom
from ziggurat.readers.io.location import locate

Make = Callable[..., Path]


def opened(path: Path) -> DicomReader:
    return open_dicom(locate(path))


def split(picture: np.ndarray, tile: tuple[int, int] = TILE) -> list[np.ndarray]:
    """Cut a picture into tiles (width, height), row by row, edges filled up."""
    height, width = picture.shape[:2]
    across, down = tile
    room = [(0, -height % down), (0, -width % across), *[(0, 0)] * (picture.ndim - 2)]
    padded = np.pad(picture, room)
    return [
        np.ascontiguousarray(padded[y : y + down, x : x + across])
        for y in range(0, height, down)
        for x in range(0, width, across)
    ]


def raw(picture: np.ndarray) -> list[bytes]:
    return [tile.tobytes() for tile in split(picture)]


def whole(reader: DicomReader, frame: int = 0, level: int = 0) -> np.ndarray:
    return reader.plane(level, frame).read(reader.info.levels[level].rect)


def rolled(picture: np.ndarray, count: int) -> list[np.ndarray]:
    return [np.roll(picture, 20 * number, 1) for number in range(count)]
