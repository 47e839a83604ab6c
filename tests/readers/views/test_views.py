"""Views hold no pixels of their own: each answers as an array cut by numpy would."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ziggurat.readers.errors import RegionError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    Channel,
    GeoReference,
    GroundControlPoint,
    Interpretation,
    Level,
)
from ziggurat.readers.model.reader import Plane
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.readers.views.resampled import ResampledReader, at_resolution
from ziggurat.readers.views.views import (
    BandsReader,
    CropReader,
    LevelsReader,
    PaddedReader,
    SamePixels,
    View,
    select_frames,
)


@pytest.fixture
def rgba(rng: np.random.Generator) -> Any:
    return rng.integers(0, 255, (70, 90, 4), np.uint8)


def whole(reader: Any, level: int = 0, frame: int = 0) -> Any:
    return reader.plane(level, frame).read(reader.info.levels[level].rect)


def test_crop_is_a_slice(rgba: np.ndarray) -> None:
    view = CropReader(array_reader(rgba), Rect(11, 7, 50, 40))
    assert (view.info.width, view.info.height) == (50, 40)
    assert np.array_equal(whole(view), rgba[7:47, 11:61])
    assert np.array_equal(view.plane(0, 0).read(Rect(3, 4, 5, 6)), rgba[11:17, 14:19])


@pytest.mark.parametrize("rect", [Rect(0, 0, 91, 10), Rect(80, 60, 20, 20), Rect(5, 5, 0, 3)])
def test_crop_outside_is_refused(rgba: np.ndarray, rect: Any) -> None:
    with pytest.raises(RegionError, match="not inside"):
        CropReader(array_reader(rgba), rect)


def test_crop_moves_the_place_on_earth(rgba: np.ndarray) -> None:
    reader = array_reader(rgba)
    geo = GeoReference("EPSG:3857", (100.0, 2.0, 0.0, 500.0, 0.0, -2.0))
    reader.info = dataclasses.replace(reader.info, geo=geo)
    view = CropReader(reader, Rect(10, 20, 5, 5))
    assert view.info.geo.transform == (120.0, 2.0, 0.0, 460.0, 0.0, -2.0)


TURNED = GeoReference(
    "EPSG:3857",
    (100.0, 2.0, 0.5, 500.0, 0.25, -2.0),
    (GroundControlPoint(30, 40, 7.0, 8.0), GroundControlPoint(32, 45, 9.0, 10.0)),
)


def place(geo: Any, column: float, row: float) -> tuple[float, float]:
    t = geo.transform
    return t[0] + column * t[1] + row * t[2], t[3] + column * t[4] + row * t[5]


def points(geo: Any) -> list[tuple[float, ...]]:
    return [(p.pixel_x, p.pixel_y, p.x, p.y) for p in geo.gcps]


def test_a_crop_of_a_turned_image_stays_where_it_is(rgba: np.ndarray) -> None:
    reader = array_reader(rgba)
    reader.info = dataclasses.replace(reader.info, geo=TURNED)
    geo = CropReader(reader, Rect(10, 20, 40, 50)).info.geo
    assert place(geo, 3, 4) == place(TURNED, 13, 24)
    assert points(geo) == [(20, 20, 7, 8), (22, 25, 9, 10)]


def test_a_level_shrunk_more_down_than_across_has_pixels_of_such_sides(rgba: np.ndarray) -> None:
    reader = array_reader(rgba)
    levels = (*reader.info.levels, Level(45, 14, 16, 16))
    reader.info = dataclasses.replace(
        reader.info, levels=levels, mm_x=0.25, mm_y=0.5, magnification=40, geo=TURNED
    )
    info = LevelsReader(reader, [1]).info
    assert (info.mm_x, info.mm_y, info.magnification) == (0.5, 2.5, 8)
    assert place(info.geo, 3, 2) == place(TURNED, 6, 10)
    assert points(info.geo) == [(15, 8, 7, 8), (16, 9, 9, 10)]


def test_crop_on_the_grid_keeps_tiles_and_levels(
    make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    with open_reader(make_svs(tmp_path / "a.svs")) as slide:
        view = CropReader(slide, Rect(480, 192, 700, 600))
        assert [(lv.width, lv.height) for lv in view.info.levels] == [(700, 600), (175, 150)]
        tiles, source = view.plane(0, 0).encoded(), slide.plane(0, 0).encoded()
        assert (tiles.columns, tiles.rows) == (3, 4)
        assert tiles.tile(1, 2) == source.tile(3, 3)
        assert view.plane(1, 0).encoded() is None  # 480 / 4 is no multiple of 240
        assert np.array_equal(
            view.plane(1, 0).read(Rect(0, 0, 9, 9)), slide.plane(1, 0).read(Rect(120, 48, 9, 9))
        )


def test_crop_off_the_grid_has_no_tiles(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    with open_reader(make_svs(tmp_path / "a.svs")) as slide:
        view = CropReader(slide, Rect(481, 192, 300, 300))
        assert view.plane(0, 0).encoded() is None
        assert len(view.info.levels) == 1


def test_padding_has_one_colour(rgba: np.ndarray) -> None:
    view = PaddedReader(array_reader(rgba), 100, 65, fill=(9, 8, 7, 6))
    assert (view.info.width, view.info.height) == (100, 70)
    pixels = whole(view)
    assert np.array_equal(pixels[:70, :90], rgba)
    assert np.array_equal(pixels[:, 90:], np.broadcast_to(np.uint8([9, 8, 7, 6]), (70, 10, 4)))
    assert view.plane(0, 0).is_blank(Rect(90, 0, 10, 10))
    assert not view.plane(0, 0).is_blank(Rect(89, 0, 10, 10))


def test_frames_are_picked_by_axis(rng: np.random.Generator) -> None:
    array = rng.integers(0, 255, (4, 3, 10, 12), np.uint8)
    reader = array_reader(array, "zcyx")
    names = tuple(Channel(name) for name in ("DAPI", "FITC", "Cy5"))
    reader.info = dataclasses.replace(reader.info, channels=names)
    view = select_frames(reader, {"z": [2], "c": [2, 0]})
    assert [(axis.name, axis.size) for axis in view.info.axes] == [("c", 2)]
    assert [channel.name for channel in view.info.channels] == ["Cy5", "DAPI"]
    assert np.array_equal(whole(view, frame=0)[..., 0], array[2, 2])
    assert np.array_equal(whole(view, frame=1)[..., 0], array[2, 0])


@pytest.mark.parametrize(("wanted", "match"), [({"t": [0]}, "no axis"), ({"z": [9]}, "0 to 3")])
def test_frames_that_are_not_there(rng: np.random.Generator, wanted: Any, match: Any) -> None:
    reader = array_reader(rng.integers(0, 255, (4, 10, 12), np.uint8), "zyx")
    with pytest.raises(RegionError, match=match):
        select_frames(reader, wanted)


def test_bands(rgba: np.ndarray) -> None:
    view = BandsReader(array_reader(rgba), [2, 0])
    assert view.info.bands == 2
    assert view.info.interpretation is Interpretation.MULTIBAND
    assert not view.info.alpha
    assert np.array_equal(whole(view), rgba[..., [2, 0]])
    assert BandsReader(array_reader(rgba), [0, 1, 2]).info.interpretation is Interpretation.RGB
    with pytest.raises(RegionError, match="bands must be 0 to 3"):
        BandsReader(array_reader(rgba), [4])


def test_what_nobody_may_cache_stays_so_in_a_view(rgba: np.ndarray) -> None:
    reader = array_reader(rgba)
    reader.volatile = reader.scattered = True
    view = CropReader(reader, Rect(0, 0, 2, 2))
    assert view.volatile
    assert view.scattered


def test_levels(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    with open_reader(make_svs(tmp_path / "a.svs")) as slide:
        view = LevelsReader(slide, [1])
        assert (view.info.width, view.info.height) == (375, 275)
        assert view.info.mm_x == pytest.approx(0.000499 * 4)
        assert view.info.magnification == pytest.approx(5)
        assert view.plane(0, 0).encoded().tile(0, 0) == slide.plane(1, 0).encoded().tile(0, 0)
        same = at_resolution(slide, 4)
        assert same.plane(0, 0).encoded().tile(1, 1) == slide.plane(1, 0).encoded().tile(1, 1)


@pytest.mark.parametrize("size", [(45, 35), (30, 23), (64, 50), (90, 70), (1, 1)])
def test_resampling_is_the_mean_of_the_area(rgba: np.ndarray, size: int) -> None:
    width, height = size
    ours = whole(ResampledReader(array_reader(rgba), width, height))
    # every source pixel as so many, then plain means of whole blocks: first down, then across
    down = rgba.astype(float).repeat(height, axis=0).reshape(height, 70, 90, 4).mean(axis=1)
    expected = down.repeat(width, axis=1).reshape(height, width, 90, 4).mean(axis=2)
    assert np.abs(ours - expected).max() <= 0.5 + 1e-6


def test_resampling_does_not_depend_on_how_it_is_cut(rgba: np.ndarray) -> None:
    view = ResampledReader(array_reader(rgba), 37, 29)
    pixels = whole(view)
    parts = [view.plane(0, 0).read(Rect(0, y, 37, min(8, 29 - y))) for y in range(0, 29, 8)]
    assert np.array_equal(np.concatenate(parts), pixels)


def test_a_missing_value_spoils_the_results_that_lie_over_it_and_no_others() -> None:
    values = np.arange(60.0 * 40, dtype=np.float32).reshape(40, 60, 1)
    values[11, 31], values[30, 2] = np.nan, np.inf
    small = whole(ResampledReader(array_reader(values), 24, 16))[..., 0]
    assert np.argwhere(np.isnan(small)).tolist() == [[4, 12]]  # 2.5 pixels a side
    assert np.argwhere(np.isinf(small)).tolist() == [[12, 0], [12, 1]]  # shared by two


def test_labels_are_never_averaged(rng: np.random.Generator) -> None:
    labels = rng.choice(np.uint16([0, 1000, 40000]), (64, 64, 1))
    reader = array_reader(labels, interpretation=Interpretation.LABELS)
    small = whole(ResampledReader(reader, 20, 20))
    assert set(np.unique(small)) <= {0, 1000, 40000}


def test_enlarging_is_refused(rgba: np.ndarray) -> None:
    with pytest.raises(RegionError, match="finer"):
        at_resolution(array_reader(rgba), 0.5)


def test_a_view_that_leaves_something_out_cannot_be_made() -> None:
    class Forgetful(SamePixels):  # says what its tiles are, and not where they lie
        def encoded(self) -> None:
            return None

    made: Any = Forgetful  # the type checker would not have it either
    with pytest.raises(TypeError, match="places"):
        made(array_reader(np.zeros((4, 4, 1), np.uint8)).plane(0, 0))


def test_views_hand_on_what_has_been_looked_at(rgba: np.ndarray) -> None:
    released: list[Rect] = []

    class Mapped(SamePixels):
        def encoded(self) -> None:
            return None

        def places(self) -> None:
            return None

        def release(self, rect: Rect) -> None:
            released.append(rect)

    class Source(ArrayReader):
        def plane(self, level: int, frame: int) -> Plane:
            return Mapped(super().plane(level, frame))

    source = Source(rgba[np.newaxis][0], array_reader(rgba).info)
    views = [
        View(source),
        LevelsReader(source, [0]),
        BandsReader(source, [0, 1]),
        CropReader(source, Rect(0, 0, 60, 50)),
        PaddedReader(source, 99, 99),
        ResampledReader(source, 90, 70),
    ]
    for view in views:
        view.plane(0, 0).release(Rect(1, 2, 3, 4))
    assert released == [Rect(1, 2, 3, 4)] * len(views)
