"""JPEG streams taken apart and put together, judged by the decoder."""

import io

import imagecodecs
import numpy as np
import PIL.Image
import pytest

from tests.each import each
from ziggurat.readers.codecs.jpeg_stream import (
    join_strips,
    merge_tables,
    parse_header,
    resized_header,
    stack_intervals,
    stream_photometric,
    with_adobe_marker,
)
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.model.encoded import Photometric


def encoded(pixels: np.ndarray, subsampling: str = "444", space: str = "YCBCR") -> bytes:
    return bytes(
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(pixels),
            90,
            colorspace="RGB",
            outcolorspace=space,
            subsampling=subsampling,
        )
    )


def abbreviated(stream: bytes) -> tuple[bytes, bytes]:
    """Split a stream into its tables and the rest, as TIFF stores them."""
    tables, rest = b"", b""
    position = 2
    while stream[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(stream[position + 2 : position + 4])
        if stream[position + 1] in (0xDB, 0xC4):
            tables += stream[position:end]
        else:
            rest += stream[position:end]
        position = end
    return b"\xff\xd8" + tables + b"\xff\xd9", b"\xff\xd8" + rest + stream[position:]


@pytest.mark.parametrize(
    ("subsampling", "factors"), [("444", (1, 1)), ("422", (2, 1)), ("420", (2, 2)), ("440", (1, 2))]
)
def test_header(tissue: np.ndarray, subsampling: str, factors: tuple[int, int]) -> None:
    header = parse_header(encoded(tissue[:100, :130], subsampling))
    assert (header.width, header.height, header.bits, header.components) == (130, 100, 8, 3)
    assert header.subsampling == factors
    assert header.mcu == (8 * factors[0], 8 * factors[1])
    assert header.restart_interval == 0
    assert not header.lossless


def test_header_of_gray(tissue: np.ndarray) -> None:
    header = parse_header(imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[..., 0]), 90))
    assert (header.components, header.subsampling, header.mcu) == (1, (1, 1), (8, 8))


@each("size", range(0, 640, 13))
def test_damaged_headers(tissue: np.ndarray, size: int) -> None:
    stream = encoded(tissue[:100, :130])
    header = parse_header(stream)
    if size < header.scan_offset:
        with pytest.raises(CorruptSourceError):
            parse_header(stream[:size])
    else:
        assert parse_header(stream[:size]) == header


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"II*\0", b"\xff\xd8\xff\xd9", b"\xff\xd8\x00\x11\x22\x33\x44\x55"]
)
def test_no_streams(data: bytes) -> None:
    with pytest.raises(CorruptSourceError):
        parse_header(data)


def test_impossible_sampling_factors(tissue: np.ndarray) -> None:
    stream = bytearray(encoded(tissue[:16, :16]))
    stream[parse_header(bytes(stream)).sof_offset + 11] = 0
    with pytest.raises(CorruptSourceError, match="sampling factors"):
        parse_header(bytes(stream))


def test_merged_tables_decode(tissue: np.ndarray) -> None:
    stream = encoded(tissue[:64, :64])
    tables, tile = abbreviated(stream)
    assert len(tile) < len(stream) - 500
    merged = merge_tables(tile, tables)
    np.testing.assert_array_equal(
        imagecodecs.jpeg8_decode(merged), imagecodecs.jpeg8_decode(stream)
    )
    assert merge_tables(stream, None) == stream
    assert merge_tables(stream, b"\xff\xd8\xff\xd9") == stream


def test_adobe_marker_makes_plain_decoders_see_rgb(tissue: np.ndarray) -> None:
    pixels = tissue[:64, :64]
    stream = encoded(pixels, "444", "RGB")
    bare = with_adobe_marker(without_segments(stream, 0xEE), Photometric.RGB)
    assert parse_header(bare).adobe_transform == 0
    decoded = imagecodecs.jpeg8_decode(bare)
    assert np.abs(decoded.astype(int) - pixels).mean() < 4
    assert with_adobe_marker(bare, Photometric.RGB) == bare


