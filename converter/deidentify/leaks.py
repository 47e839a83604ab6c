"""Looks for texts in the bytes of an output: the proof that de-identifying did its work."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

CHUNK = 1 << 24


def find_leaks(path: Path, secrets: Sequence[str]) -> tuple[str, ...]:
    """Return those of the texts that occur in a file, or in the files and names of a folder.

    Looked for as UTF-8 and UTF-16, and with and without XML and JSON escapes.
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
    xml = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    json = secret.replace("\\", "\\\\").replace('"', '\\"').replace("/", "\\/")
    forms: Iterable[str] = {secret, xml, json}
    return tuple(
        {form.encode(code) for form in forms for code in ("utf-8", "utf-16-le", "utf-16-be")}
    )


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
