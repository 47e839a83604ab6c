"""What a ``multi`` file says: which files, where each goes, and what the whole is. No pixels."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import regex

from ziggurat.readers.errors import CorruptSourceError, SourceNotFoundError, UnsupportedFormatError
from ziggurat.readers.formats.multi.text import loaded
from ziggurat.readers.formats.synthetic import synthetic_url
from ziggurat.readers.model.checks import finite_number, shown, whole_number

AXES = ("c", "z", "t", "xy")  # fastest first; a file may name further ones
FRAME = "frame"
NONE = "__none__"  # a path for sources that need none
_SOURCE_KEYS = {
    "path", "pathPattern", "sourceName", "name", "description", "channel", "channels", "position",
    "frames", "framesAsAxes", "sampleScale", "sampleOffset", "style", "params",
}  # fmt: skip
_TOP_KEYS = {
    "name", "description", "width", "height", "tileWidth", "tileHeight", "scale", "channels",
    "backgroundColor", "basePath", "sources", "uniformSources", "singleBand", "axes", "dtype",
}  # fmt: skip
_POSITION_KEYS = {"x", "y", "scale", "crop", "s11", "s12", "s21", "s22"}
_IDLE_PARAMS = {"encoding", "frame", "jpegQuality", "jpegSubsampling", "tiffCompression", "noCache"}
_LARGEST = 1 << 31
_LONGEST_PATTERN = 1000
_PATTERN_SECONDS = 3.0  # for all names of a folder
_FLATTEST = 64  # a small piece of such a place takes long strips of the source


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source goes: its pixel (x, y) to ``matrix`` · (x, y) + ``offset``, crop first.

    ``crop`` is (left, top, right, bottom) in the source's pixels.
    """

    matrix: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 1.0)  # s11, s12, s21, s22
    offset: tuple[float, float] = (0.0, 0.0)
    crop: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Numbering:
    """Which position on an axis each of a source's own positions gets."""

    base: int = 0
    fixed: int | None = None
    listed: tuple[int, ...] = ()

    def at(self, own: int) -> int:
        """Return the position for a source's own one; a list goes on by its last step."""
        if self.fixed is not None:
            return self.fixed
        known = self.listed
        if len(known) < 2:
            return self.base + own + (known[0] if known else 0)
        if own < len(known):
            return known[own] + self.base
        return known[-1] + (known[-1] - known[-2]) * (own - len(known) + 1) + self.base


@dataclass(frozen=True, slots=True)
class Part:
    """One source: its path or URL, where its frames and pixels go, what becomes of its values."""

    path: str
    numbering: Mapping[str, Numbering]
    told: bool  # it says itself on which position it is
    place: Place = Place()
    channels: tuple[str, ...] = ()
    names_channels: bool = False
    frames: frozenset[int] | None = None
    strides: Mapping[str, int] = field(default_factory=dict)
    style: object = None
    scale: float | None = None
    shift: float = 0.0

    @property
    def places_channels(self) -> bool:
        """True where positions on the axis of channels are told, whatever their names."""
        rule = self.numbering.get("c")
        return rule is not None and (rule.listed != () or "c" in self.given)

    given: frozenset[str] = frozenset()  # axes that it names


@dataclass(frozen=True, slots=True)
class Document:
    """The parts in the order in which they are laid, and what is said of the whole."""

    parts: tuple[Part, ...]
    axes: tuple[str, ...]
    values: Mapping[str, Mapping[int, Any]]
    facts: Mapping[str, Any]

    @property
    def uniform(self) -> bool:
        """True where all sources are said to be like the second one."""
        return self.facts.get("uniformSources") is True


def parse(text: bytes, folder: Path) -> Document:
    """Return what a file says.

    Raises
    ------
    UnsupportedFormatError
        It is no such file, or asks for what isn't read (the message says what).
    CorruptSourceError
        It is one, and makes no sense.
    """
    said = loaded(text)
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
    axes = AXES + tuple(name for name in _names("axes", said.get("axes", ())) if name not in AXES)
    wrong = [name for name in axes if not name.islower() or name in ("x", "y", "s", FRAME)]
    if wrong:
        raise CorruptSourceError(f"invalid axes {wrong}: they must be words of small letters")
    values: dict[str, dict[int, Any]] = {}
    parts: list[Part] = []
    for source in said["sources"]:
        if not isinstance(source, dict):
            raise CorruptSourceError(f"a source must be a mapping, not {shown(source)}")
        parts += _parts(source, base, axes, values)
    facts = {**said, "channels": _names("channels", said.get("channels") or ())}
    return Document(tuple(parts), axes, values, facts)


