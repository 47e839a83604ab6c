"""Races: all contestants of a case in turn, A B C A B C …, the first round without counting."""

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.case import CACHE, Case
from benchmarks.measure import run_once
from benchmarks.peers import python_of
from benchmarks.ranking import ENOUGH, Row, undecided


def race(
    job: str,
    case: Case,
    say: Callable[[str], None],
    *,
    rounds: int | None = None,
    folder: Path = CACHE,
) -> list[Row]:
    """Run a case; return its rows, one for each lap.

    A contestant whose output is wrong once has no time: it is left out of further rounds, and its
    row says why. Where it can't be said who is faster, ours and the fastest other run again, until
    ``ENOUGH`` rounds are counted.
    """
    module = importlib.import_module(f"benchmarks.jobs.{job}")
    prepare = getattr(module, "prepare", None)
    values = {**case.values, **(prepare(case) if prepare else {})}
    seen: dict[str, list[dict[str, Any]]] = {}
    errors: dict[str, str] = {}
    say(f"{job}: {case.name} ")
    counted = case.warmups + min(case.rounds, rounds or case.rounds)
    for number in range(max(counted, case.warmups + ENOUGH)):
        running = set(case.contestants) if number < counted else undecided(_laps(seen))
        if not running:
            break
        for who in [one for one in case.contestants if one in running]:
            python = None if who in errors else python_of(who)
            if python is None:
                errors.setdefault(who, "its environment could not be made")
                continue
            found = run_once(python, job, who, values, folder / "runs" / f"{job}-{who}")
            if found["error"]:
                errors[who] = found["error"]
                seen.pop(who, None)
            elif number >= case.warmups:
                seen.setdefault(who, []).append(found)
        say(".")
    say("\n")
    return _rows(job, case, seen, errors)


def _laps(seen: dict[str, list[dict[str, Any]]]) -> list[dict[str, list[float]]]:
    """Return for each lap the seconds of everybody."""
    names = dict.fromkeys(lap for runs in seen.values() for run in runs for lap in run["laps"])
    return [
        {
            who: [run["laps"][lap]["seconds"] for run in runs if lap in run["laps"]]
            for who, runs in seen.items()
        }
        for lap in names
    ]


def _rows(
    job: str, case: Case, seen: dict[str, list[dict[str, Any]]], errors: dict[str, str]
) -> list[Row]:
    laps = list(dict.fromkeys(lap for runs in seen.values() for run in runs for lap in run["laps"]))
    rows = []
    for lap in laps or [""]:
        results = {
            who: _result([run for run in runs if lap in run["laps"]], lap)
            for who, runs in seen.items()
            if any(lap in run["laps"] for run in runs)
        }
        works = [
            run["laps"][lap]["work"] for runs in seen.values() for run in runs if lap in run["laps"]
        ]
        rows.append({
            "job": job,
            "name": case.name,
            "lap": lap,
            "work": next((work for work in works if work), case.work),
            "unit": case.unit,
            "limit": case.limit,
            "series": case.series,
            "size": case.size,
            "results": results,
            "errors": errors,
        })  # fmt: skip
    return rows


def _result(runs: Sequence[dict[str, Any]], lap: str) -> dict[str, Any]:
    """Return medians, and what they are medians of."""
    seconds = [run["laps"][lap]["seconds"] for run in runs]
    middle = statistics.median(seconds)
    return {
        "median": middle,
        "spread": (max(seconds) - min(seconds)) / middle if middle else 0.0,
        "cpu": statistics.median(run["laps"][lap]["cpu"] for run in runs),
        "peak": max(run["peak"] for run in runs),
        "seconds": seconds,
        **runs[-1]["facts"],
    }


def run_all(
    jobs: Sequence[str],
    *,
    quick: bool,
    only: Sequence[str],
    say: Callable[[str], None],
    rounds: int | None = None,
) -> list[Row]:
    """Run the cases of some jobs whose ``job: name`` has one of the texts of ``only`` in it."""
    rows: list[Row] = []
    begin = time.monotonic()
    for job in jobs:
        for case in importlib.import_module(f"benchmarks.jobs.{job}").CASES:
            title = f"{job}: {case.name}"
            if (case.quick or not quick) and (not only or any(part in title for part in only)):
                rows += race(job, case, say, rounds=rounds)
                say(f"  {time.monotonic() - begin:.0f} s\n")
    return rows
