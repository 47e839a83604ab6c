"""What is asked of an image, each alone and all together, against slices of an array."""

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.prepare.pictures import thumbnail_size
from ziggurat.converter.prepare.prepare import Prepared, prepare, shrink_factor
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.array import array_reader
from ziggurat.readers.views.views import View

FRAMES, HEIGHT, WIDTH, BANDS = 4, 30, 50, 5
ARRAY = np.random.default_rng(9).integers(0, 250, (FRAMES, HEIGHT, WIDTH, BANDS)).astype(np.uint8)


class _Known(View):
    """An image that knows how large it is."""

    def __init__(self, reader: Reader, **facts: Any) -> None:
        super().__init__(reader, dataclasses.replace(reader.info, **facts))


def image(**facts: Any) -> Reader:
    known = {"mm_x": 0.0005, "mm_y": 0.0005, "magnification": 20.0, **facts}
    return _Known(array_reader(ARRAY, axes="zyxs"), **known)


def pixels(prepared: Prepared) -> Pixels:
    reader = prepared.reader
    return np.stack([reader.plane(0, frame).read(reader.info.levels[0].rect)
                     for frame in range(reader.info.frames)])  # fmt: skip


PARTS: list[tuple[dict[str, Any], Any]] = [
    ({}, np.s_[:]), ({"frames": {"z": [1, 2]}}, np.s_[1:3]), ({"frames": {"z": [3]}}, np.s_[3:]),
]  # fmt: skip
REGIONS: list[tuple[dict[str, Any], Any]] = [
    ({}, np.s_[:, :]),
    ({"region": {"left": 3, "top": 7, "width": 20, "height": 11}}, np.s_[7:18, 3:23]),
    ({"region": {"left": 41, "top": 2}}, np.s_[2:, 41:]),
    ({"region": {"left": 0.0005, "top": 0.001, "right": 0.01, "bottom": 0.0055, "units": "mm"}},
     np.s_[2:11, 1:20]),
]  # fmt: skip
BANDED: list[tuple[dict[str, Any], Any]] = [
    ({}, np.s_[:]), ({"bands": (4, 0)}, np.s_[[4, 0]]), ({"bands": (2,)}, np.s_[[2]]),
]  # fmt: skip


@each("frames", range(len(PARTS)))
@each("region", range(len(REGIONS)))
@each("bands", range(len(BANDED)))
def test_parts_are_those_that_are_asked_for(frames: int, region: int, bands: int) -> None:
    asked = [PARTS[frames], REGIONS[region], BANDED[bands]]
    given: dict[str, Any] = {}
    for one, _ in asked:
        given |= one
    found = prepare(image(), "in.tiff", ConvertOptions(**given))
    got = pixels(found)
    frame_slice, region_slice, band_slice = (part for _, part in asked)
    assert (got == ARRAY[frame_slice][:, *region_slice][..., band_slice]).all()
    assert (found.smaller, found.remade, found.notes, found.secrets) == (False, (), (), ())


@each("given, facts, factor", [
        ({}, {}, None), ({"mm_per_pixel": 0.001}, {}, 2.0), ({"mm_per_pixel": 0.0005}, {}, 1.0),
        ({"mm_per_pixel": 0.001}, {"mm_y": 0.25}, 2.0), ({"magnification": 5}, {}, 4.0),
        ({"magnification": 20}, {}, 1.0), ({"magnification": 40}, {"mm_x": None}, 0.5),
        ({"mm_per_pixel": 0.001}, {"magnification": None}, 2.0),
    ])  # fmt: skip
def test_by_what_an_image_is_to_shrink(
    given: dict[str, Any], facts: dict[str, Any], factor: float | None
) -> None:
    assert shrink_factor(image(**facts), ConvertOptions(**given)) == factor


@each("given, facts, error, words", [
        ({"mm_per_pixel": 0.001}, {"mm_x": None}, OptionError, "how large its pixels are"),
        ({"magnification": 10}, {"magnification": None}, OptionError, "its magnification"),
        ({"region": {"left": 50, "width": 9}}, {}, RegionError, "outside the image of 50 x 30"),
        ({"region": {"top": 30, "height": 9}}, {}, RegionError, "outside the image of 50 x 30"),
        ({"frames": {"z": [4]}}, {}, RegionError, "'z' has positions 0 to 3"),
        ({"bands": (5,)}, {}, RegionError, "bands must be 0 to 4"),
        ({"frames": {"q": [0]}}, {}, RegionError, "no axis 'q'"),
    ])  # fmt: skip
def test_what_an_image_has_not_is_refused(
    given: dict[str, Any], facts: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        prepare(image(**facts), "in.tiff", ConvertOptions(**given))


@pytest.mark.parametrize(("mm", "size"), [(0.001, (25, 15)), (0.0025, (10, 6)), (0.0005, (50, 30))])
def test_a_part_is_made_smaller_as_the_whole_is(mm: float, size: tuple[int, int]) -> None:
    found = prepare(image(), "in.tiff", ConvertOptions(mm_per_pixel=mm))
    level = found.reader.info.levels[0]
    assert (level.width, level.height) == size
    assert found.smaller is (mm > 0.0005)
    assert found.reader.info.mm_x == pytest.approx(mm)
    part = ConvertOptions(mm_per_pixel=mm, region={"left": 0, "top": 0, "width": 20, "height": 10})
    level = prepare(image(), "in.tiff", part).reader.info.levels[0]
    assert (level.width, level.height) == (size[0] * 20 // 50, size[1] * 10 // 30)


@each(
    "name, stem",
    [("/a/Roe-Jane.svs", "Roe-Jane"), ("Roe-Jane.ome.tif", "Roe-Jane"), ("s.svs", None),
     ("https://h/Meyer-1948/", "Meyer-1948"), ("123456789.svs", "123456789"),
     ("12345678.svs", None), ("image.svs", None), ("sample.svs", None)])  # fmt: skip
def test_the_name_of_a_slide_is_looked_for_where_it_tells(name: str, stem: str | None) -> None:
    found = prepare(image(), name, ConvertOptions(deidentify=True))
    assert found.secrets == (() if stem is None else (stem,))
    assert prepare(image(), name, ConvertOptions()).secrets == ()


@pytest.mark.parametrize("color", ["keep", "srgb"])
def test_no_profile_is_no_reason_to_change_a_colour(color: str) -> None:
    found = prepare(image(), "in.tiff", ConvertOptions(color=color))
    assert (found.notes != ()) is (color == "srgb")
    assert (pixels(found) == ARRAY).all()


def test_a_thumbnail_is_no_larger_than_a_quarter_of_the_image() -> None:
    """But for small ones, of which 256 pixels are taken; in its own shape, and never larger."""
    for (wide, high), (width, height) in itertools.product(
        [(50, 30), (4000, 1000), (1000, 4000), (1100, 2)], [(300, 200), (90, 1200), (1, 7000)]
    ):
        most = max(256, max(wide, high) // 4)
        info = dataclasses.replace(
            image().info,
            levels=(dataclasses.replace(image().info.levels[0], width=wide, height=high),),
        )
        found = thumbnail_size(info, width, height)
        factor = max(1, max(width, height) / most)
        assert found == (max(1, round(width / factor)), max(1, round(height / factor)))
        assert max(found) <= max(most, 1)
