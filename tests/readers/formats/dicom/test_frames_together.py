"""Frames decoded many at once by the native kernel are those decoded one by one, errors and all."""

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import simplejpeg
from pydicom.uid import JPEGBaseline8Bit

from tests.conftest import DATA
from tests.readers.formats.answers import answer
from tests.readers.formats.dicom.slides import Make, opened, split
from ziggurat.readers.codecs.native import kernel
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.dicom.reader import DicomReader
from ziggurat.readers.model.geometry import Rect

pytestmark = pytest.mark.skipif(kernel.decoder() is None, reason=kernel.describe())
SLIDES = sorted({str(path.parent.relative_to(DATA)) for path in DATA.rglob("*.dcm")})


def opened_both(path: Path) -> tuple[DicomReader, DicomReader]:
    """Open a slide twice; the second reader decodes frame by frame, whatever is installed."""
    without = opened(path)
    with mock.patch.object(kernel, "decoder", return_value=None):
        for level in range(len(without.info.levels)):
            for frame in range(without.info.frames):
                assert not without.plane(level, frame).together
    return opened(path), without


def check_same(path: Path, count: int, rng: np.random.Generator) -> bool:
    """Hold both ways of reading against each other; return True where there are two."""
    with_it, without = opened_both(path)
    together = False
    with with_it, without:
        for number, level in enumerate(with_it.info.levels):
            one, other = with_it.plane(number, 0), without.plane(number, 0)
            together |= one.together
            for _ in range(count):
                x, y = int(rng.integers(level.width)), int(rng.integers(level.height))
                rect = Rect(x, y, min(300, level.width - x), min(170, level.height - y))
                found, due = (answer(lambda p=plane, r=rect: p.read(r)) for plane in (one, other))
                assert type(found) is type(due)
                np.testing.assert_array_equal(found, due)
                shown = np.zeros((min(90, rect.height), min(90, rect.width), 3), np.uint8)
                if not isinstance(due, str) and due.shape[2] == 3:
                    target = np.zeros_like(due)
                    one.fill([(x, y, target)], 2, (x, y, shown))
                    np.testing.assert_array_equal(target, due)
                    np.testing.assert_array_equal(shown, due[:90, :90])
    return together


def streams(picture: np.ndarray) -> list[bytes]:
    return [simplejpeg.encode_jpeg(tile, 90, "RGB", "420") for tile in split(picture)]


COLOURS = {"syntax": JPEGBaseline8Bit, "PhotometricInterpretation": "YBR_FULL_422"}


def test_regions_of_a_made_slide(
    make_instance: Make, picture: np.ndarray, tmp_path: Path, rng: np.random.Generator
) -> None:
    path = make_instance(tmp_path / "a.dcm", streams(picture), **COLOURS)
    assert check_same(path, 40, rng)
    with opened(path) as reader:
        assert reader.info.lossy


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_gray_frames_are_seen_in_the_direction_that_is_meant(
    make_instance: Make,
    picture: np.ndarray,
    photometric: str,
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    gray = [
        simplejpeg.encode_jpeg(tile[..., :1].copy(), 90, "GRAY", "444") for tile in split(picture)
    ]
    facts = {"syntax": JPEGBaseline8Bit, "PhotometricInterpretation": photometric}
    path = make_instance(tmp_path / "a.dcm", gray, SamplesPerPixel=1, **facts)
    assert check_same(path, 20, rng) is (photometric == "MONOCHROME2")


@pytest.mark.parametrize("bad", ["damaged", "smaller", "gray"])
def test_a_frame_that_is_not_what_it_should_be_has_the_same_end(
    make_instance: Make, picture: np.ndarray, bad: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    frames = streams(picture)
    tile = split(picture)[7]
    frames[7] = {
        "damaged": frames[7][: len(frames[7]) // 2],
        "smaller": simplejpeg.encode_jpeg(np.ascontiguousarray(tile[:30]), 90, "RGB", "420"),
        "gray": simplejpeg.encode_jpeg(tile[..., :1].copy(), 90, "GRAY", "444"),
    }[bad]
    path = make_instance(tmp_path / "a.dcm", frames, **COLOURS)
    assert check_same(path, 30, rng)
    if bad != "gray":  # that is decoded in colours
        with opened(path) as reader, pytest.raises(CorruptSourceError, match="frame 7"):
            reader.plane(0, 0).fill([(0, 0, np.zeros((200, 300, 3), np.uint8))])


def test_files_of_a_level_that_are_not_alike_are_read_frame_by_frame(
    make_instance: Make, picture: np.ndarray, tmp_path: Path
) -> None:
    frames = streams(picture)
    other = [simplejpeg.encode_jpeg(tile, 90, "RGB", "444") for tile in split(picture)]
    facts = {"ConcatenationUID": "1.2.9", "InConcatenationTotalNumber": 2, **COLOURS}
    for number, (first, own) in enumerate(((0, frames[:12]), (12, other[12:]))):
        path = tmp_path / f"{number}.dcm"
        make_instance(
            path, own, InConcatenationNumber=number + 1, ConcatenationFrameOffsetNumber=first,
            SOPInstanceUIDOfConcatenationSource="1.2.10", **facts,
        )  # fmt: skip
    with opened(tmp_path) as reader:
        plane = reader.plane(0, 0)
        assert not plane.together
        assert plane.encoded() is None  # no format is that of all tiles
        found = plane.read(Rect(0, 0, 300, 200)).astype(int)
    assert np.abs(found - picture).mean() < 6


@pytest.mark.skipif(not SLIDES, reason="no real data; set ZIGGURAT_DATA to where it is")
@pytest.mark.parametrize("name", SLIDES)
def test_regions_of_real_slides(
    name: str, data_file: Callable[[str], Path], rng: np.random.Generator
) -> None:
    check_same(data_file(name), 2, rng)
