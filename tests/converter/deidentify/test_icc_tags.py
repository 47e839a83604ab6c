"""Tags of ICC profiles that are text: blanked in their own length, whatever their type."""

from tests.each import each
from ziggurat.converter.deidentify.icc import scrub_icc

TEXT = b"Jane Roe, born 1948"


WHITE = b"XYZ " + bytes(4) + bytes(range(1, 13))


def profile(tag: bytes) -> bytes:
    """Return a profile of a text and, before it in the file, a white point."""
    white = 156
    start, size = white + len(WHITE), white + len(WHITE) + len(tag)
    head = size.to_bytes(4) + bytes(32) + b"acsp" + bytes(88) + (2).to_bytes(4)
    table = b"desc" + start.to_bytes(4) + len(tag).to_bytes(4)
    table += b"wtpt" + white.to_bytes(4) + len(WHITE).to_bytes(4)
    return head + table + WHITE + tag


@each("tag", [
        b"text" + bytes(4) + TEXT + b"\0",
        b"desc" + bytes(4) + (len(TEXT) + 1).to_bytes(4) + TEXT + b"\0" + bytes(78),
        b"desc" + bytes(4) + (4).to_bytes(4) + b"abc\0" + TEXT,
        b"desc" + bytes(4) + (1 << 30).to_bytes(4) + TEXT,
        b"mluc" + bytes(4) + (1).to_bytes(4) + (12).to_bytes(4) + b"enUS"
        + (38).to_bytes(4) + (28).to_bytes(4) + TEXT.decode().encode("utf-16-be"),
        b"ZZZZ" + bytes(4) + TEXT,
    ])  # fmt: skip
def test_a_text_goes_and_the_length_stays(tag: bytes) -> None:
    dirty = profile(tag)
    clean = scrub_icc(dirty)
    assert clean is not None
    assert len(clean) == len(dirty)
    assert clean[156:180] == WHITE + tag[:4]
    for spelt in (TEXT, TEXT.decode().encode("utf-16-be")):
        assert spelt not in clean
        assert spelt[:12] not in clean
