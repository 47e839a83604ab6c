"""Each word of the OME-XML of an image of which all numbers differ."""

import dataclasses
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import ome_types
import pytest

from ziggurat.readers.model.image import Axis, Channel, ImageInfo
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.tiff.ome_xml import AssociatedFacts, ome_xml

BESIDE = [
    AssociatedFacts("label", 20, 10, 3, "uint8"), AssociatedFacts("macro", 31, 77, 1, "uint16")
]  # fmt: skip
STACK = array_reader(np.zeros((3, 2, 4, 9, 13, 2), np.uint16), "tczyxs").info


def xml_of(info: ImageInfo, *axes: Axis, **facts: Any) -> ET.Element:
    """Return the XML of an image with other axes and facts; the schema accepts it."""
    changed = {axis.name: axis for axis in axes}
    kept = tuple(changed.get(axis.name, axis) for axis in info.axes)
    told = dataclasses.replace(info, axes=kept, **facts)
    text = ome_xml(told, [(13, 9), (7, 5), (4, 3)], BESIDE, name="na\x07me")
    assert text.isascii()
    ome_types.validate_xml(text)
    return ET.fromstring(text)


def pixels_of(root: ET.Element, number: int = 0) -> dict[str, str]:
    return root.findall("{*}Image/{*}Pixels")[number].attrib


def test_all_that_is_said_of_pixels() -> None:
    axes = (
        Axis("t", 3, (2.0, 4.5, 7.0), "ms"), Axis("c", 2), Axis("z", 4, (1.0, 3.0, 5.0, 7.0), "nm")
    )  # fmt: skip
    root = xml_of(STACK, *axes, mm_x=0.00025, mm_y=0.001, magnification=40.0,
                  channels=(Channel("a", "#102030"), Channel("b\ud800", "#f0000001")))  # fmt: skip
    assert pixels_of(root) == {
        "ID": "Pixels:0", "DimensionOrder": "XYZCT", "Type": "uint16", "SizeX": "13", "SizeY": "9",
        "SizeZ": "4", "SizeC": "4", "SizeT": "3", "Interleaved": "true", "PhysicalSizeX": "0.25",
        "PhysicalSizeY": "1", "PhysicalSizeZ": "2", "PhysicalSizeZUnit": "nm",
        "TimeIncrement": "2.5", "TimeIncrementUnit": "ms",
    }  # fmt: skip
    assert [image.attrib["Name"] for image in root.findall("{*}Image")] == [
        "name",
        "label",
        "macro",
    ]
    assert root.find("{*}Instrument/{*}Objective").attrib["NominalMagnification"] == "40"
    channels = [dict(one.attrib) for one in root.findall("{*}Image/{*}Pixels/{*}Channel")]
    assert channels == [
        {"ID": "Channel:0:0", "Name": "a", "SamplesPerPixel": "2", "Color": str(0x102030FF)},
        {
            "ID": "Channel:0:1",
            "Name": "b",
            "SamplesPerPixel": "2",
            "Color": str(0xF00000FF - 2**32),
        },
        {"ID": "Channel:1:0", "SamplesPerPixel": "3"},
        {"ID": "Channel:2:0", "SamplesPerPixel": "1"},
    ]
    planes = [tuple(map(int, one.attrib.values())) for one in root.findall(".//{*}TiffData")]
    wanted = [(n, 1, z, c, t) for n, (t, c, z) in enumerate(np.ndindex(3, 2, 4))]
    assert planes == [*wanted, (24, 1), (25, 1)]
    levels = [(one.attrib["K"], one.text) for one in root.findall(".//{*}MapAnnotation//{*}M")]
    assert levels == [("1", "7 5"), ("2", "4 3")]


def test_all_that_is_said_of_pictures_beside_it() -> None:
    root = xml_of(STACK)
    common = {"DimensionOrder": "XYCZT", "SizeZ": "1", "SizeT": "1"}
    assert pixels_of(root, 1) == common | {
        "ID": "Pixels:1", "Type": "uint8", "SizeX": "20", "SizeY": "10", "SizeC": "3",
        "Interleaved": "true",
    }  # fmt: skip
    assert pixels_of(root, 2) == common | {
        "ID": "Pixels:2", "Type": "uint16", "SizeX": "31", "SizeY": "77", "SizeC": "1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "step", "places"),
    [
        (Axis("z", 4, (0.0, 2.0, 4.0, 6.0), "µm"), "2", None),
        (Axis("z", 4, (6.0, 4.0, 2.0, 0.0), "µm"), None, None),  # no size is below zero
        (Axis("z", 4, (0.0, 2.0, 4.0, 6.1), "µm"), None, ["0", "2", "4", "6.1"]),
        (Axis("z", 4, (0.0, 2.0, 4.0, 6.0), None), None, None),
        (Axis("z", 4, (0.0, 2.0, 4.0, 6.0), "ms"), None, None),  # no unit of length
        (Axis("z", 4, (False, True, False, True), "µm"), None, None),
        (Axis("z", 4, ("a", "b", "c", "d"), "µm"), None, None),
        (Axis("t", 3, (0, 3, 6), "s"), "3", None),
        (Axis("t", 3, (6, 3, 0), "s"), "-3", None),
        (Axis("t", 3, (0, 3, 7), "min"), None, ["0", "3", "7"]),
        (Axis("t", 3, (0, 3, 7), "µm"), None, None),
        (Axis("t", 3, (5, 5, 5), "s"), None, None),
    ],
    ids=str,
)
def test_where_planes_are_is_said_once_and_only_with_a_unit(
    axis: Axis, step: str | None, places: list[str] | None
) -> None:
    root = xml_of(STACK, axis)
    length = axis.name == "z"
    attribute, of_plane = ("PhysicalSizeZ", "PositionZ") if length else ("TimeIncrement", "DeltaT")
    said = pixels_of(root)
    assert said.get(attribute) == step
    assert said.get(f"{attribute}Unit") == (axis.unit if step else None)
    planes = [dict(plane.attrib) for plane in root.findall(".//{*}Plane")]
    wanted: list[dict[str, str]] = []
    for t, c, z in np.ndindex(3, 2, 4):
        if places is not None:
            where = {"TheZ": str(z), "TheC": str(c), "TheT": str(t)}
            unit = str(axis.unit)
            wanted.append({**where, of_plane: places[z if length else t], f"{of_plane}Unit": unit})
    assert planes == wanted


@pytest.mark.parametrize("name", ["z", "t"])
def test_along_an_axis_with_a_further_one_no_step_is_said(name: str) -> None:
    """Neighbours along it are those of the further axis then, which are elsewhere in no way."""
    pixels = np.zeros((2, 5, 3, 9, 13), np.uint8)  # the first further axis runs along t
    info = array_reader(pixels, "pqtyx" if name == "t" else "pqzyx").info
    root = xml_of(info, Axis(name, 3, (0.0, 2.0, 4.0), "s" if name == "t" else "nm"))
    said = pixels_of(root)
    assert "TimeIncrement" not in said
    assert "PhysicalSizeZ" not in said
    along = 2 if name == "t" else 5
    assert said["SizeT"] == str(3 * 2 if name == "t" else 2)
    assert said["SizeZ"] == str(5 if name == "t" else 3 * along)