def without_segments(stream: bytes, *markers: int) -> bytes:
    out, position = stream[:2], 2
    while stream[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(stream[position + 2 : position + 4])
        if stream[position + 1] not in markers:
            out += stream[position:end]
        position = end
    return out + stream[position:]


@pytest.mark.parametrize("tag", [Photometric.RGB, Photometric.YCBCR])
def test_colour_space_follows_the_stream(tissue: np.ndarray, tag: Photometric) -> None:
    jfif = encoded(tissue[:64, :64])
    bare = without_segments(jfif, 0xE0, 0xEE)
    subsampled = without_segments(encoded(tissue[:64, :64], "420"), 0xE0, 0xEE)
    said = with_adobe_marker(bare, Photometric.RGB)
    assert stream_photometric(parse_header(jfif), tag) is Photometric.YCBCR
    assert stream_photometric(parse_header(bare), tag) is tag
    assert stream_photometric(parse_header(subsampled), tag) is Photometric.YCBCR
    assert stream_photometric(parse_header(said), tag) is Photometric.RGB


@pytest.mark.parametrize(("subsampling", "height"), [("444", 8), ("422", 8), ("420", 16)])
def test_stacked_intervals_decode_to_their_pixels(
    tissue: np.ndarray, subsampling: str, height: int
) -> None:
    bands = [tissue[y : y + height, :128] for y in range(0, 20 * height, height)]
    streams = [encoded(band, subsampling) for band in bands]
    facts = parse_header(streams[0])
    dri = b"\xff\xdd\x00\x04" + (128 // facts.mcu[0]).to_bytes(2)
    header = streams[0][: facts.sof_offset] + dri + streams[0][facts.sof_offset : facts.scan_offset]
    intervals = [s[parse_header(s).scan_offset : -2] + b"\xff\xd3" for s in streams]
    stacked = stack_intervals(resized_header(header, len(bands)), intervals)
    assert parse_header(stacked).height == 20 * height
    found = imagecodecs.jpeg8_decode(stacked, fancyupsampling=False)
    for number, stream in enumerate(streams):
        expected = imagecodecs.jpeg8_decode(stream, fancyupsampling=False)
        part = found[number * height : (number + 1) * height]
        np.testing.assert_array_equal(part, expected)


def test_intervals_that_end_in_no_marker() -> None:
    with pytest.raises(CorruptSourceError, match="doesn't end in a marker"):
        stack_intervals(b"", [b"\x01\x02\x03\x04"])


def test_intervals_that_are_no_rows(tissue: np.ndarray) -> None:
    with pytest.raises(CorruptSourceError, match="restart intervals"):
        resized_header(encoded(tissue[:8, :64]), 4)


@pytest.mark.parametrize("rows", [16, 48, 100])
def test_strips_join_to_one_stream(tissue: np.ndarray, rows: int) -> None:
    pixels = tissue[:203, :150]
    strips = [encoded(pixels[y : y + rows], "420") for y in range(0, 203, rows)]
    joined = join_strips(strips, 203)
    if rows % 16:
        assert joined is None  # the strips are no whole rows of blocks
        return
    assert joined is not None
    found = imagecodecs.jpeg8_decode(joined, fancyupsampling=False)
    expected = [imagecodecs.jpeg8_decode(strip, fancyupsampling=False) for strip in strips]
    np.testing.assert_array_equal(found, np.concatenate(expected))


def test_strips_of_different_tables_do_not_join(tissue: np.ndarray) -> None:
    other = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[16:32, :64]), 40))
    first = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[:16, :64]), 90))
    assert join_strips([first, other], 32) is None


def test_strips_of_restart_intervals_of_their_own_do_not_join(tissue: np.ndarray) -> None:
    strips = []
    for top in (0, 16):
        out = io.BytesIO()
        part = PIL.Image.fromarray(np.ascontiguousarray(tissue[top : top + 16, :64]))
        part.save(out, "JPEG", subsampling=0, restart_marker_blocks=4)
        strips.append(out.getvalue())
    assert parse_header(strips[0]).restart_interval == 4
    assert join_strips(strips, 32) is None
