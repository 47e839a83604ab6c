"""Pictures that are sound, but not as most are: odd names and texts, single bits, rare codecs."""

import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import pyvips
from PIL import Image

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures import vips
from ziggurat.readers.formats.pictures.jpeg2000 import open_reader as open_by_imagecodecs
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation


def everything(path: str | Path) -> np.ndarray:
    with open_reader(path) as reader:
        return reader.plane(0, 0).read(reader.info.levels[0].rect)


def png_text(keyword: str, value: str) -> bytes:
    body = b"tEXt" + f"{keyword}\0{value}".encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def test_png_texts_in_latin_1(tissue: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(tissue).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:33] + png_text("Prüfer", "5 um") + data[33:])
    np.testing.assert_array_equal(everything(path), tissue)
    with open_reader(path) as reader:
        assert reader.info.properties["png-comment-0-Prüfer"] == "5 um"


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "jp2", "tif"])
def test_names_that_are_no_utf_8(suffix: str, tissue: np.ndarray, tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9." + suffix.encode())
    plain = tmp_path / f"plain.{suffix}"
    Image.fromarray(tissue[:64, :64]).save(plain)
    os.rename(plain, name)
    assert everything(name).shape[:2] == (64, 64)


WRITTEN_OVER = [
    ("png", {}),
    ("jpg", {"quality": 95}),
    ("gif", {}),
    ("webp", {"lossless": True}),
    ("avif", {"quality": 95}),
    ("bmp", {}),
    ("tif", {}),
]


@pytest.mark.parametrize(("suffix", "options"), WRITTEN_OVER)
def test_a_picture_written_over_is_read_anew(
    suffix: str, options: dict[str, object], tissue: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{suffix}"
    for pixels in (tissue[:200, :300], 255 - tissue[:100, :150]):
        Image.fromarray(pixels).save(path, **options)
        found = everything(path)
        assert found.shape[:2] == pixels.shape[:2]
        assert np.abs(found[..., :3].astype(int) - pixels).mean() < 12


def test_a_drawing_written_over_is_drawn_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    for side in (50, 70):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{side}" height="{side}"/>')
        assert everything(path).shape == (side, side, 4)


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp"])
def test_a_picture_that_changes_while_it_is_open(
    suffix: str, tissue: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(tissue[:40, :50]).save(path)
    with open_reader(path) as reader:
        Image.fromarray(tissue[:80, :90]).save(path)
        with pytest.raises(SourceError, match="has changed since it was opened"):
            reader.plane(0, 0).read(Rect(0, 0, 50, 40))


@pytest.mark.parametrize(
    "kind",
    ["png of 1 bit", "png palette", pytest.param("gif", marks=pytest.mark.slow), "bmp of 1 bit"],
)
def test_large_plain_masks_are_not_called_hostile(kind: str, tmp_path: Path) -> None:
    side = 9_000  # more pixels than are harmless whatever they are packed into
    mask = Image.new("1", (side, side))
    mask.paste(1, (1000, 2000, 1100, 2100))
    path = tmp_path / f"mask.{kind[:3]}"
    if kind == "png palette":
        palette = mask.convert("P")
        palette.putpalette([255, 255, 0, 0, 0, 255])
        palette.save(path, bits=1, optimize=True)
    elif kind == "gif":
        mask.convert("L").save(path)
    else:
        mask.save(path, **({"optimize": True} if kind.startswith("png") else {}))
    with open_reader(path) as reader:
        assert (reader.info.width, reader.info.height) == (side, side)


def test_a_png_that_claims_more_than_deflate_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (64, 64)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(CorruptSourceError, match="truncated, damaged or hostile"):
        open_reader(path)


GRAY_16 = (np.arange(48 * 64).reshape(48, 64) * 7).astype(np.uint16)
RARE: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "lossless, 16 bits": (lambda _: imagecodecs.ljpeg_encode(GRAY_16), "a.jpg"),
    "lossless, colours": (lambda p: imagecodecs.jpeg8_encode(p, lossless=True), "a.jpg"),
    "JPEG-LS, colours": (imagecodecs.jpegls_encode, "a.jls"),
    "JPEG-LS, 16 bits": (lambda _: imagecodecs.jpegls_encode(GRAY_16), "a.jpg"),
}


@pytest.mark.parametrize("kind", RARE)
def test_rare_kinds_of_jpeg(kind: str, tissue: np.ndarray, tmp_path: Path) -> None:
    encode, name = RARE[kind]
    picture = np.ascontiguousarray(tissue[:96, :128])
    (tmp_path / name).write_bytes(encode(picture))
    due = GRAY_16[..., np.newaxis] if "16" in kind else picture
    np.testing.assert_array_equal(everything(tmp_path / name), due)
    with open_reader(tmp_path / name) as reader:
        colors = due.shape[2] == 3
        assert reader.info.interpretation is (Interpretation.RGB if colors else Interpretation.GRAY)


def test_a_jpeg_of_12_bits(tmp_path: Path) -> None:
    stream = imagecodecs.jpeg8_encode(GRAY_16 >> 4, level=100, bitspersample=12)
    (tmp_path / "a.jpg").write_bytes(stream)
    found = everything(tmp_path / "a.jpg")
    assert found.dtype == np.uint16
    assert np.abs(found[..., 0].astype(int) - (GRAY_16 >> 4)).mean() < 20


def test_a_rare_jpeg_cut_short_is_an_error(tissue: np.ndarray, tmp_path: Path) -> None:
    stream = imagecodecs.jpegls_encode(np.ascontiguousarray(tissue))
    (tmp_path / "a.jls").write_bytes(stream[: len(stream) // 2])
    with pytest.raises(CorruptSourceError, match=r"a\.jls.*ends before its end"):
        everything(tmp_path / "a.jls")


def test_a_hierarchical_jpeg_is_said_to_be_that(tissue: np.ndarray, tmp_path: Path) -> None:
    stream = bytearray(imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[:64, :64])))
    stream[stream.index(b"\xff\xc0") + 1] = 0xC5
    (tmp_path / "a.jpg").write_bytes(stream)
    with pytest.raises(UnsupportedFormatError, match="hierarchical JPEG is not supported"):
        open_reader(tmp_path / "a.jpg")


def subsampled_jpeg2000(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> bytes:
    """Join three code streams of one component each: the second and third of half the size.

    In the progression component by component, packets lie one component after the other.
    """
    streams = [
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(plane), level=0, reversible=True, codecformat="j2k", resolutions=3
        )
        for plane in (luma, blue, red)
    ]
    tiles = [stream[stream.index(b"\xff\x90") : -2] for stream in streams]
    bodies = b"".join(tile[tile.index(b"\xff\x93") + 2 :] for tile in tiles)
    head = streams[0][: streams[0].index(b"\xff\x90")]
    size = head.index(b"\xff\x51")
    depth = head[size + 40 : size + 41]
    components = b"".join(depth + factors for factors in (b"\1\1", b"\2\2", b"\2\2"))
    end = size + 2 + int.from_bytes(head[size + 2 : size + 4])
    made = b"\xff\x51" + struct.pack(">H", 47) + head[size + 4 : size + 38] + b"\0\3" + components
    head = bytearray(head[:size] + made + head[end:])
    head[head.index(b"\xff\x52") + 5] = 4
    start = tiles[0][: tiles[0].index(b"\xff\x93")]
    start = start[:6] + struct.pack(">I", len(start) + 2 + len(bodies)) + start[10:]
    return bytes(head) + start + b"\xff\x93" + bodies + b"\xff\xd9"


@pytest.mark.parametrize("name", ["a.j2k", "a"])
def test_jpeg_2000_with_subsampled_components(
    name: str, tissue: np.ndarray, tmp_path: Path
) -> None:
    part = tissue[:96, :128]
    stream = subsampled_jpeg2000(part[..., 0], part[::2, ::2, 1], part[::2, ::2, 2])
    (tmp_path / name).write_bytes(stream)
    due = imagecodecs.jpeg2k_decode(stream).astype(int)
    assert np.abs(everything(tmp_path / name) - due).max() <= 2  # OpenJPEG's and GDAL's rounding


def test_jpeg_2000_that_gdal_refuses(tissue: np.ndarray, tmp_path: Path) -> None:
    part = tissue[:96, :128]
    stream = bytearray(subsampled_jpeg2000(part[..., 0], part[::2, ::2, 1], part[::2, ::2, 2]))
    path = tmp_path / "a.j2k"
    path.write_bytes(stream)
    with open_by_imagecodecs(locate(path)) as reader:
        assert reader.info.interpretation is Interpretation.RGB
        found = reader.plane(0, 0).read(Rect(0, 0, 128, 96))
    np.testing.assert_array_equal(found, imagecodecs.jpeg2k_decode(stream))
    path.write_bytes(stream[: len(stream) // 2])
    with (
        open_by_imagecodecs(locate(path)) as reader,
        pytest.raises(CorruptSourceError, match="can't be decoded"),
    ):
        reader.plane(0, 0).read(Rect(0, 0, 128, 96))


def test_a_fresh_webp_in_a_forked_child(tissue: np.ndarray, tmp_path: Path) -> None:
    """The parent has not decoded it: nothing that libvips remembers can help the child."""
    for name in ("other.webp", "a.webp"):
        Image.fromarray(tissue).save(tmp_path / name, lossless=True)
    pyvips.Image.new_from_file(str(tmp_path / "other.webp")).avg()  # its threads are awake
    reader = open_reader(tmp_path / "a.webp")
    ready, answer = os.pipe()
    child = os.fork()
    if not child:
        os.write(
            answer, bytes([int((reader.plane(0, 0).read(Rect(0, 0, 512, 512)) == tissue).all())])
        )
        os._exit(0)
    os.close(answer)
    killer = threading.Timer(20, os.kill, (child, 9))
    killer.start()
    assert os.read(ready, 1) == b"\1"
    killer.cancel()
    os.waitpid(child, 0)
    os.close(ready)


def test_libvips_giving_less_than_it_was_asked_for(
    tissue: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(tissue).save(tmp_path / "a.png")
    fetch = pyvips.Region.fetch
    monkeypatch.setattr(vips.pyvips.Region, "fetch", lambda *place: fetch(*place)[:-1])
    with pytest.raises(CorruptSourceError, match="can't be decoded"):
        everything(tmp_path / "a.png")
