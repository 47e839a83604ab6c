"""Arguments made from the options' dataclass: a new option is one field, with a line on it.

Names, types, choices and defaults come from the fields of ``ConvertOptions``, help texts from
the parameters of its docstring. Only what people type otherwise than the program keeps it has
a row here.
"""

import argparse
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from ziggurat.converter.cli.texts import (
    parse_bytes,
    parse_frames,
    parse_micrometres,
    parse_positions,
    parse_region,
)
from ziggurat.converter.plan.options import Compression, ConvertOptions
from ziggurat.readers.model.codec import WRITTEN_CODECS
from ziggurat.writers.formats.registry import OUTPUTS


@dataclasses.dataclass(frozen=True, slots=True)
class Typed:
    """How an option is typed: its flag, what stands behind it, and what is made of that."""

    metavar: str
    parse: Callable[[Any], Any] = str
    flags: tuple[str, ...] = ()
    many: bool = False  # may be given several times


_COMPRESSIONS = [*Compression, *(codec.value for codec in WRITTEN_CODECS)]
_TYPED = {
    "format": Typed("{" + ",".join(row.name for row in OUTPUTS) + "}"),
    "region": Typed("LEFT,TOP,WIDTH,HEIGHT[,UNITS]", parse_region),
    "frames": Typed("AXIS=POSITIONS", parse_frames, many=True),
    "bands": Typed("NUMBERS", parse_positions),
    "max_memory": Typed("SIZE", parse_bytes),
    "mm_per_pixel": Typed("MICROMETRES", parse_micrometres, ("--mpp",)),
    "compression": Typed("{" + ",".join(_COMPRESSIONS) + "}", flags=("--compression", "-c")),
    "policy": Typed("FILE", Path),
}
_APART = ("verify",)  # two flags for one field


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each field of ``ConvertOptions``."""
    helps = help_texts(ConvertOptions)
    hints = typing.get_type_hints(ConvertOptions)
    for field in dataclasses.fields(ConvertOptions):
        if field.name in _APART:
            continue
        typed = _TYPED.get(field.name, Typed(""))
        flags = typed.flags or (f"--{field.name.replace('_', '-')}",)
        text = helps[field.name].replace("%", "%%")
        arguments: dict[str, Any] = {"dest": field.name, "default": None, "help": text}
        kinds = _kinds(hints[field.name])
        if bool in kinds:
            parser.add_argument(*flags, action="store_true", **arguments)
            continue
        if typed.many:
            arguments["action"] = "append"
        choices = [member.value for kind in kinds for member in _members(kind)]
        if choices and not typed.metavar:
            arguments["metavar"] = "{" + ",".join(dict.fromkeys(choices)) + "}"
        elif int in kinds and not typed.metavar:
            arguments |= {"type": int, "metavar": "NUMBER"}
        elif float in kinds and not typed.metavar:
            arguments |= {"type": float, "metavar": "NUMBER"}
        else:
            arguments["metavar"] = typed.metavar or "NAME"
        parser.add_argument(*flags, **arguments)
    parser.add_argument("--verify", action="store_true", help="Check before publishing.")
    parser.add_argument("--full", action="store_true", help="Check every tile (with --verify).")


def options_from(given: argparse.Namespace) -> ConvertOptions:
    """Return the options that were typed; what wasn't keeps its default.

    Raises
    ------
    OptionError
        A value can't be meant.
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(ConvertOptions):
        value = getattr(given, field.name)
        if field.name in _APART or value is None or value is False:
            continue
        typed = _TYPED.get(field.name)
        values[field.name] = value if typed is None else typed.parse(value)
    if given.full or given.verify:
        values["verify"] = "full" if given.full else "sample"
    return ConvertOptions(**values)


def _kinds(hint: object) -> tuple[object, ...]:
    """Return the types that a hint allows for, None left out."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return tuple(kind for kind in typing.get_args(hint) if kind is not types.NoneType)
    return (hint,)


def _members(kind: object) -> list[StrEnum]:
    return list(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def help_texts(owner: type) -> dict[str, str]:
    """Return what the "Parameters" of a class's docstring say, by field.

    Several names may share one text.
    """
    fields = [field.name for field in dataclasses.fields(owner)]
    texts = dict.fromkeys(fields, "")
    names: list[str] = []
    for line in inspect.cleandoc(owner.__doc__ or "").splitlines():
        if line and not line.startswith(" "):
            found = [name.strip() for name in line.split(",")]
            names = found if set(found) <= set(fields) else []
            continue
        for name in names:
            texts[name] = f"{texts[name]} {line.strip()}".strip()
    return {name: text.replace("``", "") for name, text in texts.items()}
