"""Every codec, sample type and band count of the table, read back by independent readers."""

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from tests.each import each
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import TILE_CODECS, Codec
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.codecs.tiles import default_compression, tile_codec
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import Subsampling, WriteOptions

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
]
LOSSLESS = [codec for codec in TILE_CODECS if not codec.row.must_lose]
# what the wheels of GDAL and libvips in use can decode; the rest is for tifffile alone
GDAL_CODECS = {"none", "jpeg", "deflate", "lzw", "zstd", "webp"}
GDAL_DTYPES = set(DTYPES) - {"bool", "float16"}
VIPS_CODECS = {"none", "jpeg", "deflate", "lzw", "webp"}
VIPS_DTYPES = {"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"}


def made_up(tissue: np.ndarray, dtype: Any, bands: int) -> Any:
    """Real tissue stretched over the range of a sample type, odd in size."""
    picture = tissue[100:175, 50:161].astype(np.float64) / 255
    stack = np.concatenate([picture, picture[..., ::-1] ** 2], axis=2)[..., :bands]
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return stack > 0.6
    if dtype.kind == "f":
        return (stack * 1000 - 300).astype(dtype)
    limits = np.iinfo(dtype)
    low = float(limits.min) * 0.9
    return (low + stack * (float(limits.max) * 0.9 - low)).astype(dtype)


def gdal_pixels(path: Path) -> Any:
    from osgeo import gdal

    gdal.UseExceptions()
    array = gdal.Open(str(path)).ReadAsArray()
    return array[..., np.newaxis] if array.ndim == 2 else np.moveaxis(array, 0, -1)


def vips_pixels(path: Path) -> Any:
    import pyvips

    array = pyvips.Image.new_from_file(str(path), revalidate=True).numpy()
    return array[..., np.newaxis] if array.ndim == 2 else array


def allowed() -> Iterator[Any]:
    for codec, dtype, bands in itertools.product(LOSSLESS, DTYPES, (1, 3, 4, 6)):
        row, kind = codec.row, np.dtype(dtype)
        if codec is Codec.LZMA and bands > 1:
            continue  # its encoder takes long to begin, and bands are all the same to it
        fits = kind.kind in row.kinds and kind.itemsize in row.sizes
        if (
            fits
            and (row.bands is None or bands in row.bands)
            and not (dtype == "bool" and bands > 1)
        ):
            turn = (1, 3, 4, 6)[(LOSSLESS.index(codec) + DTYPES.index(dtype)) % 4]
            # all widths of one codec, and one width of all types
            often = bands == turn or (dtype == "uint8" and codec is Codec.DEFLATE)
            often = often or (row.bands is not None and dtype in ("uint8", "uint16"))
            marks = () if often else pytest.mark.slow
            yield pytest.param(codec, dtype, bands, marks=marks)


@pytest.mark.parametrize(("codec", "dtype", "bands"), list(allowed()))
def test_lossless_codecs_give_back_every_value(
    tmp_path: Path, tissue: np.ndarray, codec: str, dtype: Any, bands: int
) -> None:
    pixels = made_up(tissue, dtype, bands)
    path = tmp_path / "image.tif"
    options = WriteOptions(lossy=False, compression=codec, tile_size=64)
    write(array_reader(pixels), path, options)
    found = tifffile.imread(path)
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)
    assert found.dtype == dtype
    if codec.value in GDAL_CODECS and dtype in GDAL_DTYPES:
        np.testing.assert_array_equal(gdal_pixels(path), pixels)
    if codec.value in VIPS_CODECS and dtype in VIPS_DTYPES and bands <= 4:
        np.testing.assert_array_equal(vips_pixels(path), pixels)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "float32", "float64"])
@pytest.mark.parametrize("bands", [1, 3])
def test_ome_tiff_gives_back_every_value(
    tmp_path: Path, tissue: np.ndarray, dtype: Any, bands: int
) -> None:
    if dtype == "bool" and bands > 1:
        pytest.skip("TIFF packs one band of bool")
    pixels = made_up(tissue, dtype, bands)
    path = tmp_path / "image.ome.tif"
    write(array_reader(pixels), path, WriteOptions(lossy=False, tile_size=32))
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        found = tif.series[0].asarray()
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)


def psnr(found: Any, wanted: Any) -> Any:
    error = np.mean((found.astype(np.float64) - wanted) ** 2)
    return 10 * np.log10(np.iinfo(wanted.dtype).max ** 2 / max(error, 1e-12))


