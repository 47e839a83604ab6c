"""Harmless warnings of libjpeg: the pixels come, and damage behind them is still noticed."""

import io
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.each import each
from ziggurat.readers.codecs.jpeg_decode import decode_jpeg
from ziggurat.readers.codecs.jpeg_warnings import count_scans, is_end_padding, mended
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat

YCBCR = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")


def extraneous(count: int, marker: str = "d9") -> str:
    return f"Corrupt JPEG data: {count} extraneous bytes before marker 0x{marker}"


@each("count", [1, 4, 5, 9, 40])
@each("fill", [b"\0", b"\xaa", b"\xff"])
def test_bytes_that_are_all_alike_are_padding_however_many(count: int, fill: bytes) -> None:
    stream = b"\xff\xd8abc" + fill * count + b"\xff\xd9"
    assert is_end_padding(extraneous(count), stream)
    mixed = b"\xff\xd8abc" + fill * (count - 1) + b"\x55" + b"\xff\xd9"
    assert is_end_padding(extraneous(count), mixed) is (count <= 4)
    mixed = b"\xff\xd8abc" + b"\x55" + fill * (count - 1) + b"\xff\xd9"
    assert is_end_padding(extraneous(count), mixed) is (count <= 4)


def test_other_words_are_no_padding_before_the_end() -> None:
    stream = b"\xff\xd8abc" + bytes(9) + b"\xff\xd9"
    for marker in ("d0", "d3", "d7", "da", "c4", "d8"):  # something comes behind it
        there = stream + b"\xff" + bytes.fromhex(marker)
        assert not is_end_padding(extraneous(1, marker), there)
    for said in ("", "Corrupt JPEG data: premature end of data segment", "Premature end of JPEG"):
        assert not is_end_padding(said, stream)
    later = b"\xff\xd8abcdefghijk\xff\xd9" + bytes(9) + b"\xff\xd9"  # any of such markers will do
    assert is_end_padding(extraneous(9), later)
    assert not is_end_padding(extraneous(9), later[:-4] + b"x" + later[-3:])


def test_scans_are_counted_up_to_the_end() -> None:
    scan = b"\xff\xda\0\x04ab" + b"data\xff\0data\xff\xd3data"
    table = b"\xff\xdb\0\x06\xff\xda\xff\xda"  # what looks like scans inside of a table is none
    assert count_scans(b"\xff\xd8" + scan) == 1
    assert count_scans(b"\xff\xd8" + table + scan * 3 + b"\xff\xd9" + scan) == 3
    assert count_scans(b"\xff\xd8\xff\xd9" + scan) == 0
    assert count_scans(b"\xff\xd8" + b"\xff\xe0\0\0" + scan) == 1


def test_padding_is_taken_out_where_it_lies() -> None:
    head = b"\xff\xd8\xff\xc4\0\4ab"
    one, two = b"\xff\xda\0\x04ab" + b"scan", b"\xff\xda\0\x04cd" + b"other\xff\xd9"
    stream = head + one + b"\0" * 7 + two
    assert mended(stream, extraneous(7, "da")) == head + one + two
    for other in (extraneous(7, "c4"), extraneous(6, "d9"), extraneous(8, "da"), "something"):
        assert mended(stream, other) is None
    assert mended(head + one + b"\0\0\1" + two, extraneous(3, "da")) is None  # it may be pixels


def saved(pixels: np.ndarray, **how: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85, **how)
    return file.getvalue()


def unknown_transform(data: bytes) -> bytes:
    jfif = 2 + 2 + int.from_bytes(data[4:6])
    return b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\x07" + data[jfif:]


def scan_of_zeros(data: bytes) -> bytes:
    """Say as the first scan's range of coefficients what some encoders do."""
    at = data.index(b"\xff\xda")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
    return data[: end - 3] + b"\0\0\0" + data[end:]


def padded_scans(data: bytes) -> bytes:
    """Put padding behind each scan but the last."""
    first, *others = data.split(b"\xff\xc4")[-3:]
    head = data[: -len(b"\xff\xc4".join([first, *others]))]
    return head + (b"\0" * 6 + b"\xff\xc4").join([first, *others])


def lost(data: bytes) -> bytes:
    """Take some bytes out of the last scan, far behind what libjpeg warns of first."""
    at = len(data) - 600
    at += data[at - 1] == 0xFF
    end = at + 200
    return data[:at] + data[end + (data[end - 1] == 0xFF) :]


FLAWS: list[tuple[Callable[[bytes], bytes], bool]] = [
    (unknown_transform, False),
    (unknown_transform, True),
    (scan_of_zeros, False),
    (padded_scans, True),
]


@pytest.mark.parametrize(("flaw", "progressive"), FLAWS)
def test_behind_a_harmless_warning_damage_is_noticed(
    tissue: np.ndarray, flaw: Callable[[bytes], bytes], progressive: bool
) -> None:
    data = saved(tissue[:240, :256], progressive=progressive)
    flawed = flaw(data)
    due = imagecodecs.jpeg8_decode(data)
    np.testing.assert_array_equal(decode_jpeg(flawed, YCBCR, None), due)
    np.testing.assert_array_equal(decode_jpeg(flawed[:-2], YCBCR, None), due)  # and without an end
    for damaged in (lost(flawed), flawed[:-200], flawed[:-200] + b"\xff\xd9"):
        with pytest.raises(ValueError, match="libjpeg makes up"):
            decode_jpeg(damaged, YCBCR, None)


def test_four_colours_of_an_unknown_transform_are_those_of_a_known_one() -> None:
    y, x = np.mgrid[0:40, 0:64]
    inks = np.stack([x, y, x + y, x * 2], axis=2).astype(np.uint8)
    data = bytes(imagecodecs.jpeg8_encode(inks, 90, colorspace="CMYK", outcolorspace="YCCK"))
    at = data.index(b"Adobe") + 11
    assert data[at] == 2
    odd = data[:at] + b"\x09" + data[at + 1 :]
    assert mended(odd, "Unknown Adobe color transform code 9") == data
