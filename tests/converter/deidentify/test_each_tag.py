"""Which bytes of profiles and streams stay as they are: numbers, and what anybody's say."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tests.converter.deidentify.outputs import segment
from tests.each import each
from ziggurat.converter.deidentify.icc import _COMMON, _NUMERIC, scrub_icc
from ziggurat.converter.deidentify.policy import Fate, Policy, is_date, load_policy
from ziggurat.converter.deidentify.scrub import scrub_jpeg, scrub_jpeg2000
from ziggurat.readers.errors import CorruptSourceError, OptionError

OWN = b"text" + bytes(4) + b"Jane Roe, born 1948\0"


def profile(*tags: bytes, gap: bytes = b"", rest: bytes = b"") -> bytes:
    """Return a profile of some tags, with bytes of nobody's between the first two, and behind."""
    at = 132 + 12 * len(tags)
    table, body = b"", b""
    for number, tag in enumerate(tags):
        table += b"tag%d" % number + (at + len(body)).to_bytes(4) + len(tag).to_bytes(4)
        body += tag + (gap if number == 0 else b"")
    head = bytes(4) + bytes(20) + b"d" * 12 + b"acsp" + bytes(44) + b"i" * 16 + bytes(28)
    return head + len(tags).to_bytes(4) + table + body + rest


def said(kind: str, text: str) -> bytes:
    if kind == "text":
        return b"text" + bytes(4) + text.encode() + b"\0"
    if kind == "desc":
        ascii_part = text.encode() + b"\0"
        return b"desc" + bytes(4) + len(ascii_part).to_bytes(4) + ascii_part + bytes(78)
    words = text.encode("utf-16-be")
    records = (1).to_bytes(4) + (12).to_bytes(4) + b"enUS" + len(words).to_bytes(4)
    return b"mluc" + bytes(4) + records + (28).to_bytes(4) + words


@each("kind", sorted(_NUMERIC))
def test_numbers_stay_beside_a_text_that_goes(kind: bytes) -> None:
    data = kind + bytes(4) + bytes(range(100, 124))
    for tags in ((data, OWN), (OWN, data)):
        dirty = profile(*tags)
        clean = scrub_icc(dirty)
        assert clean is not None
        at = dirty.index(data)
        assert clean[at : at + len(data)] == data
        assert b"Jane" not in clean
        assert (clean[24:36], clean[84:100]) == (bytes(12), bytes(16))
        assert len(clean) == len(dirty)
    alone = profile(data)
    assert scrub_icc(alone) == alone


@each("kind", [b"dtim", b"data", b"ncl2", b"ZZZZ", b"xyz ", b"dict", b"pseq"])
def test_what_is_of_no_known_numbers_goes(kind: bytes) -> None:
    clean = scrub_icc(profile(kind + bytes(4) + b"Jane Roe, born 1948"))
    assert clean is not None
    assert kind in clean
    assert b"Jane" not in clean


@pytest.mark.parametrize("kind", ["text", "desc", "mluc"])
def test_a_profile_of_what_anybody_says_is_left_as_it_is(kind: str) -> None:
    """Each such text; but with one of somebody's own beside it, wherever that stands, none is."""
    for text in _COMMON:
        common = said(kind, text)
        alone = profile(common, said("text", "CC0"))
        assert scrub_icc(alone) == alone, text
        for own in (OWN, said(kind, f"{text} of Jane Roe")):
            for tags in ((common, own), (own, common), (common, own, common)):
                clean = scrub_icc(profile(*tags))
                assert clean is not None
                for spelt in (b"Jane", "Jane".encode("utf-16-be")):
                    assert spelt not in clean, text


@pytest.mark.parametrize("words", [b"Roe 48", b"\xfe", b"Jane Roe"])
def test_bytes_that_no_tag_owns_go(words: bytes) -> None:
    number = b"XYZ " + bytes(4) + bytes(range(1, 13))
    for dirty in (profile(number, number, gap=words), profile(number, rest=words),
                  profile(said("text", "CC0"), rest=words)):  # fmt: skip
        clean = scrub_icc(dirty)
        assert clean is not None
        assert words not in clean[128:]
        assert len(clean) == len(dirty)
    whole = profile(number, number, gap=bytes(3), rest=bytes(9))
    assert scrub_icc(whole) == whole


