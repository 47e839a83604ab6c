"""NDPI: tiles out of restart intervals, real and made up."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.jpeg_stream import parse_header
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.formats.tiff.vendors.hamamatsu_tiles import stack_height
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect


@pytest.fixture
def slide(data_file: Callable[[str], Path]) -> TiffReader:
    return open_reader(locate(data_file("hamamatsu-ndpi/test3-DAPI.ndpi")))


def whole_strip(path: Path, level: int) -> np.ndarray:
    """Decode a level's one huge JPEG at once, past all tables of intervals."""
    with tifffile.TiffFile(path, is_ndpi=True) as tif:
        page = tif.pages[level]
        offset, count = page.tags[273].value[0], page.tags[279].value[0]
    data = path.read_bytes()[offset : offset + count]
    return np.asarray(imagecodecs.jpeg8_decode(data, colorspace="YCBCR", outcolorspace="RGB"))


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_copied_tiles_decode_to_the_pixels_of_the_strip(
    slide: TiffReader, data_file: Callable[[str], Path], level: int
) -> None:
    expected = whole_strip(data_file("hamamatsu-ndpi/test3-DAPI.ndpi"), level)
    encoded = slide.plane(level, 0).encoded()
    assert encoded is not None
    assert encoded.tile_height % 16 == 0
    assert encoded.tile_width % 16 == 0
    for row in range(encoded.rows):
        for column in range(encoded.columns):
            data = encoded.tile(column, row)
            assert data is not None
            header = parse_header(data)
            assert (header.width, header.height) == (encoded.tile_width, encoded.tile_height)
            tile = decode_tile(data, encoded.format)
            y, x = row * encoded.tile_height, column * encoded.tile_width
            part = expected[y : y + encoded.tile_height, x : x + encoded.tile_width]
            np.testing.assert_array_equal(tile[: part.shape[0], : part.shape[1]], part)


def test_a_small_region_does_not_read_the_level(
    slide: TiffReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0
    original = slide._source.read

    def counting(offset: int, length: int) -> bytes:
        nonlocal read
        read += length
        return original(offset, length)

    monkeypatch.setattr(slide._source, "read", counting)
    slide.plane(0, 0).read(Rect(2000, 2000, 100, 100))
    assert 0 < read < 150_000  # the level has two megabytes


@pytest.mark.parametrize(
    ("width", "height", "block", "stack"),
    [(512, 100_000, 8, 64), (4096, 100_000, 8, 8), (2048, 40, 8, 6), (100_000, 500, 16, 1)],
)
def test_stacks_make_tiles_of_handy_size(width: int, height: int, block: int, stack: int) -> None:
    assert stack_height(width, height, block) == stack
    assert stack_height(width, height, block) * block % 16 == 0


def made_jpeg(pixels: np.ndarray, across: int, subsampling: str) -> tuple[bytes, list[int]]:
    """Return a JPEG of restart intervals of ``across`` pixels, and where they begin.

    Each interval is encoded as a picture of its own (tables are the same for all), then
    they are put in a row as a scanner would write them.
    """
    block = {"444": (8, 8), "422": (16, 8)}[subsampling]
    height, width = pixels.shape[:2]
    scans, header = [], b""
    for y in range(0, height, block[1]):
        for x in range(0, width, across):
            stream = imagecodecs.jpeg8_encode(
                np.ascontiguousarray(pixels[y : y + block[1], x : x + across]),
                90,
                colorspace="RGB",
                outcolorspace="YCBCR",
                subsampling=subsampling,
            )
            facts = parse_header(stream)
            header = header or stream[: facts.scan_offset]
            scans.append(stream[facts.scan_offset : -2])
    at = parse_header(header).sof_offset
    size = struct.pack(">HH", height, width)
    dri = b"\xff\xdd\x00\x04" + struct.pack(">H", across // block[0])
    out = io.BytesIO()
    out.write(header[:at] + dri + header[at : at + 5] + size + header[at + 9 :])
    starts = []
    for number, scan in enumerate(scans):
        starts.append(out.tell())
        marker = b"\xff\xd9" if number == len(scans) - 1 else bytes((0xFF, 0xD0 + number % 8))
        out.write(scan + marker)
    return out.getvalue(), starts


def made_ndpi(path: Path, jpeg: bytes, starts: list[int], width: int, height: int) -> None:
    """Write one NDPI page by hand: its directory has 64-bit offsets, four bytes an entry more."""
    table = struct.pack(f"<{len(starts)}I", *starts)
    jpeg_at = 16
    table_at = jpeg_at + len(jpeg)
    bits_at = table_at + len(table)
    make_at = bits_at + 8
    ifd_at = make_at + 16
    make = b"Hamamatsu\0"
    entries = [
        (254, 4, 1, 0),
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, bits_at),
        (259, 3, 1, 7),
        (262, 3, 1, 6),
        (271, 2, len(make), make_at),
        (273, 4, 1, jpeg_at),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, len(jpeg)),
        (65420, 4, 1, 1),
        (65421, 11, 1, struct.unpack("<I", struct.pack("<f", 20.0))[0]),
        (65426, 4, len(starts), table_at),
    ]
    ifd = struct.pack("<H", len(entries))
    ifd += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    ifd += struct.pack("<Q", 0) + b"\0" * 4 * len(entries)
    path.write_bytes(
        struct.pack("<2sHQ", b"II", 42, ifd_at)
        + b"\0" * 4
        + jpeg
        + table
        + struct.pack("<HHHH", 8, 8, 8, 0)
        + make.ljust(16, b"\0")
        + ifd
    )


