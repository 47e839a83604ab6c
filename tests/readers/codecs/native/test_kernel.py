"""The kernel gives the pixels that it stands in for, bit by bit, or says that it doesn't."""

import dataclasses
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from ziggurat.readers.codecs.decode import decode_tile, decode_tile_reduced
from ziggurat.readers.codecs.native.kernel import (
    DONE,
    TileKind,
    decode_tiles,
    decoder,
    describe,
    kind_of,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

YCBCR = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")
RGB = dataclasses.replace(YCBCR, photometric=Photometric.RGB)
GRAY = dataclasses.replace(YCBCR, photometric=Photometric.GRAY, bands=1)
WIDTH, HEIGHT = 250, 131  # neither is a multiple of a block

pytestmark = pytest.mark.skipif(decoder() is None, reason=describe())

Encode = Callable[[np.ndarray], bytes]


def pillow(**options: object) -> Encode:
    def encode(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=85, **options)
        return file.getvalue()

    return encode


def rgb(pixels: np.ndarray) -> bytes:
    """Encode as Aperio does: RGB samples, and no marker that says so."""
    data = imagecodecs.jpeg8_encode(pixels, 85, colorspace="RGB", outcolorspace="RGB")
    return without_adobe(bytes(data))


def without_adobe(data: bytes) -> bytes:
    at = data.find(b"\xff\xee\0\x0eAdobe")
    return data if at < 0 else data[:at] + data[at + 16 :]


def gray(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[..., 1]), 85))


KINDS: dict[str, tuple[TileFormat, Encode]] = {
    **{
        sampling: (YCBCR, lambda p, s=sampling: simplejpeg.encode_jpeg(p, 85, "RGB", s))
        for sampling in ("444", "422", "420")
    },
    "rgb": (RGB, rgb),
    "gray": (GRAY, gray),
    "progressive": (YCBCR, pillow(progressive=True)),
    "restarts": (YCBCR, pillow(restart_marker_blocks=3)),
    "optimised": (YCBCR, pillow(optimize=True)),
}


@pytest.fixture(scope="module")
def streams(tissue: np.ndarray) -> dict[str, bytes]:
    pixels = np.ascontiguousarray(tissue[40 : 40 + HEIGHT, 90 : 90 + WIDTH])
    return {name: encode(pixels) for name, (_, encode) in KINDS.items()}


def kind(form: TileFormat, width: int = WIDTH, height: int = HEIGHT) -> TileKind:
    found = kind_of(form, width, height)
    assert found is not None
    return found


def due(data: bytes, form: TileFormat, scale: int, shape: tuple[int, int]) -> Pixels:
    if scale == 1:
        return decode_tile(data, form, shape)
    return decode_tile_reduced(data, form, scale, shape)


