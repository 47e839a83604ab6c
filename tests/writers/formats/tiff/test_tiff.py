"""The structure of TIFFs, as other programs see it."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.writers.formats.tiff.made import EXACT, edited, whole
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.tiff.pages.description import parse_description
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.codecs.tiles import tile_codec
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.tiff.tags import needs_bigtiff
from ziggurat.writers.model.levels import LevelPlan, Stored
from ziggurat.writers.model.options import PyramidStyle, WriteOptions

SIZES = [(1450, 1000), (725, 500), (363, 250), (182, 125)]


def test_every_reader_sees_the_levels_of_the_default_output(
    tmp_path: Path, big_tissue: np.ndarray
) -> None:
    import openslide
    import pyvips
    from osgeo import gdal

    gdal.UseExceptions()
    path = tmp_path / "image.tif"
    report = write(array_reader(big_tissue), path)
    assert report.levels == 4
    assert report.bytes == path.stat().st_size
    with tifffile.TiffFile(path) as tif:
        assert not tif.is_bigtiff
        assert [level.shape[1::-1] for level in tif.series[0].levels] == SIZES
        assert len(tif.series) == 1
    with openslide.OpenSlide(path) as slide:
        assert list(slide.level_dimensions) == SIZES
    pages = [pyvips.Image.tiffload(str(path), page=n) for n in range(4)]
    assert [(page.width, page.height) for page in pages] == SIZES
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    overviews = [band.GetOverview(n) for n in range(band.GetOverviewCount())]
    assert [(o.XSize, o.YSize) for o in overviews] == SIZES[1:]
    with open_reader(path) as ours:
        assert [(level.width, level.height) for level in ours.info.levels] == SIZES


def test_subifds_are_seen_by_libvips_gdal_and_tifffile(
    tmp_path: Path, big_tissue: np.ndarray
) -> None:
    import pyvips
    from osgeo import gdal

    gdal.UseExceptions()
    path = tmp_path / "image.tif"
    write(array_reader(big_tissue), path, WriteOptions(pyramid=PyramidStyle.SUBIFD))
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
        assert [level.shape[1::-1] for level in tif.series[0].levels] == SIZES
    subs = [pyvips.Image.tiffload(str(path), subifd=n) for n in range(3)]
    assert [(sub.width, sub.height) for sub in subs] == SIZES[1:]
    dataset = gdal.Open(str(path))
    assert dataset.GetRasterBand(1).GetOverviewCount() == 3


def test_no_pyramid_on_request(tmp_path: Path, big_tissue: np.ndarray) -> None:
    path = tmp_path / "image.tif"
    write(array_reader(big_tissue), path, WriteOptions(pyramid=PyramidStyle.NONE))
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1


def test_each_level_is_the_reducer_applied_to_the_one_above(
    tmp_path: Path, big_tissue: np.ndarray
) -> None:
    path = tmp_path / "image.tif"
    write(array_reader(big_tissue), path, EXACT)
    with tifffile.TiffFile(path) as tif:
        found = [level.asarray().astype(np.int64) for level in tif.series[0].levels]
    for above, below in itertools.pairwise(found):
        even = np.pad(above, ((0, above.shape[0] % 2), (0, above.shape[1] % 2), (0, 0)), "edge")
        four = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
        np.testing.assert_array_equal(below, (four + 2) // 4)


def test_frames_axes_channels_and_scale_come_back(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 2**16, (2, 3, 90, 70), np.uint16)
    facts = {
        "axes": (Axis("time", 2, (0.0, 2.5), "s"), Axis("c", 3)),
        "channels": (Channel("DAPI", "#0000ff", (0.0, 900.0)), Channel("b"), Channel("c")),
        "mm_x": 0.000123456789,
        "mm_y": 0.00025,
        "magnification": 40.0,
        "description": "Grüße, 世界",
        "nodata": 7.0,
        "properties": {"scanner": "x"},
    }
    path = tmp_path / "image.tif"
    write(edited(pixels, "tcyx", **facts), path, dataclasses.replace(EXACT, tile_size=32))
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 6
        said = parse_description(tif.pages[0].description)
        assert [parse_description(page.description).frame for page in tif.pages] == list(range(6))
        resolution = tif.pages[0].tags["XResolution"].value
        assert resolution[0] / resolution[1] == pytest.approx(10 / facts["mm_x"], rel=1e-6)
        assert tif.pages[0].tags["ResolutionUnit"].value == 3
        assert tif.pages[0].tags["GDAL_NODATA"].value == "7"
    for name, value in facts.items():
        assert said.facts[name] == value
    with open_reader(path) as ours:
        assert ours.info.axes == facts["axes"]
        assert ours.info.channels == facts["channels"]
        assert (ours.info.mm_x, ours.info.magnification) == (facts["mm_x"], 40.0)
        for frame in range(6):
            np.testing.assert_array_equal(
                whole(ours, frame=frame)[..., 0], pixels[divmod(frame, 3)]
            )


def test_alpha_and_colour_profile_are_declared(tmp_path: Path, rng: np.random.Generator) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = rng.integers(0, 255, (300, 300, 4), np.uint8)
    path = tmp_path / "image.tif"
    write(edited(pixels, icc_profile=profile), path)
    with tifffile.TiffFile(path) as tif:
        for page in tif.pages:
            assert page.tags["ExtraSamples"].value in (2, (2,))
            assert page.iccprofile == profile
            assert page.software == "ziggurat"
        np.testing.assert_array_equal(tif.pages[0].asarray(), pixels)


def test_palettes_keep_their_colours(tmp_path: Path, rng: np.random.Generator) -> None:
    palette = tuple((i, 255 - i, i // 2, 255) for i in range(256))
    pixels = rng.integers(0, 255, (64, 64, 1), np.uint8)
    path = tmp_path / "image.tif"
    write(edited(pixels, interpretation=Interpretation.PALETTE, palette=palette), path)
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        assert page.photometric.name == "PALETTE"
        np.testing.assert_array_equal(page.colormap[:, 5] // 257, palette[5][:3])
        np.testing.assert_array_equal(page.asarray(), pixels[..., 0])


def test_labels_of_any_width_keep_every_value_on_every_level(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    names = rng.integers(0, 2**32 - 1, 40, np.uint64).astype(np.uint32)
    pixels = names[rng.integers(0, 40, (30, 40))].repeat(16, axis=0).repeat(16, axis=1)[..., None]
    path = tmp_path / "image.tif"
    write(edited(pixels, interpretation=Interpretation.LABELS), path)
    with tifffile.TiffFile(path) as tif:
        for level in tif.series[0].levels:
            assert set(np.unique(level.asarray())) <= set(names)
    with open_reader(path) as ours:
        assert ours.info.interpretation is Interpretation.LABELS


def test_levels_of_several_frames_may_be_pages_of_their_own(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    stack = rng.integers(0, 255, (3, 300, 600, 1), np.uint8)
    reader = array_reader(stack, "tyxs")
    options = WriteOptions(pyramid=PyramidStyle.PAGES, lossy=False)
    write(reader, tmp_path / "image.tif", options)
    with tifffile.TiffFile(tmp_path / "image.tif") as tif:
        pages = [page.aspage() for page in tif.pages][:9]
        assert [page.is_reduced for page in pages] == [False, True, True] * 3
        assert [page.imagewidth for page in pages] == [600, 300, 150] * 3
        assert not any(page.subifds for page in pages)
    with open_reader(tmp_path / "image.tif") as ours:
        assert [(axis.name, axis.size) for axis in ours.info.axes] == [("t", 3)]
        assert [level.width for level in ours.info.levels] == [600, 300, 150]
        for frame in range(3):
            full = ours.plane(0, frame).read(Rect(0, 0, 600, 300))
            half = ours.plane(1, frame).read(Rect(0, 0, 300, 150))
            np.testing.assert_array_equal(full, stack[frame])
            mean = stack[frame].reshape(150, 2, 300, 2, 1).mean((1, 3))
            assert np.abs(half - mean).max() <= 0.5


def test_pages_of_frames_that_have_lost_a_level_are_refused(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    reader = array_reader(rng.integers(0, 255, (2, 300, 300, 1), np.uint8), "tyxs")
    path = tmp_path / "image.tif"
    write(reader, path, WriteOptions(pyramid=PyramidStyle.PAGES, lossy=False))
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[3].aspage().tags["NewSubfileType"].overwrite(0)
    with pytest.raises(CorruptSourceError, match="different numbers of levels"):
        open_reader(path)


def test_bigtiff_only_where_offsets_may_not_fit(rng: np.random.Generator) -> None:
    codec = tile_codec(array_reader(np.zeros((8, 8, 3), np.uint8)).info, EXACT)
    small = LevelPlan(32768, 32768, 256, 256, Stored(0), codec.encode, codec.format)
    large = LevelPlan(40000, 40000, 256, 256, Stored(0), codec.encode, codec.format)
    assert not needs_bigtiff([(small, codec.format)], 1, 0)
    assert needs_bigtiff([(large, codec.format)], 1, 0)
    assert needs_bigtiff([(small, codec.format)], 2, 0)


def test_a_verbatim_description_goes_first(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "image.tif"
    write(array_reader(tissue), path, WriteOptions(description="Aperio Image|MPP = 0.5"))
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].description == "Aperio Image|MPP = 0.5"


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"ziggurat": 3}', '{"ziggurat": {"frame": -1}}'])
def test_foreign_or_damaged_descriptions_are_nobodys(text: str) -> None:
    assert parse_description(text) is None


def test_a_description_with_wrong_fields_keeps_the_right_ones() -> None:
    said = parse_description(
        '{"ziggurat": {"frame": 0, "magnification": "x", "mm_x": 0.5, "axes": [{"name": 3}]}}'
    )
    assert dict(said.facts) == {"mm_x": 0.5}


def test_a_bigtiff_is_read_by_all(
    tmp_path: Path, big_tissue: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openslide
    import pyvips
    from osgeo import gdal

    from ziggurat.writers.formats.tiff import tags as tiff_tags

    gdal.UseExceptions()
    monkeypatch.setattr(tiff_tags, "_CLASSIC_LIMIT", 1000)
    path = tmp_path / "image.tif"
    write(array_reader(big_tissue), path, EXACT)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        np.testing.assert_array_equal(tif.asarray(), big_tissue)
    with openslide.OpenSlide(path) as slide:
        assert list(slide.level_dimensions) == SIZES
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(path)).numpy(), big_tissue)
    dataset = gdal.Open(str(path))
    assert dataset.GetRasterBand(1).GetOverviewCount() == 3
