"""What a ``multi`` file says: which files, where each goes, and what the whole is. No pixels."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.model.checks import finite_number, whole_number

AXES = ("c", "z", "t", "xy")  # fastest first
_SOURCE_KEYS = {
    "path", "pathPattern", "sourceName", "name", "description", "channel", "position", "frames",
    *AXES, *(f"{axis}Step" for axis in AXES), *(f"{axis}Values" for axis in AXES),
}  # fmt: skip
_TOP_KEYS = {
    "name", "description", "width", "height", "tileWidth", "tileHeight", "scale", "channels",
    "backgroundColor", "basePath", "sources", "uniformSources", "singleBand", "axes",
}  # fmt: skip
_POSITION_KEYS = {"x", "y", "scale", "crop"}
_MOST_TEXT = 1 << 24


@dataclass(frozen=True, slots=True)
class Part:
    """One file: where its pixels go, and its first position on each axis.

    ``crop`` is (left, top, right, bottom) in the file's pixels, ``scale`` the pixels of the whole
    that one of the file's becomes.
    """

    path: Path
    at: Mapping[str, int]
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    crop: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """The parts in the order in which they are laid, and what is said of the whole."""

    parts: tuple[Part, ...]
    channels: tuple[str, ...]
    values: Mapping[str, Mapping[int, Any]]
    facts: Mapping[str, Any]


def parse(text: bytes, folder: Path) -> Document:
    """Return what a file says.

    Raises
    ------
    UnsupportedFormatError
        It is no such file, or asks for what isn't read (the message says what).
    CorruptSourceError
        It is one, and makes no sense.
    """
    said = _loaded(text)
    if isinstance(said, list) and said and all(isinstance(source, dict) for source in said):
        said = {"sources": said}
    if not isinstance(said, dict) or not ("sources" in said or "path" in said):
        raise UnsupportedFormatError("not a list of sources")
    if "sources" not in said:
        said = {"sources": [said]}
    _refuse_unknown(said, _TOP_KEYS, "the file")
    if not isinstance(said["sources"], list) or not said["sources"]:
        raise CorruptSourceError("a multi file needs a list of one source or more")
    base = folder / str(said.get("basePath", "."))
    channels = [str(name) for name in said.get("channels", ())]
    values: dict[str, dict[int, Any]] = {}
    parts: list[Part] = []
    for source in said["sources"]:
        if not isinstance(source, dict):
            raise CorruptSourceError(f"a source must be a mapping, not {source!r}")
        parts += _parts(source, base, channels, values)
    return Document(tuple(parts), tuple(channels), values, said)


def _loaded(text: bytes) -> object:
    if len(text) > _MOST_TEXT:
        raise UnsupportedFormatError("too long for a list of sources")
    try:
        if text.lstrip()[:1] in (b"{", b"["):
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except Exception as error:  # parsers raise classes of their own
        raise UnsupportedFormatError(f"neither YAML nor JSON: {error}") from error


def _refuse_unknown(said: Mapping[str, object], known: set[str], what: str) -> None:
    unknown = sorted(str(key) for key in said if key not in known)
    if unknown:
        raise UnsupportedFormatError(f"{', '.join(unknown)} of {what} is not supported")


def _parts(
    source: Mapping[str, Any],
    base: Path,
    channels: list[str],
    values: dict[str, dict[int, Any]],
) -> list[Part]:
    _refuse_unknown(source, _SOURCE_KEYS, "a source")
    if "frames" in source or source.get("sourceName") == "test":
        raise UnsupportedFormatError("single frames of a source, and test images, aren't supported")
    if not isinstance(source.get("path"), str):
        raise CorruptSourceError(f"a source needs a path, not {source.get('path')!r}")
    at = {axis: _whole(axis, source[axis]) for axis in AXES if axis in source}
    if "channel" in source:
        name = str(source["channel"])
        if name not in channels:
            channels.append(name)
        at["c"] = channels.index(name)
    place = _place(source.get("position"))
    found = _files(base / source["path"], source.get("pathPattern"))
    parts = []
    for number, (path, groups) in enumerate(found):
        steps = {
            axis: number * _whole(f"{axis}Step", source[f"{axis}Step"])
            for axis in AXES
            if f"{axis}Step" in source and len(found) > 1
        }
        keys = {*at, *groups, *steps}
        where = {key: at.get(key, 0) + groups.get(key, steps.get(key, 0)) for key in keys}
        parts.append(Part(path, where, *place))
    for axis in AXES:
        listed = source.get(f"{axis}Values")
        if isinstance(listed, list):
            first = at.get(axis, 0)
            values.setdefault(axis, {}).update(enumerate(listed, first))
    return parts


def _files(path: Path, pattern: object) -> list[tuple[Path, dict[str, int]]]:
    """Return the files of a source in their order, with what the groups of a pattern say."""
    if pattern is None:
        return [(path, {})]
    try:
        rule = re.compile(str(pattern))
        names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    except (re.error, OSError) as error:
        raise CorruptSourceError(f"{pattern!r} finds nothing in {path}: {error}") from error
    found = []
    for name in names:
        match = rule.search(name)
        if match:
            found.append((path / name, _indices(match.groupdict())))
    if not found:
        raise CorruptSourceError(f"no file of {path} fits the pattern {pattern!r}")
    return found


def _indices(groups: Mapping[str, str | None]) -> dict[str, int]:
    """Return positions by axis: groups ``c``, ``z`` … count from 0, ``c1``, ``z1`` … from 1."""
    found = {}
    for name, text in groups.items():
        axis = name.removesuffix("1")
        if axis in AXES and text is not None:
            found[axis] = _whole(
                name, (int(text) if text.isdigit() else -1) - (1 if name.endswith("1") else 0)
            )
    return found


def _place(position: object) -> tuple[float, float, float, tuple[int, int, int, int] | None]:
    if position is None:
        return 0.0, 0.0, 1.0, None
    if not isinstance(position, dict):
        raise CorruptSourceError(f"a position must be a mapping, not {position!r}")
    turned = {key: position[key] for key in ("s11", "s12", "s21", "s22") if key in position}
    plain = {"s11": 1, "s12": 0, "s21": 0, "s22": 1}
    if any(value != plain[key] for key, value in turned.items()):
        raise UnsupportedFormatError("turned and sheared positions (s11 … s22) aren't supported")
    _refuse_unknown(position, _POSITION_KEYS | set(plain), "a position")
    crop = position.get("crop")
    edges = None
    if crop is not None:
        if not isinstance(crop, dict) or not set(crop) <= {"left", "top", "right", "bottom"}:
            raise CorruptSourceError(f"a crop has left, top, right and bottom, not {crop!r}")
        far = 1 << 31
        edges = (
            _whole("left", crop.get("left", 0)), _whole("top", crop.get("top", 0)),
            _whole("right", crop.get("right", far)), _whole("bottom", crop.get("bottom", far)),
        )  # fmt: skip
    scale = _number("scale", position.get("scale", 1))
    if scale <= 0:
        raise CorruptSourceError(f"scale must be more than zero, not {scale}")
    return _number("x", position.get("x", 0)), _number("y", position.get("y", 0)), scale, edges


def _number(name: str, value: object) -> float:
    return finite_number(name, value, -(1 << 31), CorruptSourceError, most=1 << 31)


def _whole(name: str, value: Any) -> int:
    return whole_number(name, value, 0, CorruptSourceError, most=1 << 31)