def test_a_profile_whose_table_cannot_be_so_is_none() -> None:
    good = profile(OWN, OWN)
    assert scrub_icc(good) is not None
    for at, value in (
        (128, 201), (128, 1 << 20),  # how many tags
        (136, 4), (136, 131), (136, len(good)),  # where the first begins
        (140, len(good)), (140, 7), (140, 0),  # how long it is
    ):  # fmt: skip
        bad = good[:at] + value.to_bytes(4) + good[at + 4 :]
        assert scrub_icc(bad) is None, (at, value)
    for name in (b"\0\0\0\0", b"Ja\x80e", b"J\x1fne"):
        assert scrub_icc(good[:132] + name + good[136:]) is None
    assert scrub_icc(b"Jane ") == b"Jane "  # too short to say anything
    assert scrub_icc(b"Jane R") is None


def kept(marker: int, content: bytes) -> bytes:
    """Return what is left of one segment."""
    clean = scrub_jpeg(b"\xff\xd8" + segment(marker, content) + b"\xff\xd9")
    assert clean[:2] + clean[-2:] == b"\xff\xd8\xff\xd9"
    return clean[6:-2]


TEXT = b"Jane Roe, born 1948"
CODES = b"\0" + bytes((0, 2, 1, *[0] * 13)) + b"abc"
FRAME = b"\x08\0\x10\0\x10\3" + bytes((1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1))


@each("marker, whole", [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
        (0xDB, b"\0" + bytes(range(1, 65))), (0xDB, b"\1" * 65 + b"\2" * 65),
        (0xDB, b"\x10" + bytes(range(1, 129))), (0xDB, b"\x13" + bytes(128) + b"\0" * 65),
        (0xC4, CODES), (0xC4, CODES + b"\x11" + CODES[1:]), (0xDD, b"\0\7"), (0xCC, b"\0\1\2\3"),
        *((marker, FRAME) for marker in (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCF)),
    ])  # fmt: skip
def test_a_segment_keeps_what_a_decoder_reads_and_no_more(marker: int, whole: bytes) -> None:
    assert kept(marker, whole) == whole
    if marker != 0xCC:
        assert kept(marker, whole + TEXT) == whole
    if marker == 0xE0:
        sized = whole[:-2] + b"\1\2" + b"x" * 6 + TEXT
        assert kept(marker, sized) == whole  # a thumbnail of 1 x 2 goes, and its size
        assert kept(marker, whole[:-1]) == kept(marker, b"JFXX\0" + TEXT) == b""


@each("marker", [*range(0xE1, 0xEE), 0xEF, 0xFE, 0xC8, 0xF0, 0xFD, 0x02])
def test_a_segment_that_no_decoder_reads_goes(marker: int) -> None:
    for content in (TEXT, b"Exif\0\0" + TEXT, b"http://ns.adobe.com/xap/1.0/\0" + TEXT, b""):
        assert kept(marker, content) == b""


FIELDS = [(keep, drop) for keep in (False, True) for drop in (False, True)]


@each("keep, drop", FIELDS)
@each("name", ["aperio.MPP", "site.Note", "APERIO.mpp"])
@each("wild", ["{}", "*", "*{}*"])
def test_what_a_site_drops_goes_whatever_else_keeps_it(
    name: str, keep: bool, drop: bool, wild: str
) -> None:
    rule = (wild.format(name.lower()),)
    policy = Policy(keep=rule * keep, drop=rule * drop)
    known = name.lower() == "aperio.mpp"
    assert policy.keeps_text(name) is (keep and not drop)
    assert policy.keeps_field(name) is ((keep or known) and not drop)
    assert not policy.keeps_channel(name)
    assert Policy(channels=rule).keeps_channel(name)


WORDS = {
    "fields": ("keep", "drop"), "channels": ("keep",), "dates": ("shift_days",),
    "strings": ("forbidden",),
}  # fmt: skip
VALUES = {"shift_days": "3"}


