"""Pages read through the native kernel are those that are read tile by tile, errors and all."""

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import simplejpeg
import tifffile

import ziggurat
from tests.conftest import DATA
from tests.readers.formats.answers import answer
from ziggurat.readers.codecs.decode import decode_tile, decode_tile_reduced
from ziggurat.readers.codecs.native import kernel
from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.formats.tiff.reader import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Reader

SUFFIXES = (".svs", ".tif", ".tiff", ".ndpi", ".qptiff", ".dcm")


def _largest(path: Path) -> bool:
    """Whether a file is no part of a DICOM slide, or the largest: each opens all of its folder."""
    parts = path.parent.glob("*.dcm") if path.suffix == ".dcm" else [path]
    return path == max(parts, key=lambda part: (part.stat().st_size, part.name))


FOUND = [p for p in DATA.rglob("*") if p.suffix in SUFFIXES and _largest(p)]
FILES = sorted(str(p.relative_to(DATA)) for p in FOUND)
WIDTH, HEIGHT, TILE = 700, 500, 128

needs_kernel = pytest.mark.skipif(kernel.decoder() is None, reason=kernel.describe())


def open_both(path: Path) -> tuple[Reader, Reader]:
    """Open a file twice; the second reader decodes tile by tile, whatever is installed."""
    with mock.patch.object(kernel, "decoder", return_value=None):
        without = open_reader(locate(path))
        for level in range(len(without.info.levels)):
            for frame in range(without.info.frames):
                assert not without.plane(level, frame).together
    with_it = open_reader(locate(path))
    return with_it, without


@pytest.fixture
def pyramid(tissue: np.ndarray, tmp_path: Path) -> Path:
    """A JPEG TIFF whose tiles at the right and bottom edge reach beyond it."""
    image = np.tile(tissue, (2, 2, 1))[:HEIGHT, :WIDTH]
    path = tmp_path / "tissue.tif"
    options = {"tile": (TILE, TILE), "compression": "jpeg", "compressionargs": {"level": 85}}
    tifffile.imwrite(path, image, photometric="rgb", **options)
    return path


def rects(width: int, height: int, count: int, rng: np.random.Generator) -> list[Rect]:
    found = [Rect(0, 0, width, height)] if width * height < 1 << 19 else []
    for _ in range(count):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        most = int(rng.integers(1, 400))
        found.append(Rect(x, y, min(most, width - x), min(most, height - y)))
    return found


def check_same(path: Path, count: int, rng: np.random.Generator) -> bool:
    """Hold both ways of reading against each other; return True where there are two."""
    found = False
    with_it, without = open_both(path)
    with with_it, without:
        for number, level in enumerate(with_it.info.levels):
            for frame in {0, with_it.info.frames - 1}:
                one, other = with_it.plane(number, frame), without.plane(number, frame)
                found |= one.together
                for rect in rects(level.width, level.height, count, rng):
                    result, due = (
                        answer(lambda p=one, r=rect: p.read(r)),
                        answer(lambda p=other, r=rect: p.read(r)),
                    )
                    assert type(result) is type(due)
                    np.testing.assert_array_equal(result, due)
    return found


@needs_kernel
def test_regions_are_the_same(pyramid: Path, rng: np.random.Generator) -> None:
    assert check_same(pyramid, 40, rng)


@needs_kernel
@pytest.mark.skipif(not FILES, reason="no real data; set ZIGGURAT_DATA to where it is")
@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".dcm")])
def test_regions_of_real_files_are_the_same(
    name: str, data_file: Callable[[str], Path], rng: np.random.Generator
) -> None:
    path = data_file(name)
    try:
        open_reader(locate(path)).close()
    except SourceError as error:
        pytest.skip(f"not this reader's: {error}")
    check_same(path, 2, rng)


@needs_kernel
@pytest.mark.skipif(not FILES, reason="no real data; set ZIGGURAT_DATA to where it is")
@pytest.mark.parametrize("name", FILES)
def test_stored_tiles_of_real_files_are_the_same_at_all_scales(
    name: str, data_file: Callable[[str], Path], rng: np.random.Generator
) -> None:
    path, seen = data_file(name), 0
    try:
        source = ziggurat.open(path)
    except SourceError as error:
        pytest.skip(f"not readable: {error}")
    with source:
        reader = source._image().reader
        for number in range(len(reader.info.levels)):
            level = reader.plane(number, 0).encoded()
            if level is None:
                continue
            kind = kernel.kind_of(level.format, level.tile_width, level.tile_height)
            if kind is None:
                continue
            cells = rng.integers((level.columns, level.rows), size=(2, 2))
            streams = [level.tile(int(x), int(y)) for x, y in cells]
            for data in filter(None, streams):
                seen += check_tile(data, kind, level.format)
    if not seen:
        pytest.skip("no tile of it is the kernel's")


