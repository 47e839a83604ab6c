"""Made-up sources with one text at one place that chance chooses, in one of many spellings.

A maker is called as ``make(path, text, chance)`` and returns where it put the text.
"""

import json
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import imagecodecs
import numpy as np
import pydicom
import tifffile
from pydicom.datadict import DicomDictionary
from pydicom.uid import JPEGBaseline8Bit

from tests.converter.deidentify.planted import PIXELS, segment
from tests.dicom_files import make_dicom

Make = Callable[[Path, str, random.Random], object]

_TILE = imagecodecs.jpeg8_encode(PIXELS[:64, :64])
_PLANES = np.ascontiguousarray(np.moveaxis(PIXELS, -1, 0))
_CODES = (
    269, 270, 271, 272, 285, 305, 306, 315, 316, 337, 700, 33432, 33550, 34377, 37724, 42112,
    42113, 50838, 50839,
)  # fmt: skip
_FIELDS = (
    "MPP", "Left", "Top", "Filtered", "User", "Gamma", "OriginalWidth", "Exposure Time", "AppMag",
    "DisplayColor", "LineAreaXOffset", "StripeWidth", "Focus Offset", "ICC Profile",
)  # fmt: skip
_HEADS = (b"", b"JFIF\0", b"JFXX\0", b"Adobe\0\x64\0\0\0\0\1", b"ICC_PROFILE\0\1\1", b"Exif\0\0")
_SIZES = {
    "SizeX", "SizeY", "SizeZ", "SizeC", "SizeT", "Type", "DimensionOrder", "sizeX", "sizeY", "ifd",
}  # fmt: skip
_OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="20"/></Instrument>
<Image ID="Image:0" Name="a"><Description>b</Description><Pixels ID="Pixels:0" Type="uint8"
 DimensionOrder="XYCZT" SizeX="192" SizeY="128" SizeZ="1" SizeC="3" SizeT="1" PhysicalSizeX="0.5">
<Channel ID="Channel:0:0" Name="DAPI" Color="-1"/><Channel ID="Channel:0:1" Name="FITC"/>
<Channel ID="Channel:0:2"/><TiffData IFD="0" PlaneCount="3"/>
<Plane TheZ="0" TheC="0" TheT="0" DeltaT="1.5" PositionX="2"/></Pixels></Image>
<StructuredAnnotations><MapAnnotation ID="Annotation:1"><Value><M K="a">b</M></Value>
</MapAnnotation></StructuredAnnotations></OME>"""
_LEICA = """<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection name="a"
 sizeX="96000" sizeY="64000"><barcode>x</barcode><image name="b"><creationDate>c</creationDate>
