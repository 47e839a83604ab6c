"""Every real TIFF: size, sample type, bands, frames and names as an independent reader has them.

tifffile's pages tell what a file holds; for OME-TIFF its XML, read by the standard library alone.
"""

import math
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tifffile

from tests.conftest import DATA
from ziggurat.readers.formats.registry import open_reader

FILES = sorted(
    str(path.relative_to(DATA))
    for folder in ("akoya-qptiff", "aperio-svs", "geotiff", "hamamatsu-ndpi", "ome-tiff", "tiff")
    for path in (DATA / folder).rglob("*")
    if path.suffix.lower() in (".svs", ".tif", ".tiff", ".ndpi", ".qptiff")
)


def names_of(xml: str | None) -> list[str]:
    """Return the names of the channels of the first image, where they have any."""
    if not xml:
        return []
    images = [one for one in ElementTree.fromstring(xml) if one.tag.endswith("}Image")]
    channels = [one for image in images[:1] for one in image.iter()]
    return [one.get("Name", "") for one in channels if one.tag.endswith("}Channel")]


@pytest.mark.skipif(not FILES, reason="no real data; set ZIGGURAT_DATA to where it is")
@pytest.mark.parametrize("name", FILES)
def test_facts_are_those_of_tifffile(name: str, data_file: Callable[[str], Path]) -> None:
    path = data_file(name)
    with tifffile.TiffFile(path) as tif:
        series = max(tif.series, key=lambda one: one.keyframe.imagewidth * one.keyframe.imagelength)
        page = series.keyframe
        size = page.imagewidth, page.imagelength
        dtype, bands = page.dtype, page.samplesperpixel
        frames = math.prod(
            n for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS"
        )
        channels = names_of(tif.ome_metadata)
        part_of_a_set = "BinaryOnly" in (tif.ome_metadata or "")
    with open_reader(path) as reader:
        info = reader.info
        assert (info.width, info.height) == size
        assert info.dtype == ("uint8" if dtype is not None and dtype.kind == "b" else dtype)
        assert info.bands == bands
        assert info.frames == frames
        if info.channels and len(channels) == len(info.channels) and all(channels):
            assert [channel.name for channel in info.channels] == channels
        assert bool(info.losses) == part_of_a_set  # whose frames are told elsewhere
