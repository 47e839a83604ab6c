"""Who is faster, and where that can't be said: runs in turn are compared round by round.

Two contestants of one round met the same machine at the same time, so a ratio within a round says
more than two medians. Where rounds contradict each other, or the difference is small, it is a tie:
another run may well have them the other way round, and a report that ranked them would be luck.
"""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

CLEAR = 0.2  # of the time: where all rounds, two at least, say that much, no more are needed
SMALL = 0.05  # of the time: less than that is no difference, however often it is seen
ENOUGH = 7  # rounds after which less than that is believed
AGREEING = 0.8  # of them, at least

OURS = ("ours", "log", "store", "app", "python", "nocache")  # ways of running ziggurat
Row = dict[str, Any]


def is_tie(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return True where it can't be said who is faster; seconds of both, round by round."""
    ratios = [math.log(b / a) for a, b in zip(one, other, strict=False) if a > 0 and b > 0]
    if len(ratios) < 2:
        return True
    slower = sum(ratio > 0 for ratio in ratios)
    agreeing = max(slower, len(ratios) - slower)
    if agreeing == len(ratios) and min(map(abs, ratios)) >= math.log(1 + CLEAR):
        return False
    return (
        len(ratios) < ENOUGH
        or agreeing < AGREEING * len(ratios)
        or abs(statistics.median(ratios)) < math.log(1 + SMALL)
    )


def leaders(seconds: Mapping[str, Sequence[float]]) -> tuple[str, str] | None:
    """Return ours and the fastest other program, None where one of them isn't there."""
    others = {
        who: statistics.median(times)
        for who, times in seconds.items()
        if who not in (*OURS, "limit") and times
    }
    if not others or not seconds.get("ours"):
        return None
    return "ours", min(others, key=others.__getitem__)


def undecided(laps: Sequence[Mapping[str, Sequence[float]]]) -> set[str]:
    """Return who should run again: ours and the fastest other of laps that are ties so far."""
    again: set[str] = set()
    for seconds in laps:
        pair = leaders(seconds)
        if pair is not None and is_tie(seconds[pair[0]], seconds[pair[1]]):
            again.update(pair)
    return again


def verdict(row: Row) -> str | None:
    """Return ``faster``, ``slower`` or ``tie``: ours against the fastest other program of a row."""
    seconds = {who: found["seconds"] for who, found in row["results"].items()}
    pair = leaders(seconds)
    if pair is None:
        return None
    ours, other = (seconds[who] for who in pair)
    if is_tie(ours, other):
        return "tie"
    return "faster" if statistics.median(ours) < statistics.median(other) else "slower"


def contradictions(one: Sequence[Row], other: Sequence[Row]) -> list[str]:
    """Return the pairs of one row that two results rank the other way round; ties are no rank."""
    said = {_name(row): row["results"] for row in one}
    found = []
    for row in other:
        before, now = said.get(_name(row), {}), row["results"]
        for first, second in itertools.combinations(sorted(before.keys() & now.keys()), 2):
            orders = {_order(results[first], results[second]) for results in (before, now)}
            if orders == {-1, 1}:
                found.append(f"{_name(row)}: {first} and {second} change places")
    return found


def _order(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    if is_tie(one["seconds"], other["seconds"]):
        return 0
    return -1 if statistics.median(one["seconds"]) < statistics.median(other["seconds"]) else 1


def _name(row: Row) -> str:
    return ": ".join(part for part in (row["job"], row["name"], row["lap"]) if part)