<device model="d" version="e"/><pixels sizeX="192" sizeY="128">
<dimension sizeX="192" sizeY="128" r="0" ifd="0"/></pixels>
<view sizeX="96000" sizeY="64000" offsetX="0" offsetY="0" spacingZ="0"/><scanSettings>
<objectiveSettings><objective>20</objective></objectiveSettings><illuminationSettings>
<numericalAperture>0.4</numericalAperture><illuminationSource>brightfield</illuminationSource>
</illuminationSettings></scanSettings></image></collection></scn>"""


def dressed(text: str, chance: random.Random) -> str:
    """Return a text as a part of what might pass for a number, a unit or a known word."""
    forms = ("{}", "{} 12", "0.5 {}", "20 {}", "DAPI {}", " {}\n", "{}|x", "{}\t1.0")
    return chance.choice(forms).format(text)


def _tag(text: str, chance: random.Random, but: set[int]) -> tuple[Any, ...]:
    code = chance.choice([*_CODES, *(chance.randrange(32800, 65000) for _ in range(6))])
    said = dressed(text, chance)
    kind = chance.choice([(2, 0, said), (7, len(said), said.encode())])
    return (code if code not in but else 65123, *kind, True)


def _jpeg(text: str, chance: random.Random, plain: bytes = _TILE) -> bytes:
    """Return a JPEG with the text in a segment before any other marker, or behind the end."""
    marker = chance.choice([*range(0xE0, 0xF0), 0xFE, 0xF0, 0xF7])
    said = segment(marker, chance.choice(_HEADS) + dressed(text, chance).encode())
    known = (0xDB, 0xC4, 0xC0, 0xDA, 0xE0)
    places = [i for i in range(2, len(plain) - 2) if plain[i] == 0xFF and plain[i + 1] in known]
    at = chance.choice([2, *places, len(plain)])
    return plain[:at] + said + plain[at:]


def aperio(path: Path, text: str, chance: random.Random) -> object:
    """Write an Aperio slide of one to three pages."""
    pages = chance.choice([1, 2, 3])
    chosen, where = chance.randrange(pages), chance.choice(["tag", "value", "name", "head", "tile"])
    with tifffile.TiffWriter(path) as tif:
        for page in range(pages):
            height, width = 128 >> page, 192 >> page
            head, field, made = "Aperio Image Library v11", "", _tag(text, chance, {270, 305})
            tiles = [_TILE] * (-(-height // 64) * -(-width // 64))
            if page == chosen:
                said, name = dressed(text, chance), chance.choice(_FIELDS)
                head += said if where == "head" else ""
                field = {"value": f"|{name} = {said}", "name": f"|{name}{said} = 5"}.get(where, "")
                if where == "tile":
                    tiles[chance.randrange(len(tiles))] = _jpeg(text, chance)
            told = f"{head}\r\n{width}x{height} (64x64) JPEG/RGB|AppMag = 20|MPP = 0.5{field}"
            tif.write(
                iter(tiles), shape=(height, width, 3), dtype=np.uint8, tile=(64, 64),
                description=told, metadata=None, photometric="ycbcr", compression="jpeg",
                subsampling=(2, 2), software=False,
                extratags=[made] if (page, where) == (chosen, "tag") else [],
            )  # fmt: skip
    return where


def _grown(xml: str, text: str, chance: random.Random) -> tuple[str, object]:
    """Return a document with the text at some node, and where."""
    root = ElementTree.fromstring(xml)
    node, said = chance.choice(list(root.iter())), dressed(text, chance)
    kind = chance.randrange(6)
    free = [name for name in node.attrib if name not in _SIZES]
    if kind == 0 or (kind == 1 and not free):
        node.set(chance.choice(["Name", "ID", "Description", "Color", "Unit", "uuid"]), said)
    elif kind == 1:
        node.set(chance.choice(free), said)
    elif kind == 2:
        node.text = (node.text or "") + said
    elif kind == 3:
        node.tail = said
    elif kind == 4:
        node.append(ElementTree.Comment(said))
    else:
        below = chance.choice(["Other", "Description", "Name", "{http://x}Y"])
        ElementTree.SubElement(node, below).text = said
    return ElementTree.tostring(root, encoding="unicode"), (node.tag, kind)


def ome(path: Path, text: str, chance: random.Random) -> object:
    """Write an OME-TIFF."""
    xml, where = _grown(_OME, text, chance)
    tifffile.imwrite(
        path, _PLANES, tile=(64, 64), description=xml.encode(), metadata=None,
        photometric="minisblack",
    )  # fmt: skip
    return where


def leica(path: Path, text: str, chance: random.Random) -> object:
    """Write a Leica SCN."""
    xml, where = _grown(_LEICA, text, chance)
    tifffile.imwrite(
        path, PIXELS, tile=(64, 64), compression="jpeg", photometric="rgb",
        description=xml.encode(), metadata=None,
    )  # fmt: skip
    return where


def zarr_store(path: Path, text: str, chance: random.Random) -> object:
    """Write an OME-Zarr of either version with the text among its attributes."""
    import zarr

    version = chance.choice([2, 3])
    names = {"dimension_names": ["c", "y", "x"]} if version == 3 else {}
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    array = group.create_array("0", shape=(3, 128, 192), chunks=(3, 64, 64), dtype="u1", **names)
    array[:] = _PLANES
    window = {"start": 0, "end": 255, "min": 0, "max": 255}
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"type": "scale", "scale": [1, 0.5, 0.5]}]
    sets = [{"path": "0", "coordinateTransformations": scale}]
    channels = [{"label": "DAPI", "color": "FF0000", "window": window} for _ in range(3)]
    image = {"version": "0.4", "name": "n", "axes": axes, "datasets": sets, "metadata": {"m": "n"}}
    ome = {"multiscales": [image], "omero": {"channels": channels, "rdefs": {"model": "color"}}}
    other: dict[str, Any] = {"a": {"b": ["c", {"d": "e"}]}}
    holders: list[dict[str, Any]] = [ome, image, *axes, ome["omero"], *channels, other, other["a"]]
    holder, said = chance.choice(holders), dressed(text, chance)
    key = chance.choice([text, "label", "name", "unit", "other", *holder])
    if not isinstance(holder.get(key, ""), str) or key in ("version", "type"):
        key = "other"
    holder[key if holder not in axes else "unit"] = chance.choice([said, said, {"q": [said]}])
    if chance.random() < 0.2:
        array.attrs["note"] = said
    group.attrs.update({"ome": {"version": "0.5", **ome}} if version == 3 else ome)
    group.attrs.update(json.loads(json.dumps(other)))
    return key


def dicom(path: Path, text: str, chance: random.Random) -> object:
    """Write a DICOM slide with the text in any element of words."""
    path.mkdir()
    make_dicom(
        path / "a.dcm", [_TILE] * 6, (192, 128), (64, 64), JPEGBaseline8Bit,
        PhotometricInterpretation="YBR_FULL_422",
    )  # fmt: skip
    data = pydicom.dcmread(path / "a.dcm")
    long, short = ("LO", "PN", "LT", "ST", "UT", "UC"), ("SH", "AE")
    words = [
        tag
        for tag, facts in DicomDictionary.items()
        if facts[0] in (*long, *short) and tag >> 16 > 8 and tag >> 16 != 0x28
    ]
    tag = chance.choice(words)
    kind = DicomDictionary[tag][0]
    said = text[:16] if kind in short else dressed(text, chance).strip()
    data.add_new(tag, kind, said)
    data.save_as(path / "a.dcm")
    return hex(tag)


def geotiff(path: Path, text: str, chance: random.Random) -> object:
    """Write a map with the text in GDAL's metadata of it, or of a band."""
    from osgeo import gdal, osr

    gdal.UseExceptions()
    data = gdal.GetDriverByName("GTiff").Create(str(path), 192, 128, 3, gdal.GDT_Byte)
    data.SetGeoTransform((1000, 10, 0, 2000, 0, -10))
    system = osr.SpatialReference()
    system.ImportFromEPSG(chance.choice([32632, 3857, 4326]))
    said, where = dressed(text, chance), chance.randrange(8)
    wkt = system.ExportToWkt()
    data.SetProjection(wkt.replace("WGS 84", said.strip(), 1) if where == 0 else wkt)
    for number in range(3):
        data.GetRasterBand(number + 1).WriteArray(PIXELS[..., number])
    band = data.GetRasterBand(chance.randrange(3) + 1)
    key = chance.choice(["A", text, "STATISTICS_MEAN", "TIFFTAG_ARTIST", "TIFFTAG_SOFTWARE"])
    put: dict[int, Callable[[], object]] = {
        1: lambda: band.SetDescription(said),
        2: lambda: band.SetMetadataItem(key, said),
        3: lambda: data.SetMetadataItem(key, said),
        4: lambda: band.SetUnitType(said),
        5: lambda: band.SetCategoryNames([text, said]),
        6: lambda: data.SetMetadataItem("x", said, chance.choice(["IMAGERY", "OTHER", "RPC"])),
        7: lambda: data.SetMetadata([f"<a>{text}</a>"], "xml:XMP"),
    }
    put.get(where, lambda: None)()
    data.Close()
    return where


