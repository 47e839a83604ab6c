"""DICOM slides made up for what the real ones don't have: tables, organisations, damage."""

import struct
from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, generate_uid

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.dicom.reader import DicomReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Interpretation

SERIES = "1.2.3.4"


def opened(path: Path) -> DicomReader:
    return open_reader(locate(path))


def header(size: tuple[int, int], tile: tuple[int, int], **facts: object) -> Dataset:
    """Return what all made-up instances share; sizes are (width, height)."""
    data = Dataset()
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    data.SOPInstanceUID = generate_uid(entropy_srcs=[str(facts), str(size)])
    data.SeriesInstanceUID = SERIES
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = size
    data.Columns, data.Rows = tile
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8
    data.PixelRepresentation = 0
    data.DimensionOrganizationType = "TILED_FULL"
    for keyword, value in facts.items():
        setattr(data, keyword, value)
    return data


def write(
    path: Path, data: Dataset, frames: Sequence[bytes], syntax: str, pixels: bytes | None = None
) -> Path:
    """Write an instance; ``pixels`` replaces the frames' own encapsulation."""
    data.NumberOfFrames = len(frames)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRLittleEndian:
        data.PixelData = b"".join(frames)
        data["PixelData"].VR = "OB" if data.BitsAllocated == 8 else "OW"
    else:
        data.PixelData = encapsulate(list(frames)) if pixels is None else pixels
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
    data.save_as(path, enforce_file_format=True)
    return path


def split(picture: np.ndarray, across: int, down: int) -> list[np.ndarray]:
    """Cut a picture into tiles, row by row, edges filled up."""
    height, width = picture.shape[:2]
    padded = np.zeros((-(-height // down) * down, -(-width // across) * across, 3), np.uint8)
    padded[:height, :width] = picture
    return [
        np.ascontiguousarray(padded[y : y + down, x : x + across])
        for y in range(0, height, down)
        for x in range(0, width, across)
    ]


def lossless(tiles: Sequence[np.ndarray]) -> list[bytes]:
    return [imagecodecs.jpeg2k_encode(tile, level=0, reversible=True) for tile in tiles]


@pytest.fixture
def picture(tissue: np.ndarray) -> np.ndarray:
    return tissue[:200, :300]


def test_frames_that_are_not_compressed(picture: np.ndarray, tmp_path: Path) -> None:
    tiles = split(picture, 64, 48)
    write(
        tmp_path / "a.dcm",
        header((300, 200), (64, 48)),
        [tile.tobytes() for tile in tiles],
        ExplicitVRLittleEndian,
    )
    reader = opened(tmp_path)
    np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 300, 200)), picture)
    encoded = reader.plane(0, 0).encoded()
    assert encoded is not None
    assert encoded.format.codec is Codec.NONE
    assert encoded.tile(1, 2) == tiles[11].tobytes()


def fragments(frames: Sequence[bytes]) -> bytes:
    """Encapsulate without a table, each frame in two items, as PS3.5 A.4 allows."""
    parts = [b"\xfe\xff\x00\xe0" + bytes(4)]
    for frame in frames:
        half = len(frame) // 4 * 2
        for part in (frame[:half], frame[half:]):
            part += b"\0" * (len(part) % 2)
            parts.append(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part)
    return b"".join(parts)


@pytest.mark.parametrize("table", ["basic", "none", "extended", "fragments", "two items each"])
def test_frames_are_found_by_every_kind_of_table(
    table: str, picture: np.ndarray, tmp_path: Path
) -> None:
    frames = lossless(split(picture, 64, 48))
    data = header((300, 200), (64, 48))
    pixels = {
        "basic": encapsulate(frames),
        "none": encapsulate(frames, has_bot=False),
        "fragments": encapsulate(frames, fragments_per_frame=3, has_bot=True),
        "two items each": fragments(frames),
        "extended": b"",
    }[table]
    if table == "extended":
        pixels, data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths = encapsulate_extended(
            frames
        )
    write(tmp_path / "a.dcm", data, frames, JPEG2000Lossless, pixels)
    reader = opened(tmp_path / "a.dcm")
    np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 300, 200)), picture)
    np.testing.assert_array_equal(
        reader.plane(0, 0).read(Rect(250, 150, 50, 50)), picture[150:, 250:]
    )


