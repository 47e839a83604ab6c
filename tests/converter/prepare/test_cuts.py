"""Wide stacks of restart intervals, cut into tiles without touching a coefficient."""

import io
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.prepare import cuts
from ziggurat.converter.prepare.cuts import cut_tiles
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.codecs.jpeg_crop import find_cropper
from ziggurat.readers.codecs.jpeg_stream import join_stacks, parse_header
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat

NDPI = "hamamatsu-ndpi/test3-DAPI.ndpi"
SUBSAMPLINGS = {"444": (1, 1), "422": (2, 1)}
cutting = pytest.mark.skipif(
    find_cropper() is None, reason="no libturbojpeg on this machine: apt install libturbojpeg0"
)


def trained(pixels: np.ndarray, subsampling: str) -> bytes:
    """Return a JPEG of one restart interval per row of blocks."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(
        out, "JPEG", quality=90, subsampling=f"{':'.join(subsampling)}", restart_marker_rows=1
    )
    return out.getvalue()


def stacked_level(
    pixels: np.ndarray, across: int, high: int, subsampling: str = "444"
) -> EncodedLevel:
    """Return an image as a level of wide stacks, as the reader of NDPI makes them."""
    height, width = pixels.shape[:2]
    columns, rows = width // across, -(-height // high)
    filled = np.pad(pixels, ((0, rows * high - height), (0, 0), (0, 0)), "edge")

    def tile(column: int, row: int) -> bytes:
        part = filled[row * high : (row + 1) * high, column * across : (column + 1) * across]
        return trained(np.ascontiguousarray(part), subsampling)

    form = TileFormat(
        Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8", subsampling=SUBSAMPLINGS[subsampling]
    )
    return EncodedLevel(form, width, height, across, high, columns, rows, tile)


@pytest.fixture
def wide(tissue: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """Make a picture of any size out of the tissue."""

    def make(height: int, width: int) -> np.ndarray:
        times = (-(-height // tissue.shape[0]), -(-width // tissue.shape[1]), 1)
        return np.ascontiguousarray(np.tile(tissue[..., :3], times)[:height, :width])

    return make


def planes(data: bytes) -> np.ndarray:
    """Decode a stream to YCbCr, whose first plane nothing is interpolated in."""
    return np.asarray(imagecodecs.jpeg8_decode(data, outcolorspace="YCBCR"))


@cutting
@pytest.mark.parametrize("subsampling", ["444", "422"])
@pytest.mark.parametrize(
    ("height", "width", "across", "high", "tile"),
    [
        (600, 1232, 1232, 64, (512, 512)),  # a last column of 208, a last row of 88
        (200, 2560, 1280, 64, (640, 512)),  # two intervals side by side, one row of tiles
        (1024, 1536, 1536, 128, (512, 512)),  # all tiles are full
    ],
)
def test_cut_tiles_decode_to_the_pixels_of_the_strip(
    wide: Callable[[int, int], np.ndarray],
    height: int,
    width: int,
    across: int,
    high: int,
    tile: tuple[int, int],
    subsampling: str,
) -> None:
    pixels = wide(height, width)
    expected = planes(trained(pixels, subsampling))
    cut = cut_tiles(stacked_level(pixels, across, high, subsampling))
    assert (cut.tile_width, cut.tile_height) == tile
    assert (cut.columns, cut.rows) == (-(-width // tile[0]), -(-height // tile[1]))
    assert "lossless crop" in (cut.note or "")
    for row in reversed(range(cut.rows)):
        for column in range(cut.columns):
            data = cut.tile(column, row)
            assert data is not None
            header = parse_header(data)
            assert (header.width, header.height) == tile
            assert header.subsampling == SUBSAMPLINGS[subsampling]
            y, x = row * tile[1], column * tile[0]
            part = expected[y : y + tile[1], x : x + tile[0]]
            found = planes(data)[: part.shape[0], : part.shape[1]]
            np.testing.assert_array_equal(found[..., 0], part[..., 0])
            # Decoders interpolate subsampled colour over the seams, two pixels far
            seam = 0 if subsampling == "444" else 2
            inner = slice(seam, part.shape[1] - seam)
            np.testing.assert_array_equal(found[:, inner], part[:, inner])


@cutting
def test_widths_that_no_tile_divides_stay(wide: Callable[[int, int], np.ndarray]) -> None:
    level = stacked_level(wide(64, 2 * 1048), 1048, 64)  # 8 x 131
    cut = cut_tiles(level)
    assert (cut.tile_width, cut.tile) == (1048, level.tile)
    assert "no handy tile size" in (cut.note or "")


@cutting
def test_a_damaged_stack_is_an_error_of_ours(wide: Callable[[int, int], np.ndarray]) -> None:
    level = stacked_level(wide(1024, 1536), 1536, 64)
    whole = level.tile

    def tile(column: int, row: int) -> bytes:
        data = whole(column, row) or b""
        return data if row != 9 else data[: len(data) // 2] + b"\xff\xd9"

    broken = EncodedLevel(level.format, 1024, 1024, 1536, 64, 1, 16, tile)
    cut = cut_tiles(broken)
    assert cut.tile(0, 0)
    with pytest.raises(CorruptSourceError, match="restart intervals"):
        cut.tile(0, 1)


def test_narrow_tiles_stay_without_a_word(wide: Callable[[int, int], np.ndarray]) -> None:
    level = stacked_level(wide(128, 1024), 1024, 64)
    assert cut_tiles(level) is level


def test_without_the_library_wide_tiles_stay_and_say_why(
    wide: Callable[[int, int], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "find_cropper", lambda: None)
    level = stacked_level(wide(128, 1536), 1536, 64)
    cut = cut_tiles(level)
    assert (cut.tile_width, cut.tile_height, cut.tile) == (1536, 64, level.tile)
    assert "libturbojpeg" in (cut.note or "")


def test_stacks_of_any_number_of_intervals_are_joined(
    wide: Callable[[int, int], np.ndarray],
) -> None:
    pixels = wide(72, 256)
    stacks = [trained(pixels[y : y + 24], "444") for y in (0, 24, 48)]
    joined = planes(join_stacks(stacks, 88))
    np.testing.assert_array_equal(joined[:72], planes(trained(pixels, "444")))
    np.testing.assert_array_equal(joined[72:80, :, 0], joined[64:72, :, 0])
    with pytest.raises(CorruptSourceError, match="9 JPEG restart intervals for 8"):
        join_stacks(stacks, 64)
    with pytest.raises(CorruptSourceError, match="different headers"):
        join_stacks([stacks[0], trained(pixels[:16], "444")], 64)


@cutting
def test_a_slide_of_wide_intervals(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    source, output = data_file(NDPI), tmp_path / "out.tiff"
    report = convert(source, output, ConvertOptions(levels="source", verify="full"))
    assert {step.action for step in report.plan.steps} == {"copy"}
    assert "lossless crop" in report.plan.steps[0].reason
    assert report.verification is not None
    assert {check.compared for check in report.verification.levels} == {"bytes"}
    assert verify(output, source, full=True).ok
    with tifffile.TiffFile(source, is_ndpi=True) as tif, tifffile.TiffFile(output) as ours:
        assert (ours.pages[0].tilewidth, ours.pages[0].tilelength) == (512, 512)
        offset, count = (tif.pages[0].tags[tag].value[0] for tag in (273, 279))
        strip = source.read_bytes()[offset : offset + count]
        expected = imagecodecs.jpeg8_decode(strip, colorspace="YCBCR", outcolorspace="RGB")
        np.testing.assert_array_equal(ours.pages[0].asarray(), expected)
    with openslide.OpenSlide(output) as other:
        region = np.asarray(other.read_region((3500, 4400), 0, (468, 464)))[..., :3]
    np.testing.assert_array_equal(region, expected[4400:4864, 3500:3968])


def test_the_plan_names_the_missing_library(
    data_file: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "find_cropper", lambda: None)
    steps = plan_conversion(
        data_file(NDPI), tmp_path / "out.tiff", ConvertOptions(levels="source")
    ).steps
    assert [(step.action, step.tile_width) for step in steps[:2]] == [
        ("copy", 3968),
        ("copy", 1984),
    ]
    assert "libturbojpeg" in steps[0].reason
    assert "libturbojpeg" not in steps[2].reason
