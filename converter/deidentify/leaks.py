"""Looks for texts in the bytes of an output: the proof that de-identifying did its work."""

import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

CHUNK = 1 << 24
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "latin-1")


def find_leaks(path: Path, secrets: Sequence[str]) -> tuple[str, ...]:
    """Return those of the texts that occur in a file, or in the files and names of a folder.

    Looked for as UTF-8, UTF-16 and Latin-1, plain and with the escapes of XML and JSON. There
    are no exceptions: a text that is to be found nowhere may not be part of a longer one either.
    """
    needles = {secret: _spellings(secret) for secret in secrets if secret}
    found: set[str] = set()
    for file in _files(path):
        names = str(file.relative_to(path)).encode() if file != path else b""
        found.update(s for s, n in needles.items() if any(needle in names for needle in n))
        found.update(_in_file(file, needles))
    return tuple(sorted(found))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(child for child in path.rglob("*") if child.is_file())
    else:
        yield path


def _spellings(secret: str) -> tuple[bytes, ...]:
    quoted = json.dumps(secret)[1:-1]  # not ASCII as \\u0000
    plain = json.dumps(secret, ensure_ascii=False)[1:-1]
    xml = html.escape(secret, quote=False)
    forms = {
        secret, quoted, quoted.replace("/", "\\/"), plain, plain.replace("/", "\\/"),
        xml, html.escape(secret), xml.replace('"', "&quot;"),
        secret.encode("ascii", "xmlcharrefreplace").decode(),
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
    overlap = max((len(n) for forms in needles.values() for n in forms), default=1) - 1
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            text = tail + chunk
            for secret, forms in needles.items():
                if any(form in text for form in forms):
                    yield secret
            tail = text[-overlap:] if overlap else b""
