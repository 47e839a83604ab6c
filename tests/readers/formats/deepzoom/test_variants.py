"""Tile sets as other programs spell them: DeepZoom of parts, in JSON, with a Url; IIIF 1 to 3."""

import functools
import itertools
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import pyvips

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect

Array = np.ndarray[Any, np.dtype[Any]]
SPACE = "http://schemas.microsoft.com/deepzoom/2008"
RECT = '<DisplayRect MinLevel="{}" MaxLevel="{}"><Rect X="{}" Y="{}" Width="{}" Height="{}"/>'
BOM = b"\xef\xbb\xbf"


@functools.cache
def picture(width: int = 500, height: int = 300) -> Array:
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)]
    return np.stack(planes, axis=2).astype(np.uint8)


def saved(path: Path, **options: Any) -> Path:
    settings = {"tile_size": 128, "overlap": 0, "suffix": ".png[compression=1]"} | options
    pyvips.Image.new_from_array(picture()).dzsave(str(path), **settings)
    return path.with_name(path.name + ".dzi")


def whole(path: Path) -> Array:
    with open_reader(path) as reader:
        return reader.plane(0, 0).read(reader.info.levels[0].rect)


def xml(inner: str = "", attributes: str = "", form: str = "png") -> bytes:
    return (
        f'<?xml version="1.0"?><Image xmlns="{SPACE}" Format="{form}" Overlap="0" TileSize="128" '
        f'{attributes}><Size Width="500" Height="300"/>{inner}</Image>'
    ).encode()


