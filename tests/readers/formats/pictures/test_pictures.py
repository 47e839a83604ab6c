"""Pages of PDFs, JPEG XL and HEIC pictures: made here, read back, refused when hostile."""

import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.pictures.jpegxl import picture_size
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import Interpretation


def pdf(pages: list[tuple[float, float, str]]) -> bytes:
    """Return a PDF; each page is its width and height in points and what to draw."""
    count = len(pages)
    kids = " ".join(f"{3 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
    ]
    for number, (width, height, drawing) in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}]"
            f" /Contents {4 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream")
    data, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + end.encode()


RED_LEFT_TOP = "1 0 0 rg 0 72 72 72 re f 0 0 1 rg 72 0 72 72 re f"  # PDF counts from the bottom


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    path = tmp_path / "pages.pdf"
    path.write_bytes(pdf([(144, 144, RED_LEFT_TOP), (72, 36, "0 1 0 rg 0 0 72 36 re f")]))
    return path


def test_a_page_is_drawn_at_300_pixels_an_inch(pages: Path) -> None:
    with ziggurat.open(pages) as source:
        meta = source.getMetadata()
        assert (meta["sizeX"], meta["sizeY"], meta["bandCount"]) == (600, 600, 3)
        assert meta["IndexRange"] == {"IndexPAGE": 2}
        whole = source.getRegion(format="numpy")[0]
    expected = np.full((600, 600, 3), 255, np.uint8)
    expected[:300, :300] = (255, 0, 0)
    expected[300:, 300:] = (0, 0, 255)
    np.testing.assert_array_equal(whole, expected)


def test_smaller_pages_lie_in_the_corner_on_white(pages: Path) -> None:
    with ziggurat.open(pages) as source:
        whole = source.getRegion(format="numpy", frame=1)[0]
    assert (whole[:150, :300] == (0, 255, 0)).all()
    assert (whole[150:] == 255).all()
    assert (whole[:, 300:] == 255).all()