def _refuse_unknown(said: Mapping[str, object], known: set[str], what: str) -> None:
    unknown = sorted(str(key) for key in said if key not in known)
    if unknown:
        raise UnsupportedFormatError(f"{', '.join(unknown)} of {what} is not supported")


def _parts(
    source: Mapping[str, Any],
    base: Path,
    axes: Sequence[str],
    values: dict[str, dict[int, Any]],
) -> list[Part]:
    numbered = (*axes, FRAME)
    endings = ("", "Step", "Values", "Set")
    _refuse_unknown(
        source, _SOURCE_KEYS | {a + end for a in numbered for end in endings}, "a source"
    )
    if not isinstance(source.get("path"), str):
        raise CorruptSourceError(f"a source needs a path, not {shown(source.get('path'))}")
    rules = {axis: _numbering(source, axis, values) for axis in numbered}
    part = _plain_part(source, rules, numbered)
    found = _files(source, base, axes)
    parts = []
    for number, (path, groups) in enumerate(found):
        moved = dict(rules)
        for axis in numbered:
            step = number * _whole(f"{axis}Step", source.get(f"{axis}Step", 0))
            more = groups.get(axis, 0) + step
            if more:
                moved[axis] = replace(moved[axis], base=moved[axis].base + more)
        stepped = {axis for axis in numbered if f"{axis}Step" in source}
        parts.append(
            replace(
                part,
                path=path,
                numbering=moved,
                told=part.told or bool(groups) or bool(stepped),
                given=part.given | groups.keys() | stepped,
            )
        )
    return parts


def _plain_part(
    source: Mapping[str, Any], rules: Mapping[str, Numbering], numbered: Sequence[str]
) -> Part:
    """Return what is said of all files of a source."""
    named = "channels" if "channels" in source else "channel"
    channels = _names("channels", source.get(named, ()))
    frames = source.get("frames")
    if frames is not None and not isinstance(frames, list):
        raise CorruptSourceError(f"frames must be a list of numbers, not {shown(frames)}")
    strides = source.get("framesAsAxes") or {}
    if not isinstance(strides, dict) or not set(strides) <= set(numbered):
        raise CorruptSourceError(f"framesAsAxes gives each axis a stride, not {shown(strides)}")
    params = _params(source)
    if source.get("sourceName") != "test":
        _refuse_unknown(params, _IDLE_PARAMS | {"style"}, "the params of a source")
    scale = source.get("sampleScale")
    return Part(
        path=source["path"],
        numbering=rules,
        told=any(axis in source or f"{axis}Values" in source for axis in numbered),
        place=_place(source.get("position")),
        channels=tuple(channels),
        names_channels=named in source,
        frames=None if frames is None else frozenset(_whole("frames", at) for at in frames),
        strides={axis: max(1, _whole(axis, step)) for axis, step in strides.items()},
        style=source.get("style", params.get("style")),
        scale=None if scale is None else _number("sampleScale", scale) or None,
        shift=_number("sampleOffset", source.get("sampleOffset", 0)),
        given=frozenset(axis for axis in numbered if axis in source),
    )


def _params(source: Mapping[str, Any]) -> Mapping[str, Any]:
    params = source.get("params") or {}
    if not isinstance(params, dict):
        raise CorruptSourceError(f"params must be a mapping, not {shown(params)}")
    return params


def _numbering(
    source: Mapping[str, Any], axis: str, values: dict[str, dict[int, Any]]
) -> Numbering:
    """Return how an axis is counted; what a list gives that is no position is what they mean."""
    base = _whole(axis, source[axis]) if axis in source else 0
    fixed = source.get(f"{axis}Set")
    listed = source.get(f"{axis}Values", ())
    if not isinstance(listed, list | tuple):
        raise CorruptSourceError(f"{axis}Values must be a list, not {shown(listed)}")
    whole = all(isinstance(at, int) and not isinstance(at, bool) and at >= 0 for at in listed)
    if not whole:
        values.setdefault(axis, {}).update(enumerate(listed, base))
    return Numbering(
        base,
        None if fixed is None else _whole(f"{axis}Set", fixed),
        tuple(_whole(f"{axis}Values", at) for at in listed) if whole else (),
    )


