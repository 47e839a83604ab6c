"""The proof beside a de-identified output: what went, what was looked for, and hashes.

It says nothing of the source but its hash: names of files are names of people.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from ziggurat.converter.deidentify.leaks import ENCODINGS
from ziggurat.converter.plan.report import ConversionReport
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.formats.registry import output_parts

SUFFIX = ".proof.json"


def write_proof(source: Path | None, output: Path, report: ConversionReport, sha256: str) -> Path:
    """Write what proves that an output was de-identified, and return where it is.

    ``source``: None where it is no file whose hash could be made.
    """
    path = output.with_name(output.name + SUFFIX)
    kinds = [words.split(":", 1)[0] for words in report.removed]
    counts = [words.count(",") + 1 for words in report.removed]
    document: dict[str, Any] = {
        "output": output.name,
        "output_sha256": sha256,
        "source_sha256": None if source is None else output_hash(source),
        "removed": dict(zip(kinds, counts, strict=True)),
        "looked_for": {"texts": report.searched, "encodings": list(ENCODINGS)},
        "found": 0,  # else there were no output
        "losses": list(report.losses),
    }
    with atomic_file(path, overwrite=True) as staged:
        staged.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


def output_hash(path: Path) -> str:
    """Return the SHA-256 of an output, as :func:`tree_hash` if that is one file or folder."""
    parts = output_parts(path)
    if len(parts) == 1:
        return tree_hash(path)
    lines = [f"{part.name}\0{tree_hash(part)}\n" for part in parts]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def tree_hash(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder, of its files' names and hashes in order."""
    if path.is_dir():
        whole = hashlib.sha256()
        for child in sorted(child for child in path.rglob("*") if child.is_file()):
            whole.update(f"{child.relative_to(path)}\0{tree_hash(child)}\n".encode())
        return whole.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