def test_a_concatenation_is_one_level(picture: np.ndarray, tmp_path: Path) -> None:
    frames = lossless(split(picture, 64, 48))
    for number, (first, last) in enumerate([(0, 7), (7, 25)]):
        facts = {"ConcatenationUID": "1.9", "ConcatenationFrameOffsetNumber": first}
        data = header((300, 200), (64, 48), InConcatenationNumber=number + 1, **facts)
        write(tmp_path / f"{number}.dcm", data, frames[first:last], JPEG2000Lossless)
    reader = opened(tmp_path / "1.dcm")
    assert len(reader.info.levels) == 1
    np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 300, 200)), picture)


def sparse_positions(cells: Sequence[tuple[int, int]], across: int = 100, down: int = 80) -> Items:
    groups = []
    for column, row in cells:
        where, group = Dataset(), Dataset()
        where.ColumnPositionInTotalImagePixelMatrix = column * across + 1
        where.RowPositionInTotalImagePixelMatrix = row * down + 1
        group.PlanePositionSlideSequence = Items([where])
        groups.append(group)
    return Items(groups)


def test_sparse_tiles_lie_where_they_say(picture: np.ndarray, tmp_path: Path) -> None:
    tiles = split(picture, 100, 80)  # three columns, three rows
    cells = [(2, 1), (0, 0), (1, 0)]
    data = header(
        (300, 200),
        (100, 80),
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=sparse_positions(cells),
    )
    write(
        tmp_path / "a.dcm", data, lossless([tiles[x + 3 * y] for x, y in cells]), JPEG2000Lossless
    )
    reader = opened(tmp_path)
    expected = np.full_like(picture, 255)
    for x, y in cells:
        part = (slice(80 * y, 80 * y + 80), slice(100 * x, 100 * x + 100))
        expected[part] = picture[part]
    np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 300, 200)), expected)
    encoded = reader.plane(0, 0).encoded()
    assert encoded is not None
    assert encoded.tile(0, 1) is None
    assert encoded.tile(1, 0) is not None
    assert reader.plane(0, 0).is_blank(Rect(0, 80, 200, 120))
    assert not reader.plane(0, 0).is_blank(Rect(0, 80, 201, 80))


def test_tiles_off_the_grid_are_left_to_others(picture: np.ndarray, tmp_path: Path) -> None:
    positions = sparse_positions([(0, 0), (1, 0)], 90, 80)
    data = header(
        (300, 200),
        (100, 80),
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=positions,
    )
    write(tmp_path / "a.dcm", data, lossless(split(picture, 100, 80)[:2]), JPEG2000Lossless)
    with pytest.raises(UnsupportedFormatError, match="no grid"):
        opened(tmp_path / "a.dcm")


