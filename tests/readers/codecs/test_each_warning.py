"""What libjpeg says of a stream, and what becomes of it: each word, each way to a picture."""

import re
from typing import Any

import imagecodecs
import numpy as np
import pytest
import simplejpeg

from ziggurat.readers.codecs import jpeg_decode
from ziggurat.readers.codecs.jpeg_decode import (
    _watched,
    check_end,
    check_jpeg,
    complete_stream,
    decode_jpeg,
    decode_jpeg_reduced,
    decode_picture,
    stream_prefix,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat


def extraneous(count: int, marker: str = "d9") -> str:
    return f"Corrupt JPEG data: {count} extraneous bytes before marker 0x{marker}"


@pytest.mark.parametrize("scans", [100, 101])
def test_streams_of_very_many_scans_are_refused(
    scans: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jpeg_decode, "_decoded", lambda *_: "pixels")
    stream = b"\xff\xd8" + b"\xff\xda\0\x02" * scans + b"\xff\xd9"
    if scans > 100:
        with pytest.raises(ValueError, match="more than 100 scans"):
            _watched(stream, "RGB")
    else:
        assert _watched(stream, "RGB") == "pixels"


@pytest.mark.parametrize(
    ("words", "streams", "outcome"),
    [
        (["Premature end of JPEG file"], [b"s", b"s\xff\xd9"], "pixels"),
        (["Premature end of JPEG file"] * 2, [b"s", b"s\xff\xd9"], "raise"),
        (["Corrupt JPEG data: bad Huffman code"], [b"s"], "raise"),
        (["Inconsistent progression sequence"], [b"s"], "raise"),
        (["Unknown Adobe color transform code 7"], [b"s"], None),
        (["Invalid SOS parameters for sequential JPEG"], [b"s"], "raise"),
        ([extraneous(2)], [b"s", b"s!"], "pixels"),
        ([extraneous(20)], [b"s"], "raise"),
        ([extraneous(2, "da")], [b"s"], "raise"),
        (["Unsupported marker type 0xc9"], [b"s"], None),
        (["Warning: unknown JFIF revision number 2.01"], [b"s"], None),
    ],
)  # fmt: skip
def test_each_word_of_libjpeg(
    words: list[str], streams: list[bytes], outcome: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``!`` stands for decoding whatever it warns of."""
    seen: list[bytes] = []
    left = list(words)

    def decoded(stream: bytes, space: str, how: dict[str, Any]) -> str:
        assert space == "GRAY"
        assert how["min_factor"] == 2
        seen.append(stream + (b"" if how.get("strict", True) else b"!"))
        if how.get("strict", True) and left:
            raise ValueError(left.pop(0))
        return "pixels"

    monkeypatch.setattr(jpeg_decode, "_decoded", decoded)
    if outcome == "raise":
        with pytest.raises(
            ValueError, match="libjpeg makes up a part of it: " + re.escape(words[0])
        ):
            _watched(b"s", "GRAY", min_factor=2)
    else:
        assert _watched(b"s", "GRAY", min_factor=2) == outcome
    assert seen == streams


def test_a_jfif_revision_that_is_unknown_is_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def decoded(stream: bytes, *_: object) -> str:
        seen.append(stream)
        if stream[5:7] != b"\1\1":
            raise ValueError("Warning: unknown JFIF revision number 9.01")
        return "pixels"

    monkeypatch.setattr(jpeg_decode, "_decoded", decoded)
    assert _watched(b"JFIF\0\x0a\1JFIF\0\x09", "RGB") is None or seen
    assert seen[1] == b"JFIF\0\1\1JFIF\0\x09"


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    y, x = np.mgrid[0:50, 0:37]
    return np.stack([x * 6, y * 5, (x + y) * 2], axis=2).astype(np.uint8)


def form(photometric: Photometric = Photometric.YCBCR, bands: int = 3, **more: Any) -> TileFormat:
    return TileFormat(Codec.JPEG, photometric, bands, 8, "uint8", **more)


def near(found: Any, due: np.ndarray) -> bool:
    return found.shape == due.shape and np.abs(found.astype(int) - due).mean() < 4


def test_colours_are_those_that_the_container_says(picture: np.ndarray) -> None:
    """Where the stream itself has no marker that says otherwise."""
    plain = imagecodecs.jpeg8_encode(picture, 95, colorspace="RGB", outcolorspace="RGB")
    at = plain.find(b"\xff\xee")
    bare = plain if at < 0 else plain[:at] + plain[at + 16 :]
    for shape in (None, (50, 37)):
        assert near(decode_jpeg(bare, form(Photometric.RGB), shape), picture)
    usual = simplejpeg.encode_jpeg(picture, 95)
    for shape in (None, (50, 37)):
        assert near(decode_jpeg(usual, form(), shape), picture)
    gray = simplejpeg.encode_jpeg(picture[..., :1].copy(), 95, "GRAY")
    found = decode_jpeg(gray, form(Photometric.GRAY, 1), None)
    assert near(found.reshape(50, 37, 1), picture[..., :1])


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("bands", [1, 3])
def test_a_reduced_picture_is_as_large_as_its_share_rounded_up(
    bands: int, reduction: int, picture: np.ndarray
) -> None:
    kind = form() if bands == 3 else form(Photometric.GRAY, 1)
    pixels = np.ascontiguousarray(picture[..., :bands])
    data = simplejpeg.encode_jpeg(pixels, 95, "RGB" if bands == 3 else "GRAY")
    found = decode_jpeg_reduced(data, kind, reduction)
    height, width = -(-50 // reduction), -(-37 // reduction)
    assert found.reshape(height, width, bands).shape == (height, width, bands)
    for row, column in ((0, 0), (height - 2, width - 2), (1, 2)):
        block = pixels[row * reduction :, column * reduction :][:reduction, :reduction]
        got = found.reshape(height, width, bands)[row, column]
        assert np.abs(got - block.mean((0, 1))).max() < 8
    with pytest.raises(ValueError, match="no picture's size"):
        decode_jpeg_reduced(b"\xff\xd8\xff\xd9", kind, reduction)


def test_a_single_pixel_is_its_mean(picture: np.ndarray) -> None:
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(picture[:8, :8]), 100, colorsubsampling="444"
    )
    found = decode_jpeg_reduced(data, form(), 8)
    assert found.shape == (1, 1, 3)
    assert np.abs(found[0, 0] - picture[:8, :8].mean((0, 1))).max() < 4


def test_what_is_known_of_a_stream_by_its_end(picture: np.ndarray) -> None:
    color = simplejpeg.encode_jpeg(picture, 95)
    gray = simplejpeg.encode_jpeg(np.ascontiguousarray(picture[..., :1]), 95, "GRAY")
    assert check_jpeg(color) is None
    found = check_jpeg(gray)
    assert found is not None
    assert near(found.reshape(50, 37, 1), picture[..., :1])
    for data in (color, gray):  # cut off anywhere, be it within the words before the pixels
        for cut in range(data.index(b"\xff\xda"), len(data) - 2):
            with pytest.raises(ValueError, match=r"libjpeg makes up|ends too early"):
                check_jpeg(data[:cut])
    check_end(color)
    with pytest.raises(ValueError, match="no end marker"):
        check_end(color[:-2])


def test_a_whole_picture_is_put_where_it_belongs(picture: np.ndarray) -> None:
    data = simplejpeg.encode_jpeg(picture, 95)
    out = np.zeros_like(picture)
    assert decode_picture(data, "RGB", out)
    assert near(out, picture)
    for shape in ((50, 38, 3), (51, 37, 3), (37, 50, 3)):
        assert not decode_picture(data, "RGB", np.zeros(shape, np.uint8))


def test_what_stands_for_the_first_bytes_of_a_tile() -> None:
    tables = b"\xff\xd8\xff\xdb\0\x04ab\xff\xd9"
    for photometric in (Photometric.RGB, Photometric.YCBCR):
        for told in (None, tables):
            prefix = stream_prefix(form(photometric, tables=told))
            assert prefix is not None
            assert prefix.startswith(b"\xff\xd8")
            assert (b"\xff\xdb\0\x04ab" in prefix) is (told is not None)
            assert b"\xff\xd9" not in prefix
            assert complete_stream(b"\xff\xd8rest", form(photometric, tables=told)) == (
                prefix + b"rest"
            )
    assert stream_prefix(form(Photometric.GRAY)) is None
    assert stream_prefix(form(tables=tables + b"JFIF")) is None
    assert stream_prefix(form(Photometric.GRAY, 1)) is not None
    assert complete_stream(b"\xff\xd8rest", form(Photometric.GRAY, 1)) is None
    said = b"\xff\xd8\xff\xe0\0\x10JFIF\0"  # it says YCbCr: only libjpeg can be told otherwise
    assert complete_stream(said, form(Photometric.RGB)) is None
    assert complete_stream(said, form()) is not None
    assert complete_stream(bytes(40) + said, form(Photometric.RGB)) is not None
