"""Vendors' slides, made up by what is known of their formats: pages, scale, names."""

import base64
import re
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from tests.each import each
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.formats.tiff.vendors.akoya import akoya_channel
from ziggurat.readers.formats.tiff.vendors.aperio import aperio_properties
from ziggurat.readers.formats.tiff.vendors.facts import micrometres, number
from ziggurat.readers.formats.tiff.vendors.leica import parse_scn
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Channel

RGB: dict[str, Any] = {"photometric": "rgb", "metadata": None}


@pytest.fixture
def tissue(tissue: np.ndarray) -> np.ndarray:
    """Return a picture that is wider than high: widths are no heights here."""
    return tissue[:384]


def sizes(reader: TiffReader) -> list[tuple[int, int, int, int]]:
    """Return width and height of each level, and those of its tiles."""
    levels = reader.info.levels
    return [(one.width, one.height, one.tile_width, one.tile_height) for one in levels]


def opened(path: Path) -> TiffReader:
    return open_reader(locate(path))


@each(
    "text, value",
    [("0.25", 0.25), (" 0,25 ", 0.25), ("20", 20), ("-1", None), ("0", None), ("nan", None),
     ("inf", None), ("x", None), (None, None), (3, 3)])  # fmt: skip
def test_numbers(text: Any, value: float | None) -> None:
    assert number(text) == value
    assert micrometres(text) == (None if value is None else value / 1000)


def test_aperio_fields() -> None:
    said = "Aperio Image Library v11\r\n46000x32914 -> 1x1 |AppMag = 20|MPP = 0.4990| = x|Left"
    assert aperio_properties(said) == {"aperio.AppMag": "20", "aperio.MPP": "0.4990"}


