"""Sample type, frames, bands, size and channel names of real slides, as independent readers see."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest
from PIL import Image

from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import ImageInfo

Find = Callable[[str], Path]

DICOM = (
    "dicom-wsi/jcupitt-cmu-1-small-region",
    "dicom-wsi/napari-wsi-CMU-1-Small-Region",
    "dicom-wsi/wsi2dcm-jpeg2000",
)
SLIDES = (
    "hamamatsu-ndpi/test3-DAPI.ndpi",
    "hamamatsu-vms/test3-DAPI.vms",
    "mirax/Mirax2-Fluorescence-2-from-L2.mrxs",
)
PICTURES = (
    "hamamatsu-vms/test3-DAPI.jpg",
    "hamamatsu-vms/test3-DAPI_macro.jpg",
)


def facts(path: Path) -> ImageInfo:
    with open_reader(path) as reader:
        return reader.info


@pytest.mark.parametrize("name", DICOM)
def test_dicom_as_pydicom_sees_it(name: str, data_file: Find) -> None:
    folder = data_file(name)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in folder.iterdir()]
    levels = [header for header in headers if "VOLUME" in header.ImageType]
    base = max(levels, key=lambda header: int(header.TotalPixelMatrixColumns))
    info = facts(folder)
    assert (info.width, info.height) == (base.TotalPixelMatrixColumns, base.TotalPixelMatrixRows)
    assert info.bands == base.SamplesPerPixel
    assert info.dtype == f"u{base.BitsAllocated // 8}"
    assert info.frames == int(base.get("TotalPixelMatrixFocalPlanes", 1) or 1)
    assert len(info.levels) == len(levels)
    assert info.channels == ()
    measures = base.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert (info.mm_y, info.mm_x) == tuple(map(float, measures.PixelSpacing))


@pytest.mark.parametrize("name", SLIDES)
def test_slides_as_openslide_sees_them(name: str, data_file: Find) -> None:
    path = data_file(name)
    info = facts(path)
    with openslide.OpenSlide(path) as slide:
        size = slide.dimensions
        keys = [f"openslide.bounds-{side}" for side in ("width", "height")]
        if all(key in slide.properties for key in keys):
            size = int(slide.properties[keys[0]]), int(slide.properties[keys[1]])
        names = set(slide.associated_images)
        spacing = float(slide.properties["openslide.mpp-x"]) / 1000
    assert (info.width, info.height) == size
    assert (info.bands, info.dtype, info.frames, info.channels) == (3, np.uint8, 1, ())
    assert names <= set(info.associated)
    assert info.mm_x == pytest.approx(spacing)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_as_pillow_sees_them(name: str, data_file: Find) -> None:
    path = data_file(name)
    info = facts(path)
    with Image.open(path) as image:
        assert (info.width, info.height) == image.size
        assert info.bands == len(image.getbands())
    assert (info.dtype, info.frames) == (np.uint8, 1)
