"""Looks for texts in the bytes of an output: the proof that de-identifying did its work."""

import base64
import html
import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from urllib.parse import quote, quote_plus

CHUNK = 1 << 24
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_URL_LETTERS = bytes.maketrans(b"-_", b"+/")
_BREAKS = (b"\\r", b"\\n", b"\\t", b"&#13;", b"&#10;", b"&#xD;", b"&#xA;")  # JSON's, XML's
_SPACE = b" \t\r\n\0"  # a zero: every other byte of UTF-16
_LONG = 12  # letters: a shorter word, in another case, is one of anybody's (VOLUME, volume)
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1")


def find_leaks(path: Path, secrets: Sequence[str]) -> tuple[str, ...]:
    """Return those of the texts that occur in a file, or in the files and names of a folder.

    Looked for as UTF-8, UTF-16 and Latin-1, in any case, plain, with the escapes of XML, JSON
    and URLs, and in base64, which may be broken into lines. There are no exceptions: a text that
    is to be found nowhere may not be part of a longer one either.
    """
    needles = {secret: _spellings(secret) for secret in secrets if secret}
    if not needles:  # an output that nothing had to leave is not read for it
        return ()
    found: set[str] = set()
    for file in _files(path):
        names = str(file.relative_to(path)).encode() if file != path else b""
        found.update(_in_text(names, needles))
        found.update(_in_file(file, needles))
    return tuple(sorted(found))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(child for child in path.rglob("*") if child.is_file())
    else:
        yield path


def _spellings(secret: str) -> tuple[bytes, ...]:
    url = quote(secret), quote(secret, safe=""), quote_plus(secret)
    quoted = json.dumps(secret)[1:-1]  # not ASCII as \\u0000
    plain = json.dumps(secret, ensure_ascii=False)[1:-1]
    xml = html.escape(secret, quote=False)
    forms = {
        secret, quoted, quoted.replace("/", "\\/"), plain, plain.replace("/", "\\/"),
        xml, html.escape(secret), xml.replace('"', "&quot;"),
        secret.encode("ascii", "xmlcharrefreplace").decode(), *url,
    }  # fmt: skip
    spellings = set()
    for form in forms:
        for encoding in ENCODINGS:
            try:
                spellings.add(form.encode(encoding))
            except UnicodeEncodeError:
                continue  # Latin-1 has few letters; lone surrogates have no spelling at all
    return tuple(spellings)


def _in_file(path: Path, needles: dict[str, tuple[bytes, ...]]) -> Iterator[str]:
    longest = max((len(n) for forms in needles.values() for n in forms), default=0)
    overlap = 4 * longest + 64  # in base64 they are a third longer, and there are breaks
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            text = tail + chunk
            yield from _in_text(text, needles)
            tail = text[-overlap:]


def _in_text(text: bytes, needles: dict[str, tuple[bytes, ...]]) -> Iterator[str]:
    """Yield the texts that are in some bytes, as they are or in base64."""
    said = (part for run in _BASE64.findall(_joined(text)) for part in _decoded(run))
    for part in chain([text], said):
        lower = part.lower()
        for secret, forms in needles.items():
            exact = secret.isalpha() and len(secret) < _LONG
            place = part if exact else lower
            if any((form if exact else form.lower()) in place for form in forms):
                yield secret


def _joined(text: bytes) -> bytes:
    """Return bytes without what may stand between two lines of base64, JSON's slashes plain."""
    text = text.replace(b"\\/", b"/")
    for escape in _BREAKS:
        text = text.replace(escape, b"")
    return text.translate(None, _SPACE)


def _decoded(run: bytes) -> Iterator[bytes]:
    """Yield what a run of base64 says, whatever is missing of its begin and its end.

    Begun at each of four letters: what lies before it, a word or the chunk before, may be letters
    of base64, too.
    """
    letters = run.translate(_URL_LETTERS)
    for begin in range(4):
        plain = letters[begin : len(letters) - ((len(letters) - begin) % 4 == 1)]
        yield base64.b64decode(plain + b"=" * (-len(plain) % 4))