def _files(
    source: Mapping[str, Any], base: Path, axes: Sequence[str]
) -> list[tuple[str, dict[str, int]]]:
    """Return the files of a source in their order, with what the groups of a pattern say."""
    if source.get("sourceName") == "test" or source["path"].startswith("large_image://"):
        params = _params(source)
        fields = {name: value for name, value in params.items() if name not in _IDLE_PARAMS}
        fields.pop("style", None)
        url = source["path"]
        return [(synthetic_url(**fields) if source.get("sourceName") == "test" else url, {})]
    path, pattern = base / source["path"], source.get("pathPattern")
    if pattern is None:
        if not _is_there(path):
            raise SourceNotFoundError(2, "a source of a multi file is not there", str(path))
        return [(str(path), {})]
    matches = _matches(path, str(pattern))
    found = [(str(path / name), _indices(groups, axes)) for name, groups in matches]
    if not found:
        raise CorruptSourceError(f"no file of {path} fits the pattern {shown(pattern)}")
    return found


def _matches(folder: Path, pattern: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    """Yield the files of a folder that a pattern fits, by name, and what its groups say.

    A pattern comes with the file: one that goes back and forth for ever is given up.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise CorruptSourceError(
            f"a pathPattern must have at most {_LONGEST_PATTERN} letters, not {len(pattern)}"
        )
    try:
        rule = regex.compile(pattern)
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    except (regex.error, OSError, OverflowError, RecursionError, ValueError) as error:
        raise CorruptSourceError(f"{shown(pattern)} finds nothing in {folder}: {error}") from error
    left = _PATTERN_SECONDS
    for name in names:
        begun = time.process_time()
        try:
            match = rule.search(name, timeout=max(left, 0.001))
        except TimeoutError:
            raise CorruptSourceError(
                f"the pattern {shown(pattern)} takes too long on the names in {folder}: groups "
                "that repeat what repeats must not overlap"
            ) from None
        left -= time.process_time() - begun
        if match:
            yield name, match.groupdict()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no name that a file can have, or nothing that may be seen
        return False


def _indices(groups: Mapping[str, str | None], axes: Sequence[str]) -> dict[str, int]:
    """Return positions by axis: groups ``c``, ``z`` … count from 0, ``c1``, ``z1`` … from 1."""
    found = {}
    for name, text in groups.items():
        axis = name.removesuffix("1")
        if axis in (*axes, FRAME) and text is not None:
            found[axis] = _whole(
                name, (int(text) if text.isdecimal() else -1) - (1 if name.endswith("1") else 0)
            )
    return found


def _place(position: object) -> Place:
    if position is None:
        return Place()
    if not isinstance(position, dict):
        raise CorruptSourceError(f"a position must be a mapping, not {shown(position)}")
    _refuse_unknown(position, _POSITION_KEYS, "a position")
    scale = _number("scale", position.get("scale", 1))
    if scale <= 0:
        raise CorruptSourceError(f"scale must be more than zero, not {scale}")
    plain = {"s11": 1, "s12": 0, "s21": 0, "s22": 1}
    s11, s12, s21, s22 = (scale * _number(n, position.get(n, one)) for n, one in plain.items())
    longest, shortest = np.linalg.svd(np.array([[s11, s12], [s21, s22]]), compute_uv=False)
    if longest > _FLATTEST * shortest or abs(s11 * s22 - s12 * s21) < 1e-12:
        raise CorruptSourceError(
            f"a position must not be flat: its s11, s12, s21, s22 make a square one {longest:g} "
            f"long and {shortest:g} high; up to {_FLATTEST} times is supported"
        )
    offset = _number("x", position.get("x", 0)), _number("y", position.get("y", 0))
    return Place((s11, s12, s21, s22), offset, _crop(position.get("crop")))


def _crop(crop: object) -> tuple[int, int, int, int] | None:
    if crop is None:
        return None
    if not isinstance(crop, dict) or not set(crop) <= {"left", "top", "right", "bottom"}:
        raise CorruptSourceError(f"a crop has left, top, right and bottom, not {shown(crop)}")
    return (
        _whole("left", max(0.0, _number("left", crop.get("left", 0)))),
        _whole("top", max(0.0, _number("top", crop.get("top", 0)))),
        _whole("right", crop.get("right", _LARGEST)),
        _whole("bottom", crop.get("bottom", _LARGEST)),
    )


def _names(what: str, said: object) -> list[str]:
    if isinstance(said, str):
        return [said]
    if not isinstance(said, list | tuple):
        raise CorruptSourceError(f"{what} must be a list of names, not {shown(said)}")
    return [str(name) for name in said]


def _number(name: str, value: object) -> float:
    return finite_number(name, value, -_LARGEST, CorruptSourceError, most=_LARGEST)


def _whole(name: str, value: Any) -> int:
    return whole_number(name, value, 0, CorruptSourceError, most=_LARGEST)
