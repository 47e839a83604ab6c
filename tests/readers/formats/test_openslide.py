"""The OpenSlide backend against openslide-python's own pictures."""

import multiprocessing
import shutil
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats import openslide as backend
from ziggurat.readers.formats.openslide import OpenSlideReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation, Level

Find = Callable[[str], Path]
MIRAX = "mirax/Mirax2-Fluorescence-2-from-L2.mrxs"
VMS = "hamamatsu-vms/test3-DAPI.vms"
SVS = "aperio-svs/CMU-1-Small-Region.svs"
SLIDES = (MIRAX, VMS, SVS, "hamamatsu-ndpi/test3-DAPI.ndpi")


def opened(path: Path) -> OpenSlideReader:
    return open_reader(locate(path))


def over_background(picture: Image.Image, color: tuple[int, ...]) -> np.ndarray:
    base = Image.new("RGB", picture.size, color)
    base.paste(picture, mask=picture.getchannel("A"))
    return np.asarray(base).astype(int)


@pytest.mark.parametrize("name", SLIDES)
def test_pixels_are_those_of_openslide(name: str, data_file: Find) -> None:
    path = data_file(name)
    with opened(path) as reader, openslide.OpenSlide(path) as slide:
        left = int(slide.properties.get("openslide.bounds-x", 0))
        top = int(slide.properties.get("openslide.bounds-y", 0))
        color = tuple(int(part) for part in reader.info.background or ())
        for index, level in enumerate(reader.info.levels[:3]):
            step = slide.level_downsamples[index]
            rect = Rect(level.width // 3, level.height // 4, 300, 200).intersect(level.rect)
            ours = reader.plane(index, 0).read(rect)
            theirs = slide.read_region(
                (left + round(rect.x * step), top + round(rect.y * step)),
                index,
                (rect.width, rect.height),
            )
            assert ours.dtype == np.uint8
            assert ours.std() > 1
            # composing premultiplied pixels at once rounds once, theirs twice
            assert np.abs(ours - over_background(theirs, color)).max() <= 1


def test_facts_of_a_mirax_slide(data_file: Find) -> None:
    info = opened(data_file(MIRAX)).info
    assert info.format == "mirax"
    assert (info.width, info.height) == (2610, 1910)  # its bounds, not its stage
    assert info.levels[1] == Level(1305, 955, 256, 256)
    assert len(info.levels) == 8
    assert info.mm_x == pytest.approx(0.00129)
    assert info.mm_y == pytest.approx(0.00129)
    assert info.magnification == 5
    assert info.background == (128, 128, 128)
    assert info.bands == 3
    assert info.interpretation is Interpretation.RGB
    assert info.associated == ("label", "macro", "thumbnail")
    assert info.properties["openslide.bounds-x"] == "2288"
    assert info.internal["openslide"]["openslide.vendor"] == "mirax"


def test_tile_sizes_are_the_stored_ones(data_file: Find) -> None:
    levels = opened(data_file(VMS)).info.levels
    assert levels[0] == Level(3968, 4864, 3968, 8)
    assert levels[3] == Level(496, 608, 496, 8)


@pytest.mark.parametrize("name", [MIRAX, SVS])
def test_associated_images(name: str, data_file: Find) -> None:
    path = data_file(name)
    with opened(path) as reader, openslide.OpenSlide(path) as slide:
        assert set(reader.info.associated) == set(slide.associated_images)
        for key in reader.info.associated:
            theirs = over_background(slide.associated_images[key], (255, 255, 255))
            np.testing.assert_array_equal(reader.associated(key).read(), theirs)
        with pytest.raises(KeyError):
            reader.associated("nothing").read()


def test_an_associated_image_that_claims_too_much(tmp_path: Path, data_file: Find) -> None:
    folder = tmp_path / "slide"
    shutil.copytree(data_file(VMS).parent, folder, copy_function=shutil.copyfile)
    macro = folder / "test3-DAPI_macro.jpg"
    data = bytearray(macro.read_bytes())
    frame = data.index(b"\xff\xc0") + 5
    data[frame : frame + 4] = (60000).to_bytes(2) * 2
    macro.chmod(0o644)
    macro.write_bytes(bytes(data))
    with opened(folder / Path(VMS).name) as reader:
        assert reader.plane(0, 0).read(Rect(0, 0, 10, 10)).shape == (10, 10, 3)
        with pytest.raises(CorruptSourceError, match="a macro of 60000 x 60000 pixels"):
            reader.associated("macro").read()


def test_strips_join_without_seams(data_file: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = opened(data_file(SVS))
    rect = Rect(100, 200, 700, 500)
    whole = reader.plane(0, 0).read(rect)
    monkeypatch.setattr(backend, "_STRIP_PIXELS", 700 * 37)
    np.testing.assert_array_equal(reader.plane(0, 0).read(rect), whole)


def test_icc_profile(data_file: Find) -> None:
    path = data_file("dicom-wsi/napari-wsi-CMU-1-Small-Region")
    info = opened(next(path.iterdir())).info
    assert info.icc_profile is not None
    assert info.icc_profile[36:40] == b"acsp"


@pytest.mark.parametrize("color", [(255, 255, 255), (128, 128, 128), (10, 200, 30)])
def test_composing_is_right_for_every_opacity(
    color: tuple[int, int, int], rng: np.random.Generator
) -> None:
    alpha = rng.integers(0, 256, (64, 64, 1), np.uint8)
    colors = (rng.random((64, 64, 3)) * (alpha + 0.99)).astype(np.uint8)  # premultiplied BGR
    out = np.empty((64, 64, 3), np.uint8)
    backend._compose(np.ascontiguousarray(np.dstack([colors, alpha])), color, out)
    expected = colors[..., ::-1] + (255 - alpha.astype(float)) * np.array(color) / 255
    assert np.abs(out - np.clip(expected, 0, 255)).max() <= 0.51


def test_a_handle_recovers_from_an_error(tmp_path: Path, data_file: Find) -> None:
    """OpenSlide refuses everything after one failed read; the reader opens anew."""
    source = data_file(SVS)
    path = tmp_path / "slide.svs"
    shutil.copy(source, path)
    with tifffile.TiffFile(source) as tiff:
        offset, size = tiff.pages[0].dataoffsets[60], tiff.pages[0].databytecounts[60]
    with opened(path) as reader:
        good = Rect(0, 0, 100, 100)
        expected = reader.plane(0, 0).read(good)
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(bytes(size))
        bad = Rect(0, 0, reader.info.width, reader.info.height)
        with pytest.raises(CorruptSourceError, match=r"slide\.svs can't be read"):
            reader.plane(0, 0).read(bad)
        np.testing.assert_array_equal(reader.plane(0, 0).read(good), expected)
        path.write_bytes(b"gone")
        for message in ("can't be read", "changed or is damaged"):
            with pytest.raises(CorruptSourceError, match=message):
                reader.plane(0, 0).read(bad)


def test_closed_is_closed(data_file: Find) -> None:
    reader = opened(data_file(SVS))
    reader.close()
    reader.close()
    with pytest.raises(SourceError, match="is closed"):
        reader.plane(0, 0).read(Rect(0, 0, 10, 10))


def test_threads_read_the_same_pixels(data_file: Find) -> None:
    with opened(data_file(MIRAX)) as reader:
        rects = [Rect(x, y, 200, 150) for x in range(0, 2400, 600) for y in range(0, 1700, 500)]
        alone = [reader.plane(0, 0).read(rect) for rect in rects]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda rect: reader.plane(0, 0).read(rect), rects))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_anew(data_file: Find) -> None:
    with opened(data_file(SVS)) as reader:
        rect = Rect(300, 300, 400, 400)
        expected = reader.plane(0, 0).read(rect)
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=lambda: queue.put(reader.plane(0, 0).read(rect)))
        child.start()
        found = queue.get(timeout=30)
        child.join(30)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(reader.plane(0, 0).read(rect), expected)


