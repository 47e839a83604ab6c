"""Real TIFFs of all kinds, pixel for pixel against tifffile and OpenSlide."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
import zarr

from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation

Find = Callable[[str], Path]

# name → (format, sizes of the levels, frames, bands)
FILES = {
    "akoya-qptiff/small_vectra.qptiff": ("akoya", [(1920, 1440)], 3, 1),
    "aperio-svs/CMU-1-Small-Region.svs": ("aperio", [(2220, 2967)], 1, 3),
    "aperio-svs/TCGA-CR-7395-01A-01-TS1.svs": ("aperio", [(4443, 3567), (2221, 1783)], 1, 3),
    "geotiff/rasterio/alpha.tif": ("geotiff", [(1223, 1223)], 1, 4),
    "geotiff/rasterio/float32.tif": ("tiff", [(3, 2)], 1, 1),
    "geotiff/rasterio/goes.tif": ("geotiff", [(542, 542), (271, 271)], 1, 3),
    "geotiff/rasterio/RGBA.uint16.tif": ("geotiff", [(634, 411)], 1, 4),
    "geotiff/rasterio/rotated.tif": ("tiff", [(10, 15)], 1, 1),
    "geotiff/rio-tiler/cog_nodata_nan.tif": ("geotiff", [(549, 549), (274, 274)], 1, 1),
    "geotiff/rio-tiler/cog_scale.tif": ("geotiff", [(256, 256), (128, 128), (64, 64)], 1, 2),
    "hamamatsu-ndpi/test3-DAPI.ndpi": (
        "hamamatsu",
        [(3968, 4864), (1984, 2432), (992, 1216), (496, 608)],
        1,
        3,
    ),
    "ome-tiff/2048x2048_ome6_tiled.ome.tif": ("ome-tiff", [(2048, 2048), (1024, 1024)], 3, 1),
    "ome-tiff/OS-2-ndpi.ome.tif": ("ome-tiff", [(2202, 2202)], 1, 3),
    "ome-tiff/mini-spim-moduloZ.ome.tiff": ("ome-tiff", [(140, 120)], 192, 1),
    "ome-tiff/multi-channel-time-series.ome.tif": ("ome-tiff", [(439, 167)], 21, 1),
    "ome-tiff/nyxus-dim5_pyramid.ome.tif": ("ome-tiff", [(48, 32), (24, 16), (12, 8)], 6, 1),
    "ome-tiff/qupath-cells.ome.tif": ("ome-tiff", [(93, 131)], 1, 3),
    "ome-tiff/xy_12bit__plant.ome.tiff": ("ome-tiff", [(512, 512), (256, 256)], 1, 1),
    "tiff/BRACS_1640_N_3_cropped.tiff": ("tiff", [(650, 743), (325, 371), (162, 185)], 1, 3),
    "tiff/MetamorphImage.tif": ("tiff", [(696, 520)], 1, 1),
    "tiff/boxes.tiff": ("tiff", [(300, 250), (150, 125), (75, 62), (37, 31)], 1, 3),
    "tiff/commons-Sample64BitFloatingPointPix451x337.tiff": ("geotiff", [(451, 337)], 1, 1),
    "tiff/tensorstore-D75_16b.tiff": ("tiff", [(306, 172)], 1, 3),
    "tiff/wsic-CMU-1-Small-Region.jp2.tiff": ("tiff", [(2220, 2967)], 1, 3),
    "tiff/wsic-CMU-1-Small-Region.webp.tiff": ("tiff", [(2220, 2967)], 1, 3),
}


LARGE = 600_000  # pixels: not all of these are decoded, neither by us nor by tifffile


def opened(path: Path) -> TiffReader:
    return open_reader(locate(path))


def as_frames(array: np.ndarray, axes: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return tifffile's array as (frame, y, x, band)."""
    if "S" in axes and axes.index("S") < axes.index("Y"):
        array = np.moveaxis(array, axes.index("S"), -1)
    return array.reshape(shape)


