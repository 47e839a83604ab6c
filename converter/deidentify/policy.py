"""What de-identification keeps, drops and looks for: built-in tables, or a site's own file.

A policy file is TOML; every part may be left out::

    [fields]                   # of the vendor's description, by name, * as wildcard
    keep = ["aperio.Parmset"]  # besides those of the built-in tables, and whatever they hold
    drop = ["aperio.MPP"]      # even if a built-in table keeps them

    [channels]                 # and bands: names that stay besides those of common stains
    keep = ["PanCK*"]

    [associated]               # keep, remove or blank, by name; others as --label says
    thumbnail = "remove"

    [dates]
    shift_days = -133          # without it, dates are removed

    [strings]
    forbidden = ["Jane Doe"]   # must not occur anywhere in the output
"""

import functools
import itertools
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.table import FORMATS
from ziggurat.readers.formats.tiff.kinds import KINDS
from ziggurat.readers.model.checks import whole_number


class Fate(StrEnum):
    """What becomes of an associated image."""

    KEEP = "keep"
    REMOVE = "remove"
    BLANK = "blank"


_DATES = ("*date*", "*created*", "*updated*", "*acquired*", "*timestamp*")


@dataclass(frozen=True, slots=True)
class Policy:
    """One set of rules. Names are compared in lower case, ``*`` stands for anything."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    associated: dict[str, Fate] = field(default_factory=dict)
    shift_days: int | None = None
    forbidden: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def keeps_channel(self, name: str) -> bool:
        """Return True where a site itself says that a channel's or band's name stays."""
        return _matches(name.lower(), self.channels)

    def keeps_field(self, name: str) -> bool:
        """Return True where a field such as ``aperio.MPP`` may stay."""
        lower = name.lower()
        if _matches(lower, self.drop):
            return False
        return _matches(lower, self.keep) or _matches(lower, _technical_fields())

    def keeps_text(self, name: str) -> bool:
        """Return True where a site itself says that a field stays, whatever it holds."""
        lower = name.lower()
        return _matches(lower, self.keep) and not _matches(lower, self.drop)

    def fate(self, name: str, default: Fate) -> Fate:
        """Return what becomes of an associated image; by default only thumbnails stay."""
        if name in self.associated:
            return self.associated[name]
        return Fate.KEEP if name == "thumbnail" else default


@functools.cache
def _technical_fields() -> tuple[str, ...]:
    """Return the names of technical fields by the rows of all formats and kinds of TIFF."""
    of_rows = [row.keep_when_deidentified for row in FORMATS]
    of_kinds = [kind.keep_when_deidentified for kind in KINDS]
    return tuple(itertools.chain(*of_rows, *of_kinds))


def is_date(name: str) -> bool:
    """Return True where a field's name says that it holds a day (of birth: never kept)."""
    key = name.lower().rpartition(".")[2]
    return _matches(key, _DATES) and "birth" not in key


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def load_policy(path: Path | None) -> Policy:
    """Read a policy file; without one, the built-in rules.

    Raises
    ------
    OptionError
        It can't be read, or says something that nobody understands.
    """
    if path is None:
        return Policy()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(f"policy {path} can't be read: {error}") from error
    return _policy(document, path)


def _policy(document: dict[str, Any], path: Path) -> Policy:
    known = {
        "fields": {"keep", "drop"},
        "channels": {"keep"},
        "associated": None,
        "dates": {"shift_days"},
        "strings": {"forbidden"},
    }
    for part, content in document.items():
        if part not in known or not isinstance(content, dict):
            raise OptionError(f"policy {path}: no part [{part}]; there are {', '.join(known)}")
        names = known[part]
        unknown = set(content) - names if names is not None else set()
        if unknown:
            raise OptionError(f"policy {path}: [{part}] has no {', '.join(sorted(unknown))}")
    fields = document.get("fields", {})
    days = document.get("dates", {}).get("shift_days")
    if days is not None:
        days = whole_number(f"policy {path}: shift_days", days)
    return Policy(
        keep=_texts(fields.get("keep", []), path, lower=True),
        drop=_texts(fields.get("drop", []), path, lower=True),
        associated=_fates(document.get("associated", {}), path),
        shift_days=days,
        channels=_texts(document.get("channels", {}).get("keep", []), path, lower=True),
        forbidden=_texts(document.get("strings", {}).get("forbidden", []), path, lower=False),
    )


def _texts(values: object, path: Path, *, lower: bool) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise OptionError(f"policy {path}: it must be a list of texts, not {values!r}")
    return tuple(value.lower() if lower else value for value in values)


def _fates(values: dict[str, Any], path: Path) -> dict[str, Fate]:
    try:
        return {name: Fate(str(fate)) for name, fate in values.items()}
    except ValueError as error:
        raise OptionError(f"policy {path}: {error}; known are keep, remove, blank") from error