def whole(data: bytes, form: TileFormat, scale: int = 1) -> tuple[int, Pixels]:
    """Decode a tile of 250 x 131; return its status and its pixels."""
    out = np.zeros((-(-HEIGHT // scale), -(-WIDTH // scale), form.bands), np.uint8)
    (status,) = decode_tiles([(data, out, 0, 0)], kind(form), scale=scale)
    return status, out


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("name", KINDS)
def test_whole_tiles_are_those_of_the_fallback(
    streams: dict[str, bytes], name: str, scale: int
) -> None:
    form = KINDS[name][0]
    status, found = whole(streams[name], form, scale)
    assert status == DONE
    np.testing.assert_array_equal(found, due(streams[name], form, scale, (HEIGHT, WIDTH)))


def check_crops(
    streams: dict[str, bytes], name: str, scale: int, count: int, rng: np.random.Generator
) -> None:
    """Decode many crops of one tile in one call, each into its own part of one array."""
    form = KINDS[name][0]
    full = due(streams[name], form, scale, (HEIGHT, WIDTH))
    rows, columns = full.shape[:2]
    paper = np.full((count, rows + 1, columns + 3, form.bands), 77, np.uint8)
    tiles = []
    for sheet in paper:
        x, y = int(rng.integers(columns)), int(rng.integers(rows))
        width, height = int(rng.integers(columns - x)) + 1, int(rng.integers(rows - y)) + 1
        tiles.append((streams[name], sheet[1 : 1 + height, 2 : 2 + width], x, y))
    assert set(decode_tiles(tiles, kind(form), scale=scale, threads=2)) == {DONE}
    for (_, target, x, y), sheet in zip(tiles, paper, strict=True):
        height, width = target.shape[:2]
        np.testing.assert_array_equal(target, full[y : y + height, x : x + width])
        target[...] = 77
        assert (sheet == 77).all(), "it wrote beside its target"


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("name", KINDS)
def test_crops_are_parts_of_the_whole(
    streams: dict[str, bytes], name: str, scale: int, rng: np.random.Generator
) -> None:
    check_crops(streams, name, scale, 40, rng)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_crops_are_parts_of_the_whole(
    streams: dict[str, bytes], name: str, scale: int, rng: np.random.Generator
) -> None:
    check_crops(streams, name, scale, 1000, rng)


@pytest.mark.parametrize("place", [(0, 0), (249, 130), (0, 130), (249, 0), (16, 16), (15, 17)])
@pytest.mark.parametrize("name", ["420", "444", "gray"])
def test_a_single_pixel(streams: dict[str, bytes], name: str, place: tuple[int, int]) -> None:
    form, (x, y) = KINDS[name][0], place
    out = np.zeros((1, 1, form.bands), np.uint8)
    assert decode_tiles([(streams[name], out, x, y)], kind(form)) == bytes([DONE])
    np.testing.assert_array_equal(out[0, 0], decode_tile(streams[name], form)[y, x])


def test_places_in_a_file_and_streams_with_their_tables_elsewhere(
    tissue: np.ndarray, tmp_path: Path
) -> None:
    pixels = np.ascontiguousarray(tissue[:HEIGHT, :WIDTH])
    stream = simplejpeg.encode_jpeg(pixels, 85)
    scan = stream.index(b"\xff\xc0")
    tables, short = stream[:2] + stream[20:scan] + b"\xff\xd9", stream[:2] + stream[scan:]
    if b"\xff\xc4" not in tables:  # the Huffman tables come after the frame header
        at = stream.index(b"\xff\xc4")
        end = stream.index(b"\xff\xda")
        tables = tables[:-2] + stream[at:end] + b"\xff\xd9"
        short = stream[:2] + stream[scan:at] + stream[end:]
    form = dataclasses.replace(YCBCR, tables=tables)
    path = tmp_path / "tiles"
    path.write_bytes(b"x" * 99 + short)
    out = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    place = (99, len(short))
    with path.open("rb") as file:
        found = decode_tiles(
            [(place, out[0], 0, 0), (short, out[1], 0, 0)], kind(form), descriptor=file.fileno()
        )
    assert found == bytes([DONE, DONE])
    np.testing.assert_array_equal(out[0], decode_tile(stream, YCBCR))
    np.testing.assert_array_equal(out[1], out[0])


def test_a_tile_never_lives_on_the_tables_of_another(streams: dict[str, bytes]) -> None:
    stream = streams["420"]
    start, end = stream.index(b"\xff\xdb"), stream.index(b"\xff\xc0")
    bare = stream[:start] + stream[end:]
    out = np.zeros((3, HEIGHT, WIDTH, 3), np.uint8)
    tiles = [(data, out[i], 0, 0) for i, data in enumerate((stream, bare, stream))]
    first, second, third = decode_tiles(tiles, kind(YCBCR))
    assert (first, third) == (DONE, DONE)
    assert second != DONE


def lost(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + data[middle + 300 :]


def repeated(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[: middle + 300] + data[middle:]


def padded(data: bytes) -> bytes:
    return data[:-2] + bytes(9) + data[-2:]


DOUBTFUL: dict[str, Callable[[bytes], bytes]] = {
    "lost": lost,
    "repeated": repeated,
    "padded": padded,
    "cut short": lambda data: data[: len(data) // 2],
    "no end": lambda data: data[:-2],
    "no start": lambda data: b"xx" + data[2:],
    "empty": lambda _: b"",
    "noise": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("part", [None, (0, 0, 8, 8), (100, 60, 20, 20)])
@pytest.mark.parametrize("flaw", DOUBTFUL)
def test_what_libjpeg_warns_of_is_not_done_wherever_the_crop_lies(
    streams: dict[str, bytes], flaw: str, part: tuple[int, int, int, int] | None
) -> None:
    bad, good = DOUBTFUL[flaw](streams["420"]), streams["420"]
    x, y, width, height = part or (0, 0, WIDTH, HEIGHT)
    out = np.zeros((3, height, width, 3), np.uint8)
    tiles = [(data, out[i], x, y) for i, data in enumerate((good, bad, good))]
    first, second, third = decode_tiles(tiles, kind(YCBCR))
    assert (first, third) == (DONE, DONE)  # its neighbours don't suffer
    assert second != DONE
    np.testing.assert_array_equal(out[0], out[2])


@pytest.mark.parametrize(
    "form", [dataclasses.replace(YCBCR, tables=None), RGB, GRAY], ids=["ycbcr", "rgb", "gray"]
)
def test_other_sizes_bands_and_samplings_are_not_done(tissue: np.ndarray, form: TileFormat) -> None:
    pixels = np.ascontiguousarray(tissue[:HEIGHT, :WIDTH])
    others = [
        simplejpeg.encode_jpeg(np.ascontiguousarray(pixels[:-1]), 85),
        simplejpeg.encode_jpeg(np.ascontiguousarray(pixels[:, :-1]), 85),
        bytes(imagecodecs.jpeg8_encode(np.dstack([pixels, pixels[..., :1]]), 85)),
        bytes(
            imagecodecs.jpeg8_encode(pixels[..., 0].astype(np.uint16) << 4, 85, bitspersample=12)
        ),
        simplejpeg.encode_jpeg(pixels, 85, "RGB", "411"),
    ]
    others.append(gray(pixels) if form.bands == 3 else simplejpeg.encode_jpeg(pixels, 85))
    assert DONE not in [whole(data, form)[0] for data in others]


def test_rgb_in_jfif_is_the_fallbacks(streams: dict[str, bytes]) -> None:
    assert b"JFIF" in streams["444"][:32]
    assert whole(streams["444"], RGB)[0] != DONE


def test_a_stream_of_very_many_scans_is_not_done(tissue: np.ndarray) -> None:
    data = pillow(progressive=True)(np.ascontiguousarray(tissue[:HEIGHT, :WIDTH]))
    last = data.rindex(b"\xff\xda")
    assert whole(data, YCBCR)[0] == DONE
    # refinements of no bits can't be; the same scan again is what a hostile stream has
    assert whole(data[:-2] + data[last:-2] * 120 + b"\xff\xd9", YCBCR)[0] != DONE


def test_unfinished_progressive_streams_are_not_done(tissue: np.ndarray) -> None:
    data = pillow(progressive=True)(np.ascontiguousarray(tissue[:HEIGHT, :WIDTH]))
    scans = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    tables = data.rindex(b"\xff\xc4", 0, scans[2])
    assert whole(data[:tables] + b"\xff\xd9", YCBCR)[0] != DONE


@pytest.mark.parametrize(
    "change",
    [
        {"codec": Codec.JPEG2000},
        {"bits": 12, "dtype": "uint16"},
        {"planar": True},
        {"lossless": True},
        {"bands": 4},
        {"photometric": Photometric.PALETTE},
        {"tables": b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9"},
    ],
    ids=str,
)
def test_what_is_no_plain_jpeg_has_no_kind(change: dict[str, object]) -> None:
    assert kind_of(dataclasses.replace(YCBCR, **change), 256, 256) is None


BAD_TARGETS: dict[str, Callable[[], tuple[object, int, int]]] = {
    "read-only": lambda: (np.frombuffer(bytes(300), np.uint8).reshape(10, 10, 3), 0, 0),
    "two dimensions": lambda: (np.zeros((10, 30), np.uint8), 0, 0),
    "bands": lambda: (np.zeros((10, 10, 4), np.uint8), 0, 0),
    "words": lambda: (np.zeros((10, 10, 3), np.uint16), 0, 0),
    "upside down": lambda: (np.zeros((10, 10, 3), np.uint8)[::-1], 0, 0),
    "every second": lambda: (np.zeros((10, 20, 3), np.uint8)[:, ::2], 0, 0),
    "transposed": lambda: (np.zeros((3, 10, 10), np.uint8).transpose(1, 2, 0), 0, 0),
    "empty": lambda: (np.zeros((0, 10, 3), np.uint8), 0, 0),
    "right of it": lambda: (np.zeros((10, 10, 3), np.uint8), WIDTH - 9, 0),
    "below it": lambda: (np.zeros((10, 10, 3), np.uint8), 0, HEIGHT - 9),
    "left of it": lambda: (np.zeros((10, 10, 3), np.uint8), -1, 0),
    "repeated rows": lambda: (
        np.lib.stride_tricks.as_strided(np.zeros(30, np.uint8), (10, 10, 3), (0, 3, 1)), 0, 0,
    ),
    "no array": lambda: ("text", 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_targets_that_cannot_be_are_refused_before_anything_is_decoded(
    streams: dict[str, bytes], name: str
) -> None:
    good = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    bad = BAD_TARGETS[name]()
    with pytest.raises((ValueError, TypeError, BufferError)):
        decode_tiles([(streams["420"], good, 0, 0), (streams["420"], *bad)], kind(YCBCR))
    assert not good.any()


@pytest.mark.parametrize("place", [(-1, 10), (0, -1), (1 << 62, 1 << 62), (0, 10)])
def test_places_that_cannot_be_are_refused(place: tuple[int, int]) -> None:
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises((ValueError, OverflowError)):  # (0, 10) is in no file
        decode_tiles([(place, out, 0, 0)], kind(YCBCR))


def test_what_lies_beyond_the_file_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"\xff\xd8" * 50)
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with path.open("rb") as file:
        for place in ((90, 40), (500, 40), (0, 1 << 40)):
            tile = (place, out, 0, 0)
            assert decode_tiles([tile], kind(YCBCR), descriptor=file.fileno())[0] != DONE
        number = file.fileno()
    with pytest.raises(OSError, match="descriptor"):
        decode_tiles([((0, 9), out, 0, 0)], kind(YCBCR), descriptor=number)


def test_nothing_is_left_open_or_held(streams: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "tile"
    path.write_bytes(streams["420"])
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    before = len(os.listdir("/proc/self/fd"))
    references = sys.getrefcount(out)
    with path.open("rb") as file:
        for data in (streams["420"], lost(streams["420"]), (0, len(streams["420"])), (-1, 2)):
            tiles = [(data, out, 0, 0)] * 5
            try:
                decode_tiles(tiles, kind(YCBCR), threads=3, descriptor=file.fileno())
            except ValueError:
                assert data == (-1, 2)
        del tiles
    assert len(os.listdir("/proc/self/fd")) == before
    assert sys.getrefcount(out) == references


def test_any_number_of_threads_gives_the_same(streams: dict[str, bytes]) -> None:
    for count in (0, 1, 7):
        for threads in (-1, 1, 2, 99):
            out = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
            tiles = [(streams["420"], out[i], 0, 0) for i in range(count)]
            assert decode_tiles(tiles, kind(YCBCR), threads=threads) == bytes(count)
            for one in out:
                np.testing.assert_array_equal(one, decode_tile(streams["420"], YCBCR))


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def churn(streams: dict[str, bytes], calls: int) -> Iterator[int]:
    """Decode good and bad tiles again and again; yield the memory in use, ten times."""
    small = np.zeros((4, 8, 8, 3), np.uint8)
    bad = [DOUBTFUL[name](streams["420"]) for name in ("lost", "cut short", "noise")]
    tiles = [(data, small[i], 40, 40) for i, data in enumerate([streams["420"], *bad])]
    for number in range(calls):
        decode_tiles(tiles, kind(YCBCR), threads=1 + number % 2)
        if not (number + 1) % (calls // 10):
            yield resident()


def test_memory_stays_flat(streams: dict[str, bytes]) -> None:
    used = list(churn(streams, 500))
    assert used[-1] - used[2] < 2 << 20


@pytest.mark.slow
def test_memory_stays_flat_over_very_many_calls(streams: dict[str, bytes]) -> None:
    used = list(churn(streams, 100_000))
    assert used[-1] - used[2] < 4 << 20


@pytest.mark.parametrize(("value", "word"), [("0", "off"), ("1", "on"), ("", "on")])
def test_it_can_be_switched_off(value: str, word: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "ziggurat", "--version", "--verbose"],
        env={**os.environ, "ZIGGURAT_NATIVE": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"native kernel: {word} (" in found.stdout
