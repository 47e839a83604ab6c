"""Made-up TIFFs of every codec, sample type and layout that tifffile can write."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.readers.codecs.decode import decode_tile, fit_tile
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation

RAW = [None, "lzw", "zlib", "zstd", "lzma", "packbits"]
CODECS = [*itertools.product(RAW, "<>"), ("jpeg2000", "<"), ("jpegxl", "<"), ("png", "<")]


def opened(path: Path) -> TiffReader:
    return open_reader(locate(path))


def noise(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> np.ndarray:
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    steps = rng.integers(limits.min // 8, limits.max // 8 + 1, size=shape)
    return np.sort(steps, axis=-2).astype(dtype)


def check(path: Path, expected: np.ndarray) -> TiffReader:
    """Compare an image, some regions and its decoded tiles with an array (y, x, s)."""
    reader = opened(path)
    height, width, bands = expected.shape
    info = reader.info
    assert (info.width, info.height, info.bands, info.dtype) == (
        width,
        height,
        bands,
        expected.dtype,
    )
    for rect in (
        Rect(0, 0, width, height),
        Rect(width // 3, height // 3, width // 2, height // 2),
        Rect(width - 1, height - 1, 1, 1),
        Rect(0, height // 2, width, 1),
        Rect(64, 64, 64, 64).intersect(Rect(0, 0, width, height)),
    ):
        part = expected[rect.y : rect.bottom, rect.x : rect.right]
        np.testing.assert_array_equal(reader.plane(0, 0).read(rect), part)
    level = reader.plane(0, 0).encoded()
    for row, column in itertools.product(range(level.rows), range(level.columns)) if level else ():
        data = level.tile(column, row)
        assert data is not None
        tile = decode_tile(data, level.format, (level.tile_height, level.tile_width))
        y, x = row * level.tile_height, column * level.tile_width
        part = expected[y : y + level.tile_height, x : x + level.tile_width]
        np.testing.assert_array_equal(fit_tile(tile, part.shape), part)
    return reader


@pytest.mark.parametrize("tile", [(64, 64), None], ids=["tiles", "strips"])
@pytest.mark.parametrize(("codec", "order"), CODECS)
def test_codecs(
    tmp_path: Path, rng: np.random.Generator, codec: Any, tile: Any, order: str
) -> None:
    pixels = noise((130, 150, 3), np.uint16, rng)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        compression=codec,
        tile=tile,
        rowsperstrip=None if tile else 48,
        byteorder=order,
        metadata=None,
    )
    reader = check(path, pixels)
    encoded = reader.plane(0, 0).encoded()
    assert (encoded is not None) == (tile is not None and codec != "png")


@pytest.mark.parametrize(
    "dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]
)
@pytest.mark.parametrize("codec", [None, "zlib", "lzw"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_sample_types(
    tmp_path: Path, rng: np.random.Generator, dtype: str, codec: Any, order: str
) -> None:
    pixels = noise((150, 170, 1), dtype, rng)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels[..., 0],
        compression=codec,
        tile=(64, 64),
        byteorder=order,
        metadata=None,
        photometric="minisblack",
    )
    assert check(path, pixels).info.interpretation is Interpretation.GRAY


@pytest.mark.parametrize(
    ("dtype", "predictor"),
    [("u1", 2), ("u2", 2), ("i4", 2), ("u8", 2), ("f4", 3), ("f8", 3), ("f2", 3)],
)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [(64, 64), None], ids=["tiles", "strips"])
def test_predictors(
    tmp_path: Path,
    rng: np.random.Generator,
    dtype: str,
    predictor: int,
    planar: str,
    order: str,
    tile: Any,
) -> None:
    pixels = noise((150, 170, 3), dtype, rng)
    path = tmp_path / "a.tif"
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(
        path,
        stored,
        compression="zlib",
        predictor=predictor,
        planarconfig=planar,
        tile=tile,
        rowsperstrip=None if tile else 40,
        photometric="rgb",
        byteorder=order,
        metadata=None,
    )
    reader = check(path, pixels)
    assert (reader.plane(0, 0).encoded() is None) == (planar == "separate" or tile is None)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [(64, 64), None], ids=["tiles", "strips"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_uncompressed_planes(
    tmp_path: Path, rng: np.random.Generator, planar: str, tile: Any, bigtiff: bool
) -> None:
    pixels = noise((150, 170, 3), np.uint8, rng)
    path = tmp_path / "a.tif"
    stored = pixels if planar == "contig" else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(
        path,
        stored,
        planarconfig=planar,
        tile=tile,
        photometric="rgb",
        metadata=None,
        bigtiff=bigtiff,
    )
    check(path, pixels)


@pytest.mark.parametrize("tile", [(64, 64), None], ids=["tiles", "strips"])
@pytest.mark.parametrize("color", ["ycbcr", "rgb", "minisblack"])
@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
def test_jpeg_is_decoded_as_tifffile_does(
    tmp_path: Path, tissue: np.ndarray, tile: Any, color: str, subsampling: tuple[int, int]
) -> None:
    pixels = tissue[:300, :400]
    if color == "minisblack":
        pixels = pixels[..., 0]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.ascontiguousarray(pixels),
        photometric=color,
        compression="jpeg",
        tile=tile,
        compressionargs={"level": 90, "outcolorspace": color} if color == "rgb" else {"level": 90},
        subsampling=subsampling if color == "ycbcr" else None,
        rowsperstrip=None if tile else 64,
        metadata=None,
    )
    expected = tifffile.imread(path)
    check(path, expected if expected.ndim == 3 else expected[..., None])


@pytest.mark.parametrize("codec", ["webp", "jpegxr"])
def test_lossy_codecs(tmp_path: Path, tissue: np.ndarray, codec: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, tissue[:200, :300], photometric="rgb", compression=codec, tile=(64, 64))
    check(path, tifffile.imread(path))


def test_bilevel_is_black_and_white(tmp_path: Path, rng: np.random.Generator) -> None:
    bits = rng.integers(0, 2, (100, 130)).astype(bool)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, bits, photometric="minisblack", metadata=None)
    check(path, (bits * np.uint8(255))[..., None])
    tifffile.imwrite(path, bits, photometric="miniswhite", metadata=None, compression="zlib")
    check(path, (~bits * np.uint8(255))[..., None])


def test_zero_is_white(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = noise((100, 130, 1), np.uint16, rng)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels[..., 0], photometric="miniswhite", metadata=None, tile=(64, 64))
    reader = check(path, 65535 - pixels)
    assert reader.plane(0, 0).encoded() is None  # a copy would be a negative


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_lightest_colour_of_few_bits_is_white(
    tmp_path: Path, rng: np.random.Generator, bits: int
) -> None:
    stored = rng.integers(0, 1 << bits, (40, 48, 4)).astype(np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, stored, bitspersample=bits, photometric="rgb", extrasamples=["unassalpha"],
        metadata=None,
    )  # fmt: skip
    reader = check(path, stored * np.uint8(255 // ((1 << bits) - 1)))
    assert reader.plane(0, 0).encoded() is None


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits_keep_their_values(tmp_path: Path, rng: np.random.Generator, bits: int) -> None:
    pixels = rng.integers(0, 1 << bits, (100, 128, 1)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels[..., 0], bitspersample=bits, photometric="minisblack", metadata=None
    )
    check(path, pixels)


@pytest.mark.parametrize(
    ("bands", "extra", "interpretation", "alpha"),
    [
        (4, ["unassalpha"], Interpretation.RGB, True),
        (3, None, Interpretation.RGB, False),
        (2, ["unassalpha"], Interpretation.GRAY, True),
        (2, ["unspecified"], Interpretation.MULTIBAND, False),
        (7, ["unspecified"] * 6, Interpretation.MULTIBAND, False),
    ],
)
def test_interpretations(
    tmp_path: Path,
    rng: np.random.Generator,
    bands: int,
    extra: Any,
    interpretation: Interpretation,
    alpha: bool,
) -> None:
    pixels = noise((70, 80, bands), np.uint8, rng)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb" if bands in (3, 4) else "minisblack",
        extrasamples=extra,
        planarconfig="contig",
        metadata=None,
    )
    info = check(path, pixels).info
    assert (info.interpretation, info.alpha) == (interpretation, alpha)


def test_palette(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (70, 80, 1)).astype(np.uint8)
    colors = rng.integers(0, 65536, (3, 256)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels[..., 0], photometric="palette", colormap=colors, metadata=None)
    info = check(path, pixels).info
    assert info.interpretation is Interpretation.PALETTE
    assert info.palette is not None
    assert info.palette[7] == (*(int(c) >> 8 for c in colors[:, 7]), 255)


@pytest.mark.parametrize(
    ("resolution", "unit", "mm"),
    [
        ((72, 72), "inch", None),
        ((96, 96), "inch", None),
        ((20_000, 40_000), "centimeter", (0.0005, 0.00025)),
        ((25_400, 25_400), "inch", (0.001, 0.001)),
        ((20_000, 20_000), "none", None),
    ],
)
def test_resolution(tmp_path: Path, resolution: Any, unit: str, mm: Any) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.zeros((20, 30), np.uint8),
        resolution=resolution,
        resolutionunit=unit,
        metadata=None,
    )
    info = opened(path).info
    if mm is None:
        assert info.mm_x is None
        assert info.mm_y is None
    else:
        assert (info.mm_x, info.mm_y) == pytest.approx(mm)
