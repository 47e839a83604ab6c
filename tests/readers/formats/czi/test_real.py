"""Files that ZEN and libCZI wrote, against czifile itself and Zeiss's own reader."""

from collections.abc import Callable
from pathlib import Path

import czifile
import numpy as np
import pytest
from pylibCZIrw import czi as zeiss

import ziggurat
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.reader import Pixels, Reader

FILES = (
    "1_tileregion.czi",
    "CMU-1-Small-Region-zstd1.czi",
    "CellDivision_T3_Z5_CH2_X240_Y170_comp1.czi",
    "DAPI_GFP.czi",
    "RGB-8bit.czi",
    "S3_1Pos_2Mosaic_T1_Z1_CH1.czi",
    "WellD6-7_S2.czi",
)
TARGETS = ("out.ome.tif", "out.zarr")


@pytest.fixture(params=FILES)
def real(request: pytest.FixtureRequest, data_file: Callable[[str], Path]) -> Path:
    return data_file(f"zeiss-czi/{request.param}")


def whole(reader: Reader, level: int, frame: int) -> Pixels:
    return reader.plane(level, frame).read(reader.info.levels[level].rect)


def of_czifile(image: czifile.CziImage, position: dict[str, int]) -> np.ndarray:
    starts = dict(zip(image.dims, image.start, strict=True))
    wanted = {name.upper(): starts[name.upper()] + at for name, at in position.items()}
    return image(**wanted).asarray(maxworkers=1)


def test_a_scene_has_the_pixels_of_czifile_at_all_levels(real: Path) -> None:
    with czifile.CziFile(real) as theirs:
        for number, image in theirs.scenes.items():
            with open_reader(real / str(number)) as ours:
                assert len(ours.info.levels) == len(image.levels)
                if image.mpp:
                    assert (ours.info.mm_x, ours.info.mm_y) == tuple(
                        pytest.approx(side / 1000) for side in image.mpp
                    )
                for level, small in enumerate(image.levels):
                    for frame in range(ours.info.frames):
                        due = of_czifile(small, ours.info.frame_position(frame)).squeeze()
                        found = whole(ours, level, frame).squeeze()
                        np.testing.assert_array_equal(found, due)


def test_all_scenes_are_frames_with_the_pixels_of_zeiss(real: Path) -> None:
    with zeiss.open_czi(str(real)) as theirs, open_reader(real) as ours:
        boxes = theirs.scenes_bounding_rectangle_no_pyramid
        whole_box = theirs.total_bounding_rectangle_no_pyramid
        axes = {axis.name: axis.size for axis in ours.info.axes}
        assert axes.get("xy", 1) == max(1, len(boxes))
        for name, letter in (("t", "T"), ("c", "C"), ("z", "Z")):
            first, last = theirs.total_bounding_box.get(letter, (0, 1))
            assert axes.get(name, 1) == last - first
        for frame in range(ours.info.frames):
            position = ours.info.frame_position(frame)
            scene = position.pop("xy", 0)
            box = boxes.get(scene, whole_box)
            plane = {"T": 0, "C": 0, "Z": 0} | {k.upper(): v for k, v in position.items()}
            due = theirs.read(plane=plane, scene=scene if boxes else None)
            due = due[..., ::-1] if due.shape[2] == 3 else due
            found = whole(ours, 0, frame)
            np.testing.assert_array_equal(found[: box.h, : box.w], due)
            assert not found[box.h :].any()
            assert not found[:, box.w :].any()


@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param(name, target, marks=pytest.mark.slow if (n + m) % 2 else ())
        for n, name in enumerate(FILES)
        for m, target in enumerate(TARGETS)
    ],
)
def test_a_conversion_and_back_keeps_frames_levels_and_facts(
    name: str, target: str, tmp_path: Path, data_file: Callable[[str], Path]
) -> None:
    """To the targets by turns; all of it where there is time."""
    real = data_file(f"zeiss-czi/{name}")
    ziggurat.convert(real, tmp_path / target)
    with open_reader(real) as source, open_reader(tmp_path / target) as copy:
        one, other = source.info, copy.info
        assert [axis.size for axis in other.axes] == [axis.size for axis in one.axes]
        assert [channel.name for channel in other.channels] == [c.name for c in one.channels]
        assert other.mm_x == (pytest.approx(one.mm_x) if one.mm_x else None)
        for frame in range(one.frames):
            np.testing.assert_array_equal(whole(copy, 0, frame), whole(source, 0, frame))


def test_facts_are_those_of_the_microscope(data_file: Callable[[str], Path]) -> None:
    with open_reader(data_file("zeiss-czi/S3_1Pos_2Mosaic_T1_Z1_CH1.czi")) as reader:
        info = reader.info
        assert [(axis.name, axis.values) for axis in info.axes] == [("xy", ("TR1", "P1", "TR2"))]
        assert (info.width, info.height, info.magnification) == (352, 237, 5.0)
        channel = info.channels[0]
        assert (channel.name, channel.color) == ("DAPI", "#00a1ff")
        assert channel.window == pytest.approx((133.456, 3778.191), abs=0.001)
        assert any("scenes differ in size" in loss for loss in info.losses)
        picture = reader.associated("thumbnail")
        stream = picture.encoded()
        assert stream is not None
        assert picture.read().shape == (stream.height, stream.width, 3)
    with open_reader(data_file("zeiss-czi/DAPI_GFP.czi")) as reader:
        found = [(channel.name, channel.color) for channel in reader.info.channels]
        assert found == [("DAPI", "#0000ff"), ("GFP", "#00ff00")]
