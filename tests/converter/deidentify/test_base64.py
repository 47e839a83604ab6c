"""Texts in base64: broken into lines, begun anywhere, longer than what is looked at at once."""

import base64
import textwrap
from pathlib import Path

import pytest

from ziggurat.converter.deidentify import leaks

SECRET = "Erika Mustermann"
FILLER = "quick brown foxes jump over lazy dogs and "


def letters(before: int, after: int = 400) -> str:
    """Return base64 of the secret behind so many bytes of other text."""
    text = (FILLER * (before // len(FILLER) + 1))[:before] + SECRET
    return base64.b64encode((text + (FILLER * 99)[:after]).encode()).decode()


def found(path: Path, content: bytes) -> tuple[str, ...]:
    path.write_bytes(content)
    return leaks.find_leaks(path, [SECRET])


@pytest.mark.parametrize("line", ["\n", "\r\n", "\n    ", "\\n", "\\r\\n", "&#10;", "&#xD;&#xA;"])
def test_lines_of_base64_are_read_on(tmp_path: Path, line: str) -> None:
    for before in range(40, 52):
        broken = line.join(textwrap.wrap(letters(before), 64))
        assert found(tmp_path / "x.xml", f"<a>{broken}</a>".encode()) == (SECRET,), before


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "a/path/", "data "])
def test_base64_begins_behind_other_letters(tmp_path: Path, before: str) -> None:
    assert found(tmp_path / "x", f"({before}{letters(0)})".encode()) == (SECRET,)


def test_slashes_of_base64_are_escaped_in_json(tmp_path: Path) -> None:
    said = base64.b64encode("\u00ff".join(["", *SECRET, ""]).encode("latin-1")).decode()
    assert "/" in said
    path = tmp_path / "x.json"
    path.write_text(said.replace("/", "\\/"))
    assert leaks.find_leaks(path, ["\u00ff".join(SECRET)]) != ()


def test_base64_in_utf_16(tmp_path: Path) -> None:
    assert found(tmp_path / "x", letters(10).encode("utf-16")) == (SECRET,)


@pytest.mark.parametrize("line", ["", "\r\n"])
def test_base64_goes_on_in_the_next_piece_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(leaks, "CHUNK", 1001)
    for before in range(900, 1030, 7):
        broken = line.join(textwrap.wrap(letters(before * 3 // 4, 3000), 76))
        assert found(tmp_path / "x", f"<{broken}>".encode()) == (SECRET,), before


def test_a_short_run_of_base64_over_the_end_of_a_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "CHUNK", 100)
    short = base64.b64encode(SECRET.encode())
    for before in range(70, 101):
        assert found(tmp_path / "x", b"." * before + short + b"." * 99) == (SECRET,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_long_text_in_base64_over_the_end_of_a_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """It is a third longer than it is, and has breaks: more of the piece before is kept."""
    monkeypatch.setattr(leaks, "CHUNK", 8000)
    secret = "".join(f"ErikaMustermann{number}" for number in range(60))
    said = "\r\n".join(
        textwrap.wrap(base64.b64encode(secret.encode(encoding)).decode(), 76)
    ).encode()
    for before in range(8000 - len(said), 8001, 150):
        (tmp_path / "x").write_bytes(b"." * before + said + b"." * 400)
        assert leaks.find_leaks(tmp_path / "x", [secret]) == (secret,), before


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    other = base64.b64encode((FILLER * 20).encode())
    assert found(tmp_path / "x", b"\n".join([other, other])) == ()
