"""Each place of an image where a text can be: it goes, is looked for, and is said to be gone."""

import base64
import dataclasses
import html
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from tests.converter.deidentify.test_icc_tags import profile
from tests.each import each
from ziggurat.converter.deidentify.icc import scrub_icc
from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.deidentify.policy import Fate, Policy, is_date, load_policy
from ziggurat.converter.deidentify.scrub import scrub_jpeg
from ziggurat.converter.deidentify.values import is_technical
from ziggurat.converter.deidentify.view import (
    DeidentifiedReader,
    is_telling,
    shift_date,
    split_fields,
    texts_in,
)
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import AssociatedImage, DecodedPlane, Pixels, Reader

SAID = "Käthe Sommerfeld"
NAMES = ("label", "macro", "thumbnail", "label2")


class _Picture(AssociatedImage):
    def __init__(self, dtype: str) -> None:
        self._dtype = dtype

    def read(self) -> Pixels:
        return np.full((3, 4, 3), 7, self._dtype)

    def encoded(self) -> EncodedImage:
        data = b"\xff\xd8\xff\xfe\0\x12" + SAID.encode()[:16] + b"\xff\xd9"
        return EncodedImage(Codec.JPEG, 4, 3, data)

    def stored(self) -> None:
        return None


class _Plane(DecodedPlane):
    def read(self, rect: Rect) -> Pixels:
        return np.zeros((rect.height, rect.width, 1), np.uint8)


class _Image(Reader):
    """An image with whatever facts a test gives it, and four pictures."""

    def __init__(self, dtype: str = "u1", **facts: Any) -> None:
        self._dtype = dtype
        made = ImageInfo(
            "made", (Level(8, 8, 8, 8),), 1, np.dtype(np.uint8), Interpretation.GRAY,
            associated=NAMES,
        )  # fmt: skip
        self.info = dataclasses.replace(made, **facts)

    def plane(self, level: int, frame: int) -> _Plane:
        del level, frame
        return _Plane()

    def associated(self, name: str) -> AssociatedImage:
        assert name in NAMES
        return _Picture(self._dtype)


@each(
    "facts",
    [
        {"description": SAID},
        {"properties": {"aperio.User": SAID}},
        {"properties": {"aperio.MPP": SAID}},
        {"properties": {"aperio.MPP": ["0.5", SAID]}},
        {"properties": {"aperio.MPP": {"a": [1, {"b": [2, SAID]}]}}},
        {"properties": {"aperio.MPP": {SAID: 0.5}}},
        {"channels": (Channel("DAPI"), Channel(SAID))},
        {"band_names": (SAID,)},
        {"axes": (Axis("z", 1), Axis(SAID.lower(), 1))},
        {"axes": (Axis("t", 2, (1, SAID)),)},
        {"axes": (Axis("z", 1, unit=SAID),)},
    ],
)
def test_a_text_goes_and_is_looked_for(facts: dict[str, Any]) -> None:
    image = _Image(**facts)
    assert SAID.lower() in repr(image.info).lower()
    made = DeidentifiedReader(image, Policy(), Fate.REMOVE)
    assert SAID.lower() not in repr(made.info).lower()
    assert SAID.lower() in map(str.lower, made.secrets)
    assert len(made.removed) >= 2, "the pictures, and this"


def test_a_text_in_the_name_of_a_field_that_stays() -> None:
    fields = {f"aperio.{SAID}": "0.5", "aperio.User": SAID}
    policy = Policy(keep=("aperio.k*",))
    made = DeidentifiedReader(_Image(properties=fields), policy, Fate.REMOVE)
    assert made.info.properties == {}


@each("default", list(Fate))
@each("own", [None, *Fate])
def test_each_picture_has_its_own_fate(default: Fate, own: Fate | None) -> None:
    policy = Policy(associated={} if own is None else {"macro": own, "thumbnail": own})
    made = DeidentifiedReader(_Image(), policy, default)
    fates = {"label": default, "label2": default, "macro": own or default}
    fates["thumbnail"] = own or Fate.KEEP
    kept = tuple(name for name in NAMES if fates[name] is not Fate.REMOVE)
    assert made.info.associated == kept
    assert set(made.info.withheld) == {n for n, fate in fates.items() if fate is not Fate.KEEP}
    for name in NAMES:
        if name not in kept:
            with pytest.raises(KeyError):
                made.associated(name)
            continue
        image, blank = made.associated(name), fates[name] is Fate.BLANK
        assert (image.read() == (255 if blank else 7)).all()
        stream = image.encoded()
        assert (stream is None) is blank
        assert stream is None or SAID.encode()[:16] not in stream.data
        assert image.stored() is None
    said = " | ".join(made.removed)
    for fate, words in ((Fate.REMOVE, "images: "), (Fate.BLANK, "by white: ")):
        names = ", ".join(name for name in NAMES if fates[name] is fate)
        assert (f"{words}{names}" in said) is bool(names)