def check_tile(data: bytes, kind: kernel.TileKind, form: TileFormat) -> int:
    shape = kind.height, kind.width
    done = 0
    for scale in (1, 2, 4, 8):
        out = np.zeros((-(-shape[0] // scale), -(-shape[1] // scale), kind.bands), np.uint8)
        (status,) = kernel.decode_tiles([(data, out, 0, 0)], kind, scale=scale)
        if status == kernel.DONE:
            due = (
                decode_tile_reduced(data, form, scale, shape)
                if scale > 1
                else decode_tile(data, form, shape)
            )
            np.testing.assert_array_equal(out, due)
            done += 1
    return done


def replace_tile(path: Path, index: int, change: Callable[[bytes], bytes]) -> None:
    """Put another stream, appended to the file, in the place of a tile's."""
    with tifffile.TiffFile(path, mode="r+b") as tif:
        page = tif.pages[0]
        offsets, counts = list(page.dataoffsets), list(page.databytecounts)
        handle = tif.filehandle
        handle.seek(offsets[index])
        data = change(handle.read(counts[index]))
        handle.seek(0, 2)
        offsets[index], counts[index] = handle.tell(), len(data)
        handle.write(data)
        page.tags["TileOffsets"].overwrite(offsets)
        page.tags["TileByteCounts"].overwrite(counts)


def lost(data: bytes) -> bytes:
    return data[: len(data) // 2] + data[len(data) // 2 + 400 :]


def padded(data: bytes) -> bytes:
    return data[:-2] + bytes(9) + data[-2:]


@needs_kernel
@pytest.mark.parametrize(
    "change", [lost, padded, lambda _: b"", lambda d: d[:100], lambda d: d[2:]]
)
def test_what_is_odd_in_one_tile_has_the_same_end(
    pyramid: Path, change: Callable[[bytes], bytes], rng: np.random.Generator
) -> None:
    replace_tile(pyramid, 8, change)
    assert check_same(pyramid, 60, rng)


@needs_kernel
def test_a_region_of_a_damaged_tile_is_an_error_wherever_it_lies(pyramid: Path) -> None:
    replace_tile(pyramid, 0, lost)
    with (
        ziggurat.open(pyramid) as source,
        pytest.raises(CorruptSourceError, match="libjpeg makes up"),
    ):
        source.getRegion(region={"width": 9, "height": 9}, format="numpy")
    with ziggurat.open(pyramid) as source:
        region = {"left": 2 * TILE, "width": 300, "height": 300}
        assert source.getRegion(region=region, format="numpy")[0].shape == (300, 300, 3)


@needs_kernel
@pytest.mark.parametrize("damaged", [False, True])
def test_what_is_shown_is_what_the_parts_have_of_it(
    pyramid: Path, damaged: bool, tissue: np.ndarray, rng: np.random.Generator
) -> None:
    if damaged:  # the kernel leaves them to the decoder of single tiles
        small = simplejpeg.encode_jpeg(np.ascontiguousarray(tissue[:100, :90]), 85)
        for index, change in ((1, padded), (8, lambda _: small), (15, lambda _: small)):
            replace_tile(pyramid, index, change)
    for reader in open_both(pyramid):
        with reader:
            plane = reader.plane(0, 0)
            due = plane.read(Rect(0, 0, WIDTH, HEIGHT))
            for rect in rects(WIDTH, HEIGHT, 20, rng)[1:]:
                shown = np.full((rect.height, rect.width, 3), 77, np.uint8)
                parts, there = [], np.zeros((HEIGHT, WIDTH), bool)
                for x, y, width, height in (
                    (0, 0, 256, 200),
                    (300, 90, 20, 9),
                    (256, 256, 444, 244),
                ):
                    parts.append((x, y, np.zeros((height, width, 3), np.uint8)))
                    there[y : y + height, x : x + width] = True
                plane.fill(parts, 2, (rect.x, rect.y, shown))
                for x, y, pixels in parts:
                    there_due = due[y : y + pixels.shape[0], x : x + pixels.shape[1]]
                    np.testing.assert_array_equal(pixels, there_due)
                place = np.s_[rect.y : rect.bottom, rect.x : rect.right]
                np.testing.assert_array_equal(
                    shown, np.where(there[place][..., np.newaxis], due[place], 77)
                )


@needs_kernel
def test_a_file_whose_every_tile_is_padded_is_soon_read_as_without_the_kernel(
    pyramid: Path, rng: np.random.Generator
) -> None:
    for index in range(24):
        replace_tile(pyramid, index, padded)
    with open_reader(locate(pyramid)) as reader:
        plane = reader.plane(0, 0)
        assert plane.together
        plane.read(Rect(0, 0, WIDTH, HEIGHT))
        assert not plane.together
    check_same(pyramid, 10, rng)


@needs_kernel
def test_tiles_smaller_than_the_grid_are_filled_up_alike(
    pyramid: Path, tissue: np.ndarray, rng: np.random.Generator
) -> None:
    small = simplejpeg.encode_jpeg(np.ascontiguousarray(tissue[:100, :90]), 85)
    replace_tile(pyramid, 9, lambda _: small)
    assert check_same(pyramid, 30, rng)


@needs_kernel
def test_a_closed_file_is_an_error(pyramid: Path) -> None:
    reader = open_reader(locate(pyramid))
    plane = reader.plane(0, 0)
    assert plane.together
    reader.close()
    with pytest.raises(SourceError, match="closed"):
        plane.fill([(0, 0, np.zeros((9, 9, 3), np.uint8))])
