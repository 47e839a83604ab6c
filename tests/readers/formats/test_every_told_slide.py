"""Every fact that vendors' TIFFs and plain pictures tell, none like another: see ``told``."""

import base64
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from tests.readers.formats.told import Array, check

RNG = np.random.default_rng(43)
FULL, HALF = (RNG.integers(1, 255, (*size, 3), np.uint8) for size in ((80, 112), (40, 56)))
MACRO = RNG.integers(1, 255, (32, 48, 3), np.uint8)
RGB: dict[str, Any] = {"photometric": "rgb", "metadata": None}
TILE = {"tile": (32, 48)}


def one(pixels: Array) -> Array:
    return pixels[np.newaxis]


def test_leica(tmp_path: Path) -> None:
    said = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">'
        '<collection sizeX="9000000" sizeY="20000000"><image name="macro"><pixels sizeX="48"'
        ' sizeY="32"><dimension sizeX="48" sizeY="32" r="0" ifd="0"/></pixels>'
        '<view sizeX="9000000" sizeY="20000000" offsetX="0" offsetY="0"/></image>'
        '<image name="area"><pixels sizeX="112" sizeY="80">'
        '<dimension sizeX="112" sizeY="80" r="0" ifd="1"/>'
        '<dimension sizeX="56" sizeY="40" r="1" ifd="2"/></pixels>'
        '<view sizeX="28000" sizeY="40000" offsetX="3000" offsetY="4000"/><scanSettings>'
        "<objectiveSettings><objective>40</objective></objectiveSettings></scanSettings></image>"
        "</collection></scn>"
    )
    path = tmp_path / "a.scn"
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(MACRO, **TILE, description=said, **RGB)
        tif.write(FULL, **TILE, **RGB)
        tif.write(HALF, **TILE, **RGB)
    check(path, [one(FULL), one(HALF)], {
        "format": "leica", "levels": [(112, 80, 48, 32), (56, 40, 48, 32)], "bands": 3, "served": 3,
        "dtype": "uint8", "interpretation": "rgb", "mm_x": 2.5e-4, "mm_y": 5e-4,
        "magnification": 40, "description": said, "background": (255.0,) * 3,
        "served_levels": "finer", "beside": {"macro": MACRO},
    })  # fmt: skip


def test_philips(tmp_path: Path) -> None:
    macro = bytes(imagecodecs.jpeg8_encode(MACRO, 90))

    def level(spacing: str) -> str:
        return (
            '<DataObject ObjectType="PixelDataRepresentation"><Attribute Name='
            f'"DICOM_PIXEL_SPACING">{spacing}</Attribute></DataObject>'
        )

    levels = level("&quot;0.0005&quot; &quot;0.00025&quot;")
    levels += level("&quot;0.001&quot; &quot;0.0005&quot;")
    said = (
        '<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">'
        '<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>'
        '<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">WSI'
        f'</Attribute><Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}'
        '</Array></Attribute></DataObject><DataObject ObjectType="DPScannedImage">'
        '<Attribute Name="PIM_DP_IMAGE_TYPE">MACROIMAGE</Attribute><Attribute Name='
        f'"PIM_DP_IMAGE_DATA">{base64.b64encode(macro).decode()}</Attribute>'
        "</DataObject></Array></Attribute></DataObject>"
    )
    path = tmp_path / "a.tiff"
    with tifffile.TiffWriter(path) as tif:
        tif.write(FULL, **TILE, description=said, software="Philips DP v1.0", **RGB)
        tif.write(HALF, **TILE, subfiletype=1, **RGB)
    check(path, [one(FULL), one(HALF)], {
        "format": "philips", "levels": [(112, 80, 48, 32), (56, 40, 48, 32)], "bands": 3,
        "served": 3, "dtype": "uint8", "interpretation": "rgb", "mm_x": 2.5e-4, "mm_y": 5e-4,
        "description": said, "background": (255.0,) * 3, "served_levels": "finer",
        "beside": {"macro": imagecodecs.jpeg8_decode(macro)},
    })  # fmt: skip


def test_akoya(tmp_path: Path) -> None:
    def said(name: str, color: str) -> str:
        return (
            "<PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType>"
            f"<Name>{name}</Name><Color>{color}</Color><Objective>20x</Objective>"
            "<PixelSizeMicrons>0.5</PixelSizeMicrons></PerkinElmer-QPI-ImageDescription>"
        )

    names = [said("DAPI", "0,16,255"), said("CD8", "255,128,0")]
    path = tmp_path / "a.qptiff"
    gray: dict[str, Any] = {"photometric": "minisblack", "metadata": None, **TILE}
    with tifffile.TiffWriter(path) as tif:
        for pixels in (FULL, HALF):
            for band, text in enumerate(names):
                tif.write(
                    np.ascontiguousarray(pixels[..., band]), description=text,
                    software="PerkinElmer-QPI", subfiletype=int(pixels is HALF), **gray,
                )  # fmt: skip
            if pixels is FULL:
                tif.write(MACRO, **RGB)
    planes = [np.moveaxis(pixels[..., :2], 2, 0)[..., np.newaxis] for pixels in (FULL, HALF)]
    check(path, planes, {
        "format": "akoya", "levels": [(112, 80, 48, 32), (56, 40, 48, 32)], "bands": 1, "served": 3,
        "dtype": "uint8", "interpretation": "gray", "mm_x": 5e-4, "mm_y": 5e-4, "magnification": 20,
        "axes": [("c", 2, None, None)], "description": names[0],
        "beside": {"thumbnail": MACRO},
        "channels": [("DAPI", "#0010ff", None), ("CD8", "#ff8000", None)],
    })  # fmt: skip


def test_imagej(tmp_path: Path) -> None:
    stack = RNG.integers(0, 4096, (2, 3, 24, 40), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, stack, imagej=True, resolution=(2.0, 4.0),
        metadata={"axes": "TZYX", "unit": "um", "spacing": 3.0, "finterval": 0.5, "tunit": "s"},
    )  # fmt: skip
    with tifffile.TiffFile(path) as tif:
        said = tif.pages.first.tags[270].value
    check(path, [stack.reshape(6, 24, 40, 1)], {
        "format": "imagej", "levels": [(40, 24, 40, 24)], "bands": 1, "served": 1,
        "tile": (256, 256), "dtype": "uint16", "interpretation": "gray", "mm_x": 5e-4,
        "mm_y": 2.5e-4, "description": said, "about": 1e-6, "open_format": True,
        "axes": [("t", 2, (0.0, 0.5), "s"), ("z", 3, (0.0, 3.0, 6.0), "µm")],
    })  # fmt: skip


@pytest.mark.parametrize("ending", ["png", "bmp", "tga", "ppm"])
def test_pictures(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    words = {}
    if ending == "png":
        notes = PngImagePlugin.PngInfo()
        notes.add_text("Title", "a title")
        words = {"pnginfo": notes}
    Image.fromarray(FULL).save(path, **words)
    due: dict[str, Any] = {
        "levels": [(112, 80, 112, 80)], "bands": 3, "served": 1, "tile": (256, 256),
        "dtype": "uint8", "interpretation": "rgb", "format": ending,
    }  # fmt: skip
    check(path, [one(FULL)], due)


def test_a_picture_with_alpha_of_16_bits(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 65535, (24, 40, 4), np.uint16)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(pixels))
    check(path, [one(pixels)], {
        "levels": [(40, 24, 40, 24)], "bands": 4, "served": 1, "tile": (256, 256), "alpha": True,
        "dtype": "uint16", "interpretation": "rgb", "format": "png",
    })  # fmt: skip
