"""The text of a ``multi`` file as lists, mappings and values: JSON or YAML, of bounded size.

A name in YAML stands for all that it names, also within what has a name of its own: a text of some
hundred bytes can mean more than fits into memory. What it would mean is counted before it is made.
"""

import json
from collections.abc import Iterable
from typing import Any

from ziggurat.readers.errors import UnsupportedFormatError

_MOST_JSON = 1 << 24
_MOST_YAML = 1 << 22  # takes far longer to read
_MOST_VALUES = 1 << 20
_DEEPEST = 64


def loaded(text: bytes) -> object:
    """Return what a text holds.

    Raises
    ------
    UnsupportedFormatError
        It is neither JSON nor YAML, or too much.
    """
    is_json = text.lstrip()[:1] in (b"{", b"[")
    if len(text) > (_MOST_JSON if is_json else _MOST_YAML):
        raise UnsupportedFormatError("too long for a list of sources")
    try:
        if is_json:
            return json.loads(text)
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        _check_meant(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except Exception as error:  # parsers raise classes of their own
        raise UnsupportedFormatError(f"neither YAML nor JSON: {error}") from error


def _check_meant(events: Iterable[Any]) -> None:
    """Refuse what is nested too deeply, or more than a list of sources can be with its names."""
    named: dict[str, int] = {}
    above: list[tuple[str | None, int]] = []  # of what is open: its name, what came before it
    count = 0
    for event in events:
        kind, name = type(event).__name__, getattr(event, "anchor", None)
        if kind == "AliasEvent":
            if name not in named:  # PyYAML says so, where it isn't one that is still open
                raise ValueError(f"{name!r} stands for nothing, or for what it is itself in")
            count += named[name]
        elif kind == "ScalarEvent":
            count += 1
            if name:
                named[name] = 1
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            above.append((name, count))
            count += 1
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            name, before = above.pop()
            if name:
                named[name] = count - before
        if count > _MOST_VALUES or len(above) > _DEEPEST:
            raise ValueError("it means more values, or deeper lists, than sources can need")
