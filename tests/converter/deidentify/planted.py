"""Containers of every kind with a text of its own in each place that can hold one.

A maker is called as ``make(path, text)``; ``text(where)`` gives a new text, and notes where it is.
"""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

Text = Callable[[str], str]
Make = Callable[[Path, Text], None]

PIXELS = np.random.default_rng(5).integers(0, 255, (128, 192, 3)).astype(np.uint8)
_TILE = imagecodecs.jpeg8_encode(PIXELS[:64, :64])
_TAGS = (269, 271, 272, 285, 306, 315, 316, 33432, 65000)
_OPAQUE = (700, 33723, 34377, 37510, 42112, 50839)
_FIELDS = (
    "Filename", "User", "Date", "Time", "Barcode", "ScanScope ID", "Title", "Filtered", "Left",
    "Exposure Time", "ICC Profile", "ImageID", "Gamma", "DisplayColor",
)  # fmt: skip


class Texts:
    """Makes texts that are in nothing else, and knows where each was put."""

    def __init__(self, name: str) -> None:
        self.name, self.places = name, dict[str, str]()

    def __call__(self, where: str) -> str:
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{len(self.places):03}")
        text = f"Zq{self.name}{letters}Roe"
        self.places[text] = where
        return text


def segment(marker: int, content: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def jpeg(text: Text, pixels: np.ndarray = PIXELS[:64, :64]) -> bytes:
    """Return a JPEG with a text in every segment that may hold one, and behind its ends."""
    plain = imagecodecs.jpeg8_encode(pixels)
    markers = (*range(0xE0, 0xF0), 0xFE)
    said = [segment(marker, text(f"marker {marker:x}").encode()) for marker in markers]
    said.append(segment(0xE1, b"Exif\0\0" + text("Exif").encode()))
    said.append(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text("XMP").encode()))
    trailer = text("trailer").encode() + b"\xff\xd9" + text("behind the second end").encode()
    return b"".join([plain[:2], *said, plain[2:], trailer])


def profile(text: Text) -> bytes:
    """Return an sRGB profile whose description is a text."""
    from PIL import ImageCms

    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = made.index("sRGB built-in".encode("utf-16-be"))
    said = text("ICC profile")[:13].encode("utf-16-be")
    made[at : at + len(said)] = said
    return bytes(made)


def tags(text: Text) -> list[Any]:
    """Return a text in each tag that may hold one."""
    words = [(code, 2, 0, text(f"tag {code}"), True) for code in _TAGS]
    data = [(code, text(f"tag {code}").encode()) for code in _OPAQUE]
    return words + [(code, 7, len(value), value, True) for code, value in data]


def svs(path: Path, text: Text) -> None:
    """Write an Aperio slide."""
    fields = "|".join(f"{name} = {text(name)}" for name in _FIELDS)
    head = f"Aperio Image Library {text('header')}\r\n"
    said = f"{head}192x128 (64x64) JPEG|AppMag = 20|MPP = 0.5|{fields}|{text('name')} = 5"
    plain = {"metadata": None, "photometric": "rgb"}
    with tifffile.TiffWriter(path) as tif:
        tif.write(
            iter([jpeg(text), *[_TILE] * 5]), shape=PIXELS.shape, dtype=np.uint8, tile=(64, 64),
            description=said, metadata=None, photometric="ycbcr", compression="jpeg",
            subsampling=(2, 2), extratags=tags(text), iccprofile=profile(text),
            software=text("software"),
        )  # fmt: skip
        thumbnail = f"{head}192x128 -> 96x64 - |{text('thumbnail')} = {text('thumbnail')}"
        tif.write(PIXELS[::2, ::2], description=thumbnail, extratags=tags(text), **plain)
        for name in ("label", "macro"):
            tif.write(PIXELS[:32, :48], description=f"{head}{name} 48x32|{text(name)}", **plain)


def aperio_2000(path: Path, text: Text) -> None:
    """Write an Aperio slide of JPEG 2000."""
    stream = imagecodecs.jpeg2k_encode(PIXELS[:64, :64], codecformat="j2k", level=0)
    said = text("comment").encode()
    at = stream.index(b"\xff\x52")
    comment = b"\xff\x64" + (len(said) + 4).to_bytes(2) + b"\0\1" + said
    dirty = stream[:at] + comment + stream[at:] + text("trailer").encode()
    tifffile.imwrite(
        path, iter([dirty, *[stream] * 5]), shape=PIXELS.shape, dtype=np.uint8, tile=(64, 64),
        description=f"Aperio Image Library\r\n192x128 (64x64)|AppMag = 20|User = {text('User')}",
        metadata=None, photometric="rgb", compression=33005,
    )  # fmt: skip


