"""Leica SCN: an XML description of a collection of images, each with a place on the slide.

Source: OpenSlide's notes on the format.
"""

import base64
import binascii
import dataclasses
from dataclasses import dataclass
from xml.etree import ElementTree

import tifffile

from ziggurat.readers.errors import CorruptSourceError, LeftToOthersError
from ziggurat.readers.formats.tiff.pages.structure import (
    AssociatedPage,
    TiffStructure,
    associated_pages,
    from_series,
)
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts, number
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind, series_kind

_MM_PER_NM = 1e-6


@dataclass(frozen=True, slots=True)
class ScnImage:
    """One image of a collection: its size in pixels, its rectangle on the slide in nanometres."""

    name: str
    width: int
    height: int
    place: tuple[float, float, float, float]  # x, y, width, height
    fields: dict[str, str]


def _local(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _find(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((child for child in element.iter() if _local(child) == name), None)


def _text(element: ElementTree.Element, name: str) -> str:
    found = _find(element, name)
    return "" if found is None or not found.text else found.text.strip()


def _image(element: ElementTree.Element) -> ScnImage | None:
    pixels, view = _find(element, "pixels"), _find(element, "view")
    if pixels is None or view is None or _find(pixels, "dimension") is None:
        return None
    device = _find(element, "device")
    fields = {
        "objective": _text(element, "objective"),
        "aperture": _text(element, "numericalAperture"),
        "illumination-source": _text(element, "illuminationSource"),
        "creation-date": _text(element, "creationDate"),
        "device-model": "" if device is None else device.get("model", ""),
        "device-version": "" if device is None else device.get("version", ""),
    }
    place = (
        float(view.get("offsetX", 0)),
        float(view.get("offsetY", 0)),
        float(view.get("sizeX", 0)),
        float(view.get("sizeY", 0)),
    )
    name = element.get("name", "")
    return ScnImage(name, int(pixels.get("sizeX", 0)), int(pixels.get("sizeY", 0)), place, fields)


def parse_scn(xml: str) -> tuple[list[ScnImage], tuple[float, float], str]:
    """Return the images with pixels, the collection's size in nanometres, and its barcode.

    Raises
    ------
    CorruptSourceError
        It isn't a description of a collection.
    """
    try:
        root = ElementTree.fromstring(xml)
        collection = _find(root, "collection")
        if collection is None:
            raise CorruptSourceError("a Leica description without a collection")
        found = [_image(child) for child in collection if _local(child) == "image"]
        size = float(collection.get("sizeX", 0)), float(collection.get("sizeY", 0))
    except (ElementTree.ParseError, ValueError) as error:
        raise CorruptSourceError(f"a Leica description that can't be read: {error}") from error
    return [image for image in found if image is not None], size, _barcode(collection)


def _barcode(collection: ElementTree.Element) -> str:
    text = _text(collection, "barcode")
    try:
        return base64.b64decode(text, validate=True).decode() if text else ""
    except (binascii.Error, UnicodeDecodeError):
        return text


def _is_macro(image: ScnImage, size: tuple[float, float]) -> bool:
    """Return True for the image of the whole slide."""
    return image.place == (0.0, 0.0, *size)


def leica_structure(tif: tifffile.TiffFile) -> TiffStructure:
    """Return the structure of a slide with one scanned area.

    Raises
    ------
    LeftToOthersError
        Several areas, which have to be put together on a canvas.
    """
    images, size, _ = parse_scn(tif.pages.first.description)
    series = list(tif.series)
    if len(series) != len(images):
        raise LeftToOthersError("a Leica file whose images and pages differ in number")
    areas = [i for i, image in enumerate(images) if not _is_macro(image, size)] or [0]
    if len(areas) > 1:
        raise LeftToOthersError("Leica slides with several areas are left to OpenSlide")
    main = series[areas[0]]
    associated: list[AssociatedPage] = []
    for index, one in enumerate(series):
        if index != areas[0]:
            associated += associated_pages(one, tif, "macro")
    structure = from_series(main, list(main.levels), associated, tif)
    return dataclasses.replace(structure, text=tif.pages.first.description)


def leica_facts(structure: TiffStructure) -> VendorFacts:
    """Return the facts of the scanned area."""
    images, size, barcode = parse_scn(structure.text or "")
    image = next((one for one in images if not _is_macro(one, size)), images[0])
    fields = {f"leica.{key}": value for key, value in image.fields.items() if value}
    if barcode:
        fields["leica.barcode"] = barcode
    width, height = image.place[2:]
    return VendorFacts(
        format="leica",
        mm_x=width * _MM_PER_NM / image.width if width and image.width else None,
        mm_y=height * _MM_PER_NM / image.height if height and image.height else None,
        magnification=number(image.fields["objective"]),
        background=255,
        properties=fields,
    )


def _recognises(tif: tifffile.TiffFile) -> bool:
    return series_kind(tif) == "scn"


LEICA = TiffKind(
    "scn",
    _recognises,
    leica_structure,
    leica_facts,
    keep_when_deidentified=(
        "leica.objective",
        "leica.aperture",
        "leica.illumination-source",
        "leica.view-size",
        "leica.numericalaperture",
    ),
)