@pytest.mark.parametrize(
    ("codec", "bands", "dtype", "least"),
    [
        (Codec.JPEG, 3, "uint8", 33),
        (Codec.JPEG, 1, "uint8", 37),
        (Codec.WEBP, 3, "uint8", 33),
        (Codec.WEBP, 4, "uint8", 31),
        (Codec.JPEG2000, 3, "uint8", 35),
        (Codec.JPEG2000, 1, "uint16", 33),
        (Codec.JPEGXL, 3, "uint8", 34),
        (Codec.JPEGXL, 1, "uint16", 38),
    ],
)
def test_lossy_codecs_stay_above_a_stated_quality(
    tmp_path: Path, tissue: np.ndarray, codec: str, bands: int, dtype: Any, least: Any
) -> None:
    pixels = made_up(tissue, dtype, bands)
    path = tmp_path / "image.tif"
    write(array_reader(pixels), path, WriteOptions(compression=codec, quality=90))
    assert psnr(tifffile.imread(path).reshape(pixels.shape), pixels) > least
    if codec.value in GDAL_CODECS:
        assert psnr(gdal_pixels(path)[..., :bands], pixels) > least


@pytest.mark.parametrize("subsampling", list(Subsampling))
def test_jpeg_chroma_and_quality_do_what_they_say(
    tmp_path: Path, tissue: np.ndarray, subsampling: Any
) -> None:
    sizes = []
    for quality in (50, 95):
        path = tmp_path / f"{quality}.tif"
        options = WriteOptions(compression=Codec.JPEG, quality=quality, subsampling=subsampling)
        write(array_reader(tissue), path, options)
        with tifffile.TiffFile(path) as tif:
            page = tif.pages[0]
            tag = page.tags.get("YCbCrSubSampling")
            if subsampling is Subsampling.S444:
                assert tag is None  # with (1, 1) Bio-Formats converts the colours twice
            else:
                assert tag.value == subsampling.factors
            assert page.jpegtables is not None
            tif.filehandle.seek(page.dataoffsets[0])
            stream = tif.filehandle.read(page.databytecounts[0])
        # the frame header of the stream agrees with the tag
        frame = stream.index(b"\xff\xc0")
        factors = stream[frame + 11]
        assert (factors >> 4, factors & 15) == subsampling.factors
        assert b"\xff\xdb" not in stream[:frame]  # the tables are in their tag, once
        sizes.append(path.stat().st_size)
    assert sizes[0] < sizes[1] / 2


