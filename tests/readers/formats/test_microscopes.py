"""Leica LIF and Nikon ND2, made after what their libraries read, for want of real ones."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.microscope_files import make_lif, make_nd2
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis
from ziggurat.readers.model.reader import Pixels, Reader


def whole(reader: Reader, frame: int) -> Pixels:
    return reader.plane(0, frame).read(reader.info.levels[0].rect)


@pytest.fixture
def stacks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two stacks (c, z, y, x) of one kind, and a picture (y, x, RGB)."""
    one, two = (rng.integers(0, 60000, (2, 3, 40, 50)).astype(np.uint16) for _ in range(2))
    return one, two, rng.integers(0, 255, (30, 20, 3)).astype(np.uint8)


@pytest.fixture
def lif(tmp_path: Path, stacks: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Path:
    one, two, picture = stacks
    images = {"one": (one, "CZYX"), "picture": (picture, "YXS"), "two": (two, "CZYX")}
    return make_lif(tmp_path / "a.lif", images)


def test_images_of_one_kind_in_a_lif_are_frames(
    lif: Path, stacks: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    with open_reader(lif) as reader:
        info = reader.info
        assert [(axis.name, axis.size) for axis in info.axes] == [("xy", 2), ("c", 2), ("z", 3)]
        assert info.axes[0].values == ("one", "two")
        assert info.axes[2].values == pytest.approx((0, 3, 6))
        assert (info.mm_x, info.mm_y) == (pytest.approx(0.0005), pytest.approx(0.001))
        assert [channel.color for channel in info.channels] == ["#ff00ff", "#00ffff"]
        assert "picture" in info.losses[0]
        for frame in range(info.frames):
            at = info.frame_position(frame)
            due = stacks[at["xy"]][at["c"], at["z"]]
            np.testing.assert_array_equal(whole(reader, frame)[..., 0], due)


def test_channels_of_a_lif_are_in_the_order_of_their_bytes(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 60000, (3, 60, 50)).astype(np.uint16)  # 6000 bytes each
    with open_reader(make_lif(tmp_path / "a.lif", {"one": (pixels, "CYX")})) as reader:
        colors = [channel.color for channel in reader.info.channels]
        assert colors == ["#ff00ff", "#00ffff", "#00ff00"]
        for frame in range(3):
            np.testing.assert_array_equal(whole(reader, frame)[..., 0], pixels[frame])


def test_an_image_of_a_lif_alone(
    lif: Path, stacks: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    with open_reader(lif / "1") as reader:
        assert (reader.info.bands, reader.info.frames, reader.info.losses) == (3, 1, ())
        np.testing.assert_array_equal(whole(reader, 0), stacks[2])
    with pytest.raises(SourceError, match=r"no image 7; there are \[0, 1, 2\]"):
        open_reader(lif / "7")


def test_a_truncated_lif_is_no_picture(lif: Path) -> None:
    data = lif.read_bytes()
    for size in (12, 200, 2000):
        lif.write_bytes(data[:size])
        with pytest.raises(CorruptSourceError):
            open_reader(lif)
    lif.write_bytes(data[:-10])  # the last image is cut
    with open_reader(lif) as reader:
        assert [axis.name for axis in reader.info.axes] == ["c", "z"]
        assert "two: its pixels are not in this file" in reader.info.losses[0]


@pytest.fixture
def times(rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.integers(0, 60000, (40, 50, 2)).astype(np.uint16) for _ in range(3)]


def test_an_nd2_has_times_channels_and_sizes(tmp_path: Path, times: list[np.ndarray]) -> None:
    with open_reader(make_nd2(tmp_path / "a.nd2", times)) as reader:
        info = reader.info
        assert [(axis.name, axis.size) for axis in info.axes] == [("t", 3), ("c", 2)]
        assert [(one.name, one.color) for one in info.channels] == [
            ("Cy5", "#4080c0"),
            ("DAPI", "#10ff20"),
        ]
        assert info.mm_x == pytest.approx(0.0005)
        assert info.magnification == 63
        for frame in range(info.frames):
            at = info.frame_position(frame)
            np.testing.assert_array_equal(
                whole(reader, frame)[..., 0], times[at["t"]][..., at["c"]]
            )
        np.testing.assert_array_equal(
            reader.plane(0, 3).read(Rect(7, 5, 9, 11))[..., 0], times[1][5:16, 7:16, 1]
        )


@pytest.mark.parametrize(("told", "mm"), [(0.5, 0.0005), (1.0, None), (0.0, None)])
def test_an_nd2_that_was_not_calibrated_has_no_size(
    told: float, mm: float | None, tmp_path: Path, times: list[np.ndarray]
) -> None:
    with open_reader(make_nd2(tmp_path / "a.nd2", times, told)) as reader:
        assert (reader.info.mm_x, reader.info.mm_y) == (mm, mm)


@pytest.mark.parametrize(
    ("micrometres", "depth", "values"),
    [(0.5, 2.0, (0, 2, 4)), (0.5, 0.0, None), (1.0, 2.0, (0, 2, 4)), (1.0, 0.0, None)],
)
def test_depths_of_an_nd2_are_known_by_their_own_step(
    micrometres: float, depth: float, values: tuple[int, ...] | None, tmp_path: Path,
    times: list[np.ndarray],
) -> None:  # fmt: skip
    """Whether pixels were measured from side to side says nothing of it."""
    with open_reader(make_nd2(tmp_path / "a.nd2", times, micrometres, depth)) as reader:
        unit = None if values is None else "µm"
        assert reader.info.axes == (Axis("z", 3, values, unit), Axis("c", 2))


def test_a_frame_that_an_nd2_lacks_is_not_zero(tmp_path: Path, times: list[np.ndarray]) -> None:
    path = make_nd2(tmp_path / "a.nd2", times)
    path.write_bytes(path.read_bytes().replace(b"ImageDataSeq|1!", b"ImageDataSeq|9!"))
    with open_reader(path) as reader:
        assert whole(reader, 0).any()
        with pytest.raises(CorruptSourceError, match="lacks frame 1"):
            whole(reader, 2)


def test_an_nd2_of_the_old_kind_is_refused_not_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "a.nd2"
    path.write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(600))
    with pytest.raises(SourceError, match="old kind"):
        open_reader(path)


@pytest.mark.parametrize("kind", ["lif", "nd2"])
def test_conversion_keeps_frames_and_names(
    kind: str, lif: Path, tmp_path: Path, times: list[np.ndarray]
) -> None:
    path = lif if kind == "lif" else make_nd2(tmp_path / "a.nd2", times)
    ziggurat.convert(path, tmp_path / "out.ome.tif")
    with open_reader(path) as source, open_reader(tmp_path / "out.ome.tif") as copy:
        assert [axis.size for axis in copy.info.axes] == [axis.size for axis in source.info.axes]
        names = [channel.name for channel in copy.info.channels]
        assert names == [channel.name for channel in source.info.channels]
        for frame in range(source.info.frames):
            np.testing.assert_array_equal(whole(copy, frame), whole(source, frame))