def test_optical_paths_are_channels_and_focal_planes_are_z(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 4096, (2, 3, 32, 32), np.uint16)  # path, plane, y, x
    paths = []
    for name in ("DAPI", "FITC"):
        path = Dataset()
        path.OpticalPathIdentifier = name[0]
        path.OpticalPathDescription = name
        path.ObjectiveLensPower = "20"
        paths.append(path)
    data = header(
        (32, 32),
        (32, 32),
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=12,
        OpticalPathSequence=Items(paths),
        TotalPixelMatrixFocalPlanes=3,
    )
    frames = [pixels[c, z].astype("<u2").tobytes() for c in range(2) for z in range(3)]
    write(tmp_path / "a.dcm", data, frames, ExplicitVRLittleEndian)
    reader = opened(tmp_path)
    assert reader.info.axes == (Axis("c", 2), Axis("z", 3))
    assert reader.info.channels == (Channel("DAPI"), Channel("FITC"))
    assert reader.info.interpretation is Interpretation.GRAY
    assert reader.info.dtype == np.uint16
    assert reader.info.magnification == 20
    for frame in range(6):
        np.testing.assert_array_equal(
            reader.plane(0, frame).read(Rect(0, 0, 32, 32))[..., 0], pixels[frame // 3, frame % 3]
        )


def test_levels_are_sorted_and_strangers_left_out(picture: np.ndarray, tmp_path: Path) -> None:
    small = np.ascontiguousarray(picture[::2, ::2])
    frames = lossless(split(small, 64, 48))
    write(tmp_path / "a.dcm", header((150, 100), (64, 48)), frames, JPEG2000Lossless)
    frames = lossless(split(picture, 64, 48))
    write(tmp_path / "b.dcm", header((300, 200), (64, 48)), frames, JPEG2000Lossless)
    other = header((600, 400), (64, 48), SeriesInstanceUID="1.2.3.5")
    write(tmp_path / "c.dcm", other, frames, JPEG2000Lossless)
    (tmp_path / "d.dcm").write_bytes(b"not DICOM at all")
    reader = opened(tmp_path / "a.dcm")
    assert [level.width for level in reader.info.levels] == [300, 150]
    np.testing.assert_array_equal(reader.plane(1, 0).read(Rect(0, 0, 150, 100)), small)


def test_jpeg_that_says_it_is_rgb(picture: np.ndarray, tmp_path: Path) -> None:
    """Photometric RGB without subsampling and markers: stored as RGB, as Aperio does."""
    tile = np.ascontiguousarray(picture[:64, :64])
    stream = imagecodecs.jpeg8_encode(tile, level=95, colorspace="rgb", outcolorspace="rgb")
    data = header((64, 64), (64, 64))
    write(tmp_path / "a.dcm", data, [stream], JPEGBaseline8Bit)
    reader = opened(tmp_path / "a.dcm")
    found = reader.plane(0, 0).read(Rect(0, 0, 64, 64)).astype(int)
    assert np.abs(found - tile).mean() < 5
    encoded = reader.plane(0, 0).encoded()
    assert encoded is not None
    assert encoded.format.photometric is Photometric.RGB


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE COLOR"),
        ({"BitsAllocated": 32}, "32 bits"),
        ({"SamplesPerPixel": 2}, "2 bands"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "not a whole-slide image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LABEL", "NONE"]}, "without a slide's levels"),
    ],
)
def test_other_kinds_are_left_to_others(
    facts: dict[str, object], message: str, picture: np.ndarray, tmp_path: Path
) -> None:
    data = header((64, 64), (64, 64), **facts)
    frame = np.zeros((64, 64, 4, 4), np.uint8).tobytes()
    write(tmp_path / "a.dcm", data, [frame], ExplicitVRLittleEndian)
    with pytest.raises(UnsupportedFormatError, match=message):
        opened(tmp_path / "a.dcm")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_file_cut_short(keep: float, picture: np.ndarray, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        header((300, 200), (64, 48)),
        lossless(split(picture, 64, 48)),
        JPEG2000Lossless,
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    reader = opened(path)
    with pytest.raises(CorruptSourceError, match=r"a\.dcm"):
        reader.plane(0, 0).read(Rect(0, 0, 300, 200))


def test_a_tile_that_claims_gigabytes(picture: np.ndarray, tmp_path: Path) -> None:
    data = header((65000, 65000), (65000, 65000))
    write(tmp_path / "a.dcm", data, lossless(split(picture, 100, 80)[:1]), JPEG2000Lossless)
    with pytest.raises(CorruptSourceError, match=r"frame 0 holds \(80, 100, 3\)"):
        opened(tmp_path / "a.dcm").plane(0, 0).read(Rect(0, 0, 10, 10))
    write(tmp_path / "b.dcm", data, [b"\0" * 1000], ExplicitVRLittleEndian)
    with pytest.raises(CorruptSourceError, match="frame 0 is cut short"):
        opened(tmp_path / "b.dcm").plane(0, 0).read(Rect(0, 0, 10, 10))


def test_sizes_that_cannot_be(picture: np.ndarray, tmp_path: Path) -> None:
    frames = lossless(split(picture, 64, 48))
    for keyword in ("Rows", "Columns", "TotalPixelMatrixRows"):
        data = header((300, 200), (64, 48), **{keyword: 0})
        write(tmp_path / "a.dcm", data, frames, JPEG2000Lossless)
        with pytest.raises(CorruptSourceError, match="can't be"):
            opened(tmp_path / "a.dcm")


def test_a_folder_without_slides(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match="without DICOM slides"):
        opened(tmp_path)