@pytest.mark.parametrize(("dtype", "white"), [("u1", 255), ("u2", 65535), ("f4", 0)])
def test_blank_is_white_of_any_kind_of_samples(dtype: str, white: int) -> None:
    made = DeidentifiedReader(_Image(dtype), Policy(), Fate.BLANK)
    pixels = made.associated("label2").read()
    assert pixels.dtype == np.dtype(dtype)
    assert (pixels == white).all()


POLICY = """
[fields]
keep = ["aperio.Parm*", "Site.Name"]
drop = ["aperio.MPP", "SITE.Sec*"]
[channels]
keep = ["PanX*"]
[associated]
thumbnail = "blank"
map = "keep"
[dates]
shift_days = -3
[strings]
forbidden = ["Jane DOE"]
"""


def test_a_policy_is_taken_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(POLICY)
    policy = load_policy(path)
    for name, text, kept in (
        ("aperio.Parmset", True, True), ("APERIO.PARMSET", True, True),
        ("site.name", True, True), ("aperio.AppMag", False, True), ("Aperio.Mpp", False, False),
        ("site.Secret", False, False), ("other", False, False),
    ):  # fmt: skip
        assert policy.keeps_text(name) is text, name
        assert policy.keeps_field(name) is kept, name
    both = dataclasses.replace(policy, keep=("site.*",), drop=("site.sec*",))
    assert not both.keeps_text("Site.Secret")
    assert not both.keeps_field("Site.Secret")
    assert policy.keeps_channel("panx-3")
    assert not policy.keeps_channel("other")
    assert policy.fate("thumbnail", Fate.REMOVE) is Fate.BLANK
    assert policy.fate("map", Fate.REMOVE) is Fate.KEEP
    assert policy.fate("Label", Fate.BLANK) is Fate.BLANK
    assert policy.shift_days == -3
    assert policy.forbidden == ("Jane DOE",)


@pytest.mark.parametrize("part", ["fields", "channels", "dates", "strings", "nothing"])
def test_a_word_that_a_policy_has_not(tmp_path: Path, part: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f"[{part}]\nkeeep = []\n")
    with pytest.raises(OptionError, match=part):
        load_policy(path)


@each("days", [-40, 40])
@each("name", ["aperio.Date", "x.CreatedAt", "dicom.StudyDate", "Timestamp"])
def test_days_move_either_way_without_their_time(name: str, days: int) -> None:
    policy = Policy(shift_days=days)
    kept, dropped = split_fields({name: "2020-03-05T11:12:13"}, policy)
    assert kept == {name: "2020-01-25" if days < 0 else "2020-04-14"}
    assert name in dropped, "the day itself is looked for"
    assert split_fields({name: "2020-03-05"}, Policy())[0] == {}
    assert shift_date("01.03.2020", days) == ("21.01.2020" if days < 0 else "10.04.2020")


@pytest.mark.parametrize("name", ["dicom.PatientBirthDate", "BIRTHDATE", "x.Date_of_BIRTH"])
def test_days_of_birth_never_stay(name: str) -> None:
    assert not is_date(name)
    assert split_fields({name: "1948-03-05"}, Policy(shift_days=3))[0] == {}


@each(
    "text, telling",
    [("abcde", False), ("abcdef", True), ("12345678", False), ("123456789", True),
     ("0.123456", False), ("-1.5e300", False), ("sample", False), ("Samples", False),
     ("12345a", True)])  # fmt: skip
def test_what_cannot_well_be_chance(text: str, telling: bool) -> None:
    assert is_telling(text) is telling


@each(
    "value, stays",
    [("123456789", True), ("1234567890", False), ("0.5 mm x", True), ("0.5 Jane mm", False),
     ("1 " * 1000, True), ("1 " * 1001 + "1", False), ("20x, 40x", True), ("Roe 20x", False),
     ("512x512", True), ("1x1John", False), ("John1x1", False), ("ff00aaJohn", False)])  # fmt: skip
def test_values_of_numbers_and_known_words_alone(value: str, stays: bool) -> None:
    assert is_technical(value) is stays


def test_all_texts_of_a_value() -> None:
    value = {"a": ["b", {"c": ("d", 1, None)}], "e": True, "f": "g"}
    assert sorted(texts_in(value)) == ["a", "b", "c", "d", "e", "f", "g"]


