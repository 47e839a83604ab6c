"""What stored samples mean: alpha, inverted gray, inks, palettes, pages turned by a tag."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageOps

import ziggurat
from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels

LAYOUTS = [(32, 32), None]
Tile = tuple[int, int] | None


def read(path: Path, frame: int = 0) -> tuple[ImageInfo, Pixels]:
    with open_reader(path) as reader:
        return reader.info, reader.plane(0, frame).read(reader.info.levels[0].rect)


def write(path: Path, pixels: Pixels, photometric: str, tile: Tile, **options: Any) -> Path:
    tifffile.imwrite(
        path,
        pixels,
        photometric=photometric,
        tile=tile,
        metadata=None,
        compression="zlib",
        **options,
    )
    return path


@pytest.fixture
def colors(tissue: Pixels) -> Pixels:
    return np.ascontiguousarray(tissue[:50, :70])


def raw_page(path: Path, tags: Sequence[tuple[int, str, Sequence[int]]], data: bytes) -> Path:
    """Write one little-endian page by hand, its data at byte 8; no next page is said."""
    out = bytearray(struct.pack("<2sHI", b"II", 42, 0)) + data + b"\0" * (len(data) % 2)
    entries = b""
    for code, kind, values in sorted(tags):
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) > 4:
            place = len(out)
            out += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack("<I", place)
        entries += struct.pack("<HHI", code, {"H": 3, "I": 4, "f": 11, "d": 12}[kind], len(values))
        entries += packed.ljust(4, b"\0")
    out[4:8] = struct.pack("<I", len(out))
    path.write_bytes(bytes(out) + struct.pack("<H", len(tags)) + entries)
    return path


def plain_tags(pixels: Pixels) -> dict[int, tuple[int, str, Sequence[int]]]:
    height, width, bands = np.atleast_3d(pixels).shape
    found: list[tuple[int, str, Sequence[int]]] = [
        (256, "I", [width]), (257, "I", [height]), (258, "H", [8] * bands), (259, "H", [1]),
        (262, "H", [1]), (273, "I", [8]), (277, "H", [bands]), (278, "I", [height]),
        (279, "I", [pixels.nbytes]),
    ]  # fmt: skip
    return {tag[0]: tag for tag in found}


@pytest.mark.parametrize("tile", LAYOUTS)
def test_alpha_stays_where_zero_is_white(tile: Tile, colors: Pixels, tmp_path: Path) -> None:
    pixels = colors[..., :2]
    path = write(
        tmp_path / "a.tif", pixels, "miniswhite", tile, planarconfig="contig", extrasamples=[2]
    )
    info, found = read(path)
    np.testing.assert_array_equal(found[..., 0], 255 - pixels[..., 0])
    np.testing.assert_array_equal(found[..., 1], pixels[..., 1])
    assert info.alpha


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colours_multiplied_by_alpha_are_divided(
    planar: str, dtype: type[np.generic], colors: Pixels, tmp_path: Path
) -> None:
    top = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    alpha = np.full(colors.shape[:2], 0.5)
    alpha[:9] = 0
    stored = np.dstack([colors / 255 * alpha[..., None], alpha]) * top
    stored = stored.astype(dtype)
    axes = stored.transpose(2, 0, 1) if planar == "separate" else stored
    path = write(
        tmp_path / "a.tif", axes, "rgb", (16, 16), planarconfig=planar, extrasamples=["assocalpha"]
    )
    info, found = read(path)
    assert (info.alpha, info.interpretation) == (True, Interpretation.RGB)
    np.testing.assert_array_equal(found[..., 3], stored[..., 3])
    off = np.abs(found[9:, :, :3] / top * 255 - colors[9:])
    assert off.max() <= 2
    assert not found[:9, :, :3].any()
    ziggurat.convert(path, tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert [int(kind) for kind in tif.pages.first.extrasamples] == [2]
        np.testing.assert_array_equal(tif.pages.first.asarray(), found)


def test_colours_above_their_alpha_are_full(tmp_path: Path) -> None:
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535)):
        stored = np.full((20, 30, 4), top // 5 * 2, dtype)
        stored[..., 0], stored[..., 1] = top, top // 5
        path = write(tmp_path / "a.tif", stored, "rgb", None, extrasamples=["assocalpha"])
        _, found = read(path)
        due = np.array([top, round(top / 2), top, top // 5 * 2])
        assert np.abs(found.astype(int) - due).max() <= 1


@pytest.mark.parametrize(("kind", "alpha"), [(0, False), (1, True), (2, True)])
def test_a_fourth_band_is_alpha_only_if_it_says_so(
    kind: int, alpha: bool, colors: Pixels, tmp_path: Path
) -> None:
    pixels = np.dstack([colors, np.full(colors.shape[:2], 255, np.uint8)])
    path = write(tmp_path / "a.tif", pixels, "rgb", (16, 16), extrasamples=[kind])
    info, found = read(path)
    assert (info.bands, info.alpha) == (4, alpha)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(("photometric", "kept"), [("rgb", b"a profile"), ("cielab", None)])
def test_a_profile_is_not_that_of_colours_that_were_converted(
    photometric: str, kept: bytes | None, colors: Pixels, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.tif", colors, photometric, None, iccprofile=b"a profile")
    assert read(path)[0].icc_profile == kept


@pytest.mark.parametrize("tile", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk_becomes_rgb_of_as_many_bits(
    dtype: type[np.unsignedinteger[Any]], tile: Tile, colors: Pixels, tmp_path: Path
) -> None:
    ink = np.dstack([255 - colors, np.full(colors.shape[:2], 20, np.uint8)])
    stored = ink.astype(dtype) * (np.iinfo(dtype).max // 255)
    info, found = read(write(tmp_path / "a.tif", stored, "separated", tile))
    assert (info.dtype, info.bands, info.interpretation) == (dtype, 3, Interpretation.RGB)
    assert any("CMYK" in loss for loss in info.losses)
    wanted = pyvips.Image.new_from_array(ink).copy(interpretation="cmyk").colourspace("srgb")
    scale = np.iinfo(dtype).max / 255
    assert np.abs(found / scale - wanted.numpy()).max() <= 1.5


@pytest.mark.parametrize("tile", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("photometric", "shift"), [("cielab", 0), ("icclab", 128)])
def test_cielab_becomes_rgb_of_as_many_bits(
    photometric: str, shift: int, dtype: type[np.unsignedinteger[Any]], tile: Tile, tmp_path: Path
) -> None:
    lab = np.zeros((48, 64, 3))
    lab[..., 0] = np.linspace(20, 90, 64)
    lab[..., 1], lab[..., 2] = 20, -30
    step = (np.iinfo(dtype).max + 1) // 256
    stored = np.empty(lab.shape, dtype)
    stored[..., 0] = np.rint(lab[..., 0] / 100 * np.iinfo(dtype).max)
    stored[..., 1:] = ((lab[..., 1:] + shift) * step).astype(np.int64) % (np.iinfo(dtype).max + 1)
    info, found = read(write(tmp_path / "a.tif", stored, photometric, tile))
    assert (info.dtype, info.bands, info.interpretation) == (dtype, 3, Interpretation.RGB)
    vips = pyvips.Image.new_from_array(lab.astype(np.float32)).copy(interpretation="lab")
    wanted = vips.colourspace("srgb").numpy()
    assert np.abs(found / (np.iinfo(dtype).max / 255) - wanted).max() <= 2


def test_no_photometric_tag_turns_nothing_round(colors: Pixels, tmp_path: Path) -> None:
    gray = np.ascontiguousarray(colors[..., 0])
    tags = plain_tags(gray)
    del tags[262]
    _, found = read(raw_page(tmp_path / "a.tif", list(tags.values()), gray.tobytes()))
    np.testing.assert_array_equal(found[..., 0], gray)
    tags = plain_tags(colors)
    del tags[262]
    info, found = read(raw_page(tmp_path / "b.tif", list(tags.values()), colors.tobytes()))
    np.testing.assert_array_equal(found, colors)
    assert info.interpretation is Interpretation.RGB


@pytest.mark.parametrize("kind", [0, 2])
def test_a_palette_with_an_extra_sample_gives_its_colours(
    kind: int, colors: Pixels, tmp_path: Path, rng: np.random.Generator
) -> None:
    palette = rng.integers(0, 65536, (3, 256), dtype=np.uint16)
    pixels = np.ascontiguousarray(colors[..., :2])
    tags = plain_tags(pixels) | {
        262: (262, "H", [3]),
        320: (320, "H", palette.ravel().tolist()),
        338: (338, "H", [kind]),
    }
    info, found = read(raw_page(tmp_path / "a.tif", list(tags.values()), pixels.tobytes()))
    assert (info.bands, info.alpha, info.interpretation) == (4, kind == 2, Interpretation.RGB)
    np.testing.assert_array_equal(found[..., :3], (palette >> 8).T[pixels[..., 0]])
    np.testing.assert_array_equal(found[..., 3], pixels[..., 1])


@pytest.mark.parametrize(
    ("kind", "value"), [("f", 20000.0), ("d", 20000.0), ("H", 20000), ("I", 20000)]
)
def test_resolution_of_any_type(kind: str, value: Any, colors: Pixels, tmp_path: Path) -> None:
    gray = np.ascontiguousarray(colors[..., 0])
    tags = plain_tags(gray) | {
        282: (282, kind, [value]), 283: (283, kind, [value]), 296: (296, "H", [3])
    }  # fmt: skip
    info, _ = read(raw_page(tmp_path / "a.tif", list(tags.values()), gray.tobytes()))
    assert info.mm_x == info.mm_y == pytest.approx(0.0005)


@pytest.mark.parametrize("tile", LAYOUTS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_heeded(
    orientation: int, tile: Tile, colors: Pixels, tmp_path: Path
) -> None:
    tags = [(274, "H", 1, orientation, True)]
    path = write(tmp_path / "a.tif", colors, "rgb", tile, extratags=tags, resolution=(20000, 10000))
    picture = Image.fromarray(colors)
    picture.getexif()[274] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(picture))
    info, found = read(path)
    np.testing.assert_array_equal(found, wanted)
    assert (info.height, info.width) == wanted.shape[:2]
    assert info.mm_x is not None
    assert info.mm_y is not None
    assert (info.mm_x > info.mm_y) == (orientation > 4)
    with ziggurat.open(path) as source:
        part, _ = source.getRegion(
            format="numpy", region={"left": 3, "top": 5, "width": 20, "height": 17}
        )
    np.testing.assert_array_equal(part, wanted[5:22, 3:23])


def test_lossless_jpeg_of_colours(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64] * 4
    pixels = np.stack([x, y, (x + y) // 2], -1).astype(np.uint8)
    made = bytearray(
        imagecodecs.jpeg8_encode(pixels, lossless=True, colorspace="RGB", outcolorspace="RGB")
    )
    stream = bytearray(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\1\0\x96\0\x96\0\0" + made[18:])
    for mark, step, first in ((b"\xff\xc3", 3, 10), (b"\xff\xda", 2, 5)):
        place = stream.index(mark)
        for number in range(3):
            stream[place + first + step * number] = number
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        iter([bytes(stream)]),
        shape=pixels.shape,
        dtype=np.uint8,
        tile=(64, 64),
        compression="jpeg",
        photometric="rgb",
    )
    np.testing.assert_array_equal(read(path)[1], pixels)


def test_an_unknown_compression_is_not_called_damage(colors: Pixels, tmp_path: Path) -> None:
    gray = np.ascontiguousarray(colors[..., 0])
    tags = plain_tags(gray) | {259: (259, "H", [54321])}
    path = raw_page(tmp_path / "a.tif", list(tags.values()), gray.tobytes())
    with pytest.raises(UnsupportedFormatError, match="compression 54321"):
        open_reader(path)


def test_jpeg_tiles_cut_at_the_edge_are_made_whole(
    colors: Pixels, tmp_path: Path, tissue: Pixels
) -> None:
    pixels = tissue[:150, :200]
    tiles = [
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(pixels[y : y + 64, x : x + 64]), level=90, subsampling=(1, 1)
        )
        for y in range(0, 150, 64)
        for x in range(0, 200, 64)
    ]
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(
        path,
        iter(tiles),
        shape=pixels.shape,
        dtype=np.uint8,
        tile=(64, 64),
        compression="jpeg",
        photometric="ycbcr",
        subsampling=(1, 1),
        metadata=None,
    )
    _, found = read(path)
    assert np.abs(found.astype(int) - pixels).max() < 60
    report = ziggurat.convert(path, out)
    assert "cut" in report.plan.steps[0].reason
    with tifffile.TiffFile(out) as tif:
        page = tif.pages.first
        data = out.read_bytes()
        for number, (offset, size) in enumerate(
            zip(page.dataoffsets, page.databytecounts, strict=True)
        ):
            stored = data[offset : offset + size]
            tile = imagecodecs.jpeg8_decode(stored, tables=page.jpegtables)
            assert tile.shape == (64, 64, 3)
            if number not in (3, 7, 8, 9, 10, 11):
                assert stored == tiles[number]


def test_forged_sides_of_jpeg_tiles_are_not_filled(tmp_path: Path, tissue: Pixels) -> None:
    """A tile is made whole only where a JPEG can be so large."""
    path = tmp_path / "a.tif"
    options = {"tile": (64, 64), "compression": "jpeg", "photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, np.ascontiguousarray(tissue[:60, :60]), **options)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags["TileWidth"].overwrite(100_000, dtype="I")
    with ziggurat.open(path) as source:
        assert source._image().reader.plane(0, 0).encoded() is None
        report = ziggurat.convert(path, tmp_path / "b.tif")
    assert "copy" not in str(report.plan)


def old_style(stream: bytes, path: Path, width: int, height: int) -> Path:
    """Write a baseline JPEG of three full bands as a page of compression 6, tables in tags."""
    at, scan = 2, b""
    quant: list[bytes] = []
    dc: list[bytes] = []
    ac: list[bytes] = []
    while not scan:
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        body = stream[at + 4 : at + 2 + length]
        at += 2 + length
        while marker == 0xDB and body:
            quant.append(body[1:65])
            body = body[65:]
        while marker == 0xC4 and body:
            size = 16 + sum(body[1:17])
            (ac if body[0] >> 4 else dc).append(body[1 : 1 + size])
            body = body[1 + size :]
        if marker == 0xDA:
            scan = stream[at:-2]
    data, places = bytearray(scan + b"\0" * (len(scan) % 2)), []
    for blob in (quant[0], quant[-1], dc[0], dc[-1], ac[0], ac[-1]):
        places.append(8 + len(data))
        data += blob + b"\0" * (len(blob) % 2)
    q, d, a = ([places[n], places[n + 1], places[n + 1]] for n in (0, 2, 4))
    tags = plain_tags(np.zeros((height, width, 3), np.uint8)) | {
        259: (259, "H", [6]), 262: (262, "H", [6]), 279: (279, "I", [len(scan)]),
        512: (512, "H", [1]), 519: (519, "I", q), 520: (520, "I", d), 521: (521, "I", a),
        530: (530, "H", [1, 1]),
    }  # fmt: skip
    return raw_page(path, list(tags.values()), bytes(data))


def test_old_style_jpeg_is_read_by_who_knows_it(colors: Pixels, tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(colors[:48, :64])
    stream = imagecodecs.jpeg8_encode(pixels, level=90, subsampling=(1, 1), optimize=False)
    path = old_style(stream, tmp_path / "a.tif", 64, 48)
    info, found = read(path)
    assert (info.backend, "old-style" in info.declined["tiff"]) == ("gdal", True)
    assert np.abs(found.astype(int) - imagecodecs.jpeg8_decode(stream)).max() < 8


@pytest.mark.parametrize("compression", [None, "packbits"])
@pytest.mark.parametrize("tiled", [False, True])
def test_a_predictor_of_a_codec_that_has_none_is_ignored(
    compression: str | None, tiled: bool, tmp_path: Path, rng: np.random.Generator
) -> None:
    """As libtiff does, and with it GDAL and libvips; and Pillow."""
    pixels = rng.integers(0, 256, (64, 48), np.uint8)
    path = tmp_path / "a.tif"
    options = {"tile": (32, 32)} if tiled else {"rowsperstrip": 16}
    other = [(316, "H", 1, 2, True)]  # tifffile does not write such a tag: another becomes it
    tifffile.imwrite(
        path, pixels, compression=compression, extratags=other, metadata=None, **options
    )
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[0].tags[316].offset
    with path.open("r+b") as file:
        file.seek(place)
        file.write(struct.pack("<H", 317))
    with open_reader(path) as reader:
        found = reader.plane(0, 0).read(reader.info.levels[0].rect)[..., 0]
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(found, np.asarray(Image.open(path)))
