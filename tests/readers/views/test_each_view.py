"""Every fact and tile that a view hands on is that of what it shows, not of its place before."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.views.channels import BandsApart, BandsTogether
from ziggurat.readers.views.turned import TurnedReader
from ziggurat.readers.views.views import BandsReader, CropReader, PaddedReader, select_frames

BANDS, FRAMES, TILE = 4, 6, (16, 8)
SIZES = [(48, 40), (24, 20)]
NAMES = ("red", "nir", "swir", "other")


class _Plane(Plane):
    def __init__(self, reader: "_Image", level: int, frame: int) -> None:
        self._reader, self._level, self._frame = reader, level, frame

    def read(self, rect: Rect) -> Pixels:
        whole = self._reader.levels[self._level][self._frame]
        assert rect == rect.intersect(self._reader.info.levels[self._level].rect)
        return whole[rect.y : rect.bottom, rect.x : rect.right].copy()

    def encoded(self) -> EncodedLevel:
        width, height = SIZES[self._level]
        form = TileFormat(Codec.NONE, Photometric.GRAY, BANDS, 8, "uint8", lossless=True)
        name = f"{self._level}/{self._frame}"
        return EncodedLevel(
            form, width, height, *TILE, -(-width // TILE[0]), -(-height // TILE[1]),
            lambda column, row: f"{name}/{column}/{row}".encode(),
        )  # fmt: skip

    def places(self) -> None:
        return None

    def is_blank(self, rect: Rect) -> bool:
        self._reader.asked.append((self._level, self._frame, rect))
        return rect.x >= 16

    def release(self, rect: Rect) -> None:
        self._reader.released.append((self._level, self._frame, rect))


class _Image(Reader):
    def __init__(self, **facts: Any) -> None:
        rng = np.random.default_rng(3)
        self.levels = [rng.integers(0, 255, (FRAMES, h, w, BANDS), np.uint8) for w, h in SIZES]
        self.asked: list[Any] = []
        self.released: list[Any] = []
        made = ImageInfo(
            "made", tuple(Level(*size, *TILE) for size in SIZES), BANDS, np.dtype(np.uint8),
            Interpretation.MULTIBAND, axes=(Axis("t", 2, (10, 20)), Axis("c", 3, ("x", "y", "z"))),
            channels=(Channel("a"), Channel("b"), Channel("c")), band_names=NAMES,
            nodata=(1.0, None, 3.0, 4.0), background=(5.0, 6.0, 7.0, 8.0), mm_x=0.1, mm_y=0.2,
        )  # fmt: skip
        self.info = dataclasses.replace(made, **facts)

    def plane(self, level: int, frame: int) -> _Plane:
        return _Plane(self, level, frame)


def whole(reader: Reader, level: int = 0, frame: int = 0) -> Pixels:
    return reader.plane(level, frame).read(reader.info.levels[level].rect)


PICKS = [(0,), (3,), (1, 0), (3, 1, 2), (0, 1, 2, 3), (2, 3), (3, 2, 1, 0)]


@each("bands", PICKS)
@each("alpha", [False, True])
def test_bands(bands: tuple[int, ...], alpha: bool) -> None:
    image = _Image(alpha=alpha)
    view = BandsReader(image, bands)
    info, old = view.info, image.info
    assert info.bands == len(bands)
    assert info.band_names == tuple(NAMES[band] for band in bands)
    assert info.nodata == tuple((1.0, None, 3.0, 4.0)[band] for band in bands)
    assert info.background == tuple(5.0 + band for band in bands)
    assert info.alpha is (alpha and len(bands) > 1 and bands[-1] == 3)
    assert (info.axes, info.channels) == (old.axes, old.channels)
    for level, frame in ((0, 0), (1, 5)):
        np.testing.assert_array_equal(
            whole(view, level, frame), image.levels[level][frame][..., list(bands)]
        )
    same = view.plane(0, 2).encoded()
    assert (same is not None) is (bands == (0, 1, 2, 3))


@pytest.mark.parametrize(
    ("wanted", "frames", "axes", "channels"),
    [
        ({"t": (1,)}, [3, 4, 5], [("c", ("x", "y", "z"))], "abc"),
        ({"c": (2, 0)}, [2, 0, 5, 3], [("t", (10, 20)), ("c", ("z", "x"))], "ca"),
        ({"c": (1,)}, [1, 4], [("t", (10, 20)), ("c", ("y",))], "b"),
        ({"t": (1, 0), "c": (0, 2)}, [3, 5, 0, 2], [("t", (20, 10)), ("c", ("x", "z"))], "ac"),
        ({"t": (1,), "c": (2,)}, [5], [("c", ("z",))], "c"),
    ],
)
def test_frames(
    wanted: dict[str, tuple[int, ...]], frames: list[int], axes: list[Any], channels: str
) -> None:
    image = _Image()
    view = select_frames(image, wanted)
    assert [(axis.name, axis.values) for axis in view.info.axes] == axes
    assert "".join(channel.name for channel in view.info.channels) == channels
    for number, frame in enumerate(frames):
        for level in (0, 1):
            np.testing.assert_array_equal(whole(view, level, number), image.levels[level][frame])


def test_frames_keep_what_each_of_them_stands_for() -> None:
    times = tuple(range(100, 106))
    image = _Image(axes=(Axis("t", 2, by_frame=times), Axis("c", 3)))
    view = select_frames(image, {"c": (2, 0)})
    assert view.info.axes[0].by_frame == (102, 100, 105, 103)


@each("corner", [*itertools.product((0, 16, 32), (0, 8, 24))])
def test_tiles_of_crops(corner: tuple[int, int]) -> None:
    image, (x, y) = _Image(), corner
    view = CropReader(image, Rect(x, y, 48 - x, 40 - y))
    for level, frame in ((0, 0), (0, 4), (1, 1)):
        factor = 2**level
        left, top = x // factor, y // factor
        np.testing.assert_array_equal(
            whole(view, level, frame), image.levels[level][frame][top:, left:]
        )
        tiles = view.plane(level, frame).encoded()
        on_grid = not left % TILE[0] and not top % TILE[1]
        assert (tiles is not None) is on_grid
        if tiles is None:
            continue
        assert (tiles.width, tiles.height) == (SIZES[level][0] - left, SIZES[level][1] - top)
        for column, row in itertools.product(range(tiles.columns), range(tiles.rows)):
            due = f"{level}/{frame}/{column + left // TILE[0]}/{row + top // TILE[1]}"
            assert tiles.tile(column, row) == due.encode()
    plane = view.plane(1, 3)
    plane.is_blank(Rect(1, 2, 3, 4))
    plane.release(Rect(1, 2, 3, 4))
    assert image.asked == image.released == [(1, 3, Rect(1 + x // 2, 2 + y // 2, 3, 4))]


@pytest.mark.parametrize(
    ("fill", "background", "color"),
    [(None, None, (0, 0, 0, 0)), (None, (5.0, 6.0, 7.0, 8.0), (5, 6, 7, 8)),
     ((1, 2, 3, 4), (5.0, 6.0, 7.0, 8.0), (1, 2, 3, 4)), ((1, 2, 3, 4), None, (1, 2, 3, 4))],
)  # fmt: skip
def test_canvases(fill: Any, background: Any, color: tuple[int, ...]) -> None:
    image = _Image(background=background)
    view = PaddedReader(image, 50, 47, fill)
    expected = np.empty((47, 50, BANDS), np.uint8)
    expected[:] = color
    expected[:40, :48] = image.levels[0][2]
    np.testing.assert_array_equal(whole(view, 0, 2), expected)
    for rect in (Rect(0, 0, 5, 5), Rect(45, 38, 5, 9), Rect(48, 0, 2, 9), Rect(0, 40, 50, 7)):
        np.testing.assert_array_equal(
            view.plane(0, 2).read(rect), expected[rect.y : rect.bottom, rect.x : rect.right]
        )
    assert view.plane(0, 0).is_blank(Rect(0, 40, 9, 7))
    assert view.plane(0, 0).is_blank(Rect(16, 0, 34, 7))
    assert not view.plane(0, 0).is_blank(Rect(0, 39, 9, 7))
    assert view.plane(0, 0).encoded() is None


def test_a_canvas_is_no_smaller_than_the_image() -> None:
    view = PaddedReader(_Image(), 60, 10)
    assert (view.info.width, view.info.height, len(view.info.levels)) == (60, 40, 1)


SHOWN = {  # Exif: where the stored rows and columns begin
    2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2), 6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).transpose(1, 0, 2), 8: lambda p: np.rot90(p),
}  # fmt: skip


@each("turn", SHOWN)
def test_every_part_of_a_turned_image(turn: int) -> None:
    image = _Image()
    view = TurnedReader(image, turn)
    assert (view.info.mm_x, view.info.mm_y) == ((0.2, 0.1) if turn >= 5 else (0.1, 0.2))
    for level, frame in ((0, 0), (1, 5)):
        due = SHOWN[turn](image.levels[level][frame])
        np.testing.assert_array_equal(whole(view, level, frame), due)
        for rect in (Rect(0, 0, 1, 1), Rect(3, 5, 11, 7), Rect(19, 1, 1, 15)):
            np.testing.assert_array_equal(
                view.plane(level, frame).read(rect), due[rect.y : rect.bottom, rect.x : rect.right]
            )
    assert view.plane(0, 0).encoded() is None


def test_bands_as_frames_and_back() -> None:
    image = _Image(axes=(Axis("t", 6, tuple(range(6))),), channels=(), nodata=2.0)
    apart = BandsApart(image)
    assert [(axis.name, axis.size) for axis in apart.info.axes] == [("t", 6), ("c", 4)]
    assert [channel.name for channel in apart.info.channels] == list(NAMES)
    for nodata, left in (((1.0, None, 3.0, 4.0), None), ((1.0,) * 4, 1.0), ((None,) * 4, None)):
        kept = _Image(axes=image.info.axes, channels=(), nodata=nodata)
        assert BandsApart(kept).info.nodata == left
    facts = {"band_names": NAMES, "background": (5.0, 6.0, 7.0, 8.0)}
    again = BandsTogether(apart, facts)
    assert again.info.axes == image.info.axes
    assert (again.info.band_names, again.info.nodata) == (NAMES, 2.0)
    assert again.info.background == (5.0, 6.0, 7.0, 8.0)
    for frame in (0, 3, 5):
        for band in range(BANDS):
            np.testing.assert_array_equal(
                whole(apart, 1, frame * BANDS + band)[..., 0], image.levels[1][frame][..., band]
            )
        np.testing.assert_array_equal(whole(again, 0, frame), image.levels[0][frame])
