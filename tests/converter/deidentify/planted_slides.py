"""More containers with a text in each place: QPTIFF, Philips, WebP, DICOM; see :mod:`.planted`."""

import base64
import io
from pathlib import Path

import imagecodecs
import pydicom
import tifffile
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit

from tests.converter.deidentify.planted import PIXELS, Make, Text, jpeg, profile, tags
from tests.dicom_files import make_dicom

_ELEMENTS = (
    "PatientName", "PatientID", "InstitutionName", "ReferringPhysicianName", "StudyDescription",
    "SeriesDescription", "Manufacturer", "ManufacturerModelName", "ContainerIdentifier",
    "PatientComments", "OperatorsName", "ProtocolName", "ImageComments",
)  # fmt: skip


def qptiff(path: Path, text: Text) -> None:
    """Write a QPTIFF of three channels, with a thumbnail and a label."""
    names = (
        "AcquisitionSoftware", "Identifier", "SlideID", "ComputerName", "UserName", "ExposureTime",
        "Objective", "Name",
    )  # fmt: skip

    def said(kind: str) -> str:
        fields = "".join(f"<{name}>{text(name)}</{name}>" for name in names)
        root = "PerkinElmer-QPI-ImageDescription"
        return (
            f"<{root}><DescriptionVersion>2</DescriptionVersion><ImageType>{kind}</ImageType>"
            f"<ObjectiveMagnification>20</ObjectiveMagnification>{fields}</{root}>"
        )

    with tifffile.TiffWriter(path) as tif:
        for band in range(3):
            tif.write(
                PIXELS[..., band], tile=(64, 64), description=said("FullResolution"),
                metadata=None, compression="zlib", software="PerkinElmer-QPI",
            )  # fmt: skip
        for kind, pixels in (("Thumbnail", PIXELS[::4, ::4]), ("Label", PIXELS[:64])):
            tif.write(
                pixels, description=said(kind), metadata=None, photometric="rgb",
                software="PerkinElmer-QPI",
            )  # fmt: skip


def philips(path: Path, text: Text) -> None:
    """Write a Philips TIFF, with a label in its description."""

    def attribute(name: str, value: str, kind: str = "IString") -> str:
        return f'<Attribute Name="{name}" Group="0" Element="0" PMSVR="{kind}">{value}</Attribute>'

    label = base64.b64encode(jpeg(text)).decode()
    spacing = f"&quot;0.0005&quot; &quot;0.0005&quot; {text('spacing')}"
    image = attribute("PIM_DP_IMAGE_TYPE", "WSI") + attribute("DICOM_PIXEL_SPACING", spacing)
    image += attribute("DICOM_DERIVATION_DESCRIPTION", text("derivation"))
    other = attribute("PIM_DP_IMAGE_TYPE", "LABELIMAGE")
    other += attribute("PIM_DP_IMAGE_DATA", label)
    images = "".join(
        f'<DataObject ObjectType="DPScannedImage">{one}</DataObject>' for one in (image, other)
    )
    named = ("DICOM_MANUFACTURER", "PIM_DP_UFS_BARCODE", "DICOM_ACQUISITION_DATETIME", "OTHER")
    fields = "".join(attribute(name, text(name)) for name in named)
    scanned = attribute("PIM_DP_SCANNED_IMAGES", f"<Array>{images}</Array>", "IDataObjectArray")
    tifffile.imwrite(
        path, PIXELS, tile=(64, 64), compression="jpeg", photometric="rgb", metadata=None,
        description=f'<DataObject ObjectType="DPUfsImport">{fields}{scanned}</DataObject>',
        software="Philips DP v1.0", extratags=[tag for tag in tags(text) if tag[0] != 305],
    )  # fmt: skip


def webp(path: Path, text: Text) -> None:
    """Write a WebP."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E] = text("Exif")
    xmp = f"<x>{text('XMP')}</x>".encode()
    Image.fromarray(PIXELS).save(path, exif=exif, xmp=xmp, icc_profile=profile(text))


def dicom(path: Path, text: Text) -> None:
    """Write a DICOM slide, all of its frames in one instance."""
    path.mkdir()
    rest = [
        imagecodecs.jpeg8_encode(PIXELS[y : y + 64, x : x + 64])
        for y in (0, 64)
        for x in (0, 64, 128)
    ]
    first = jpeg(text)
    frames = [first + bytes(len(first) % 2), *rest[1:]]
    make_dicom(
        path / "a.dcm", frames, (192, 128), (64, 64), JPEGBaseline8Bit,
        PhotometricInterpretation="YBR_FULL_422",
        **{name: text(name) for name in _ELEMENTS},
    )  # fmt: skip
    data = pydicom.dcmread(path / "a.dcm")
    data.add_new((0x0009, 0x0010), "LO", text("private creator"))
    data.add_new((0x0009, 0x1001), "LO", text("private element"))
    way = Dataset()
    way.OpticalPathIdentifier = text("path")[:16]
    way.OpticalPathDescription = text("path")
    way.ICCProfile = profile(text)
    data.OpticalPathSequence = [way]
    specimen = Dataset()
    specimen.SpecimenIdentifier = text("specimen")
    specimen.SpecimenShortDescription = text("specimen")
    data.SpecimenDescriptionSequence = [specimen]
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    (path / "a.dcm").write_bytes(file.getvalue())


SLIDES: dict[str, tuple[Make, str]] = {
    "QPTIFF": (qptiff, ".qptiff"),
    "Philips": (philips, ".tiff"),
    "WebP": (webp, ".webp"),
    "DICOM": (dicom, ""),
}
