"""Tile sets that libvips' dzsave makes, read back: every level, every layout; damaged ones."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile

import ziggurat
from tests.serving import folder_server, serving
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError, ZigguratError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import Interpretation

Array = np.ndarray[Any, np.dtype[Any]]
LAYOUTS = {"dz": ".dzi", "zoomify": "", "iiif": "", "iiif3": ""}


def picture(width: int = 500, height: int = 300, bands: int = 3) -> Array:
    """Return a smooth picture: JPEG keeps it nearly as it is."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height), 255 - 0 * x]
    return np.stack(planes[:bands], axis=2).astype(np.uint8)


def saved(path: Path, pixels: Array, layout: str = "dz", **options: Any) -> Path:
    """Let libvips cut a picture into tiles; return what opens it."""
    image = pyvips.Image.new_from_array(pixels)
    settings: dict[str, Any] = {
        "tile_size": 128,
        "overlap": 0,
        "suffix": ".png[compression=1]",
    } | options
    image.dzsave(str(path), layout=layout, **settings)
    return path.with_name(path.name + LAYOUTS[layout])


def whole(path: Path, level: int = 0) -> Array:
    with open_reader(path) as reader:
        return reader.plane(level, 0).read(reader.info.levels[level].rect)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(500, 300), (257, 129), (512, 256), (100, 40), (128, 128)])
def test_pixels_of_every_layout(tmp_path: Path, layout: str, size: tuple[int, int]) -> None:
    pixels = picture(*size)
    path = saved(tmp_path / "a", pixels, layout)
    with open_reader(path) as reader:
        assert (reader.info.width, reader.info.height, reader.info.bands) == (*size, 3)
        assert reader.info.interpretation is Interpretation.RGB
        last = reader.info.levels[-1]
        assert max(last.width, last.height) <= 128
        for number, level in enumerate(reader.info.levels):
            got = reader.plane(number, 0).read(level.rect)
            if number == 0:
                np.testing.assert_array_equal(got, pixels)
            small = pyvips.Image.new_from_array(pixels).resize(
                level.width / size[0], vscale=level.height / size[1]
            )
            assert np.abs(got.astype(int) - small.numpy()).mean() < 4


@pytest.mark.parametrize("overlap", [0, 1, 4])
@pytest.mark.parametrize("tile", [64, 126])
def test_overlaps_of_deepzoom(tmp_path: Path, overlap: int, tile: int) -> None:
    pixels = picture()
    path = saved(tmp_path / "a", pixels, tile_size=tile, overlap=overlap)
    np.testing.assert_array_equal(whole(path), pixels)
    with ziggurat.open(path) as source:
        part = source.getRegion(
            format="numpy", region={"left": 60, "top": 50, "width": 100, "height": 90}
        )[0]
        np.testing.assert_array_equal(part, pixels[50:140, 60:160])


