"""Streams and profiles are scrubbed of what decoders have no need of."""

from io import BytesIO

import numpy as np
import pytest
from imagecodecs import jpeg8_decode
from PIL import Image

from tests.converter.deidentify.outputs import segment
from tests.converter.deidentify.sources import PLANTED
from ziggurat.converter.deidentify.icc import scrub_icc
from ziggurat.converter.deidentify.scrub import scrub_jpeg, scrub_jpeg2000


def test_scrubbing_jpeg_keeps_what_decoders_need(tissue: np.ndarray) -> None:
    import imagecodecs

    plain = imagecodecs.jpeg8_encode(tissue, level=90)
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01"
    icc = b"\xff\xe2\x00\x14ICC_PROFILE\x00\x01\x01abcd"
    said = b"\xff\xfe\x00\x0aJane Doe"
    exif = b"\xff\xe1\x00\x0eExif\x00\x00secret"
    dirty = plain[:2] + said + adobe + exif + icc + plain[2:] + b"trailing Jane Doe"
    clean = scrub_jpeg(dirty)
    assert clean == plain[:2] + adobe + icc + plain[2:]
    assert scrub_jpeg(clean) == clean
    progressive = imagecodecs.jpeg8_encode(tissue, level=90)
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(tissue).save(buffer, "JPEG", progressive=True)
    progressive = buffer.getvalue()
    scan = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    assert scrub_jpeg(progressive[:scan] + said + progressive[scan:]) == scrub_jpeg(progressive)


@pytest.mark.parametrize("blocks", [1, 3, 64])
def test_restart_markers_of_every_number_stay(tissue: np.ndarray, blocks: int) -> None:
    """They count from 0 to 7 and begin anew; behind one that is lost all is shifted."""
    stream = BytesIO()
    Image.fromarray(tissue[:128, :160]).save(stream, "JPEG", restart_marker_blocks=blocks)
    assert (b"\xff\xd7" in stream.getvalue()) is (blocks < 64)
    clean = scrub_jpeg(stream.getvalue())
    np.testing.assert_array_equal(jpeg8_decode(clean), jpeg8_decode(stream.getvalue()))
    assert sum(clean.count(bytes((0xFF, 0xD0 + n))) for n in range(8)) == sum(
        stream.getvalue().count(bytes((0xFF, 0xD0 + n))) for n in range(8)
    )


def test_scrubbing_jpeg_2000(tissue: np.ndarray) -> None:
    import imagecodecs

    stream = imagecodecs.jpeg2k_encode(tissue, codecformat="j2k", level=0)
    assert b"\xff\x64" in stream[:200]  # OpenJPEG signs its work
    clean = scrub_jpeg2000(stream)
    assert b"OpenJPEG" not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), tissue)


def test_no_spare_byte_of_a_jpeg_stays(tissue: np.ndarray) -> None:
    """A text in every APPn, in the padding of every segment, between markers, behind the end."""
    import imagecodecs

    plain = imagecodecs.jpeg8_encode(tissue[:64, :64], level=90)
    text = PLANTED.encode()
    told = b"".join(segment(marker, text) for marker in (*range(0xE0, 0xF0), 0xFE, 0xF0))
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + text)
    jfxx = segment(0xE0, b"JFXX\0" + text)
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + text)
    icc = segment(0xE2, b"ICC_PROFILE\0\1\1" + text)
    restart = segment(0xDD, b"\0\0" + text)
    dirty = plain[:2] + jfif + b"\xff" + jfxx + adobe + icc + text + restart + told + plain[2:]
    dirty += text + b"\xff\xd9" + text
    clean = scrub_jpeg(dirty)
    assert text not in clean
    assert clean.endswith(b"\xff\xd9")
    assert np.array_equal(imagecodecs.jpeg8_decode(clean), imagecodecs.jpeg8_decode(plain))
    for marker in (0xC0, 0xDB, 0xC4, 0xDA):  # frame, tables of steps and of codes, scan
        at = plain.index(bytes((0xFF, marker)))
        end = at + 2 + int.from_bytes(plain[at + 2 : at + 4])
        padded = plain[:at] + segment(marker, plain[at + 4 : end] + text) + plain[end:]
        assert scrub_jpeg(padded) == scrub_jpeg(plain)


def test_no_spare_byte_of_a_jpeg_2000_stays(tissue: np.ndarray) -> None:
    import imagecodecs

    stream = imagecodecs.jpeg2k_encode(tissue[:64, :64], codecformat="j2k", level=0)
    text = PLANTED.encode()
    comment = b"\xff\x64" + (len(text) + 4).to_bytes(2) + b"\0\1" + text
    tile = stream.index(b"\xff\x90")
    data = stream.index(b"\xff\x93", tile)
    length = int.from_bytes(stream[tile + 6 : tile + 10]) + len(comment)
    dirty = b"".join(
        [stream[:tile], stream[tile : tile + 6], length.to_bytes(4), stream[tile + 10 : data],
         comment, stream[data:], text]
    )  # fmt: skip
    clean = scrub_jpeg2000(dirty)
    assert text not in clean
    assert b"OpenJPEG" not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), tissue[:64, :64])


def test_an_icc_profile_keeps_its_colours_and_says_nothing() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert scrub_icc(profile) == profile, "what everybody's profile says is of nobody"
    text = "Jane Roe, b. 1948".encode("utf-16-be")
    at = profile.index("sRGB built-in".encode("utf-16-be"))
    dirty = profile[:at] + text[:26] + profile[at + 26 :]
    clean = scrub_icc(dirty)
    assert clean is not None
    assert len(clean) == len(dirty)
    assert text[:26] not in clean
    for name in (b"rXYZ", b"rTRC", b"wtpt"):
        entry = dirty.index(name)
        offset, size = (int.from_bytes(dirty[entry + n : entry + n + 4]) for n in (4, 8))
        assert clean[offset : offset + size] == dirty[offset : offset + size]
    hidden = scrub_icc(profile + b"Jane Roe, b. 1948")  # behind the last tag
    assert hidden is not None
    assert b"Jane" not in hidden
    assert scrub_icc(b"no profile at all") is None
    assert scrub_icc(dirty[:-40] + b"x" * 400) != dirty
