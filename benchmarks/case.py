"""What is measured: a case, and what a contestant is handed for one run of it.

A job is one file in ``benchmarks/jobs``: ``CASES``, and ``CONTESTANTS``, a function each. It is
imported by the harness and, in every contestant's own environment, by the worker; so nothing but
the standard library and numpy is imported at its head.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CACHE = Path(
    os.environ.get("ZIGGURAT_BENCHMARKS", Path.home() / ".cache" / "ziggurat-benchmarks")
).absolute()


class WrongOutputError(Exception):
    """What a contestant made is not what it should be: its time doesn't count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One race: the same work for everybody.

    Attributes
    ----------
    name
        Of the row; what it is about.
    work, unit
        How much one run does (``16``, ``"tiles"``): rates are work a second.
    contestants
        Who takes part, by the names in the job's ``CONTESTANTS``; ``ours`` is ours, ``limit`` the
        physical limit.
    limit
        What that limit is, in words.
    values
        Handed to every contestant as they are: numbers and texts.
    quick
        Whether ``--quick`` has it, too.
    rounds, warmups
        Counted runs of each contestant, and those before them that don't count.
    series, size
        Cases of one series differ in size alone: the fitted exponent of time by size is printed.
    """

    name: str
    work: float
    unit: str
    contestants: tuple[str, ...]
    limit: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    quick: bool = True
    rounds: int = 3
    warmups: int = 1
    series: str | None = None
    size: float = 0


@dataclass(slots=True)
class Lap:
    """What one clock saw."""

    seconds: float
    cpu: float
    work: float | None = None


class Run:
    """One run of one contestant: its values, a folder of its own, and the clock."""

    def __init__(self, values: Mapping[str, Any], folder: Path) -> None:
        self.values = dict(values)
        self.folder = folder
        self.laps: dict[str, Lap] = {}
        self.facts: dict[str, float | str] = {}

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @contextmanager
    def clock(self, lap: str = "", work: float | None = None) -> Iterator[None]:
        """Measure a block: wall, and processor time of this process and of those it waited for.

        A run may have several laps; each becomes a row of its own.
        """
        cpu, begin = _cpu(), time.perf_counter()
        yield
        seconds = time.perf_counter() - begin
        self.laps[lap] = Lap(seconds, _cpu() - cpu, work)

    def note(self, **facts: float | str) -> None:
        """Keep a fact beside the times, such as ``bytes``."""
        self.facts |= facts


def check(right: object, message: str) -> None:
    """Refuse a run whose output is not what it should be."""
    if not right:
        raise WrongOutputError(message)


def _cpu() -> float:
    return sum(os.times()[:4])


def tree_size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files)
