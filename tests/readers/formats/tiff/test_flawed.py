"""Descriptions that don't fit their pages: all pages are read, and the good facts kept."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.reader import Pixels, Reader

UUID = "urn:uuid:6d2a2c34-1f3b-4d6e-9b52-0a1b2c3d4e5f"
SIZE = 'SizeX="80" SizeY="64" SizeC="3" SizeZ="1" SizeT="1"'
ORDER = f'DimensionOrder="XYCZT" {SIZE}'
SCALE = 'PhysicalSizeX="0.5" PhysicalSizeY="0.5"'
NAMES = ("DAPI", "FITC", "Cy5")
CHANNELS = "".join(
    f'<Channel ID="Channel:0:{c}" Name="{name}" SamplesPerPixel="1"/>'
    for c, name in enumerate(NAMES)
)


@pytest.fixture
def stack(rng: np.random.Generator) -> Pixels:
    return rng.integers(0, 60000, (3, 64, 80), dtype=np.uint16)


def ome(pixels: str, body: str, scale: str = SCALE) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" Type="uint16" {pixels} {scale}>{body}</Pixels></Image></OME>'
    )


def write(path: Path, pages: Sequence[Pixels], text: str, tile: Any = (16, 16)) -> Path:
    with tifffile.TiffWriter(path, ome=False) as tif:
        for number, page in enumerate(pages):
            tif.write(
                page,
                description=None if number else text.encode(),
                metadata=None,
                tile=tile,
                photometric="minisblack",
            )
    return path


def check_frames(reader: Reader, stack: Pixels) -> None:
    info = reader.info
    assert (info.frames, info.dtype, info.bands) == (len(stack), stack.dtype, 1)
    for frame, page in enumerate(stack):
        np.testing.assert_array_equal(
            reader.plane(0, frame).read(info.levels[0].rect)[..., 0], page
        )


def named(file: str | None) -> str:
    name = "" if file is None else f' FileName="{file}"'
    return CHANNELS + "".join(
        f'<TiffData IFD="{c}" FirstC="{c}" PlaneCount="1"><UUID{name}>{UUID}</UUID></TiffData>'
        for c in range(3)
    )


FLAWED = {
    "a UUID without a file": ome(ORDER, named(None)),
    "renamed": ome(ORDER, named("before.ome.tif")),
    "no order": ome(SIZE, CHANNELS + "<TiffData/>"),
    "an order of its own": ome(ORDER.replace("XYCZT", "CXYZT"), CHANNELS + "<TiffData/>"),
    "lower case": ome(ORDER.replace("XYCZT", "xyczt"), CHANNELS + "<TiffData/>"),
    "no SizeC": ome(ORDER.replace('SizeC="3"', ""), CHANNELS + "<TiffData/>"),
    "1.0 times": ome(ORDER.replace('SizeT="1"', 'SizeT="1.0"'), CHANNELS + "<TiffData/>"),
    "no samples": ome(
        ORDER, CHANNELS.replace('SamplesPerPixel="1"', 'SamplesPerPixel=""') + "<TiffData/>"
    ),
    "no TiffData": ome(ORDER, CHANNELS),
    "a size one off": ome(ORDER.replace('"80"', '"81"'), CHANNELS + "<TiffData/>"),
}


@pytest.mark.parametrize("tile", [(16, 16), None], ids=["tiles", "strips"])
@pytest.mark.parametrize("flaw", FLAWED)
def test_flawed_ome_xml_keeps_pages_and_facts(
    flaw: str, tile: tuple[int, int] | None, stack: Pixels, tmp_path: Path
) -> None:
    with open_reader(write(tmp_path / "a.ome.tif", stack, FLAWED[flaw], tile)) as reader:
        check_frames(reader, stack)
        info = reader.info
        assert (info.format, info.mm_x, info.losses) == ("ome-tiff", 0.0005, ())
        assert [(axis.name, axis.size) for axis in info.axes] == [("c", 3)]
        assert tuple(channel.name for channel in info.channels) == NAMES


def test_pages_in_an_order_of_their_own(stack: Pixels, tmp_path: Path) -> None:
    body = CHANNELS + "".join(
        f'<TiffData IFD="{2 - c}" FirstC="{c}" PlaneCount="1"><UUID>{UUID}</UUID></TiffData>'
        for c in range(3)
    )
    with open_reader(write(tmp_path / "a.ome.tif", stack, ome(ORDER, body))) as reader:
        check_frames(reader, stack[::-1])


def test_a_modulo_of_an_unknown_kind(stack: Pixels, tmp_path: Path) -> None:
    text = ome(ORDER.replace("SizeC", "SizeQ").replace('SizeZ="1"', 'SizeZ="3"'), "<TiffData/>")
    modulo = (
        '<StructuredAnnotations><XMLAnnotation ID="Annotation:0" Namespace='
        '"openmicroscopy.org/omero/dimension/modulo"><Value><Modulo><ModuloAlongZ Type="wobble">'
        "<Label>a</Label><Label>b</Label><Label>c</Label></ModuloAlongZ></Modulo></Value>"
        "</XMLAnnotation></StructuredAnnotations></OME>"
    )
    with open_reader(
        write(tmp_path / "a.ome.tif", stack, text.replace("</OME>", modulo))
    ) as reader:
        check_frames(reader, stack)


def test_xml_with_a_flaw_in_the_middle_keeps_what_comes_before(
    stack: Pixels, tmp_path: Path
) -> None:
    text = ome(ORDER, CHANNELS + "<TiffData/>&nothing;")
    with open_reader(write(tmp_path / "a.ome.tif", stack, text)) as reader:
        check_frames(reader, stack)
        assert reader.info.mm_x == 0.0005
        assert tuple(channel.name for channel in reader.info.channels) == NAMES


@pytest.mark.parametrize("size", [2, 5])
def test_xml_of_other_counts_is_told(size: int, stack: Pixels, tmp_path: Path) -> None:
    text = ome(ORDER.replace('SizeC="3"', f'SizeC="{size}"'), "<TiffData/>")
    with open_reader(write(tmp_path / "a.ome.tif", stack, text)) as reader:
        assert any("OME-XML" in loss for loss in reader.info.losses)


@pytest.mark.parametrize("missing", ["one of them", "all but the first's"])
def test_levels_that_not_all_channels_have_are_made(
    missing: str, stack: Pixels, tmp_path: Path
) -> None:
    path = tmp_path / "a.ome.tif"
    text = ome(ORDER, CHANNELS + "<TiffData/>")
    with tifffile.TiffWriter(path, ome=False) as tif:
        for number, page in enumerate(stack):
            has = number == 0 or (missing == "one of them" and number == 1)
            options: dict[str, Any] = {"tile": (16, 16), "metadata": None}
            options["photometric"] = "minisblack"
            description = None if number else text.encode()
            tif.write(page, description=description, subifds=int(has), **options)
            if has:
                tif.write(page[::2, ::2], subfiletype=1, **options)
    with ziggurat.open(path) as source:
        for frame in range(3):
            half, _ = source.getRegion(format="numpy", frame=frame, output={"maxWidth": 40})
            assert abs(float(np.mean(half)) - float(stack[frame].mean())) < 2000
    with open_reader(path) as reader:
        check_frames(reader, stack)
        assert reader.info.mm_x == 0.0005


SAID = ("images=300\nslices=300", "images=2\nslices=2", "images=3\nslices=2\nchannels=2")


@pytest.mark.parametrize("said", [*SAID, "images=abc\nslices=x", "images=-1", "images=0\nframes=0"])
@pytest.mark.parametrize("tile", [(16, 16), None], ids=["tiles", "strips"])
def test_imagej_counts_that_do_not_fit(
    said: str, tile: tuple[int, int] | None, stack: Pixels, tmp_path: Path
) -> None:
    text = f"ImageJ=1.53t\n{said}\nunit=micron\n"
    with open_reader(write(tmp_path / "a.tif", stack, text, tile)) as reader:
        check_frames(reader, stack)
        assert reader.info.format == "imagej"


SHAPES: tuple[object, ...] = (
    None,
    "a text",
    {"a": 1},
    [],
    [2, 64, 80],
    [3, "x", 80],
    [0],
    [-3, 64, 80],
    7,
    [10**9] * 3,
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("tile", [(16, 16), None], ids=["tiles", "strips"])
def test_json_descriptions_never_decide_against_the_pages(
    shape: object, tile: tuple[int, int] | None, stack: Pixels, tmp_path: Path
) -> None:
    with open_reader(
        write(tmp_path / "a.tif", stack, json.dumps({"shape": shape}), tile)
    ) as reader:
        check_frames(reader, stack)