def png(path: Path, text: str, chance: random.Random) -> object:
    """Write a PNG with a chunk that holds the text, before or behind the pixels."""
    plain, said = imagecodecs.png_encode(PIXELS), dressed(text, chance).encode()
    kind = chance.choice([b"tEXt", b"zTXt", b"iTXt", b"prVt", b"eXIf", b"sPLT", b"vpAg"])
    bodies = {
        b"tEXt": b"K\0" + said,
        b"zTXt": b"K\0\0" + zlib.compress(said),
        b"iTXt": b"K\0\0\0\0\0" + said,
        b"sPLT": said[:70] + b"\0\x08",
    }
    body = bodies.get(kind, said)
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    at = chance.choice([33, len(plain) - 12])
    behind = said if chance.random() < 0.2 else b""
    path.write_bytes(plain[:at] + chunk + plain[at:] + behind)
    return kind


def jpeg_file(path: Path, text: str, chance: random.Random) -> object:
    """Write a JPEG."""
    path.write_bytes(_jpeg(text, chance, imagecodecs.jpeg8_encode(PIXELS)))
    return None


def imagej(path: Path, text: str, chance: random.Random) -> object:
    """Write an ImageJ stack."""
    key = chance.choice(["Info", "Labels", "unit", "custom", text, "Properties"])
    said = dressed(text, chance)
    told = {"axes": "CYX", key: [said] * 3 if key == "Labels" else said}
    tifffile.imwrite(path, _PLANES, imagej=True, metadata=told)
    return key


def tiff(path: Path, text: str, chance: random.Random) -> object:
    """Write a TIFF of three pages with the text in some tag of one of them."""
    chosen = chance.randrange(3)
    with tifffile.TiffWriter(path) as tif:
        for page in range(3):
            tag = _tag(text, chance, {305})
            tif.write(
                PIXELS, tile=(64, 64), compression=chance.choice(["zlib", "lzw", None]),
                photometric="rgb", metadata=None, software=False,
                extratags=[tag] if page == chosen else [],
            )  # fmt: skip
    return chosen


KINDS: tuple[tuple[Make, str], ...] = (
    (aperio, ".svs"), (ome, ".ome.tif"), (zarr_store, ".zarr"), (leica, ".scn"), (dicom, ""),
    (geotiff, ".tif"), (png, ".png"), (jpeg_file, ".jpg"), (imagej, ".tif"), (tiff, ".tif"),
)  # fmt: skip