SPELLINGS = {
    "byte order mark": BOM + xml(),
    "blank lines first": b"\n\n" + xml().split(b"?>", 1)[1],
    "utf-16": xml().decode().replace("1.0", "1.0", 1).encode("utf-16"),
    "no namespace": xml().replace(f'xmlns="{SPACE}"'.encode(), b""),
    "2009": xml().replace(b"/2008", b"/2009"),
    "with a dot": xml(form=".png"),
    "upper case": xml(form="PNG"),
    "json": BOM + json.dumps(
        {"Image": {"xmlns": SPACE, "Format": "png", "Overlap": "0", "TileSize": "128",
                   "Size": {"Height": "300", "Width": "500"}}}
    ).encode(),
    "json of numbers": json.dumps(
        {"Image": {"Url": "a_files/", "Format": "png", "Overlap": 0, "TileSize": 128,
                   "Size": {"Height": 300, "Width": 500}}}
    ).encode(),
    "url": xml(attributes='Url="a_files/"'),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_deepzoom(spelling: str, tmp_path: Path) -> None:
    saved(tmp_path / "a").write_bytes(SPELLINGS[spelling])
    np.testing.assert_array_equal(whole(tmp_path / "a.dzi"), picture())


@pytest.mark.parametrize("name", ["A.DZI", "a.b.dzi", "a.xml"])
def test_names_of_deepzoom(name: str, tmp_path: Path) -> None:
    saved(tmp_path / name.rpartition(".")[0]).rename(tmp_path / name)
    np.testing.assert_array_equal(whole(tmp_path / name), picture())


@pytest.mark.parametrize("suffix", ["jpeg", "jpg", "JPG"])
def test_endings_of_tiles(suffix: str, tmp_path: Path) -> None:
    saved(tmp_path / "a", suffix=".jpg")
    for file in list(tmp_path.rglob("*.jpg")):
        file.rename(file.with_suffix(f".{suffix}"))
    (tmp_path / "a.dzi").write_bytes(xml(form=suffix))
    assert np.abs(whole(tmp_path / "a.dzi").astype(int) - picture()).mean() < 3


@pytest.mark.parametrize("url", ["http://example.org/a_files/", "/a_files/", "../a_files"])
def test_tiles_elsewhere_are_not_looked_for(url: str, tmp_path: Path) -> None:
    saved(tmp_path / "a").write_bytes(xml(attributes=f'Url="{url}"'))
    with pytest.raises(UnsupportedFormatError, match="tiles lie elsewhere"):
        open_reader(tmp_path / "a.dzi")


def parts(*rects: tuple[int, int, int, int, int, int]) -> str:
    inner = "".join(RECT.format(*rect) + "</DisplayRect>" for rect in rects)
    return f"<DisplayRects>{inner}</DisplayRects>"


def test_an_image_of_parts_has_tiles_where_it_says(tmp_path: Path) -> None:
    path = saved(tmp_path / "a")
    path.write_bytes(xml(parts((0, 8, 0, 0, 500, 300), (9, 9, 130, 10, 100, 100))))
    for tile in (tmp_path / "a_files/9").iterdir():
        if tile.name != "1_0.png":
            tile.unlink()
    expected = np.zeros((300, 500, 3), np.uint8)
    expected[:128, 128:256] = picture()[:128, 128:256]
    np.testing.assert_array_equal(whole(path), expected)
    with open_reader(path) as reader:
        plane = reader.plane(0, 0)
        assert plane.is_blank(Rect(256, 0, 244, 300))
        assert not plane.is_blank(Rect(200, 0, 100, 100))
        assert not reader.plane(1, 0).is_blank(Rect(0, 0, 250, 150))
    (tmp_path / "a_files/9/1_0.png").unlink()
    with pytest.raises(CorruptSourceError, match="missing"):
        whole(path)


@pytest.mark.parametrize(
    "rects", ["<DisplayRects><DisplayRect/></DisplayRects>", parts((0, 99, 0, 0, 1, 1))]
)
def test_parts_that_make_no_sense(rects: str, tmp_path: Path) -> None:
    saved(tmp_path / "a").write_bytes(xml(rects))
    with pytest.raises(CorruptSourceError):
        open_reader(tmp_path / "a.dzi")


@pytest.mark.parametrize("folder", ["", "a/", "a/b/c/"])
@pytest.mark.parametrize("suffix", [".szi", ".zip"])
def test_zips_of_any_depth(folder: str, suffix: str, tmp_path: Path) -> None:
    saved(tmp_path / "a")
    with zipfile.ZipFile(tmp_path / f"z{suffix}", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(tmp_path.rglob("a*/**/*.png")):
            archive.write(file, folder + file.relative_to(tmp_path).as_posix())
        archive.write(tmp_path / "a.dzi", f"{folder}a.dzi")
        archive.writestr(f"{folder}notes.txt", "nothing")
    np.testing.assert_array_equal(whole(tmp_path / f"z{suffix}"), picture())


def test_what_an_szi_tells_at_its_root(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(picture()).copy()
    for name, value in (("mpp-x", "0.25"), ("mpp-y", "0.26"), ("objective-power", "20")):
        image.set_type(pyvips.GValue.gstr_type, f"openslide.{name}", value)
    image.dzsave(str(tmp_path / "a.szi"))
    with (
        zipfile.ZipFile(tmp_path / "a.szi") as old,
        zipfile.ZipFile(tmp_path / "b.szi", "w") as new,
    ):
        for name in old.namelist():
            if not name.endswith("vips-properties.xml"):  # other writers don't know it
                new.writestr(name, old.read(name))
    for name in ("a.szi", "b.szi"):
        with open_reader(tmp_path / name) as reader:
            info = reader.info
            found = info.mm_x, info.mm_y, info.magnification
            assert found == pytest.approx((2.5e-4, 2.6e-4, 20)), name


def iiif(folder: Path, version: int, quality: str, size: str, region: str, form: str) -> Path:
    """Write the static tiles of a picture by the letter of the Image API, without any library."""
    pixels, side, factors = picture(), 128, (1, 2, 4)
    image = pyvips.Image.new_from_array(pixels)
    for factor in factors:
        for y in range(0, 300, side * factor):
            for x in range(0, 500, side * factor):
                w, h = min(side * factor, 500 - x), min(side * factor, 300 - y)
                across, down = -(-w // factor), -(-h // factor)
                place = f"{x},{y},{w},{h}"
                if (w, h) == (500, 300):
                    place = region
                named = size.format(w=across, h=down)
                if factor == 1 and version == 1:
                    named = "full"
                part = image.crop(x, y, w, h)
                part = part.resize(across / w, vscale=down / h) if factor > 1 else part
                file = folder / place / named / "0" / f"{quality}.{form}"
                file.parent.mkdir(parents=True)
                part.write_to_file(str(file))
    facts: dict[str, Any] = {"width": 500, "height": 300}
    if version == 1:
        facts |= {
            "@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json",
            "@id": "http://example.org/a", "scale_factors": list(factors), "tile_width": side,
            "tile_height": side, "formats": [form], "qualities": [quality],
            "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level0",
        }  # fmt: skip
    else:
        facts |= {
            "@context": f"http://iiif.io/api/image/{version}/context.json",
            "protocol": "http://iiif.io/api/image",
            "tiles": [{"width": side, "scaleFactors": list(factors)}],
        }
    (folder / "info.json").write_text(json.dumps(facts))
    return folder / "info.json"


@pytest.mark.parametrize(
    ("version", "quality", "size", "region", "form"),
    [
        (1, "native", "{w},", "full", "png"), (1, "color", "{w},{h}", "0,0,500,300", "png"),
        (2, "default", "{w},", "full", "png"), (2, "default", "{w},{h}", "0,0,500,300", "webp"),
        (3, "default", "{w},{h}", "full", "png"), (3, "color", "{w},{h}", "full", "png"),
    ],
)  # fmt: skip
def test_versions_of_iiif(
    version: int, quality: str, size: str, region: str, form: str, tmp_path: Path
) -> None:
    path = iiif(tmp_path / "a", version, quality, size, region, form)
    difference = np.abs(whole(path).astype(int) - picture())
    assert difference.max() <= (0 if form == "png" else 30)
    with open_reader(path) as reader:
        assert [(level.width, level.height) for level in reader.info.levels] == [
            (500, 300), (250, 150), (125, 75)
        ]  # fmt: skip
        small = reader.plane(2, 0).read(Rect(0, 0, 125, 75)).astype(int)
    assert np.abs(small - picture(125, 75)).mean() < 4


def test_lost_tiles_of_iiif_are_told(tmp_path: Path) -> None:
    path = iiif(tmp_path / "a", 2, "default", "{w},", "full", "png")
    shutil.rmtree(tmp_path / "a/128,128,128,128")
    with pytest.raises(CorruptSourceError, match=r"128,128,128,128.*missing"):
        whole(path)


@pytest.mark.parametrize(
    ("size", "told", "up", "side"),
    [
        *itertools.product(
            [(515, 300), (513, 259), (1030, 40)], [True, False], [True, False], [128]
        ),
        ((261, 258), False, True, 16),  # of more than 256 tiles, which lie in two folders
        ((261, 258), True, False, 16),
    ],
)
def test_zoomify_rounds_up_or_down(
    size: tuple[int, int], told: bool, up: bool, side: int, tmp_path: Path
) -> None:
    """Written by the letter of the format, 256 tiles a folder, without any library."""
    sizes = [size]
    while max(sizes[-1]) > side:
        sizes.append(((sizes[-1][0] + up) // 2, (sizes[-1][1] + up) // 2))
    number = 0
    for tier, (width, height) in enumerate(reversed(sizes)):
        pixels = picture(width, height)
        for row in range(-(-height // side)):
            for column in range(-(-width // side)):
                file = tmp_path / f"TileGroup{number // 256}/{tier}-{column}-{row}.png"
                file.parent.mkdir(exist_ok=True)
                part = pixels[row * side :, column * side :][:side, :side]
                file.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(part), level=1))
                number += 1
    count = f'NUMTILES="{number}" ' if told else ""
    (tmp_path / "ImageProperties.xml").write_text(
        f'<IMAGE_PROPERTIES WIDTH="{size[0]}" HEIGHT="{size[1]}" {count}NUMIMAGES="1" '
        f'VERSION="1.8" TILESIZE="{side}"/>'
    )
    with open_reader(tmp_path) as reader:
        assert [(level.width, level.height) for level in reader.info.levels] == sizes
        for index, level in enumerate(reader.info.levels):
            np.testing.assert_array_equal(
                reader.plane(index, 0).read(level.rect), picture(level.width, level.height)
            )