@pytest.mark.parametrize("part", WORDS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_word_that_is_no_policys_is_refused(tmp_path: Path, part: str, count: int) -> None:
    """Beside those that are: what is misspelt would protect nobody."""
    path = tmp_path / "p.toml"
    good = "".join(f"{word} = {VALUES.get(word, '["a"]')}\n" for word in WORDS[part])
    path.write_text(f"[{part}]\n{good}")
    load_policy(path)
    wrong = [f"wrong{n}" for n in range(count)]
    path.write_text(f"[{part}]\n{good}" + "".join(f'{word} = ["a"]\n' for word in wrong))
    with pytest.raises(OptionError, match=rf"\[{part}\] has no {', '.join(wrong)}"):
        load_policy(path)
    for bad in ("7", '"a"', '["a", 7]', '[""]', '[["a"]]', "true"):
        path.write_text(f"[{part}]\n{WORDS[part][-1]} = {bad}\n")
        if (part, bad) == ("dates", "7"):
            continue
        with pytest.raises(OptionError, match="must be"):
            load_policy(path)


@pytest.mark.parametrize("fate", list(Fate))
def test_pictures_have_the_fates_that_a_policy_says(tmp_path: Path, fate: Fate) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f'[associated]\nmap = "{fate.value}"\n')
    policy = load_policy(path)
    for name in ("map", "label", "macro", "thumbnail", "Thumbnail", "thumbnail2", "overview"):
        for default in Fate:
            wanted = {"map": fate, "thumbnail": Fate.KEEP}.get(name, default)
            assert policy.fate(name, default) is wanted
    path.write_text('[associated]\nmap = "hide"\n')
    with pytest.raises(OptionError, match="known are keep, remove, blank"):
        load_policy(path)


def test_reserved_bytes_and_dates_of_a_profile_tell_too() -> None:
    """Nothing else in it is anybody's: bytes that no standard gives a meaning are."""
    common = profile(said("text", "CC0"))
    for at in (100, 113, 127):
        dirty = common[:at] + b"J" + common[at + 1 :]
        clean = scrub_icc(dirty)
        assert clean is not None
        assert clean[100:128] == bytes(28)
        assert clean[:24] + clean[36:84] == dirty[:24] + dirty[36:84]


@each("name, date", [
        ("aperio.Date", True), ("Date", True), ("a.b.CreatedOn", True), ("x.ScanTimestamp", True),
        ("x.AcquiredAt", True), ("x.LastUpdated", True), ("dates.Name", False),
        ("updated.User", False), ("birth.Date", True), ("x.BirthDate", False), ("x.Day", False),
        ("x.DateOfBirth", False), ("birth.Name", False),
    ])  # fmt: skip
def test_days_are_known_by_the_last_part_of_a_name(name: str, date: bool) -> None:
    assert is_date(name) is is_date(name.upper()) is date


@each("place", ["main", "tile"])
@each("marker", [0xFF64, 0xFF55])
@each("open_end", [False, True])
def test_a_code_stream_has_no_comments_and_no_lengths_that_are_no_more(
    place: str, marker: int, open_end: bool
) -> None:
    """In either header, also where the last part says that it goes on to the end."""
    pixels = (np.arange(32 * 48) % 251).reshape(32, 48).astype(np.uint8)
    stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", level=0)
    plain = scrub_jpeg2000(stream)
    start = stream.index(b"\xff\x90")
    data = stream.index(b"\xff\x93", start)
    said = marker.to_bytes(2) + (len(TEXT) + 2).to_bytes(2) + TEXT
    head, sot, middle, rest = (
        stream[:start], stream[start : start + 12], stream[start + 12 : data], stream[data:]
    )  # fmt: skip
    assert int.from_bytes(sot[6:10]) in (0, len(sot + middle + rest) - 2)
    length = 0 if open_end else len(sot + middle + rest) - 2 + len(said) * (place == "tile")
    sot = sot[:6] + length.to_bytes(4) + sot[10:]
    parts = (head, said, sot, middle) if place == "main" else (head, sot, said, middle)
    clean = scrub_jpeg2000(b"".join(parts) + rest + TEXT)
    assert TEXT not in clean
    at = clean.index(b"\xff\x90")
    told = int.from_bytes(clean[at + 6 : at + 10])
    assert told in (0, len(clean) - at - 2)
    assert clean[: at + 6] + clean[at + 10 :] == plain[: at + 6] + plain[at + 10 :]
    assert (imagecodecs.jpeg2k_decode(clean) == pixels).all()
    for broken in (b"", b"\xff\x4e" + stream[2:], stream[2:]):
        with pytest.raises(CorruptSourceError, match="JPEG 2000"):
            scrub_jpeg2000(broken)