def test_jpeg_tiles_are_seen_right_by_openslide_and_libvips(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    import openslide

    path = tmp_path / "image.tif"
    write(array_reader(tissue), path, WriteOptions(quality=95, subsampling=Subsampling.S444))
    with openslide.OpenSlide(path) as slide:
        seen = np.asarray(slide.read_region((0, 0), 0, (512, 512)))[..., :3]
    assert psnr(seen, tissue) > 38
    assert psnr(vips_pixels(path), tissue) > 38


def test_predictors_are_used_where_they_pay(tissue: np.ndarray) -> None:
    for dtype, predictor in (
        ("uint8", 2),
        ("int32", 2),
        ("uint64", 1),
        ("float32", 1),  # few readers know the floating-point predictor
        ("bool", 1),
    ):
        info = array_reader(made_up(tissue, dtype, 1)).info
        codec = tile_codec(info, WriteOptions(compression=Codec.DEFLATE, lossy=False))
        assert codec.format.predictor == predictor
    labels = array_reader(np.zeros((9, 9, 1), np.uint16), interpretation=Interpretation.LABELS)
    codec = tile_codec(labels.info, WriteOptions(compression=Codec.ZSTD))
    assert codec.format.predictor == 1


@pytest.mark.parametrize(
    ("dtype", "bands", "options", "words"),
    [
        ("uint16", 3, {"compression": Codec.JPEG}, r"jpeg takes unsigned of 8 bits.*deflate"),
        ("uint8", 2, {"compression": Codec.JPEG}, r"1/3 bands.*2 bands of uint8.*lzw"),
        ("uint8", 1, {"compression": Codec.WEBP}, r"webp takes .*3/4 bands"),
        ("float32", 1, {"compression": Codec.JPEG2000}, r"jpeg2000 takes unsigned of 8/16"),
        ("uint8", 1, {"compression": Codec.BLOSC}, "blosc is not for TIFF"),
        ("complex64", 1, {}, "complex64"),
        ("bool", 3, {}, "packs one band of bool"),
        ("uint8", 3, {"compression": Codec.JPEG, "lossy": False}, "lossy=False forbids"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_written(
    tmp_path: Path, dtype: Any, bands: int, options: Any, words: Any
) -> None:
    reader = array_reader(np.zeros((40, 40, bands), dtype))
    with pytest.raises(OptionError, match=words):
        write(reader, tmp_path / "image.tif", WriteOptions(**options))
    assert list(tmp_path.iterdir()) == []


def test_defaults_are_what_most_readers_open(tissue: np.ndarray) -> None:
    picture = array_reader(tissue).info
    labels = array_reader(tissue[..., :1], interpretation=Interpretation.LABELS).info
    deep = array_reader(tissue.astype(np.uint16)).info
    assert default_compression(picture, lossy=True) is Codec.JPEG
    assert default_compression(picture, lossy=False) is Codec.DEFLATE
    assert default_compression(labels, lossy=True) is Codec.DEFLATE
    assert default_compression(deep, lossy=True) is Codec.DEFLATE


def test_labels_are_never_lossy(rng: np.random.Generator) -> None:
    labels = array_reader(
        rng.integers(0, 255, (64, 64, 1), np.uint8), interpretation=Interpretation.LABELS
    ).info
    with pytest.raises(OptionError, match="would change label values; lossless are none"):
        tile_codec(labels, WriteOptions(compression=Codec.JPEG))
    assert tile_codec(labels, WriteOptions(compression=Codec.JPEG2000)).format.lossless


@pytest.mark.parametrize("codec", [Codec.WEBP, Codec.JPEGXL])
def test_less_effort_is_another_stream_of_the_same_picture(
    tissue: np.ndarray, codec: Codec
) -> None:
    tile = np.ascontiguousarray(tissue[:256, :256])
    info = array_reader(tile).info
    found = {}
    for level in (None, 2):
        made = tile_codec(info, WriteOptions(compression=codec, quality=85, level=level))
        data = made.encode(tile)
        decode = imagecodecs.webp_decode if codec is Codec.WEBP else imagecodecs.jpegxl_decode
        assert psnr(decode(data)[..., :3], tile) > 30
        found[level] = data
    assert found[None] != found[2]


@pytest.mark.parametrize("level", [0, 1, 3, 6, 9])
def test_deflate_takes_every_level(tmp_path: Path, tissue: np.ndarray, level: int) -> None:
    path = tmp_path / "image.tif"
    options = WriteOptions(lossy=False, level=level, compression=Codec.DEFLATE)
    write(array_reader(tissue), path, options)
    np.testing.assert_array_equal(tifffile.imread(path), tissue)


@pytest.mark.parametrize(
    "options",
    [{"quality": 0}, {"tile_size": 100}, {"level": -1}, {"threads": 0}, {"max_memory": 5}],
)
def test_options_that_can_not_be_meant_are_refused(options: Any) -> None:
    with pytest.raises(OptionError, match="not"):
        WriteOptions(**options)


def label_map() -> Any:
    """A coarse map of 256 x 256 with borders as a segmentation has them."""
    y, x = np.mgrid[:256, :256]
    return (np.sin(x / 17) + np.cos(y / 13 + x / 40) + np.sin(y / 29) > 0.4).astype(np.uint8) * 3


@pytest.mark.parametrize(
    ("kind", "predictor"), [(Interpretation.LABELS, True), (None, True), (None, False)]
)
def test_deflate_of_masks_is_as_small_as_zlibs(kind: str, predictor: Any) -> None:
    pixels = label_map()[..., np.newaxis]
    reader = array_reader(pixels, interpretation=kind)
    options = WriteOptions(lossy=False, predictor=predictor)
    codec = tile_codec(reader.info, options)
    plain = pixels
    if codec.format.predictor == 2:
        plain = np.diff(pixels, axis=1, prepend=np.zeros_like(pixels[:, :1]))
    assert len(codec.encode(pixels)) < 1.03 * len(zlib.compress(plain.tobytes(), 6))
    assert zlib.decompress(codec.encode(pixels)) == plain.tobytes()


@each("sampling", list(Subsampling))
@each("quality", [60, 85, 90, 91, 98])
def test_jpeg_is_as_good_as_libjpegs_own(tissue: np.ndarray, sampling: Any, quality: Any) -> None:
    tile = np.ascontiguousarray(tissue[:256, :256])
    codec = tile_codec(array_reader(tile).info, WriteOptions(quality=quality, subsampling=sampling))
    tables = codec.format.tables
    stream = tables[:-2] + codec.encode(tile)[2:]
    wanted = imagecodecs.jpeg8_encode(
        tile, level=quality, subsampling=sampling.value.replace(":", "")
    )

    def decibels(data: Any) -> Any:
        off = imagecodecs.jpeg8_decode(data).astype(np.float64) - tile
        return 10 * np.log10(255**2 / np.mean(off**2))

    assert decibels(stream) > decibels(wanted) - 0.2  # the quick transform's rounding
    if quality > 90 or sampling is Subsampling.S444:
        assert decibels(stream) == decibels(wanted)
    assert len(stream) < 1.01 * len(wanted)


@pytest.mark.parametrize("quality", [60, 75, 90])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_a_tile_with_hardly_anything_on_it_stays_as_light_as_it_is(
    quality: int, dtype: str
) -> None:
    scale = 1 if dtype == "u1" else 257
    noise = np.random.default_rng(1).normal(0, 1.2, (240, 240, 3))
    tile = ((np.array([243, 242, 243]) + noise.round()) * scale).astype(dtype)
    info = array_reader(tile).info
    codec = tile_codec(info, WriteOptions(compression=Codec.JPEG2000, quality=quality))
    found = imagecodecs.jpeg2k_decode(codec.encode(tile))
    away = np.abs(found.mean(axis=(0, 1)) - tile.mean(axis=(0, 1)))
    assert away.max() <= scale
