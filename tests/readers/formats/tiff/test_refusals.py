"""TIFFs that can't be what they say: a named error at once, whatever memory they ask for."""

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.io.location import locate

WIDTH, LENGTH, FILL_ORDER, TILE_WIDTH, TILE_LENGTH, DEPTH = 256, 257, 266, 322, 323, 32997
BANDS, PLACES = 277, 273


def opened(path: Path) -> TiffReader:
    return open_reader(locate(path))


def made(path: Path, pixels: np.ndarray, **arguments: object) -> Path:
    # tifffile writes no such tags: others of their size stand in for them, and are renamed
    tags = [(65000, 3, 1, 1, True), (65001, 4, 1, 1, True)]
    options = {"tile": (16, 16), "photometric": "minisblack", "metadata": None, **arguments}
    tifffile.imwrite(path, pixels, extratags=tags, **options)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for stands_in, code in ((65000, FILL_ORDER), (65001, DEPTH)):
            struct.pack_into("<H", data, tif.pages[0].tags[stands_in].offset, code)
    path.write_bytes(data)
    return path


def patched(path: Path, **values: int) -> Path:
    """Put other numbers into the tags of the first page, where they lie."""
    codes = {name: globals()[name.upper()] for name in values}
    with tifffile.TiffFile(path) as tif:
        spots = {}
        for name, code in codes.items():
            tag = tif.pages[0].tags[code]
            spots[name] = (tag.valueoffset, "<I" if tag.dtype == 4 else "<H")
    data = bytearray(path.read_bytes())
    for name, (offset, kind) in spots.items():
        struct.pack_into(kind, data, offset, values[name])
    path.write_bytes(data)
    return path


GRAY = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)


@pytest.mark.parametrize(
    ("error", "words", "compression", "values"),
    [
        (CorruptSourceError, "pixels can't be", None, {"width": 60_000, "length": 1 << 30}),
        (CorruptSourceError, "without pixels", None, {"width": 0}),
        (CorruptSourceError, "without pixels", None, {"length": 0}),
        (UnsupportedFormatError, "depth of their own", None, {"depth": 4}),
        (CorruptSourceError, "60000 x 60000 pixels in a page of 50 x 40", "zlib",
         {"tile_width": 60_000, "tile_length": 60_000}),
        # half a GiB for each of them, decoded again and again
        (CorruptSourceError, "16 x 60000 pixels in a page of 50 x 40", "zlib",
         {"tile_width": 16, "tile_length": 60_000, "bands": 40}),
        (UnsupportedFormatError, "too large to decode", "zlib",
         {"width": 60_000, "length": 60_000, "tile_width": 60_000, "tile_length": 60_000}),
        (CorruptSourceError, "needs 16 tiles or strips", None, {"width": 120, "length": 30}),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(
    error: type[Exception],
    words: str,
    compression: str | None,
    values: dict[str, int],
    tmp_path: Path,
) -> None:
    pixels = GRAY[:32, :48] if "needs" in words else GRAY
    path = made(tmp_path / "a.tif", pixels, compression=compression)
    with tifffile.TiffFile(path) as tif:  # sides of four bytes, so that any number fits
        assert {tif.pages[0].tags[code].dtype for code in (WIDTH, LENGTH)} <= {3, 4}
    values = {name: min(value, _most(path, name)) for name, value in values.items()}
    with pytest.raises(error, match=words):
        opened(patched(path, **values))


@pytest.mark.parametrize(
    ("values", "words"),
    [({"bands": 32767}, "where a row of pixels has"), ({}, "must be whole numbers")],
)
def test_strips_that_cannot_be(values: dict[str, int], words: str, tmp_path: Path) -> None:
    """Bands that fill the memory of who asks for a few pixels, and places that are fractions."""
    path = made(tmp_path / "a.tif", GRAY, tile=None)
    if values:
        patched(path, **values)
    else:
        with tifffile.TiffFile(path) as tif:
            offset = tif.pages[0].tags[PLACES].offset
        data = bytearray(path.read_bytes())
        struct.pack_into("<H", data, offset + 2, 11)  # of type FLOAT
        path.write_bytes(data)
    with pytest.raises(CorruptSourceError, match=words):
        ziggurat.open(path)


@pytest.mark.parametrize("compression", ["zlib", None])
def test_nobody_else_decodes_tiles_that_cannot_be(compression: str | None, tmp_path: Path) -> None:
    """Others would ask for the gigabytes: a second for each tile of the image, or their end."""
    path = made(tmp_path / "a.tif", GRAY, compression=compression)
    patched(path, tile_width=6_291_696, tile_length=4096)
    with pytest.raises(CorruptSourceError, match="damaged or hostile"):
        ziggurat.open(path)


def _most(path: Path, name: str) -> int:
    with tifffile.TiffFile(path) as tif:
        return 0xFFFF if tif.pages[0].tags[globals()[name.upper()]].dtype == 3 else 0xFFFFFFFF


def test_tiles_of_reversed_bits_are_read_and_never_copied_as_they_are(tmp_path: Path) -> None:
    pixels = GRAY.astype(np.uint8)
    path = made(tmp_path / "a.tif", pixels)
    assert opened(path).plane(0, 0).encoded() is not None
    reader = opened(patched(path, fill_order=2))
    assert reader.plane(0, 0).encoded() is None
    with tifffile.TiffFile(path) as tif:
        expected = tif.asarray()
    assert not np.array_equal(expected, pixels)
    found = reader.plane(0, 0).read(reader.info.levels[0].rect)[..., 0]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("compression", "lossless"),
    [(None, True), ("lzw", True), ("zlib", True), ("zstd", True), ("packbits", True),
     ("lzma", True), ("jpeg", False), ("jpeg2000", False), ("jpegxl", False), ("webp", False)],
)  # fmt: skip
def test_only_codecs_that_cannot_lose_are_called_lossless(
    compression: str | None, lossless: bool, tmp_path: Path, tissue: np.ndarray
) -> None:
    path = made(tmp_path / "a.tif", tissue[:64, :64], compression=compression, photometric="rgb")
    tiles = opened(path).plane(0, 0).encoded()
    assert tiles is not None
    assert tiles.format.lossless is lossless