def ome_tiff(path: Path, text: Text) -> None:
    """Write an OME-TIFF with three channels."""
    xml = f"""<?xml version="1.0"?><!--{text("comment")}-->
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" Creator="{text("creator")}">
<Project ID="Project:0" Name="{text("project")}"><Description>{text("project")}</Description>
</Project><Experimenter ID="Experimenter:0" LastName="{text("name")}" Email="{text("mail")}"/>
<Instrument ID="Instrument:0"><Microscope Model="{text("model")}" SerialNumber="{text("serial")}"/>
<Objective ID="Objective:0" Model="{text("objective")}" NominalMagnification="20"/></Instrument>
<Image ID="Image:{text("id")}" Name="{text("image")}"><Description>{text("said")}</Description>
<Pixels ID="Pixels:{text("id")}" DimensionOrder="XYCZT" Type="uint8" SizeX="192" SizeY="128"
 SizeZ="1" SizeC="3" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5">
<Channel ID="Channel:0:0" Name="{text("channel")}" Fluor="{text("dye")}" Color="-1"/>
<Channel ID="Channel:0:1" Name="DAPI {text("channel")}"/><Channel ID="Channel:{text("id")}"/>
<TiffData IFD="0" PlaneCount="3"/></Pixels></Image><StructuredAnnotations>
<XMLAnnotation ID="Annotation:0" Namespace="{text("space")}"><Value><A b="{text("attribute")}">
{text("value")}</A></Value></XMLAnnotation><MapAnnotation ID="Annotation:1"><Value>
<M K="{text("key")}">{text("value")}</M></Value></MapAnnotation></StructuredAnnotations></OME>"""
    tifffile.imwrite(
        path, np.ascontiguousarray(np.moveaxis(PIXELS, -1, 0)), tile=(64, 64), description=xml,
        metadata=None, photometric="minisblack", extratags=tags(text), software=text("software"),
    )  # fmt: skip


def imagej(path: Path, text: Text) -> None:
    """Write an ImageJ stack."""
    told = {"axes": "CYX", "Info": text("Info"), "Labels": [text("label") for _ in range(3)]}
    told |= {"unit": "micron", "own": text("own")}
    planes = np.ascontiguousarray(np.moveaxis(PIXELS, -1, 0))
    tifffile.imwrite(path, planes, imagej=True, metadata=told)


def tiff(path: Path, text: Text) -> None:
    """Write a TIFF of three pages."""
    with tifffile.TiffWriter(path) as tif:
        for _ in range(3):
            tif.write(
                PIXELS, tile=(64, 64), compression="lzw", photometric="rgb", metadata=None,
                description=text("description"), extratags=tags(text), iccprofile=profile(text),
            )  # fmt: skip


def leica(path: Path, text: Text) -> None:
    """Write a Leica SCN."""
    xml = f"""<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"
 uuid="{text("uuid")}"><!--{text("comment")}--><collection name="{text("collection")}" sizeX="96000"
 sizeY="64000"><barcode>{text("barcode")}</barcode><image name="{text("image")}">
<creationDate>{text("date")}</creationDate><device model="{text("model")}" version="{text("v")}"/>
<pixels sizeX="192" sizeY="128"><dimension sizeX="192" sizeY="128" r="0" ifd="0"/></pixels>
<view sizeX="96000" sizeY="64000" offsetX="0" offsetY="0" spacingZ="0"/><scanSettings>
<objectiveSettings><objective>20</objective></objectiveSettings><illuminationSettings>
<numericalAperture>{text("aperture")}</numericalAperture><illuminationSource>{text("light")}
</illuminationSource></illuminationSettings></scanSettings></image></collection></scn>"""
    tifffile.imwrite(
        path, PIXELS, tile=(64, 64), compression="jpeg", photometric="rgb", description=xml,
        metadata=None, extratags=tags(text),
    )  # fmt: skip