def test_what_openslide_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 not much else")
    with pytest.raises(UnsupportedFormatError, match="OpenSlide knows"):
        opened(tmp_path / "a.tif")
    with pytest.raises(UnsupportedFormatError, match="not folders"):
        opened(tmp_path)


def test_a_mirax_slide_without_its_folder(tmp_path: Path, data_file: Find) -> None:
    from ziggurat.readers.formats.registry import open_reader as by_registry

    shutil.copy(data_file(MIRAX), tmp_path)
    with pytest.raises(SourceError, match="mrxs"):
        by_registry(tmp_path / Path(MIRAX).name)


def huge_tile(side: int, *, second: bool = False) -> bytes:
    """Return a TIFF of two kilobytes that claims a tile of a size; ``second``: on its last page."""

    def page(tile: int, link: int) -> bytes:
        tags = [(256, 4, 64), (257, 4, 64), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
        tags += [(322, 4, tile), (323, 4, tile), (324, 4, 400), (325, 4, 400)]
        entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
        return struct.pack("<H", len(tags)) + entries + struct.pack("<I", link)

    first = page(64, 8 + 126) + page(side, 0) if second else page(side, 0)
    return b"II*\0" + struct.pack("<I", 8) + first + bytes(4000)


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("side", [1 << 16, 1 << 28])
def test_a_tile_that_openslide_would_die_of(side: int, second: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.bif"
    path.write_bytes(huge_tile(side, second=second))
    with pytest.raises(CorruptSourceError, match=f"claims a tile of {side} x {side} pixels"):
        open_reader(locate(path))


@pytest.mark.parametrize("call", ["_read_region", "_read_associated"])
def test_openslide_giving_no_pixels_and_no_reason(
    call: str, data_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = open_reader(locate(data_file("hamamatsu-vms/test3-DAPI.vms")))
    monkeypatch.setattr(backend, call, lambda *_: None)
    if call == "_read_region":
        with pytest.raises(CorruptSourceError, match="gave no pixels, and no reason"):
            reader.plane(0, 0).read(Rect(0, 0, 50, 50))
    else:
        with pytest.raises(CorruptSourceError, match="gave no pixels, and no reason"):
            reader.associated(reader.info.associated[0]).read()
