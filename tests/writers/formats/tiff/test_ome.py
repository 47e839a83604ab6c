"""OME-TIFF: XML that the schema accepts, and facts that other readers find."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile

from tests.hooked import HookedArray
from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.tiff.pages.description import parse_description
from ziggurat.readers.model.image import Axis, Channel
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.tiff.ome_xml import AssociatedFacts, ome_unit, ome_xml, uniform_step
from ziggurat.writers.model.options import PyramidStyle, WriteOptions

EXACT = WriteOptions(lossy=False, overwrite=True, tile_size=64)


def edited(pixels: np.ndarray, names: str = "yxs", **facts: Any) -> Any:
    reader = array_reader(pixels, names)
    frames = pixels if names.endswith("s") else pixels[..., np.newaxis]
    return ArrayReader(frames, dataclasses.replace(reader.info, **facts))


CASES = [
    ((90, 80, 3), "yxs", np.uint8, {}),
    ((90, 80), "yx", np.float64, {"description": "a < b & c\x07 \u00e9"}),
    ((90, 80), "yx", bool, {}),
    ((4, 90, 80), "cyx", np.uint16, {"channels": (Channel("DAPI", "#0000ff"), Channel("é"))}),
    ((2, 3, 4, 90, 80), "tzcyx", np.int8, {"mm_x": 1e-4, "mm_y": 2e-4, "magnification": 63.0}),
    ((3, 2, 90, 80), "ctyx", np.float32, {}),
    ((2, 90, 80, 3), "zyxs", np.uint8, {}),
    ((2, 90, 80, 3), "cyxs", np.uint8, {}),
    ((2, 3, 90, 80), "tqyx", np.int32, {}),
    ((2, 3, 2, 90, 80), "tqcyx", np.uint32, {}),
]


@pytest.mark.parametrize(("shape", "names", "dtype", "facts"), CASES)
def test_the_schema_accepts_it_and_tifffile_finds_every_plane(
    tmp_path: Path, rng: np.random.Generator, shape: Any, names: Any, dtype: Any, facts: Any
) -> None:
    pixels = rng.integers(0, 2 if dtype is bool else 100, shape).astype(dtype)
    path = tmp_path / "image.ome.tif"
    write(edited(pixels, names, **facts), path, EXACT)
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
        assert xml.isascii()
        ome_types.validate_xml(xml)
        series = tif.series[0]
        assert series.axes.lower() == names
        assert series.dtype == dtype
        np.testing.assert_array_equal(series.asarray(), pixels)
        assert len(series.levels) == 2
        levels = series.levels[1].shape
        assert levels[names.index("y")] == 45
        assert levels[names.index("x")] == 40


def test_facts_are_where_other_programs_look_for_them(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 2**16, (3, 2, 4, 90, 80), np.uint16)
    reader = edited(
        pixels,
        "tzcyx",
        axes=(
            Axis("t", 3, (0.0, 1.5, 3.0), "seconds"),
            Axis("z", 2, (0, 250), "nm"),
            Axis("c", 4),
        ),
        channels=(
            Channel("DAPI", "#0000ff"),
            Channel("FITC", "#00ff00"),
            Channel("Cy3", "#ff0000"),
            Channel("bright"),
        ),
        mm_x=0.00025,
        mm_y=0.0005,
        magnification=20.0,
        description="two\nlines",
    )
    path = tmp_path / "image.ome.tif"
    write(reader, path, EXACT)
    ome = ome_types.from_tiff(path)
    image = ome.images[0]
    assert image.description == "two\nlines"
    assert (image.pixels.physical_size_x, image.pixels.physical_size_y) == (0.25, 0.5)
    assert image.pixels.physical_size_x_unit.value == "µm"
    assert (image.pixels.time_increment, image.pixels.time_increment_unit.value) == (1.5, "s")
    assert (image.pixels.physical_size_z, image.pixels.physical_size_z_unit.value) == (250, "nm")
    assert [c.name for c in image.pixels.channels] == ["DAPI", "FITC", "Cy3", "bright"]
    assert image.pixels.channels[0].color.as_rgb_tuple() == (0, 0, 255)
    assert ome.instruments[0].objectives[0].nominal_magnification == 20
    pyramid = next(a for a in ome.structured_annotations if "Pyramid" in (a.namespace or ""))
    assert {m.k: m.value for m in pyramid.value.ms} == {"1": "40 45"}
    own = next(a for a in ome.structured_annotations if a.namespace == "ziggurat")
    said = parse_description(own.value)
    assert said.facts["axes"] == reader.info.axes
    assert said.facts["channels"] == reader.info.channels


def test_uneven_positions_are_said_plane_by_plane() -> None:
    info = edited(
        np.zeros((3, 8, 8), np.uint8), "zyx", axes=(Axis("z", 3, (0.0, 1.0, 5.0), "um"),)
    ).info
    xml = ome_xml(info, [(8, 8)])
    ome_types.validate_xml(xml)
    planes = ome_types.from_xml(xml).images[0].pixels.planes
    assert [plane.position_z for plane in planes] == [0, 1, 5]


def test_rgb_is_one_channel_of_three_samples() -> None:
    info = array_reader(np.zeros((8, 8, 3), np.uint8)).info
    pixels = ome_types.from_xml(ome_xml(info, [(8, 8)])).images[0].pixels
    assert pixels.size_c == 3
    assert [channel.samples_per_pixel for channel in pixels.channels] == [3]


class WithLabel(HookedArray):
    def picture(self, name: str) -> Any:
        return np.full((30, 50, 3), 77 if name == "label" else 99, np.uint8)


def test_associated_images_are_further_images(tmp_path: Path, tissue: np.ndarray) -> None:
    info = dataclasses.replace(array_reader(tissue).info, associated=("label", "macro"))
    path = tmp_path / "image.ome.tif"
    write(WithLabel(tissue, info), path)
    ome = ome_types.from_tiff(path)
    assert [image.name for image in ome.images] == ["image", "label", "macro"]
    with tifffile.TiffFile(path) as tif:
        assert [series.name for series in tif.series] == ["image", "label", "macro"]
        assert (tif.series[1].asarray() == 77).all()
        assert tif.series[2].shape == (30, 50, 3)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float16])
def test_types_that_ome_lacks_are_refused_and_named(tmp_path: Path, dtype: Any) -> None:
    reader = array_reader(np.zeros((20, 20, 1), dtype))
    with pytest.raises(OptionError, match=f"no pixel type for {np.dtype(dtype)}.*int32.*zarr"):
        write(reader, tmp_path / "image.ome.tif")
    assert list(tmp_path.iterdir()) == []


def test_levels_as_pages_are_refused(tmp_path: Path, tissue: np.ndarray) -> None:
    with pytest.raises(OptionError, match="SubIFDs, not pages"):
        write(
            array_reader(tissue), tmp_path / "a.ome.tif", WriteOptions(pyramid=PyramidStyle.PAGES)
        )


def test_more_than_three_further_axes_are_refused(tmp_path: Path) -> None:
    reader = array_reader(np.zeros((1, 1, 1, 1, 8, 8), np.uint8), "abdeyx")
    with pytest.raises(OptionError, match=r"room for three axes.*not for 4"):
        write(reader, tmp_path / "a.ome.tif")


def test_associated_pages_come_after_the_frames() -> None:
    info = array_reader(np.zeros((5, 8, 8), np.uint8), "tyx").info
    xml = ome_xml(info, [(8, 8)], [AssociatedFacts("label", 20, 10, 3, "uint8")])
    images = ome_types.from_xml(xml).images
    assert [data.ifd for data in images[0].pixels.tiff_data_blocks] == [0, 1, 2, 3, 4]
    assert [data.ifd for data in images[1].pixels.tiff_data_blocks] == [5]


@pytest.mark.parametrize(
    ("values", "step"),
    [((0, 2, 4), 2.0), ((0, 2, 5), None), (("a", "b"), None), (None, None), ((1,), None)],
)
def test_steps_of_axes(values: Any, step: Any) -> None:
    assert uniform_step(Axis("z", 3 if values is None else len(values), values)) == step


def test_units_have_omes_names() -> None:
    lengths = ("microns", "S", "um", None, "parsec", "seconds")
    assert [ome_unit("z", unit) for unit in lengths] == ["µm", None, "µm", None, "pc", None]
    times = ("ms", "S", "us", "minutes", "µm")  # S is siemens
    assert [ome_unit("t", unit) for unit in times] == ["ms", None, "µs", "min", None]


def test_our_own_facts_are_json() -> None:
    info = edited(np.zeros((8, 8, 1), np.uint8), description='<&">').info
    xml = ome_xml(info, [(8, 8)])
    own = ome_types.from_xml(xml).structured_annotations[0]
    assert json.loads(own.value)["ziggurat"]["description"] == '<&">'


@pytest.mark.parametrize(("unit", "said"), [("second", "s"), ("ms", "ms"), ("minute", "min")])
@pytest.mark.parametrize(("length", "symbol"), [("um", "µm"), ("nm", "nm"), ("mm", "mm")])
def test_positions_of_planes_are_in_the_units_of_their_axes(
    unit: str, said: str, length: str, symbol: str
) -> None:
    axes = (Axis("t", 3, (0.0, 1.0, 5.0), unit), Axis("z", 3, (0.0, 2.0, 3.0), length))
    xml = ome_xml(edited(np.zeros((3, 3, 8, 8), np.uint8), "tzyx", axes=axes).info, [(8, 8)])
    planes = ome_types.from_xml(xml).images[0].pixels.planes
    assert {(p.delta_t_unit.value, p.position_z_unit.value) for p in planes} == {(said, symbol)}
    assert {(p.the_t, p.delta_t, p.the_z, p.position_z) for p in planes} == {
        (i, t, j, z) for i, t in enumerate((0, 1, 5)) for j, z in enumerate((0, 2, 3))
    }


@pytest.mark.parametrize("last", [2.001, 1.999, 2.02])
def test_steps_that_are_hardly_uneven_are_uneven(last: float) -> None:
    axes = (Axis("z", 3, (0.0, 1.0, last), "um"),)
    xml = ome_xml(edited(np.zeros((3, 8, 8), np.uint8), "zyx", axes=axes).info, [(8, 8)])
    pixels = ome_types.from_xml(xml).images[0].pixels
    assert pixels.physical_size_z is None
    assert [plane.position_z for plane in pixels.planes] == [0, 1, last]


@pytest.mark.parametrize("color", ["#000000", "#ff0000", "#00ff7f", "#ffffff", "#7fffffff"])
def test_colours_are_signed_numbers_of_32_bits(color: str) -> None:
    channels = (Channel("a", color),)
    info = edited(
        np.zeros((1, 8, 8), np.uint8), "cyx", axes=(Axis("c", 1),), channels=channels
    ).info
    (found,) = re.findall(r'Color="(-?[0-9]+)"', ome_xml(info, [(8, 8)]))
    assert -(2**31) <= int(found) < 2**31
    assert (int(found) % 2**32).to_bytes(4, "big").hex() == color[1:7] + "ff"


def test_channels_that_a_further_axis_lies_along_keep_their_names() -> None:
    axes = (*(Axis(name, 2) for name in ("a", "b", "d")), Axis("c", 3))
    channels = tuple(Channel(name) for name in ("DAPI", "FITC", "Cy5"))
    shape = [*(axis.size for axis in axes), 8, 8]
    info = edited(np.zeros(shape, np.uint8), "abdcyx", axes=axes, channels=channels).info
    pixels = ome_types.from_xml(ome_xml(info, [(8, 8)])).images[0].pixels
    names = [channel.name for channel in pixels.channels]
    assert names == [name for name in ("DAPI", "FITC", "Cy5") for _ in range(2)]


def test_a_further_axis_says_where_it_begins_and_ends() -> None:
    axes = (Axis("lambda", 3, (400.0, 450.0, 500.0), "nm"), Axis("z", 2))
    xml = ome_xml(edited(np.zeros((3, 2, 8, 8), np.uint8), "lzyx", axes=axes).info, [(8, 8)])
    (along,) = re.findall(r"<ModuloAlongT ([^>]*)/>", xml)
    said = dict(re.findall(r'([A-Za-z]+)="([^"]*)"', along))
    assert (said["Start"], said["Step"], said["End"]) == ("400", "50", "500")


@pytest.mark.parametrize("names", ["ctzyx", "tczyx", "zctyx", "cyx", "tzyx"])
def test_planes_are_where_they_are_said_to_be(names: str) -> None:
    """By DimensionOrder, by TiffData and, where positions are uneven, by Plane."""
    sizes = {"c": 2, "t": 3, "z": 4}
    axes = tuple(
        Axis(n, sizes[n], (0.0, 1.0, 5.0, 6.0)[: sizes[n]], {"z": "um", "t": "s"}.get(n))
        for n in names[:-2]
    )
    pixels = np.zeros([sizes[axis.name] for axis in axes] + [8, 8], np.uint8)
    info = edited(pixels, names, axes=axes).info
    found = ome_types.from_xml(ome_xml(info, [(8, 8)])).images[0].pixels
    length = {"Z": found.size_z, "C": found.size_c, "T": found.size_t}
    order = found.dimension_order.value[2:]
    expected = [
        {name: number // step % length[name] for name, step in steps.items()}
        for steps in [
            {order[0]: 1, order[1]: length[order[0]], order[2]: length[order[0]] * length[order[1]]}
        ]
        for number in range(info.frames)
    ]
    told = sorted(found.tiff_data_blocks, key=lambda block: block.ifd)
    assert [{"Z": b.first_z, "C": b.first_c, "T": b.first_t} for b in told] == expected
    if found.planes:
        assert [{"Z": p.the_z, "C": p.the_c, "T": p.the_t} for p in found.planes] == expected
    assert bool(found.planes) == bool({"t", "z"} & set(names))


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (("left", "right", "above"), ["left", "right", "above"]),
        ((0, 1, 5), ["0", "1", "5"]),
        (None, ["0", "1", "2"]),
        ((0.5, 1.0, 1.5), []),  # said by where they begin and end
    ],
)
def test_positions_of_a_further_axis_are_what_they_stand_for(
    values: Any, labels: list[str]
) -> None:
    info = edited(np.zeros((3, 8, 8), np.uint8), "qyx", axes=(Axis("q", 3, values),)).info
    assert re.findall(r"<(?:\w+:)?Label>(.*?)</", ome_xml(info, [(8, 8)])) == labels
