"""A maker of DICOM instances for tests."""

from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

NATIVE = (ExplicitVRLittleEndian,)
TILE = (64, 48)  # width and height, which no test may take for one another


def make_dicom(
    path: Path,
    frames: Sequence[bytes],
    size: tuple[int, int] = (300, 200),
    tile: tuple[int, int] = TILE,
    syntax: str = ExplicitVRLittleEndian,
    depth: float | None = None,
    **facts: object,
) -> Path:
    """Write frames as an instance of a slide; each has its own UID."""
    data = Dataset()
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    data.SOPInstanceUID = "1.2.3." + str(int.from_bytes(path.name.encode()))[:40]
    data.SeriesInstanceUID = "1.2.3.4"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = size
    data.Columns, data.Rows = tile
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.PlanarConfiguration = 1 if syntax == RLELossless else 0
    data.BitsAllocated = data.BitsStored = 8
    data.PixelRepresentation = 0
    data.DimensionOrganizationType = "TILED_FULL"
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [0.0005, 0.00025]
    shared.PixelMeasuresSequence = Items([measures])
    if depth is not None:
        where = Dataset()
        where.ZOffsetInSlideCoordinateSystem = depth
        shared.PlanePositionSlideSequence = Items([where])
    data.SharedFunctionalGroupsSequence = Items([shared])
    for keyword, value in facts.items():
        setattr(data, keyword, value)
    data.NumberOfFrames = len(frames)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    native = syntax in NATIVE
    data.PixelData = b"".join(frames) if native else encapsulate(list(frames))
    data["PixelData"].VR = "OW" if native and data.BitsAllocated == 16 else "OB"
    path.parent.mkdir(exist_ok=True)
    data.save_as(path, enforce_file_format=True)
    return path
