"""Faults planted in good outputs, one at a time: each of them is noticed, and a good one passes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.verify.verify import verify

Change = Callable[[int, np.ndarray], np.ndarray]
TILE = 64  # of source and output: four levels, 1, 2, 4 and 8, of a small picture
HEAD = "Aperio Image Library v11.2.1 \r\n"


@pytest.fixture(scope="module")
def slide(tissue: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "a.svs"
    return made_slide(path, tissue, tissue[:288, :384], TILE)


def made_slide(path: Path, tissue: np.ndarray, picture: np.ndarray, tile: int) -> Path:
    """Make a slide of two levels, 1 and 4, with thumbnail, label and macro."""
    height, width = picture.shape[:2]
    lossy = {"compression": "jpeg", "photometric": "rgb", "metadata": None, "software": False}
    with tifffile.TiffWriter(path) as tif:
        text = f"{HEAD}{width}x{height} ({tile}x{tile}) JPEG/RGB|AppMag = 20|MPP = 0.5"
        tif.write(picture, tile=(tile, tile), description=text, **lossy)
        tif.write(
            picture[::8, ::8],
            description=f"{HEAD}{width}x{height} -> {width // 8}x{height // 8} - |",
            **lossy,
        )
        tif.write(
            picture[::4, ::4].copy(),
            tile=(tile, tile),
            description=f"{HEAD}-> {width // 4}x{height // 4}",
            **lossy,
        )
        tif.write(
            tissue[:100, :80], description=f"{HEAD}label 80x100", subfiletype=1,
            compression="lzw", photometric="rgb", metadata=None, software=False,
        )  # fmt: skip
        tif.write(tissue[:80, :160], description=f"{HEAD}macro 160x80", subfiletype=9, **lossy)
    return path


@pytest.fixture(scope="module")
def output(slide: Path) -> Path:
    path = slide.with_name("o.tiff")
    convert(slide, path, ConvertOptions(tile_size=TILE))
    return path


def rewritten(
    source: Path, target: Path, change: Change | None = None, drop: tuple[int, ...] = ()
) -> Path:
    """Write an output's pages again by tifffile, as ziggurat had, but for what is changed."""
    with tifffile.TiffFile(source) as tif, tifffile.TiffWriter(target) as out:
        for number, page in enumerate(tif.pages):
            if number in drop:
                continue
            pixels = page.asarray() if change is None else change(number, page.asarray())
            arguments: dict[str, Any] = {
                "metadata": None, "photometric": "rgb", "software": False,
                "subfiletype": page.tags.valueof(254) or 0,
                "description": page.description or None, "compression": page.compression,
            }  # fmt: skip
            if page.is_tiled:
                arguments["tile"] = (page.tilelength, page.tilewidth)
            if page.compression == 7:
                arguments["compressionargs"] = {"level": 92}
            if 282 in page.tags:
                sizes = page.tags[282].value, page.tags[283].value
                arguments |= {"resolution": sizes, "resolutionunit": page.tags[296].value}
            out.write(pixels, **arguments)
    return target


