"""DICOM slides as others lay them out: planes and channels in instances, foci."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from tests.dicom_files import TILE
from tests.readers.formats.dicom.slides import Make, opened, raw, rolled, whole
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel


@pytest.mark.parametrize("said", ["depth", "depth, numbered backwards", "number"])
def test_focal_planes_in_instances_of_their_own(
    said: str, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    planes = rolled(picture, 3)
    for number, pixels in enumerate(planes):
        make_instance(
            tmp_path / f"{2 - number}.dcm",
            raw(pixels),
            depth=None if said == "number" else 0.5 * number,
            TotalPixelMatrixFocalPlanes=3,
            InstanceNumber=9 - number if "backwards" in said else number + 1,
        )
    for path in (tmp_path, tmp_path / "0.dcm", tmp_path / "2.dcm"):
        reader = opened(path)
        assert reader.info.axes == (Axis("z", 3),)
        for frame, pixels in enumerate(planes):
            np.testing.assert_array_equal(whole(reader, frame), pixels)


def test_planes_by_twos_in_instances(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    planes = rolled(picture, 4)
    for number in range(2):
        frames = raw(planes[2 * number]) + raw(planes[2 * number + 1])
        path = tmp_path / f"{number}.dcm"
        make_instance(path, frames, TotalPixelMatrixFocalPlanes=4, InstanceNumber=number)
    reader = opened(tmp_path)
    for frame, pixels in enumerate(planes):
        np.testing.assert_array_equal(whole(reader, frame), pixels)


def test_planes_by_twos_of_several_channels(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    paths = []
    for name in ("1", "2"):
        path = Dataset()
        path.OpticalPathIdentifier = name
        paths.append(path)
    frames = rolled(picture, 8)  # by channel, then by depth
    for number in range(2):
        held = [frames[4 * channel + 2 * number + plane] for channel in (0, 1) for plane in (0, 1)]
        make_instance(
            tmp_path / f"{number}.dcm", [tile for pixels in held for tile in raw(pixels)],
            TotalPixelMatrixFocalPlanes=4, OpticalPathSequence=Items(paths), InstanceNumber=number,
        )  # fmt: skip
    reader = opened(tmp_path)
    assert reader.info.axes == (Axis("c", 2), Axis("z", 4))
    for frame, pixels in enumerate(frames):
        np.testing.assert_array_equal(whole(reader, frame), pixels)


def test_levels_that_lack_a_plane_are_no_levels(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    """Their other planes would be shown blank at small scales."""
    for number, pixels in enumerate(rolled(picture, 2)):
        make_instance(tmp_path / f"{number}.dcm", raw(pixels), depth=float(number))
    small = raw(np.ascontiguousarray(picture[::2, ::2]))
    make_instance(tmp_path / "small.dcm", small, (150, 100))
    assert [level.width for level in opened(tmp_path).info.levels] == [300]


def test_two_instances_of_the_same_tiles_are_not_chosen_from(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    for number, pixels in enumerate(rolled(picture, 2)):
        make_instance(tmp_path / f"{number}.dcm", raw(pixels))
    with pytest.raises(UnsupportedFormatError, match=r"0\.dcm, 1\.dcm hold the same tiles"):
        opened(tmp_path)


def test_a_copy_of_an_instance_counts_once(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    path = make_instance(tmp_path / "a.dcm", raw(picture))
    (tmp_path / "a (copy).dcm").write_bytes(path.read_bytes())
    np.testing.assert_array_equal(whole(opened(tmp_path)), picture)


def group(column: int, row: int, depth: float) -> Dataset:
    where, found = Dataset(), Dataset()
    where.ColumnPositionInTotalImagePixelMatrix = TILE[0] * column + 1
    where.RowPositionInTotalImagePixelMatrix = TILE[1] * row + 1
    where.ZOffsetInSlideCoordinateSystem = depth
    found.PlanePositionSlideSequence = Items([where])
    return found


CELLS = [(column, row) for row in range(5) for column in range(5)]


@pytest.mark.parametrize("said", [1, None])
def test_tiles_with_a_focus_of_their_own_are_one_plane(
    said: int | None, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    groups = [group(*cell, 0.1 * number) for number, cell in enumerate(CELLS)]
    facts = {} if said is None else {"TotalPixelMatrixFocalPlanes": said}
    make_instance(
        tmp_path / "a.dcm",
        raw(picture),
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=Items(groups),
        **facts,
    )
    reader = opened(tmp_path)
    assert reader.info.axes == ()
    np.testing.assert_array_equal(whole(reader), picture)


@pytest.mark.parametrize("own", [0.0, 0.01])
def test_sparse_planes_by_depth(
    own: float, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    """``own``: each stack of tiles has its own focus, and all as many planes."""
    planes = rolled(picture, 3)
    groups = [group(*cell, z + own * number) for z in range(3) for number, cell in enumerate(CELLS)]
    make_instance(
        tmp_path / "a.dcm",
        [frame for pixels in planes for frame in raw(pixels)],
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=Items(groups),
        TotalPixelMatrixFocalPlanes=3,
    )
    reader = opened(tmp_path)
    for frame, pixels in enumerate(planes):
        np.testing.assert_array_equal(whole(reader, frame), pixels)


@pytest.mark.parametrize("numbered", ["1, 2, 3", "all 1"])
@pytest.mark.parametrize("first", [0, 2])
def test_channels_in_instances_have_their_own_names(
    numbered: str, first: int, picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    for number, name in enumerate(("DAPI", "FITC", "Cy5")):
        path = Dataset()
        path.OpticalPathIdentifier = "1" if numbered == "all 1" else str(number + 1)
        path.OpticalPathDescription = name
        make_instance(
            tmp_path / f"{number}.dcm",
            raw(picture[..., number]),
            SamplesPerPixel=1,
            PhotometricInterpretation="MONOCHROME2",
            OpticalPathSequence=Items([path]),
            InstanceNumber=number + 1,
        )
    reader = opened(tmp_path / f"{first}.dcm")
    assert reader.info.channels == (Channel("DAPI"), Channel("FITC"), Channel("Cy5"))
    for frame in range(3):
        np.testing.assert_array_equal(whole(reader, frame)[..., 0], picture[..., frame])


def test_a_part_of_a_concatenation_that_is_missing(
    picture: np.ndarray, tmp_path: Path, make_instance: Make
) -> None:
    facts = {"ConcatenationUID": "1.9", "ConcatenationFrameOffsetNumber": 0}
    reader = opened(make_instance(tmp_path / "a.dcm", raw(picture)[:7], **facts))
    reader.plane(0, 0).read(Rect(0, 0, 64, 48))
    with pytest.raises(CorruptSourceError, match="a part of the slide is missing"):
        whole(reader)
    (tmp_path / "later").mkdir()
    later = facts | {"ConcatenationFrameOffsetNumber": 7}
    reader = opened(make_instance(tmp_path / "later" / "b.dcm", raw(picture)[7:], **later))
    with pytest.raises(CorruptSourceError, match="a part of the slide is missing"):
        reader.plane(0, 0).read(Rect(0, 0, 64, 48))