def regions(width: int, height: int, rng: np.random.Generator) -> list[Rect]:
    """Return the whole, or of what is large two edges, and four regions wherever they lie."""
    made = [Rect(0, 0, width, height)]
    if width * height > LARGE:
        made = [Rect(0, 0, width, 100), Rect(width - 100, 0, 100, height)]
    most = 300 if len(made) > 1 else 600
    for _ in range(4):
        w, h = (int(rng.integers(1, min(most, side) + 1)) for side in (width, height))
        x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        made.append(Rect(x, y, w, h))
    return made


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_tifffile(name: str, data_file: Find, rng: np.random.Generator) -> None:
    path = data_file(name)
    with opened(path) as reader, tifffile.TiffFile(path) as tif:
        info = reader.info
        kind, sizes, frames, bands = FILES[name]
        assert (info.format, info.frames, info.bands) == (kind, frames, bands)
        assert [(level.width, level.height) for level in info.levels] == sizes
        series = tif.series[0]
        for index, level in enumerate(series.levels):
            width, height = sizes[index]
            large = width * height > LARGE and frames == 1
            if large:
                stored = zarr.open_array(series.aszarr(level=index), mode="r")
                assert stored.shape == (height, width, bands)[: stored.ndim]
            else:
                shape = (frames, height, width, bands)
                stored = as_frames(level.asarray(), level.axes, shape)
            assert stored.dtype == info.dtype
            for frame in {0, info.frames // 2, info.frames - 1}:
                for rect in regions(*sizes[index], rng):
                    found = reader.plane(index, frame).read(rect)
                    assert found.flags.writeable
                    place = np.s_[rect.y : rect.bottom, rect.x : rect.right]
                    part = stored[place] if large else stored[frame][place]
                    np.testing.assert_array_equal(found, part.reshape(found.shape))


@pytest.mark.parametrize(
    "name",
    [
        "aperio-svs/CMU-1-Small-Region.svs",
        "aperio-svs/TCGA-CR-7395-01A-01-TS1.svs",
        "geotiff/rasterio/goes.tif",
        "hamamatsu-ndpi/test3-DAPI.ndpi",
        "tiff/BRACS_1640_N_3_cropped.tiff",
        "tiff/boxes.tiff",
    ],
)
def test_pixels_levels_and_scale_are_those_of_openslide(name: str, data_file: Find) -> None:
    path = data_file(name)
    with opened(path) as reader, openslide.OpenSlide(path) as slide:
        info = reader.info
        sizes = [(level.width, level.height) for level in info.levels]
        assert sizes == list(slide.level_dimensions)[: len(sizes)]
        for index, level in enumerate(info.levels):
            # from the corner: elsewhere OpenSlide interpolates where scales are no whole numbers
            rect = Rect(0, 0, min(700, level.width), min(700, level.height))
            expected = np.asarray(slide.read_region((0, 0), index, (rect.width, rect.height)))
            np.testing.assert_array_equal(reader.plane(index, 0).read(rect), expected[..., :3])
        for name, picture in slide.associated_images.items():
            found = reader.associated(name).read()
            np.testing.assert_array_equal(found, np.asarray(picture)[..., :3])
        power = slide.properties.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)
        assert info.magnification == (None if power is None else float(power))


def test_facts_of_an_aperio_slide(data_file: Find) -> None:
    with opened(data_file("aperio-svs/CMU-1-Small-Region.svs")) as reader:
        info = reader.info
        assert info.mm_x == info.mm_y == pytest.approx(0.000499)
        assert info.magnification == 20
        assert info.associated == ("thumbnail", "label", "macro")
        assert info.interpretation is Interpretation.RGB
        assert info.properties["aperio.AppMag"] == "20"
        assert info.background == (255, 255, 255)
        assert info.description is not None
        assert info.description.startswith("Aperio")