def test_parts_and_levels_of_a_page_fit_together(tmp_path: Path) -> None:
    path = tmp_path / "lines.pdf"
    lines = "6 w " + " ".join(f"{x} 0 m {400 - x} 300 l S" for x in range(0, 400, 15))
    path.write_bytes(pdf([(400, 300, lines)]))
    reader = open_reader(path)
    assert len(reader.info.levels) == 4
    for index, level in enumerate(reader.info.levels):
        whole = reader.plane(index, 0).read(level.rect)
        assert whole.min() < 128
        for x, y in itertools.product((0, 37, level.width // 2), (0, 41, level.height // 2)):
            rect = level.rect.intersect(type(level.rect)(x, y, 90, 70))
            part = reader.plane(index, 0).read(rect)
            difference = part.astype(int) - whole[y : rect.bottom, x : rect.right]
            assert np.abs(difference).max() <= 3  # smoothed edges depend on the part by a little
    small = whole.astype(float)
    big = reader.plane(0, 0).read(reader.info.levels[0].rect).astype(float)
    assert abs(small.mean() - big.mean()) < 10


def test_threads_and_copies_draw_the_same(pages: Path) -> None:
    with ziggurat.open(pages) as source, pickle.loads(pickle.dumps(source)) as again:
        regions = [{"left": x, "top": x, "width": 100, "height": 100} for x in range(0, 500, 50)]

        def read(which: ziggurat.Source) -> list[np.ndarray]:
            return [which.getRegion(region=region, format="numpy")[0] for region in regions]

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(read, [source, again, source, again]))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_a_page_that_takes_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "endless.pdf"
    path.write_bytes(pdf([(300, 300, "0 0 m 300 300 l S\n" * 200_000)]))
    monkeypatch.setattr("ziggurat.readers.formats.pictures.pdf._MOST_SECONDS", 0.05)
    reader = open_reader(path)
    with pytest.raises(CorruptSourceError, match=r"can't be drawn: it takes more than 0\.05 s"):
        reader.plane(0, 0).read(reader.info.levels[0].rect)


def test_pages_beyond_all_reason_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vast.pdf"
    path.write_bytes(pdf([(9e6, 9e6, "")]))
    with pytest.raises(CorruptSourceError, match="claims a page of"):
        open_reader(path)
    path.write_bytes(pdf([(14400, 14400, RED_LEFT_TOP)]))  # 3.6 gigapixels, drawn only in part
    with ziggurat.open(path) as source:
        place = {"left": 0, "top": 59400, "width": 300, "height": 300}
        assert (source.getRegion(region=place, format="numpy")[0] == (255, 0, 0)).all()
    path.write_bytes(b"%PDF-1.7\nnothing more")
    with pytest.raises(CorruptSourceError, match="is damaged, or needs a password"):
        open_reader(path)


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_jpeg_xl(
    bands: int, dtype: str, container: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = (rng.random((70, 90, bands)) * (1 if dtype == "float32" else 250)).astype(dtype)
    path = tmp_path / "picture.jxl"
    path.write_bytes(
        imagecodecs.jpegxl_encode(pixels.squeeze(), lossless=True, usecontainer=container)
    )
    with ziggurat.open(path) as source:
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)
        info = source._image().reader.info
    assert info.alpha == (bands in (2, 4))
    assert info.interpretation is (Interpretation.GRAY if bands < 3 else Interpretation.RGB)


def test_jpeg_xl_animations_have_frames(tmp_path: Path, rng: np.random.Generator) -> None:
    frames = rng.integers(0, 255, (3, 40, 50, 3), np.uint8)
    path = tmp_path / "moving.jxl"
    path.write_bytes(imagecodecs.jpegxl_encode(frames, lossless=True, photometric="rgb"))
    with ziggurat.open(path) as source:
        assert source.frames == 3
        for number in range(3):
            pixels = source.getRegion(format="numpy", frame=number)[0]
            np.testing.assert_array_equal(pixels, frames[number])


@pytest.mark.parametrize(
    "size",
    [(8, 8), (256, 256), (64, 8), (300, 200), (1200, 1000), (4, 3), (1920, 1080), (5, 2000)],
)
@pytest.mark.parametrize("container", [False, True])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(
    size: tuple[int, int], container: bool
) -> None:
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    data = imagecodecs.jpegxl_encode(pixels, level=90, effort=1, usecontainer=container)
    assert picture_size(data) == size


def test_a_hostile_jpeg_xl_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jxl"
    vast = (1 << 30) - 1  # both sides told in 30 bits, no ratio
    bits = 0 | 3 << 1 | vast << 3 | 0 << 33 | 3 << 36 | vast << 38
    path.write_bytes(b"\xff\x0a" + bits.to_bytes(9, "little") + bytes(200))
    with pytest.raises(CorruptSourceError, match=r"claims \d+ bytes of pixels"):
        open_reader(path)
    for data in (b"\xff\x0a", b"\xff\x0a\xff", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40)):
        path.write_bytes(data)
        with pytest.raises(CorruptSourceError):
            open_reader(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_heic(mode: str, tissue: np.ndarray, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    from PIL import Image

    picture = Image.fromarray(tissue[:100, :150]).convert(mode)
    path = tmp_path / "picture.heic"
    pillow_heif.from_pillow(picture).save(path, quality=90)
    with ziggurat.open(path) as source:
        found = source.getRegion(format="numpy")[0]
        assert source.getMetadata()["dtype"] == "uint8"
    expected = np.asarray(picture.convert("RGB") if mode == "L" else picture)
    if found.shape[2] == 1:
        expected = np.asarray(picture)[..., np.newaxis]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 4


def test_more_than_eight_bits_of_heic_stay(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None], (64, 1, 3))
    path = tmp_path / "deep.heic"
    picture = pillow_heif.from_bytes("RGB;16", (256, 64), ramp.tobytes())
    picture.save(path, quality=-1, bit_depth=10)
    with ziggurat.open(path) as source:
        found = source.getRegion(format="numpy")[0]
    assert found.dtype == np.uint16
    assert len(np.unique(found[..., 1])) > 200
    assert np.abs(found.astype(int) - ramp).mean() < 200


def test_the_brands_say_whether_a_general_container_holds_heic(
    tissue: np.ndarray, tmp_path: Path
) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    from PIL import Image

    path = tmp_path / "picture.heic"
    pillow_heif.from_pillow(Image.fromarray(tissue[:64, :64])).save(path)
    path.write_bytes(path.read_bytes().replace(b"ftypheic", b"ftypmif1", 1))
    assert open_reader(path).info.format == "heif"
    Image.fromarray(tissue[:64, :64]).save(tmp_path / "picture.avif")
    data = (tmp_path / "picture.avif").read_bytes()
    path.write_bytes(data.replace(b"ftypavif", b"ftypmif1", 1))
    with ziggurat.open(path) as source:
        assert source.getRegion(format="numpy")[0].shape == (64, 64, 3)


def test_a_damaged_heic_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pillow_heif")
    path = tmp_path / "bad.heic"
    path.write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf" + bytes(100))
    with pytest.raises(CorruptSourceError, match="is damaged"):
        open_reader(path)