@pytest.mark.parametrize("bands", [1, 2, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_bands_and_depths(tmp_path: Path, bands: int, dtype: str) -> None:
    pixels = picture(90, 60, 4)[..., :bands].astype(dtype)
    if dtype == "u2":  # libvips writes 8 bits alone
        pixels *= 200
    path = saved(tmp_path / "a", pixels)
    for tile in tmp_path.glob("a_files/7/*.png"):
        tile.write_bytes(imagecodecs.png_encode(np.squeeze(pixels)))
    with open_reader(path) as reader:
        assert reader.info.alpha == (bands in (2, 4))
        assert (reader.info.bands, reader.info.dtype) == (bands, np.dtype(dtype))
    np.testing.assert_array_equal(whole(path), pixels)


def test_what_libvips_tells_of_a_slide(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(picture()).copy()
    text = pyvips.GValue.gstr_type
    for name, value in (("mpp-x", "0.25"), ("mpp-y", "0.26"), ("objective-power", "40")):
        image.set_type(text, f"openslide.{name}", value)
    profile = bytes(pyvips.Image.profile_load("srgb"))
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    image.dzsave(str(tmp_path / "a"), suffix=".jpg", properties=True, keep="icc")
    with open_reader(tmp_path / "a.dzi") as reader:
        info = reader.info
        assert (info.mm_x, info.mm_y, info.magnification) == pytest.approx((2.5e-4, 2.6e-4, 40))
        assert info.icc_profile == profile


@pytest.mark.parametrize(("suffix", "lossy"), [(".png", False), (".jpeg", True)])
def test_whether_tiles_were_changed_by_their_codec(
    tmp_path: Path, suffix: str, lossy: bool
) -> None:
    with open_reader(saved(tmp_path / "a", picture(90, 60), suffix=suffix)) as reader:
        assert reader.info.lossy is lossy


def test_jpeg_tiles_as_libvips_decodes_them(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", picture(), suffix=".jpeg[Q=90]")
    got = whole(path)
    tile = pyvips.Image.new_from_file(str(tmp_path / "a_files/9/1_1.jpeg")).numpy()
    assert np.abs(got[128:256, 128:256].astype(int) - tile).max() <= 1


@pytest.mark.parametrize("layout", ["dz", "zoomify", "iiif"])
def test_tiles_are_copied_to_tiff_byte_for_byte(tmp_path: Path, layout: str) -> None:
    path = saved(tmp_path / "a", picture(512, 256), layout, suffix=".jpg")
    options = ziggurat.ConvertOptions(levels="source", verify="full")
    report = ziggurat.convert(path, tmp_path / "out.tiff", options)
    assert report.plan.steps[0].action == "copy"
    assert report.verification is not None
    assert report.verification.ok
    files = {file.read_bytes() for file in tmp_path.rglob("*.jpg")}
    with tifffile.TiffFile(tmp_path / "out.tiff") as tiff:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        stored = tiff.filehandle
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            stored.seek(offset)
            assert stored.read(count) in files


@pytest.mark.parametrize(
    ("layout", "target"),
    [  # by turns; the other half of the product is slow
        pytest.param(layout, target, marks=[pytest.mark.slow] if (i + j) % 2 else [])
        for i, layout in enumerate(LAYOUTS)
        for j, target in enumerate(["out.tiff", "out.zarr", "out.ome.tiff"])
    ],
)
def test_pixels_survive_a_conversion(tmp_path: Path, layout: str, target: str) -> None:
    pixels = picture()
    path = saved(tmp_path / "a", pixels, layout)
    options = ziggurat.ConvertOptions(compression="zstd", verify="full")
    report = ziggurat.convert(path, tmp_path / target, options)
    assert report.verification is not None
    assert report.verification.ok
    np.testing.assert_array_equal(whole(tmp_path / target), pixels)


def zipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return path


def test_szi_is_one_zip(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    saved(tmp_path / "a/a", picture(), overlap=1)
    np.testing.assert_array_equal(whole(zipped(tmp_path / "a.szi", tmp_path / "a")), picture())
    saved(tmp_path / "a/b", picture())
    with pytest.raises(UnsupportedFormatError, match="2 DeepZoom images"):
        open_reader(zipped(tmp_path / "b.szi", tmp_path / "a"))


def test_descriptions_open_as_their_folders_do(tmp_path: Path) -> None:
    for layout, name in (("zoomify", "ImageProperties.xml"), ("iiif3", "info.json")):
        path = saved(tmp_path / layout, picture(), layout)
        np.testing.assert_array_equal(whole(path), whole(path / name))


def test_many_tiles_of_zoomify_lie_in_groups(tmp_path: Path) -> None:
    pixels = picture(700, 500)
    path = saved(tmp_path / "a", pixels, "zoomify", tile_size=32)
    assert (path / "TileGroup1").is_dir()
    np.testing.assert_array_equal(whole(path), pixels)


@pytest.mark.parametrize("layout", ["dz", "iiif"])
def test_tile_sets_under_a_url(tmp_path: Path, layout: str) -> None:
    path = saved(tmp_path / "a", picture(), layout)
    name = path.name if layout == "dz" else f"{path.name}/info.json"
    with serving(folder_server(tmp_path)) as url, ziggurat.open(f"{url}/{name}") as source:
        pixels = source.getRegion(format="numpy")[0]
    np.testing.assert_array_equal(pixels, picture())


def _replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))

    return change


def _remove(folder: Path) -> None:
    (folder / "a_files/9/3_2.png").unlink()


def _cut(folder: Path) -> None:
    tile = folder / "a_files/9/0_0.png"
    tile.write_bytes(tile.read_bytes()[:60])


def _swap(folder: Path) -> None:
    tile = folder / "a_files/9/3_2.png"
    tile.write_bytes((folder / "a_files/9/0_0.png").read_bytes())


DAMAGES: list[Callable[[Path], None]] = [
    _remove, _cut, _swap, _replace("a.dzi", 'Width="500"', 'Width="5000000"'),
    _replace("a.dzi", 'Width="500"', 'Width="-3"'), _replace("a.dzi", 'Width="500"', 'Width="x"'),
    _replace("a.dzi", 'Overlap="0"', 'Overlap="9"'),
    _replace("a.dzi", "<Image", '<!DOCTYPE a [<!ENTITY b "c">]><Image'),
    _replace("a.dzi", "<Size", "<Sise"),
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_said_to_be(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = saved(tmp_path / "a", picture())
    damage(tmp_path)
    with pytest.raises(CorruptSourceError):
        whole(path)


def test_a_tile_that_is_encoded_otherwise_is_not_copied(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", picture(512, 256), suffix=".jpg")
    other = pyvips.Image.new_from_array(picture(128, 128))
    other.jpegsave(str(tmp_path / "a_files/9/2_1.jpg"), subsample_mode="off")
    with pytest.raises(ZigguratError, match="encoded as no other tile"):
        ziggurat.convert(path, tmp_path / "out.tiff")
    assert not (tmp_path / "out.tiff").exists()
    assert whole(path).shape == (256, 512, 3)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.dzi", "hello"), ("a.dzi", "<other/>"), ("info.json", "{"), ("info.json", "[]"),
        ("info.json", '{"protocol": "http://iiif.io/api/image", "width": 9, "height": 9}'),
        ("ImageProperties.xml", "<a/>"),
        ("a.dzi", '<Collection xmlns="http://schemas.microsoft.com/deepzoom/2008"/>'),
    ],
)  # fmt: skip
def test_what_is_no_tile_set_is_not_supported(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UnsupportedFormatError):
        open_reader(tmp_path / name)