def test_facts_of_an_ndpi_slide(data_file: Find) -> None:
    with opened(data_file("hamamatsu-ndpi/test3-DAPI.ndpi")) as reader:
        info = reader.info
        assert info.mm_x == pytest.approx(0.0002281750559)
        assert info.magnification == 40
        assert set(info.associated) == {"macro", "map"}
        assert info.properties["hamamatsu.SourceLens"] == "40"


def test_facts_of_a_qptiff(data_file: Find) -> None:
    with opened(data_file("akoya-qptiff/small_vectra.qptiff")) as reader:
        info = reader.info
        assert info.mm_x == pytest.approx(0.0005)
        assert info.magnification == 20
        assert info.associated == ("thumbnail",)
        assert [axis.name for axis in info.axes] == ["c"]
        assert len(info.channels) in (0, 3)


def test_facts_of_a_geotiff_with_a_palette(data_file: Find) -> None:
    with opened(data_file("geotiff/rio-tiler/cog_cmap.tif")) as reader:
        assert reader.info.interpretation is Interpretation.PALETTE
        assert reader.info.palette is not None
        assert len(reader.info.palette) == 256
        assert len(reader.info.levels) == 5


def test_uneven_pyramids_are_found_whole(data_file: Find) -> None:
    with opened(data_file("geotiff/rio-tiler/cog_dateline.tif")) as reader:
        sizes = [(level.width, level.height) for level in reader.info.levels]
        assert sizes == [(2325, 2355), (581, 589), (291, 295), (145, 147)]


def test_encoded_tiles_are_the_files_bytes(data_file: Find) -> None:
    path = data_file("aperio-svs/CMU-1-Small-Region.svs")
    with opened(path) as reader, tifffile.TiffFile(path) as tif:
        level = reader.plane(0, 0).encoded()
        assert level is not None
        assert level.format.codec is Codec.JPEG
        assert level.format.photometric is Photometric.RGB
        assert level.format.subsampling == (1, 1)
        assert (level.tile_width, level.tile_height) == (240, 240)
        page = tif.pages.first
        assert level.format.tables == page.jpegtables
        raw = path.read_bytes()
        for index, (offset, count) in enumerate(
            zip(page.dataoffsets, page.databytecounts, strict=True)
        ):
            row, column = divmod(index, level.columns)
            assert level.tile(column, row) == raw[offset : offset + count]
        assert level.columns * level.rows == len(page.dataoffsets)


def test_tags_that_disagree_with_the_stream_are_put_right(data_file: Find) -> None:
    with opened(data_file("ome-tiff/OS-2-ndpi.ome.tif")) as reader:  # the tag says RGB
        level = reader.plane(0, 0).encoded()
        assert level is not None
        assert level.format.photometric is Photometric.YCBCR
        assert level.format.subsampling == (2, 2)


def test_strips_have_no_encoded_tiles(data_file: Find) -> None:
    with opened(data_file("akoya-qptiff/small_vectra.qptiff")) as reader:
        assert reader.plane(0, 0).encoded() is None


@pytest.mark.parametrize(
    ("slide", "names"),
    [
        ("CMU-1-Small-Region.svs", ("thumbnail", "macro")),
        ("TCGA-CR-7395-01A-01-TS1.svs", ("thumbnail",)),
    ],
)
def test_strips_of_associated_images_join_to_one_jpeg(
    slide: str, names: tuple[str, ...], data_file: Find
) -> None:
    import imagecodecs

    with opened(data_file(f"aperio-svs/{slide}")) as reader:
        for name in names:
            stored = reader.associated(name).encoded()
            assert stored is not None
            pixels = reader.associated(name).read()
            assert (stored.height, stored.width) == pixels.shape[:2]
            np.testing.assert_array_equal(imagecodecs.jpeg8_decode(stored.data), pixels)
        if "label" in reader.info.associated:
            assert reader.associated("label").encoded() is None  # LZW


def test_unknown_associated_image(data_file: Find) -> None:
    with (
        opened(data_file("aperio-svs/CMU-1-Small-Region.svs")) as reader,
        pytest.raises(KeyError, match="nonsense"),
    ):
        reader.associated("nonsense").read()
