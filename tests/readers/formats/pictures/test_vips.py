"""Ordinary pictures: libvips and Pillow backends against what was put into the files."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageOps

from ziggurat.readers.errors import (
    CorruptSourceError,
    OptionError,
    SourceError,
    UnsupportedFormatError,
)
from ziggurat.readers.formats.pictures import base as decoded
from ziggurat.readers.formats.pictures.pillow import open_reader as open_by_pillow
from ziggurat.readers.formats.pictures.vips import open_reader as open_by_vips
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.io.location import Location, locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Interpretation
from ziggurat.readers.model.reader import Reader


@pytest.fixture
def picture(tissue: np.ndarray) -> np.ndarray:
    return tissue[:150, :201]


def everything(reader: Reader, frame: int = 0) -> np.ndarray:
    return reader.plane(0, frame).read(reader.info.levels[0].rect)


def save(pixels: np.ndarray, path: Path, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


PLAIN = [
    *((name, kind) for name in ("a.png", "a.tga") for kind in ("gray", "rgb", "rgba")),
    *((name, kind) for name in ("a.bmp", "a.ppm", "a.pcx", "a.sgi") for kind in ("gray", "rgb")),
    ("a.webp", "rgb"),
    ("a.webp", "rgba"),
]


@pytest.mark.parametrize(("name", "kind"), PLAIN)
def test_lossless_pictures_keep_every_pixel(
    name: str, kind: str, picture: np.ndarray, tmp_path: Path
) -> None:
    options: dict[str, object] = {"lossless": True} if name == "a.webp" else {}
    alpha = picture[..., :1] // 2 + 100
    pixels = {"gray": picture[..., 0], "rgb": picture, "rgba": np.dstack([picture, alpha])}[kind]
    reader = open_reader(save(pixels, tmp_path / name, **options))
    expected = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    np.testing.assert_array_equal(everything(reader), expected)
    assert reader.info.dtype == np.uint8
    assert reader.info.alpha == (kind == "rgba")
    assert reader.info.interpretation is (
        Interpretation.GRAY if kind == "gray" else Interpretation.RGB
    )
    assert reader.info.format in ("png", "webp", "bmp", "ppm", "tga", "pcx", "sgi")


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_sixteen_bits_stay(bands: int, tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, (60, 70, bands), np.uint16)
    image = pyvips.Image.new_from_array(pixels).copy(
        interpretation="grey16" if bands == 1 else "rgb16"
    )
    image.write_to_file(str(tmp_path / "a.png"))
    reader = open_reader(tmp_path / "a.png")
    assert reader.info.dtype == np.uint16
    np.testing.assert_array_equal(everything(reader), pixels)


def test_jpeg_is_decoded_as_by_libjpeg(picture: np.ndarray, tmp_path: Path) -> None:
    path = save(picture, tmp_path / "a.jpg", quality=90)
    np.testing.assert_array_equal(everything(open_reader(path)), np.asarray(Image.open(path)))


def test_avif(picture: np.ndarray, tmp_path: Path) -> None:
    path = save(picture, tmp_path / "a.avif", quality=95)
    assert np.abs(everything(open_reader(path)).astype(int) - picture).mean() < 3


def test_one_bit_and_palette_become_plain(picture: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(picture).convert("1").save(tmp_path / "one.png")
    assert set(np.unique(everything(open_reader(tmp_path / "one.png")))) == {0, 255}
    palette = Image.fromarray(picture).quantize(16)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(
        everything(open_reader(tmp_path / "palette.png")), np.asarray(palette.convert("RGB"))
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_exif_says(
    orientation: int, picture: np.ndarray, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = save(picture, tmp_path / "a.jpg", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    reader = open_reader(path)
    assert (reader.info.height, reader.info.width) == upright.shape[:2]
    np.testing.assert_array_equal(everything(reader), upright)
    np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(7, 9, 50, 40)), upright[9:49, 7:57])


def test_cmyk_becomes_srgb(picture: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    reader = open_reader(tmp_path / "a.jpg")
    assert reader.info.bands == 3
    assert reader.info.interpretation is Interpretation.RGB
    found = everything(reader).astype(float)
    assert np.corrcoef(found.ravel(), picture.ravel())[0, 1] > 0.9


def test_an_icc_profile_is_kept(picture: np.ndarray, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(picture, tmp_path / "a.png", icc_profile=profile)
    assert open_reader(path).info.icc_profile == profile


@pytest.mark.parametrize(("name", "lossless"), [("a.gif", {}), ("a.webp", {"lossless": True})])
def test_animations_have_frames(name: str, lossless: dict[str, object], tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((40, 50), 30 * i, np.uint8)) for i in range(6)]
    frames[0].save(
        tmp_path / name, save_all=True, append_images=frames[1:], duration=50, **lossless
    )
    reader = open_reader(tmp_path / name)
    assert reader.info.axes == (Axis("t", 6),)
    assert (reader.info.width, reader.info.height) == (50, 40)
    for index in range(6):
        pixels = everything(reader, index)[..., 0]
        np.testing.assert_array_equal(pixels, np.full((40, 50), 30 * index))


def test_svg_is_drawn(tmp_path: Path) -> None:
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">'
        '<rect width="30" height="40" fill="#ff0000"/></svg>'
    )
    for name, head in (("a.svg", ""), ("plain", '<?xml version="1.0"?>\n')):
        (tmp_path / name).write_text(head + text)
        pixels = everything(open_reader(tmp_path / name))
        assert pixels.shape == (40, 60, 4)
        assert tuple(pixels[20, 10]) == (255, 0, 0, 255)
        assert pixels[20, 50, 3] == 0


@pytest.mark.parametrize(
    ("dpi", "mm"), [(None, None), (72, None), (600, None), (25400, 0.001), (2540, 0.01)]
)
def test_only_a_fine_resolution_is_a_pixel_size(
    dpi: int | None, mm: float | None, picture: np.ndarray, tmp_path: Path
) -> None:
    options = {"dpi": (dpi, dpi)} if dpi else {}
    info = open_reader(save(picture, tmp_path / "a.jpg", **options)).info
    assert (info.mm_x, info.mm_y) == (pytest.approx(mm), pytest.approx(mm))


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp"])
def test_a_picture_cut_short_is_an_error(name: str, picture: np.ndarray, tmp_path: Path) -> None:
    path = save(picture, tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorruptSourceError, match=name):
        everything(open_reader(path))


def test_a_picture_that_claims_too_much_is_refused_at_once(tmp_path: Path) -> None:
    path = save(np.zeros((10, 10), np.uint8), tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[16:24] = (200_000).to_bytes(4) * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    path.write_bytes(bytes(data))
    with pytest.raises(CorruptSourceError, match="claims 40000000000 bytes"):
        open_by_vips(locate(path))


def test_text_is_no_picture_for_libvips(tmp_path: Path) -> None:
    """Libvips' own guess takes these three; ours doesn't."""
    for name, text in (("a.csv", "1,2\n3,4\n"), ("a.mat", "2 2\n1 2\n3 4\n"), ("a.v", "x")):
        (tmp_path / name).write_text(text)
        with pytest.raises(UnsupportedFormatError, match="not a picture"):
            open_by_vips(locate(tmp_path / name))
        with pytest.raises(UnsupportedFormatError, match="not a picture"):
            open_by_pillow(locate(tmp_path / name))


def test_a_slides_thumbnail_is_not_the_slide(picture: np.ndarray, tmp_path: Path) -> None:
    path = save(picture, tmp_path / "slide.mrxs", format="JPEG")
    with pytest.raises(UnsupportedFormatError, match="slide"):
        open_by_vips(locate(path))


def test_folders_are_refused(tmp_path: Path) -> None:
    for opener in (open_by_vips, open_by_pillow):
        with pytest.raises(UnsupportedFormatError, match=r"folder|local files"):
            opener(Location(str(tmp_path), tmp_path, b""))


def test_large_pictures_go_to_a_file(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded, "MEMORY_BYTES", 1000)
    reader = open_reader(save(picture, tmp_path / "a.png"))
    np.testing.assert_array_equal(everything(reader), picture)
    assert reader._room is not None
    assert reader._room._mapping is not None


def test_no_room_for_it_is_an_error(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoded, "MEMORY_BYTES", 1000)
    monkeypatch.setattr("os.posix_fallocate", full)
    reader = open_reader(save(picture, tmp_path / "a.png"))
    with pytest.raises(SourceError, match="No space left on device; set TMPDIR"):
        everything(reader)


def test_threads_decode_once(
    picture: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = open_reader(save(picture, tmp_path / "a.png"))
    decode, calls, barrier = reader._decode, [], threading.Barrier(4)
    monkeypatch.setattr(reader, "_decode", lambda allocate: calls.append(1) or decode(allocate))

    def read(index: int) -> np.ndarray:
        barrier.wait()
        return reader.plane(0, 0).read(Rect(index * 10, 5, 50, 60))

    with ThreadPoolExecutor(4) as pool:
        for index, pixels in enumerate(pool.map(read, range(4))):
            np.testing.assert_array_equal(pixels, picture[5:65, index * 10 : index * 10 + 50])
    assert len(calls) == 1


def _forked(read: Callable[[], np.ndarray]) -> np.ndarray:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=lambda: queue.put(read()))
    child.start()
    try:
        return np.asarray(queue.get(timeout=20))
    finally:
        child.kill()
        child.join()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp"])
def test_a_forked_child_decodes(name: str, picture: np.ndarray, tmp_path: Path) -> None:
    """Libvips' threads don't survive a fork; a decode that needs them would wait for ever."""
    path = save(picture, tmp_path / name)
    expected = everything(open_reader(path))  # libvips is awake in the parent
    pyvips.Image.new_from_file(str(tmp_path / name)).avg() if name != "a.bmp" else None
    fresh = open_reader(path)
    np.testing.assert_array_equal(_forked(lambda: everything(fresh)), expected)


def test_level_one_and_closed_readers_are_errors(picture: np.ndarray, tmp_path: Path) -> None:
    reader = open_reader(save(picture, tmp_path / "a.png"))
    with pytest.raises(OptionError, match="one level"):
        reader.plane(1, 0).read(Rect(0, 0, 1, 1))
    reader.close()
    with pytest.raises(SourceError, match="closed"):
        everything(reader)