def geotiff(path: Path, text: Text) -> None:
    """Write a map."""
    from osgeo import gdal, osr

    gdal.UseExceptions()
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 192, 128, 3, gdal.GDT_Byte)
    dataset.SetGeoTransform((1000, 10, 0, 2000, 0, -10))
    system = osr.SpatialReference()
    system.ImportFromEPSG(32632)
    system.SetProjCS(text("CRS"))
    dataset.SetProjection(system.ExportToWkt())
    for number in range(3):
        band = dataset.GetRasterBand(number + 1)
        band.WriteArray(PIXELS[..., number])
        band.SetDescription(text("band"))
        band.SetMetadataItem(text("key"), text("value"))
        band.SetUnitType(text("unit"))
    dataset.GetRasterBand(1).SetCategoryNames([text("category"), text("category")])
    dataset.SetMetadataItem("TIFFTAG_ARTIST", text("artist"))
    dataset.SetMetadataItem("NOTE", text("note"))
    dataset.SetMetadataItem("NOTE", text("domain"), "IMAGERY")
    dataset.SetMetadata([f"<x>{text('XMP')}</x>"], "xml:XMP")
    dataset.Close()


def _zarr(path: Path, text: Text, version: int) -> None:
    import zarr

    names = {"dimension_names": ["c", "y", "x"]} if version == 3 else {}
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    array = group.create_array("0", shape=(3, 128, 192), chunks=(3, 64, 64), dtype="u1", **names)
    array[:] = np.moveaxis(PIXELS, -1, 0)
    array.attrs["note"] = text("array")
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = {"type": "scale", "scale": [1, 0.5, 0.5]}
    window = {"start": 0, "end": 255, "min": 0, "max": 255}
    ome: dict[str, Any] = {
        "multiscales": [{
            "version": "0.4", "name": text("name"), "type": text("type"), "axes": axes,
            "datasets": [{"path": "0", "coordinateTransformations": [scale]}],
            "metadata": {"method": text("method"), text("key"): 1},
        }],
        "omero": {
            "name": text("omero"), "rdefs": {"model": text("model")},
            "channels": [
                {"label": text("channel"), "color": text("colour"), "window": window},
                {"label": "DAPI", "color": "00FF00", "window": window, "family": text("family")},
                {"label": text("channel"), "color": "0000FF", "window": window},
            ],
        },
    }  # fmt: skip
    group.attrs.update({"ome": {"version": "0.5", **ome}} if version == 3 else ome)
    group.attrs[text("key")] = {"deep": [text("value")]}
    (path / text("file")).write_text(text("content of a file"))


def zarr_2(path: Path, text: Text) -> None:
    """Write an OME-Zarr 0.4."""
    _zarr(path, text, 2)


def zarr_3(path: Path, text: Text) -> None:
    """Write an OME-Zarr 0.5."""
    _zarr(path, text, 3)


def png(path: Path, text: Text) -> None:
    """Write a PNG."""
    from PIL import Image, PngImagePlugin

    said = PngImagePlugin.PngInfo()
    for key in ("Title", "Author", "Description", "Comment"):
        said.add_text(key, text(key))
    said.add_itxt("XML:com.adobe.xmp", text("XMP"))
    exif = Image.Exif()
    exif[0x010E] = text("Exif")
    Image.fromarray(PIXELS).save(path, pnginfo=said, exif=exif, icc_profile=profile(text))


def jpeg_file(path: Path, text: Text) -> None:
    """Write a JPEG."""
    path.write_bytes(jpeg(text, PIXELS))


def jp2(path: Path, text: Text) -> None:
    """Write a JPEG 2000 with boxes of text."""
    data = imagecodecs.jpeg2k_encode(PIXELS, codecformat="jp2", level=0)
    for kind, head in ((b"xml ", b""), (b"uuid", bytes(16))):
        content = head + text(kind.decode()).encode()
        data += struct.pack(">I", 8 + len(content)) + kind + content
    path.write_bytes(data)


def json_tiff(path: Path, text: Text) -> None:
    """Write a TIFF that is described in JSON."""
    told = {"axes": "YXS", text("key"): text("value"), "a": {"b": [text("deep")]}}
    tifffile.imwrite(path, PIXELS, photometric="rgb", metadata=json.loads(json.dumps(told)))


CONTAINERS: dict[str, tuple[Make, str]] = {
    "aperio": (svs, ".svs"),
    "aperio of JPEG 2000": (aperio_2000, ".svs"),
    "OME-TIFF": (ome_tiff, ".ome.tif"),
    "ImageJ": (imagej, ".tif"),
    "TIFF": (tiff, ".tif"),
    "TIFF with JSON": (json_tiff, ".tif"),
    "Leica": (leica, ".scn"),
    "GeoTIFF": (geotiff, ".tif"),
    "OME-Zarr 0.4": (zarr_2, ".zarr"),
    "OME-Zarr 0.5": (zarr_3, ".zarr"),
    "PNG": (png, ".png"),
    "JPEG": (jpeg_file, ".jpg"),
    "JP2": (jp2, ".jp2"),
}