SECRET = 'Ann "Q" O\'Neil/7 & <Söhne>'
SPELLINGS = {
    "plain": SECRET,
    "json": json.dumps(SECRET)[1:-1],
    "json, slashes escaped": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "json of any letters": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "json of any letters, slashes": json.dumps(SECRET, ensure_ascii=False)[1:-1].replace(
        "/", "\\/"
    ),
    "xml": html.escape(SECRET, quote=False),
    "xml attribute": html.escape(SECRET, quote=False).replace('"', "&quot;"),
    "html": html.escape(SECRET),
    "url": quote(SECRET),
    "url, all of it": quote(SECRET, safe=""),
    "form": quote(SECRET).replace("%20", "+").replace("/", "%2F"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_found(tmp_path: Path, spelling: str, encoding: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\1" + SPELLINGS[spelling].encode(encoding) + b"\1")
    assert find_leaks(path, ["nobody at all", SECRET]) == (SECRET,)
    path.write_bytes(b"\1" + SPELLINGS[spelling][:-2].encode(encoding) + b"\1")
    assert find_leaks(path, [SECRET]) == ()


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_both_alphabets_of_base64(tmp_path: Path, encode: Any) -> None:
    secret = "?>?>?>~~~???"  # 62 and 63 in every place
    said = encode(f"some {secret} text".encode())
    (tmp_path / "x").write_bytes(said)
    assert find_leaks(tmp_path / "x", [secret]) == (secret,)


@pytest.mark.parametrize(
    ("secret", "there", "found"),
    [("ROE-1948", "roe-1948", True), ("Meyer", "meyer", False), ("Meyer", "Meyer", True),
     ("Mustermannin", "MUSTERMANNIN", True), ("Mustermanni", "MUSTERMANNI", False),
     ("Anna 7", "aNNA 7", True)],
)  # fmt: skip
def test_only_short_words_alone_are_looked_for_as_they_are_spelt(
    tmp_path: Path, secret: str, there: str, found: bool
) -> None:
    (tmp_path / "x").write_text(there)
    assert (find_leaks(tmp_path / "x", [secret]) == (secret,)) is found


@pytest.mark.parametrize("place", ["Roe-1948/x", "a/Roe-1948/x", "a/b/Roe-1948", "a/x-Roe-1948.y"])
def test_names_of_folders_and_files_tell_too(tmp_path: Path, place: str) -> None:
    file = tmp_path / "store.zarr" / place
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_leaks(tmp_path / "store.zarr", ["Roe-1948"]) == ("Roe-1948",)


TEXT = b"Jane Roe, born 1948"


def test_a_profile_says_nothing_in_its_head_either() -> None:
    dirty = bytearray(profile(b"text" + bytes(4) + TEXT + b"\0"))
    dirty[24:36], dirty[84:100], dirty[100:128] = b"d" * 12, b"i" * 16, b"r" * 28
    clean = scrub_icc(bytes(dirty))
    assert clean is not None
    assert clean[24:36] == bytes(12)
    assert clean[84:100] == bytes(16)
    assert clean[100:128] == bytes(28)
    assert clean[:24] == dirty[:24]
    assert clean[36:84] == dirty[36:84]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_language_of_a_text_goes(count: int) -> None:
    words = TEXT.decode().encode("utf-16-be")
    at = 16 + 12 * count
    records = b"".join(
        b"enUS" + len(words).to_bytes(4) + (at + n * len(words)).to_bytes(4) for n in range(count)
    )
    head = b"mluc" + bytes(4) + count.to_bytes(4) + (12).to_bytes(4)
    clean = scrub_icc(profile(head + records + words * count))
    assert clean is not None
    assert head + records in clean
    for start in range(0, len(words) - 8, 2):
        assert words[start : start + 8] not in clean


@pytest.mark.parametrize("cut", [1, 40, 150, 210])
def test_a_profile_in_pieces_of_a_jpeg_stays_one(cut: int) -> None:
    """Each APP2 holds the part that it held, cleaned."""
    dirty = profile(b"text" + bytes(4) + TEXT * 3 + b"\0")
    pieces = [dirty[:cut], dirty[cut:]]
    stream = b"\xff\xd8"
    for number, piece in enumerate(pieces, 1):
        content = b"ICC_PROFILE\0" + bytes((number, len(pieces))) + piece
        stream += b"\xff\xe2" + (len(content) + 2).to_bytes(2) + content
    clean = scrub_jpeg(stream + b"\xff\xd9")
    whole = scrub_icc(dirty)
    assert whole is not None
    expected = b"\xff\xd8"
    for number, piece in enumerate((whole[:cut], whole[cut:]), 1):
        content = b"ICC_PROFILE\0" + bytes((number, len(pieces))) + piece
        expected += b"\xff\xe2" + (len(content) + 2).to_bytes(2) + content
    assert clean == expected + b"\xff\xd9"
