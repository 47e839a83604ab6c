"""Tags of ICC profiles that are text: blanked in their own length, whatever their type."""

import pytest

from ziggurat.converter.deidentify.icc import scrub_icc

TEXT = b"Jane Roe, born 1948"


def profile(tag: bytes) -> bytes:
    """Return a profile of one tag, with the header and the table that it needs."""
    size = 132 + 12 + len(tag)
    head = size.to_bytes(4) + bytes(32) + b"acsp" + bytes(88)
    return head + (1).to_bytes(4) + b"desc" + (144).to_bytes(4) + len(tag).to_bytes(4) + tag


@pytest.mark.parametrize(
    "tag",
    [
        b"text" + bytes(4) + TEXT + b"\0",
        b"desc" + bytes(4) + (len(TEXT) + 1).to_bytes(4) + TEXT + b"\0" + bytes(78),
        b"desc" + bytes(4) + (4).to_bytes(4) + b"abc\0" + TEXT,
        b"desc" + bytes(4) + (1 << 30).to_bytes(4) + TEXT,
        b"mluc" + bytes(4) + (1).to_bytes(4) + (12).to_bytes(4) + b"enUS"
        + (38).to_bytes(4) + (28).to_bytes(4) + TEXT.decode().encode("utf-16-be"),
        b"ZZZZ" + bytes(4) + TEXT,
    ],
)  # fmt: skip
def test_a_text_goes_and_the_length_stays(tag: bytes) -> None:
    dirty = profile(tag)
    clean = scrub_icc(dirty)
    assert clean is not None
    assert len(clean) == len(dirty)
    assert clean[144:148] == tag[:4]
    for spelt in (TEXT, TEXT.decode().encode("utf-16-be")):
        assert spelt not in clean
        assert spelt[:12] not in clean
