"""The kernel gives the pixels that it stands in for, bit by bit, or says that it doesn't."""

import dataclasses
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import simplejpeg

from tests.readers.codecs.native.made import (
    DOUBTFUL,
    GRAY,
    HEIGHT,
    KINDS,
    RGB,
    WIDTH,
    YCBCR,
    gray,
    kind,
    pillow,
    whole,
)
from ziggurat.readers.codecs.decode import decode_tile, decode_tile_reduced
from ziggurat.readers.codecs.native.kernel import (
    DONE,
    decode_tiles,
    decoder,
    describe,
    kind_of,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

pytestmark = pytest.mark.skipif(decoder() is None, reason=describe())


def due(data: bytes, form: TileFormat, scale: int, shape: tuple[int, int]) -> Pixels:
    if scale == 1:
        return decode_tile(data, form, shape)
    return decode_tile_reduced(data, form, scale, shape)


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


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("name", ["420", "gray"])
def test_a_second_array_gets_a_copy_of_its_part_and_nothing_beside_it(
    streams: dict[str, bytes], name: str, scale: int, rng: np.random.Generator
) -> None:
    form = KINDS[name][0]
    full = due(streams[name], form, scale, (HEIGHT, WIDTH))
    rows, columns = full.shape[:2]
    paper = np.full((30, rows + 1, columns + 3, form.bands), 77, np.uint8)
    tiles = []
    for number, sheet in enumerate(paper):
        y, x = (0, 0) if number % 2 else (int(rng.integers(rows)), int(rng.integers(columns)))
        down, right = int(rng.integers(y, rows)), int(rng.integers(x, columns))
        height, width = int(rng.integers(rows - down)) + 1, int(rng.integers(columns - right)) + 1
        copy = sheet[1 : 1 + height, 2 : 2 + width]
        target = np.zeros((rows - y, columns - x, form.bands), np.uint8)
        tiles.append((streams[name], target, x, y, copy, right, down))
    assert set(decode_tiles(tiles, kind(form), scale=scale, threads=2)) == {DONE}
    for (_, target, x, y, copy, right, down), sheet in zip(tiles, paper, strict=True):
        np.testing.assert_array_equal(target, full[y:, x:])
        height, width = copy.shape[:2]
        np.testing.assert_array_equal(copy, full[down : down + height, right : right + width])
        copy[...] = 77
        assert (sheet == 77).all(), "it wrote beside the copy"


@pytest.mark.parametrize("place", [(9, 20), (20, 9), (51, 20), (20, 31), (-1, 20), (1 << 40, 20)])
def test_a_copy_of_what_is_not_decoded_is_refused(
    streams: dict[str, bytes], place: tuple[int, int]
) -> None:
    target, copy = np.zeros((30, 50, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(ValueError, match="must lie within"):
        decode_tiles([(streams["420"], target, 10, 10, copy, *place)], kind(YCBCR))
    with pytest.raises(ValueError, match="whole pixels"):
        decode_tiles([(streams["420"], target, 10, 10, copy[:, ::2], 20, 20)], kind(YCBCR))


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