@pytest.mark.parametrize("subsampling", ["444", "422"])
@pytest.mark.parametrize("shape", [(200, 256), (64, 512)])
def test_intervals_narrower_than_the_image(
    tmp_path: Path, tissue: np.ndarray, shape: tuple[int, int], subsampling: str
) -> None:
    pixels = np.ascontiguousarray(tissue[: shape[0], : shape[1]])
    jpeg, starts = made_jpeg(pixels, 128, subsampling)
    path = tmp_path / "made.ndpi"
    made_ndpi(path, jpeg, starts, shape[1], shape[0])
    with open_reader(locate(path)) as reader:
        assert reader.info.format == "hamamatsu"
        assert (reader.info.width, reader.info.height) == (shape[1], shape[0])
        encoded = reader.plane(0, 0).encoded()
        assert encoded is not None
        assert (encoded.columns, encoded.tile_width) == (shape[1] // 128, 128)
        found = reader.plane(0, 0).read(reader.info.levels[0].rect)
    for row in range(-(-shape[0] // 8)):
        for column in range(shape[1] // 128):
            part = pixels[row * 8 : row * 8 + 8, column * 128 : column * 128 + 128]
            stream = imagecodecs.jpeg8_encode(
                np.ascontiguousarray(part),
                90,
                colorspace="RGB",
                outcolorspace="YCBCR",
                subsampling=subsampling,
            )
            expected = imagecodecs.jpeg8_decode(stream, outcolorspace="RGB")
            np.testing.assert_array_equal(
                found[row * 8 : row * 8 + 8, column * 128 : column * 128 + 128], expected
            )


def test_intervals_that_wrap_round_rows_are_left_to_openslide(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    jpeg, starts = made_jpeg(np.ascontiguousarray(tissue[:64, :256]), 128, "444")
    path = tmp_path / "made.ndpi"
    made_ndpi(path, jpeg, starts, 320, 32)
    with pytest.raises(UnsupportedFormatError, match="restart intervals of 16 blocks"):
        open_reader(locate(path))


def test_damaged_intervals_are_errors_of_ours(tmp_path: Path, tissue: np.ndarray) -> None:
    jpeg, starts = made_jpeg(np.ascontiguousarray(tissue[:64, :256]), 128, "444")
    path = tmp_path / "made.ndpi"
    starts[3] += 7  # the third interval no longer ends in its marker
    made_ndpi(path, jpeg, starts, 256, 64)
    with pytest.raises(CorruptSourceError, match="marker"):
        open_reader(locate(path)).plane(0, 0).read(Rect(0, 0, 256, 64))
