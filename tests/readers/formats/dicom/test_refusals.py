"""DICOM instances that don't belong together, or whose pixels are of another kind: refused."""

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import JPEGBaseline8Bit

from tests.dicom_files import TILE
from ziggurat.readers.errors import UnsupportedFormatError, ZigguratError
from ziggurat.readers.formats.dicom.reader import DicomReader
from ziggurat.readers.formats.dicom.reader import open_reader as open_dicom
from ziggurat.readers.io.location import locate

Make = Callable[..., Path]
GRAY = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}


def opened(path: Path) -> DicomReader:
    return open_dicom(locate(path))


def whole(path: Path) -> np.ndarray:
    reader = opened(path)
    return reader.plane(0, 0).read(reader.info.levels[0].rect)


def frames(
    count: int, *, tile: tuple[int, int] = TILE, bands: int = 3, size: int = 1
) -> list[bytes]:
    samples = tile[0] * tile[1] * bands * size
    return [bytes([number % 250]) * samples for number in range(count)]


@pytest.mark.parametrize(
    "other",
    [
        {"frames": frames(9, bands=1), **GRAY},
        {"frames": frames(9, size=2), "BitsAllocated": 16, "BitsStored": 16},
    ],
    ids=["gray", "16 bits"],
)
def test_levels_of_other_pixels(
    other: dict[str, object], tmp_path: Path, make_instance: Make
) -> None:
    make_instance(tmp_path / "0.dcm", frames(25))
    make_instance(tmp_path / "1.dcm", size=(150, 100), **other)
    with pytest.raises(UnsupportedFormatError, match="levels of different pixels"):
        opened(tmp_path)


def test_a_level_in_tiles_of_several_sizes(tmp_path: Path, make_instance: Make) -> None:
    parts = [(TILE, frames(25), 0, 1), ((64, 32), frames(35, tile=(64, 32)), 25, 2)]
    for tile, content, offset, number in parts:
        make_instance(
            tmp_path / f"{number}.dcm",
            content,
            tile=tile,
            ConcatenationUID="1.2.9",
            ConcatenationFrameOffsetNumber=offset,
            InConcatenationNumber=number,
        )
    with pytest.raises(ZigguratError, match="different tile sizes"):
        opened(tmp_path)


def test_a_stream_of_other_bands_than_the_header_says(
    tmp_path: Path, make_instance: Make, tissue: np.ndarray
) -> None:
    stream = imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[:48, :64, 0]), 90)
    path = make_instance(tmp_path / "a.dcm", [stream] * 25, syntax=JPEGBaseline8Bit)
    with pytest.raises(ZigguratError, match="JPEG of 1 x 8 bits where 3 x 8 are due"):
        whole(path)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"PhotometricInterpretation": "YBR_FULL_422"}, "YBR_FULL_422"),
        ({"SamplesPerPixel": 4, "frames": frames(20, bands=4)}, "4 bands with 8 bits"),
        ({"BitsAllocated": 32, "BitsStored": 32, "frames": frames(20, size=4)}, "with 32 bits"),
    ],
    ids=["palette", "422", "bands", "bits"],
)
def test_samples_of_other_kinds(
    facts: dict[str, object], words: str, tmp_path: Path, make_instance: Make
) -> None:
    facts = {"frames": frames(20), **facts}
    with pytest.raises(UnsupportedFormatError, match=words):
        opened(make_instance(tmp_path / "a.dcm", **facts))


def test_the_largest_level_speaks_for_the_slide(tmp_path: Path, make_instance: Make) -> None:
    def shared(spacing: list[float]) -> Items:
        measures, item = Dataset(), Dataset()
        measures.PixelSpacing = spacing
        item.PixelMeasuresSequence = Items([measures])
        return Items([item])

    path = Dataset()
    path.ObjectiveLensPower = 40
    path.ICCProfile = b"profile!"
    for name, size, count, spacing in (
        ("0", (150, 100), 6, [0.002, 0.001]),
        ("1", (300, 200), 20, [0.001, 0.0005]),
    ):
        make_instance(
            tmp_path / f"{name}.dcm",
            frames(count),
            size=size,
            SharedFunctionalGroupsSequence=shared(spacing),
            OpticalPathSequence=Items([path]),
        )
    info = opened(tmp_path).info
    assert [(level.width, level.height) for level in info.levels] == [(300, 200), (150, 100)]
    assert (info.mm_x, info.mm_y) == (0.0005, 0.001)
    assert (info.magnification, info.icc_profile) == (40.0, b"profile!")
    assert info.lossy is False


@pytest.mark.parametrize("spacing", [[0, 0.001], [-1, 1], [1e4, 1e4]])
def test_a_spacing_that_cannot_be_is_none(
    spacing: list[float], tmp_path: Path, make_instance: Make
) -> None:
    measures, item = Dataset(), Dataset()
    measures.PixelSpacing = spacing
    item.PixelMeasuresSequence = Items([measures])
    path = make_instance(
        tmp_path / "a.dcm", frames(20), SharedFunctionalGroupsSequence=Items([item])
    )
    assert (opened(path).info.mm_x, opened(path).info.mm_y) == (None, None)


def test_channels_with_different_focal_planes(tmp_path: Path, make_instance: Make) -> None:
    """Which frame is which would be guessed: two planes of one channel, one of the other."""
    for name, planes in (("A", 2), ("B", 1)):
        path = Dataset()
        path.OpticalPathIdentifier = name
        make_instance(
            tmp_path / f"{name}.dcm",
            frames(20 * planes, bands=1),
            OpticalPathSequence=Items([path]),
            TotalPixelMatrixFocalPlanes=planes,
            **GRAY,
        )
    with pytest.raises(UnsupportedFormatError, match="different focal planes"):
        opened(tmp_path / "A.dcm")
