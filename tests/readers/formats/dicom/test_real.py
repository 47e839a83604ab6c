"""DICOM slides: real ones against OpenSlide and pydicom."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pydicom
import pytest

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.dicom.reader import DicomReader, open_reader
from ziggurat.readers.formats.registry import open_reader as by_registry
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.geometry import Rect

Find = Callable[[str], Path]
NAPARI = "dicom-wsi/napari-wsi-CMU-1-Small-Region"
JCUPITT = "dicom-wsi/jcupitt-cmu-1-small-region"
JPEG2000 = "dicom-wsi/wsi2dcm-jpeg2000"


def opened(path: Path) -> DicomReader:
    return open_reader(locate(path))


@pytest.mark.parametrize("name", [NAPARI, JPEG2000])
def test_pixels_are_those_of_openslide(name: str, data_file: Find) -> None:
    folder = data_file(name)
    with opened(folder) as reader:
        slide = openslide.OpenSlide(next(folder.glob("*.dcm")))
        for index, level in enumerate(reader.info.levels):
            part = Rect(0, 0, 1500, 1500).intersect(level.rect)
            theirs = slide.read_region((0, 0), index, (part.width, part.height))
            ours = reader.plane(index, 0).read(part)
            np.testing.assert_array_equal(ours, np.asarray(theirs)[..., :3])
            rect = Rect(part.width // 3, part.height // 3, 261, 119).intersect(part)
            np.testing.assert_array_equal(
                reader.plane(index, 0).read(rect),
                ours[rect.y : rect.bottom, rect.x : rect.right],
            )
        assert set(reader.info.associated) == set(slide.associated_images)
        for key in reader.info.associated:
            np.testing.assert_array_equal(
                reader.associated(key).read(), np.asarray(slide.associated_images[key])[..., :3]
            )


def test_facts_of_a_real_slide(data_file: Find) -> None:
    info = opened(data_file(NAPARI)).info
    assert info.format == "dicom"
    assert (info.width, info.height) == (2220, 2967)
    assert (info.levels[0].tile_width, info.levels[0].tile_height) == (240, 240)
    assert (info.mm_x, info.mm_y) == (0.000499, 0.000499)
    assert info.associated == ("label", "macro", "thumbnail")
    assert info.icc_profile is not None
    assert info.icc_profile[36:40] == b"acsp"
    assert info.properties["dicom.AcquisitionDateTime"] == "20091229095915"


def test_the_stream_is_right_where_the_header_is_not(data_file: Find) -> None:
    """This slide's header says RGB; its JPEG frames are JFIF, YCbCr 4:2:0."""
    reader = opened(data_file(JCUPITT))
    assert len(reader.info.levels) == 12
    encoded = reader.plane(0, 0).encoded()
    assert encoded is not None
    assert encoded.format.photometric is Photometric.YCBCR
    assert encoded.format.subsampling == (2, 2)
    corner = reader.plane(0, 0).read(Rect(0, 0, 50, 50))
    assert corner.mean(axis=(0, 1)).min() > 220  # glass is white, not pink


def test_any_instance_is_the_slide(data_file: Find) -> None:
    folder = data_file(NAPARI)
    expected = opened(folder).info
    for path in folder.glob("*.dcm"):
        assert opened(path).info.levels == expected.levels
        assert by_registry(path).info.associated == expected.associated


@pytest.mark.parametrize("name", [NAPARI, JCUPITT, JPEG2000])
def test_stored_frames_are_given_as_they_are(name: str, data_file: Find) -> None:
    folder = data_file(name)
    reader = opened(folder)
    encoded = reader.plane(0, 0).encoded()
    assert encoded is not None
    whole = max(folder.glob("*.dcm"), key=lambda path: path.stat().st_size)
    data = pydicom.dcmread(whole)
    theirs = list(
        pydicom.encaps.generate_frames(data.PixelData, number_of_frames=int(data.NumberOfFrames))
    )
    ours = [encoded.tile(x, y) for y in range(encoded.rows) for x in range(encoded.columns)]
    assert ours == theirs
    tile = decode_tile(ours[0] or b"", encoded.format, (encoded.tile_height, encoded.tile_width))
    np.testing.assert_array_equal(
        tile, reader.plane(0, 0).read(Rect(0, 0, encoded.tile_width, encoded.tile_height))
    )


def test_a_label_is_given_as_it_is_stored(data_file: Find) -> None:
    reader = opened(data_file(NAPARI))
    image = reader.associated("label").encoded()
    assert image is not None
    assert (image.codec, image.width, image.height) == (Codec.JPEG, 387, 463)
    assert image.data.startswith(b"\xff\xd8")
    with pytest.raises(KeyError):
        reader.associated("nothing").encoded()


def test_closed_is_closed(data_file: Find) -> None:
    reader = opened(data_file(JPEG2000))
    reader.close()
    reader.close()
    with pytest.raises(SourceError):
        reader.plane(0, 0).read(Rect(0, 0, 10, 10))
