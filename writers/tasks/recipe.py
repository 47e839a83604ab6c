"""What is written, as something that can be sent: whoever carries out a part opens it anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.formats.registry import Output
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.model.options import PyramidStyle, Subsampling, WriteOptions
from ziggurat.writers.model.reducers import Reducer


@dataclass(frozen=True, slots=True)
class Opened:
    """An image to be written, and how.

    Attributes
    ----------
    state
        What it looked like, in words: all parts must see the same.
    lost
        What the image has no place for, in words.
    check
        Looks at the finished output, before anybody else can; None: nobody does.
    now
        Says what it looks like by now, as ``state`` does; None: nobody who has it open can tell.
    """

    reader: Reader
    levels: Sequence[LevelPlan]
    options: WriteOptions
    output: Output
    state: str
    lost: tuple[str, ...] = ()
    check: Callable[[Path], object] | None = None
    now: Callable[[], str] | None = None


class Recipe(Protocol):
    """Pickles, and goes into JSON; opened twice it gives the same."""

    kind: ClassVar[str]

    def open(self) -> Opened:
        """Open the image."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Return it as it was."""


_ENUMS: Mapping[str, type[Enum]] = {
    "compression": Codec,
    "subsampling": Subsampling,
    "reducer": Reducer,
    "pyramid": PyramidStyle,
    "ome_version": OmeVersion,
}


def options_to_json(options: WriteOptions) -> dict[str, object]:
    """Return options as JSON holds them."""
    values = ((field.name, getattr(options, field.name)) for field in fields(options))
    return {name: value.value if isinstance(value, Enum) else value for name, value in values}


def options_from_json(facts: Mapping[str, Any]) -> WriteOptions:
    """Return options as they were."""
    values = dict(facts)
    for name, kind in _ENUMS.items():
        if values.get(name) is not None:
            values[name] = kind(values[name])
    return WriteOptions(**values)