def only(page: int, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda number, pixels: change(pixels.copy()) if number == page else pixels


def _moved_tile(pixels: np.ndarray) -> np.ndarray:
    pixels[64:128, 64:128] = pixels[:64, 120:184]
    return pixels


def _half_a_pixel(pixels: np.ndarray) -> np.ndarray:
    """Move all by half a pixel, as programs that take a pixel's corner for its centre do."""
    wide = pixels.astype(int)
    return ((wide + np.roll(wide, 1, 1) + 1) // 2).astype(np.uint8)


def _blurred(pixels: np.ndarray) -> np.ndarray:
    """Blur by a sigma of one pixel, as a resampling by nobody's intention does."""
    blurred: np.ndarray = cv2.GaussianBlur(pixels, (0, 0), 1)
    return blurred


def _lighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels.astype(int) + 8, 0, 255).astype(np.uint8)


def _lighter_tile(pixels: np.ndarray) -> np.ndarray:
    pixels[64:128, 64:128] = _lighter(pixels[64:128, 64:128])
    return pixels


def _pages(output: Path) -> dict[str, int]:
    """Return the pages of the associated images by name."""
    with tifffile.TiffFile(output) as tif:
        said = [json.loads(page.description or "{}").get("ziggurat", {}) for page in tif.pages]
    return {facts["associated"]: n for n, facts in enumerate(said) if "associated" in facts}


def problems(output: Path, source: Path) -> str:
    return " | ".join(verify(output, source, full=True).problems)


def test_a_good_output_passes_also_written_again_with_loss(
    slide: Path, output: Path, tmp_path: Path
) -> None:
    assert problems(output, slide) == ""
    assert problems(rewritten(output, tmp_path / "b.tiff"), slide) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (only(0, _moved_tile), "level 0"),
        (only(1, _moved_tile), "level 1"),
        (only(0, lambda pixels: pixels[..., ::-1]), "level 0"),
        (only(0, _lighter), "lighter or darker"),
        (only(0, _lighter_tile), "lighter or darker"),
        (only(2, _lighter), "lighter or darker"),
        (only(0, lambda pixels: np.roll(pixels, 2, 1)), "level 0"),
        (only(0, _half_a_pixel), "pixels beside the source"),
        (only(0, lambda p: _half_a_pixel(p.swapaxes(0, 1)).swapaxes(0, 1)), "beside the source"),
        (only(1, _half_a_pixel), "beside the level above"),
        (only(2, _half_a_pixel), "pixels beside the source"),
        (only(0, _blurred), "more than its quality"),
    ],
)
def test_pixels_of_a_lossy_output(
    slide: Path, output: Path, tmp_path: Path, change: Change, words: str
) -> None:
    assert words in problems(rewritten(output, tmp_path / "b.tiff", change), slide)


@pytest.mark.parametrize("name", ["o.tiff", "o.ome.tiff"])
def test_small_tiles_that_are_copied_ask_for_no_smaller_levels(
    tissue: np.ndarray, tmp_path: Path, name: str
) -> None:
    """The made levels end at the size of their own tiles, of 256."""
    source = made_slide(tmp_path / "a.svs", tissue, tissue[:288, :384], TILE)
    convert(source, tmp_path / name)
    assert problems(tmp_path / name, source) == ""


@pytest.mark.parametrize("drop", [(1,), (2,), (3,), (1, 2, 3), (2, 3)])
def test_a_level_that_is_gone(
    slide: Path, output: Path, tmp_path: Path, drop: tuple[int, ...]
) -> None:
    found = problems(rewritten(output, tmp_path / "b.tiff", drop=drop), slide)
    assert "missing" in found
    assert "level" in found


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        pytest.param(name, levels, marks=() if n % 2 == m else pytest.mark.slow)
        for n, name in enumerate(["o.tiff", "o.ome.tiff", "o.svs", "o.zarr"])
        for m, levels in enumerate(["full", "source"])
    ],
)
def test_all_levels_that_are_made_are_wanted(
    slide: Path, tmp_path: Path, name: str, levels: str
) -> None:
    convert(slide, tmp_path / name, ConvertOptions(levels=levels, tile_size=TILE))
    assert problems(tmp_path / name, slide) == ""


