"""Which files of an OME-TIFF set hold which frames, and which of them are not there."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile


def _local(element: ElementTree.Element) -> str:
    return element.tag.rsplit("}", 1)[-1]


def _pixels(xml: str) -> list[tuple[str, ElementTree.Element]]:
    """Return the name of each image and its element of pixels."""
    return [
        (image.get("Name", ""), pixels)
        for image in ElementTree.fromstring(xml)
        if _local(image) == "Image"
        for pixels in image
        if _local(pixels) == "Pixels"
    ]


def _sizes(pixels: ElementTree.Element) -> dict[str, int]:
    """Return the sizes of the frame axes, slowest first; samples of a pixel are no channels."""
    channel = next((child for child in pixels if _local(child) == "Channel"), None)
    samples = 1 if channel is None else int(channel.get("SamplesPerPixel", 1))
    letters = pixels.get("DimensionOrder", "XYZCT")[:1:-1]
    sizes = {letter: int(pixels.get(f"Size{letter}", 1)) for letter in letters}
    return sizes | {"C": max(1, sizes.get("C", 1) // max(1, samples))}


def _named(pixels: ElementTree.Element) -> dict[int, str]:
    """Return the name of the file that each frame is in, where the XML names one.

    A block whose number of planes is not said goes on to the next one that is named.
    """
    sizes = _sizes(pixels)
    frames = math.prod(sizes.values())
    found: dict[int, str] = {}
    blocks = []
    for block in pixels:
        names = [child.get("FileName") for child in block if _local(child) == "UUID"]
        if _local(block) == "TiffData":
            first = 0
            for letter, size in sizes.items():
                first = first * size + int(block.get(f"First{letter}", 0))
            alone = "0" if block.get("IFD") is None else "1"
            told = block.get("PlaneCount", block.get("NumPlanes", alone))
            blocks.append((first, int(told), names[0] if names else None))
    for first, count, name in sorted(blocks, key=lambda block: block[0]):
        last = min(frames, first + count if count > 0 else frames)
        found |= dict.fromkeys(range(max(0, first), last), name or "")
    return found


def _absent(pixels: ElementTree.Element, tif: tifffile.TiffFile) -> dict[int, str]:
    handle = tif.filehandle
    there: dict[str, bool] = {"": True, handle.name: True}
    missing = {}
    for frame, name in _named(pixels).items():
        if name not in there:
            there[name] = handle.is_file and (Path(handle.dirname) / name).is_file()
        if not there[name]:
            missing[frame] = name
    return missing


def absent_files(
    tif: tifffile.TiffFile, every: Sequence[Any], alike: Sequence[Any]
) -> dict[int, str]:
    """Return the file that is not there for each frame that the XML says is in it.

    Parameters
    ----------
    tif
        The file that was opened.
    every
        Its OME series, in the order of the XML; images without any page have none.
    alike
        Those of them that are the positions of the image; frames count through all of them.
    """
    images = _pixels(tif.ome_metadata or "<OME/>")
    missing: dict[int, str] = {}
    frames = 0
    for series in every:
        sizes = str(series.keyframe.imagewidth), str(series.keyframe.imagelength)
        fitting = (
            number
            for number, (name, pixels) in enumerate(images)
            if name == (series.name or "") and (pixels.get("SizeX"), pixels.get("SizeY")) == sizes
        )
        number = next(fitting, None)
        if number is None:
            continue
        _, pixels = images[number]
        images = images[number + 1 :]
        if series in alike:
            missing |= {frames + frame: name for frame, name in _absent(pixels, tif).items()}
            frames += math.prod(_sizes(pixels).values())
    return missing
