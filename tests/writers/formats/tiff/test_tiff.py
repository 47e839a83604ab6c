"""The structure of TIFFs, as other programs see it."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.hooked import HookedArray
from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.tiff.pages.description import parse_description
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import (
    EncodedImage,
    EncodedLevel,
    Photometric,
    TileFormat,
)
from ziggurat.readers.model.geometry import Rect, grid_shape
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.codecs.tiles import tile_codec
from ziggurat.writers.formats.registry import write, write_levels
from ziggurat.writers.formats.tiff.tags import needs_bigtiff
from ziggurat.writers.model.levels import Cascade, Copy, LevelPlan, Stored
from ziggurat.writers.model.options import PyramidStyle, WriteOptions

EXACT = WriteOptions(lossy=False, overwrite=True)


def edited(pixels: np.ndarray, names: str = "yxs", **facts: Any) -> Any:
    reader = array_reader(pixels, names)
    frames = pixels if names.endswith("s") else pixels[..., np.newaxis]
    return ArrayReader(frames, dataclasses.replace(reader.info, **facts))


def whole(reader: Any, level: int = 0, frame: int = 0) -> Any:
    at = reader.info.levels[level]
    return reader.plane(level, frame).read(Rect(0, 0, at.width, at.height))


@pytest.fixture
def big_tissue(tissue: np.ndarray) -> Any:
    return np.tile(tissue, (2, 3, 1))[:1000, :1450]


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


class SlideReader(HookedArray):
    """An array with copyable tiles of one format, and associated images."""

    def __init__(
        self, pixels: np.ndarray, tile: Any, form: Any, encode: Any, pictures: Any = ()
    ) -> None:
        super().__init__(pixels, array_reader(pixels).info)
        self.tile_size, self.form, self.encode = tile, form, encode
        self.pictures = dict(pictures)
        self.info = dataclasses.replace(self.info, associated=tuple(self.pictures))

    def encoded(self, level: int, frame: int) -> Any:
        del level, frame
        info, side = self.info, self.tile_size
        columns, rows = grid_shape(info.width, info.height, side, side)
        return EncodedLevel(
            self.form, info.width, info.height, side, side, columns, rows, self.stored
        )

    def stored(self, column: int, row: int) -> Any:
        side = self.tile_size
        part = self._frames[0, row * side : (row + 1) * side, column * side : (column + 1) * side]
        pad = ((0, side - part.shape[0]), (0, side - part.shape[1]), (0, 0))
        return self.encode(np.pad(part, pad, mode="edge"))

    def picture(self, name: str) -> Any:
        return self.pictures[name]

    def stream(self, name: str) -> Any:
        import imagecodecs

        if name != "macro":
            return None
        data = imagecodecs.jpeg8_encode(np.ascontiguousarray(self.pictures[name]), level=80)
        return EncodedImage(Codec.JPEG, 300, 100, bytes(data))


def tile_bytes(tif: Any, page: Any) -> Any:
    out = []
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        tif.filehandle.seek(offset)
        out.append(tif.filehandle.read(count))
    return out


@pytest.mark.parametrize(
    ("space", "subsampling"),
    [("ycbcr", "420"), ("ycbcr", "422"), ("ycbcr", "444"), ("rgb", "444")],
)
def test_copied_jpeg_tiles_keep_their_bytes_and_colours(
    tmp_path: Path, big_tissue: np.ndarray, space: Any, subsampling: Any
) -> None:
    import imagecodecs
    import openslide

    def encode(tile: Any) -> Any:
        return bytes(
            imagecodecs.jpeg8_encode(
                np.ascontiguousarray(tile), level=92, colorspace="rgb", outcolorspace=space,
                subsampling=subsampling,
            )
        )  # fmt: skip

    factors = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[subsampling]
    form = TileFormat(Codec.JPEG, Photometric(space), 3, 8, "uint8", factors)
    reader = SlideReader(big_tissue, 240, form, encode)
    codec = tile_codec(reader.info, WriteOptions())
    levels = [
        LevelPlan(1450, 1000, 240, 240, Copy(0), None),
        LevelPlan(725, 500, 256, 256, Cascade(), codec.encode, codec.format),
    ]
    path = tmp_path / "image.tif"
    assert write_levels(reader, path, levels, WriteOptions()).lost == ()
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        assert page.photometric.name == space.upper()
        columns, rows = levels[0].grid
        wanted = [reader.stored(c, r) for r in range(rows) for c in range(columns)]
        assert tile_bytes(tif, page) == wanted
        assert np.abs(page.asarray().astype(int) - big_tissue).mean() < 4
    with openslide.OpenSlide(path) as slide:
        seen = np.asarray(slide.read_region((0, 0), 0, (1450, 1000)))[..., :3].astype(int)
    assert np.abs(seen - big_tissue).mean() < 4


def test_a_big_endian_copy_makes_a_big_endian_file(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 2**16, (100, 120, 1), np.uint16)
    form = TileFormat(Codec.NONE, Photometric.GRAY, 1, 16, "uint16", byteorder=">")
    reader = SlideReader(pixels, 32, form, lambda tile: tile.astype(">u2").tobytes())
    options = WriteOptions(compression=Codec.DEFLATE, lossy=False)
    codec = tile_codec(reader.info, options, byteorder=">")
    levels = [
        LevelPlan(120, 100, 32, 32, Copy(0), None),
        LevelPlan(60, 50, 32, 32, Cascade(), codec.encode, codec.format),
    ]
    path = tmp_path / "image.tif"
    write_levels(reader, path, levels, options)
    assert path.read_bytes()[:2] == b"MM"
    with tifffile.TiffFile(path) as tif:
        np.testing.assert_array_equal(tif.pages[0].asarray(), pixels[..., 0])
        wide = pixels[..., 0].astype(np.int64)
        four = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
        np.testing.assert_array_equal(tif.pages[1].asarray(), (four + 2) // 4)
    little = tile_codec(reader.info, dataclasses.replace(options, compression=Codec.LZW))
    mixed = [levels[0], LevelPlan(60, 50, 32, 32, Cascade(), little.encode, little.format)]
    with pytest.raises(OptionError, match="both byte orders"):
        write_levels(reader, tmp_path / "mixed.tif", mixed, options)
    assert [p.name for p in tmp_path.iterdir()] == ["image.tif"]


def test_a_missing_tile_is_sparse(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(1, 255, (64, 64, 1), np.uint8)
    form = TileFormat(Codec.NONE, Photometric.GRAY, 1, 8, "uint8")
    reader = SlideReader(pixels, 32, form, lambda tile: tile.tobytes())
    stored = reader.stored
    reader.stored = lambda c, r: None if (c, r) == (1, 0) else stored(c, r)
    path = tmp_path / "image.tif"
    write_levels(reader, path, [LevelPlan(64, 64, 32, 32, Copy(0), None)], WriteOptions())
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].databytecounts[1] == 0
        found = tif.pages[0].asarray()
    assert (found[:32, 32:] == 0).all()
    np.testing.assert_array_equal(found[32:], pixels[32:, :, 0])


def test_associated_images_are_kept_whatever_their_size_and_type(
    tmp_path: Path, big_tissue: np.ndarray
) -> None:
    form = TileFormat(Codec.NONE, Photometric.RGB, 3, 8, "uint8")
    rng = np.random.default_rng(1)
    pictures = {
        "label": rng.integers(0, 255, (90, 70, 3), np.uint8),
        "macro": big_tissue[:100, :300],
        "mask": rng.integers(0, 2**16 - 1, (20, 30, 1), np.uint16),
    }
    reader = SlideReader(big_tissue, 256, form, lambda tile: tile.tobytes(), pictures)
    path = tmp_path / "image.tif"
    write(reader, path)
    with tifffile.TiffFile(path) as tif:
        pages = {parse_description(p.description).associated: p for p in tif.pages[-3:]}
        assert list(pages) == ["label", "macro", "mask"]
        np.testing.assert_array_equal(pages["label"].asarray(), reader.pictures["label"])
        np.testing.assert_array_equal(pages["mask"].asarray(), reader.pictures["mask"][..., 0])
        assert tile_bytes(tif, pages["macro"]) == [reader.associated("macro").encoded().data]
    with open_reader(path) as ours:
        assert ours.info.associated == ("label", "macro", "mask")
        np.testing.assert_array_equal(ours.associated("label").read(), reader.pictures["label"])
        assert len(ours.info.levels) == 4


def test_pages_of_levels_and_of_frames_are_not_mixed(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    reader = array_reader(rng.integers(0, 255, (2, 300, 300, 1), np.uint8), "tyxs")
    with pytest.raises(OptionError, match="use subifd"):
        write(reader, tmp_path / "image.tif", WriteOptions(pyramid=PyramidStyle.PAGES))
    assert list(tmp_path.iterdir()) == []


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
