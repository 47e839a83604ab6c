"""Fields of an SVS description are told apart by bars: a value with one would be two fields."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.model.image import Axis
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.tiff.svs import describe


def test_a_value_with_a_bar_is_left_out() -> None:
    properties = {"aperio.User": "a", "aperio.Note": "x|MPP = 99", "aperio.Left": 3, "other": "b"}
    info = dataclasses.replace(
        array_reader(np.zeros((4, 4, 3), np.uint8)).info, properties=properties, mm_x=0.0005
    )
    (_, *fields) = describe(info, "4x4").split("|")
    told = dict(field.split(" = ", 1) for field in fields)
    assert told["User"] == "a"
    assert told["MPP"] == "0.5"
    assert {"Note", "Left", "other"}.isdisjoint(told)


def test_a_thumbnail_is_said_to_be_as_wide_as_it_is(tmp_path: Path) -> None:
    """Aperio's line of sizes: of the slide, and what of it the thumbnail is."""
    for name, pixels in (("thumbnail", np.zeros((30, 50, 3), np.uint8)), ("", None)):
        with ziggurat.new() as sink:
            sink.addTile(np.full((300, 700, 3), 9, np.uint8))
            if name:
                sink.addAssociatedImage(pixels, name)
                sink.addAssociatedImage(np.zeros((40, 20, 3), np.uint8), "macro")
                sink.addAssociatedImage(np.zeros((20, 60, 3), np.uint8), "label")
            sink.write(tmp_path / "a.svs")
        with tifffile.TiffFile(tmp_path / "a.svs") as tif:
            for number, page in enumerate(tif.pages):
                height, width = page.shape[:2]
                line = page.description.split("\r\n")[1].split("|")[0]
                if number == 1:
                    assert line == f"700x300 -> {width}x{height} -"
                elif number:
                    what = "label" if number == 2 else "macro"
                    assert line == f"{what} {width}x{height}"
                    assert page.subfiletype == {"label": 1, "macro": 9}[what]


def test_what_was_withheld_is_said_beside_what_was_given() -> None:
    info = dataclasses.replace(
        array_reader(np.zeros((4, 4, 3), np.uint8)).info,
        withheld=("label", "Date"), internal={"additionalMetadata": {"a": 1}},
    )  # fmt: skip
    told = dict(field.split(" = ", 1) for field in describe(info, "4x4").split("|")[1:])
    assert told["Withheld"] == "label, Date"
    assert len(told) == 2


@pytest.mark.parametrize("mm", [0.00012345, 0.000250012, 0.002, 1.5])
def test_pixels_are_as_large_as_they_are_said_to_be(mm: float) -> None:
    info = dataclasses.replace(array_reader(np.zeros((4, 4, 3), np.uint8)).info, mm_x=mm, mm_y=mm)
    told = dict(field.split(" = ", 1) for field in describe(info, "4x4").split("|")[1:])
    assert float(told["MPP"]) == pytest.approx(mm * 1000, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "unit", "told"),
    [
        ((0.0, 1.5, 4.0), "um", ["0", "1.5", "4"]),
        ((0.001, 0.002, 0.004), "mm", ["1", "2", "4"]),
        (None, None, ["0", "1", "2"]),  # which plane it is, where nobody knows how deep
        ((0.0, 1.0, 2.0), None, ["0", "1", "2"]),
        (("top", "middle", "bottom"), "um", ["0", "1", "2"]),
    ],
)
def test_focal_planes_say_how_deep_they_are(values: Any, unit: Any, told: list[str]) -> None:
    plain = array_reader(np.zeros((3, 4, 4), np.uint8), "zyx").info
    info = dataclasses.replace(plain, axes=(Axis("z", 3, values, unit),))
    for frame in range(3):
        fields = dict(f.split(" = ") for f in describe(info, "4x4", frame).split("|")[1:])
        assert (fields["OffsetZ"], fields["TotalDepth"]) == (told[frame], "3")


def test_focal_planes_have_one_thumbnail(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        for z in range(3):
            sink.addTile(np.full((1200, 1100, 3), z, np.uint8), z=z)
        sink.addAssociatedImage(np.zeros((30, 50, 3), np.uint8), "thumbnail")
        sink.write(tmp_path / "a.svs")
    with tifffile.TiffFile(tmp_path / "a.svs") as tif:
        small = [number for number, page in enumerate(tif.pages) if page.shape[:2] == (30, 50)]
        assert small == [1]
        assert len(tif.pages) == 3 * sum(page.is_tiled for page in tif.pages) // 3 + 1