def test_an_aperio_slide(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.svs"
    said = "Aperio Image Library v1\n512x384 |AppMag = 40|MPP = 0,25|Filename = x"
    with tifffile.TiffWriter(path) as tif:
        tif.write(tissue, tile=(96, 128), description=said, **RGB)
        tif.write(tissue[::8, ::8], description="Aperio\n512x384 -> 64x48", **RGB)
        tif.write(tissue[::4, ::4], tile=(96, 128), description="Aperio\n512x384", **RGB)
        tif.write(tissue[:30, :40], description="Aperio\nlabel 40x30", subfiletype=1, **RGB)
        tif.write(tissue[:50, :90], description="Aperio\nmacro 90x50", subfiletype=9, **RGB)
    with opened(path) as reader:
        info = reader.info
        assert info.format == "aperio"
        assert (info.mm_x, info.magnification) == (pytest.approx(0.00025), 40)
        assert sizes(reader) == [(512, 384, 128, 96), (128, 96, 128, 96)]
        assert info.associated == ("thumbnail", "label", "macro")
        np.testing.assert_array_equal(reader.associated("label").read(), tissue[:30, :40])
        np.testing.assert_array_equal(reader.associated("macro").read(), tissue[:50, :90])


def test_pyramids_of_others_that_keep_aperios_description(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    path = tmp_path / "a.tif"
    said = "Aperio Image Library v1\n512x384 |AppMag = 40|MPP = 0.25"
    with tifffile.TiffWriter(path) as tif:
        for step in (1, 2, 4):
            tif.write(
                tissue[::step, ::step], tile=(48, 64), description=said,
                subfiletype=int(step > 1), **RGB,
            )  # fmt: skip
    with opened(path) as reader:
        assert sizes(reader) == [(512, 384, 64, 48), (256, 192, 64, 48), (128, 96, 64, 48)]
        assert reader.info.associated == ()


def test_focal_planes_of_an_aperio_slide(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.svs"
    said = "Aperio Image Library v1\n512x384 |AppMag = 40|MPP = 0.25"
    with tifffile.TiffWriter(path) as tif:
        tif.write(tissue, tile=(96, 128), description=said, **RGB)
        tif.write(tissue[::8, ::8], **RGB)
        for plane in (1, 2):
            tif.write(tissue // (plane + 1), tile=(96, 128), description=said, **RGB)
        for plane in (0, 1, 2):
            tif.write(tissue[::4, ::4] // (plane + 1), tile=(96, 128), description=said, **RGB)
    with opened(path) as reader:
        assert [(axis.name, axis.size) for axis in reader.info.axes] == [("z", 3)]
        found = reader.plane(1, 2).read(Rect(0, 0, 128, 96))
        np.testing.assert_array_equal(found, tissue[::4, ::4] // 3)


SCN = """<?xml version="1.0"?>
<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">
<collection name="c" sizeX="10000000" sizeY="20000000"><barcode>TEVJQ0E=</barcode>
<image name="macro"><pixels sizeX="64" sizeY="128"><dimension sizeX="64" sizeY="128" r="0" ifd="0"/>
</pixels><view sizeX="10000000" sizeY="20000000" offsetX="0" offsetY="0"/></image>
{areas}</collection></scn>"""
AREA = """<image name="area"><creationDate>2011-02-03T04:05:06Z</creationDate>
<device model="Leica SCN400" version="1"/>
<pixels sizeX="512" sizeY="384"><dimension sizeX="512" sizeY="384" r="0" ifd="1"/>
<dimension sizeX="128" sizeY="96" r="1" ifd="2"/></pixels>
<view sizeX="128000" sizeY="192000" offsetX="3000000" offsetY="4000000"/>
<scanSettings><objectiveSettings><objective>40</objective></objectiveSettings>
<illuminationSettings><numericalAperture>0.65</numericalAperture>
<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>"""


def leica(path: Path, tissue: np.ndarray, areas: str) -> Path:
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(tissue[:128, :64], tile=(48, 64), description=SCN.format(areas=areas), **RGB)
        tif.write(tissue, tile=(96, 128), **RGB)
        tif.write(tissue[::4, ::4], tile=(96, 128), **RGB)
    return path


def test_a_leica_slide(tmp_path: Path, tissue: np.ndarray) -> None:
    with opened(leica(tmp_path / "a.scn", tissue, AREA)) as reader:
        info = reader.info
        assert info.format == "leica"
        assert sizes(reader) == [(512, 384, 128, 96), (128, 96, 128, 96)]
        assert (info.mm_x, info.mm_y) == pytest.approx((0.00025, 0.0005))
        assert info.magnification == 40
        assert info.associated == ("macro",)
        assert info.properties["leica.objective"] == "40"
        assert info.properties["leica.barcode"] == "LEICA"
        assert info.properties["leica.illumination-source"] == "brightfield"
        assert info.properties["leica.creation-date"] == "2011-02-03T04:05:06Z"
        assert info.description is not None
        assert info.description.startswith("<?xml")
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 512, 384)), tissue)
        np.testing.assert_array_equal(reader.associated("macro").read(), tissue[:128, :64])


def test_a_leica_slide_whose_area_is_told_first(tmp_path: Path, tissue: np.ndarray) -> None:
    said = SCN.format(areas=AREA)
    macro, area = re.findall(r"<image .*?</image>", said, re.DOTALL)
    said = said.replace(macro, "@").replace(area, macro).replace("@", area)
    path = leica(tmp_path / "a.scn", tissue, AREA)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags[270].overwrite(said)
    with opened(path) as reader:
        assert sizes(reader) == [(512, 384, 128, 96), (128, 96, 128, 96)]
        assert reader.info.associated == ("macro",)
        np.testing.assert_array_equal(reader.associated("macro").read(), tissue[:128, :64])


def test_leica_slides_of_several_areas_are_left_to_openslide(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    with pytest.raises(UnsupportedFormatError, match="several areas"):
        opened(leica(tmp_path / "a.scn", tissue, AREA + AREA))


@pytest.mark.parametrize("text", ["<", "<scn/>", SCN.format(areas=AREA.replace('"512"', '"x"'))])
def test_bad_leica_descriptions(text: str) -> None:
    with pytest.raises(CorruptSourceError, match="Leica"):
        parse_scn(text)


def philips_xml(spacings: list[str], macro: bytes) -> str:
    levels = "".join(
        '<DataObject ObjectType="PixelDataRepresentation">'
        f'<Attribute Name="DICOM_PIXEL_SPACING">{one}</Attribute></DataObject>'
        for one in spacings
    )
    return (
        '<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">'
        '<Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>'
        '<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>'
        '<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">WSI'
        f'</Attribute><Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}'
        '</Array></Attribute></DataObject><DataObject ObjectType="DPScannedImage">'
        '<Attribute Name="PIM_DP_IMAGE_TYPE">MACROIMAGE</Attribute>'
        f'<Attribute Name="PIM_DP_IMAGE_DATA">{base64.b64encode(macro).decode()}</Attribute>'
        "</DataObject></Array></Attribute></DataObject>"
    )


def test_a_philips_slide(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.tiff"
    macro = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[:60, :100]), 90))
    spacings = ["&quot;0.0005&quot; &quot;0.00025&quot;", "&quot;0.001&quot; &quot;0.0005&quot;"]
    small = np.ascontiguousarray(np.pad(tissue[::2, ::2], ((0, 96), (0, 128), (0, 0)))[:288, :384])
    with tifffile.TiffWriter(path) as tif:
        said = philips_xml(spacings, macro)
        tif.write(
            np.pad(tissue, ((0, 0), (0, 0), (0, 0)))[:, :480], tile=(96, 128),
            description=said, software="Philips DP v1.0", **RGB,
        )  # fmt: skip
        padded = [small[y : y + 96, x : x + 128].tobytes() for y in (0, 96) for x in (0, 128)]
        padded[1] = b""
        tif.write(
            iter(padded), shape=(192, 256, 3), dtype=np.uint8, tile=(96, 128), compression=None,
            subfiletype=1, **RGB,
        )  # fmt: skip
    with opened(path) as reader:
        info = reader.info
        assert info.format == "philips"
        assert (info.mm_x, info.mm_y) == pytest.approx((0.00025, 0.0005))
        assert sizes(reader) == [(480, 384, 128, 96), (240, 192, 128, 96)]  # not the padded 256
        assert info.properties["philips.DICOM_MANUFACTURER"] == "PHILIPS"
        assert info.associated == ("macro",)
        stored = reader.associated("macro").encoded()
        assert stored is not None
        assert stored.data == macro
        assert reader.associated("macro").read().shape == (60, 100, 3)
        assert (
            reader.plane(1, 0).read(Rect(128, 0, 100, 96)) == 255
        ).all()  # sparse tiles are white
        level = reader.plane(1, 0).encoded()
        assert level is not None
        assert level.tile(1, 0) is None


def qptiff(name: str, color: str) -> str:
    return (
        "<PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType>"
        f"<Name>{name}</Name><Color>{color}</Color><Objective>20x</Objective>"
        "<PixelSizeMicrons>0.5</PixelSizeMicrons></PerkinElmer-QPI-ImageDescription>"
    )


def test_a_qptiff_of_channels(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.qptiff"
    names = [("DAPI", "0,0,255"), ("CD8", "255,128,0")]
    gray: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "tile": (96, 128)}
    with tifffile.TiffWriter(path) as tif:
        for band, said in enumerate(names):
            tif.write(
                np.ascontiguousarray(tissue[..., band]), description=qptiff(*said),
                software="PerkinElmer-QPI", **gray,
            )  # fmt: skip
        tif.write(tissue[::8, ::8], **RGB)
        for band, said in enumerate(names):
            small = np.ascontiguousarray(tissue[::2, ::2, band])
            tif.write(small, description=qptiff(*said), subfiletype=1, **gray)
    with opened(path) as reader:
        info = reader.info
        assert info.format == "akoya"
        assert info.channels == (Channel("DAPI", "#0000ff"), Channel("CD8", "#ff8000"))
        assert [(axis.name, axis.size) for axis in info.axes] == [("c", 2)]
        assert sizes(reader) == [(512, 384, 128, 96), (256, 192, 128, 96)]
        assert (info.mm_x, info.magnification) == (pytest.approx(0.0005), 20)
        found = reader.plane(1, 1).read(Rect(0, 0, 256, 192))[..., 0]
        np.testing.assert_array_equal(found, tissue[::2, ::2, 1])


@pytest.mark.parametrize("text", [None, "", "<x/>", "no xml", "<a><Name/></a>"])
def test_pages_that_name_no_channel(text: Any) -> None:
    assert akoya_channel(text) is None


@pytest.mark.parametrize("software", ["MedScan", "iScan"])
def test_slides_of_overlapping_tiles_are_left_to_openslide(
    tmp_path: Path, tissue: np.ndarray, software: str
) -> None:
    path = tmp_path / "a.tif"
    arguments: dict[str, Any] = {
        "software": "MedScan 1.0",
        "description": "Background Color=FFFFFF",
    }
    if software == "iScan":
        xmp = b'<iScan Magnification="20" ScanRes="0.5"/>'
        arguments = {"extratags": [(700, 1, len(xmp), xmp, True)]}
    tifffile.imwrite(path, tissue, tile=(96, 128), **RGB, **arguments)
    with pytest.raises(UnsupportedFormatError, match="left to OpenSlide"):
        opened(path)