@pytest.mark.parametrize("name", ["label", "macro", "thumbnail"])
def test_an_associated_image_that_is_gone_or_another(
    slide: Path, output: Path, tmp_path: Path, name: str
) -> None:
    page = _pages(output)[name]
    gone = rewritten(output, tmp_path / "b.tiff", drop=(page,))
    assert f"associated image {name!r} is missing" in problems(gone, slide)
    mirrored = rewritten(output, tmp_path / "c.tiff", only(page, lambda pixels: pixels[::-1]))
    assert f"associated image {name!r} is" in problems(mirrored, slide)
    cut = rewritten(output, tmp_path / "d.tiff", only(page, lambda pixels: pixels[:, :-16]))
    if name != "thumbnail":  # which may be smaller
        assert f"associated image {name!r} is (" in problems(cut, slide)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param(name, options, marks=() if n % 2 == m else pytest.mark.slow)
        for n, name in enumerate(["o.tiff", "o.ome.tiff", "o.svs", "o.zarr", "o.zarr.zip"])
        for m, options in enumerate([{"associated": "drop"}, {"deidentify": True}])
    ],
)
def test_what_was_left_out_on_purpose_is_not_missed(
    slide: Path, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    convert(slide, tmp_path / name, ConvertOptions(tile_size=TILE, **options))
    assert problems(tmp_path / name, slide) == ""


def test_a_profile_that_is_gone(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source = make_svs(tmp_path / "a.svs", width=400, height=300)
    convert(source, tmp_path / "o.tiff")
    assert problems(tmp_path / "o.tiff", source) == ""
    with tifffile.TiffFile(tmp_path / "o.tiff", mode="r+b") as tif:
        tif.pages.first.tags[34675].overwrite(b"\0" * 200, erase=False)
    assert "ICC profile" in problems(tmp_path / "o.tiff", source)


@pytest.fixture
def stack(tmp_path: Path, tissue: np.ndarray) -> Path:
    frames = [tissue[:200, :300, n % 3].astype(np.uint16) * (n + 1) for n in range(6)]
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.stack(frames).reshape(2, 3, 200, 300), tile=(64, 64),
        metadata={
            "axes": "TCYX", "Channel": {"Name": ["DAPI", "FITC", "Cy5"]},
            "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5,
        },
    )  # fmt: skip
    return tmp_path / "a.ome.tif"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('PhysicalSizeX="0.5"', 'PhysicalSizeX="0.6"', "OME-XML says that mm_x is 0.0006"),
        ('Name="FITC"', 'Name="TRIT"', "OME-XML names the channels"),
    ],
)
def test_facts_that_the_words_of_ome_tell_otherwise(
    stack: Path, tmp_path: Path, old: str, new: str, words: str
) -> None:
    output = tmp_path / "o.ome.tiff"
    convert(stack, output)
    assert problems(output, stack) == ""
    text = tifffile.tiffcomment(output).replace(old, new)
    tifffile.tiffcomment(output, text.encode())
    assert words in problems(output, stack)


def test_facts_that_the_tags_tell_otherwise(slide: Path, output: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copy(output, tmp_path / "b.tiff"))
    with tifffile.TiffFile(changed, mode="r+b") as tif:
        tif.pages.first.tags[282].overwrite((10_000, 1))
    assert "the resolution tags say" in problems(changed, slide).replace("says", "say")


@pytest.mark.parametrize("name", ["o.ome.tiff", "o.tiff", "o.zarr"])
def test_an_axis_that_is_called_another(stack: Path, tmp_path: Path, name: str) -> None:
    frames = tifffile.imread(stack)
    other = tmp_path / "z.ome.tif"
    names = {"Channel": {"Name": ["DAPI", "FITC", "Cy5"]}}
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(other, frames, tile=(64, 64), metadata={"axes": "ZCYX", **names, **sizes})
    convert(other, tmp_path / name)
    assert problems(tmp_path / name, other) == ""
    assert "axes are {'z': 2, 'c': 3}, the source's are" in problems(tmp_path / name, stack)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_facts_that_the_words_of_ngff_tell_otherwise(
    stack: Path, tmp_path: Path, version: str
) -> None:
    convert(stack, tmp_path / "o.zarr", ConvertOptions(ome_version=version))
    assert problems(tmp_path / "o.zarr", stack) == ""
    path = tmp_path / "o.zarr" / ("zarr.json" if version == "0.5" else ".zattrs")
    whole = json.loads(path.read_text())
    ome = whole["attributes"]["ome"] if version == "0.5" else whole
    scale = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
    scale[-1] *= 2
    ome["omero"]["channels"][1]["label"] = "other"
    path.write_text(json.dumps(whole))
    found = problems(tmp_path / "o.zarr", stack)
    assert "NGFF's scale says that mm_x" in found
    assert "omero names the channels" in found
