"""The benchmarks' own rules: who is wrong has no time, and the README says what was measured."""

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks import race as racing
from benchmarks import worker
from benchmarks.__main__ import BEGIN, LATEST, README, job_names, with_summary
from benchmarks.case import Case, Run, check
from benchmarks.measure import run_once
from benchmarks.ranking import contradictions, is_tie, verdict
from benchmarks.report import exponents, fitted, markdown, of_limit, ratio_to_best, summary


@pytest.mark.slow
def test_a_small_case_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    found = run_once(sys.executable, "frames", "ours", {"count": 3}, tmp_path / "run")
    assert found["error"] is None
    assert found["laps"]["write OME-TIFF"]["seconds"] > 0
    assert found["peak"] > 1 << 20
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    found = run_once(sys.executable, "frames", "nobody", {}, tmp_path / "run")
    assert "nobody" in found["error"]
    assert found["laps"] == {}


def lay(run: Run) -> None:
    with run.clock("lap", work=10):
        pass
    run.note(bytes=run["size"])


def lie(run: Run) -> None:
    lay(run)
    check(run.folder.name.startswith("never"), "other pixels")


@pytest.fixture
def rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> list[dict[str, Any]]:
    """The rows of a race in which one contestant's output is wrong, and how often each ran."""
    toy = ModuleType("benchmarks.jobs.toy")
    toy.__dict__["CONTESTANTS"] = {"ours": lay, "limit": lay, "liar": lie}
    toy.__dict__["prepare"] = lambda _: {"size": 7}
    monkeypatch.setitem(sys.modules, "benchmarks.jobs.toy", toy)
    asked: list[str] = []

    def here(
        python: str, job: str, who: str, values: Mapping[str, Any], folder: Path
    ) -> dict[str, Any]:
        asked.append(who)
        worker.main(job, who, json.dumps(dict(values)), str(folder))
        return {**json.loads(capsys.readouterr().out), "peak": 1 << 20}

    monkeypatch.setattr(racing, "run_once", here)
    case = Case(name="toy", work=1, unit="toys", contestants=("limit", "ours", "liar"), rounds=2)
    found = racing.race("toy", case, lambda _: None, folder=tmp_path)
    # in turn, and no more of whoever was wrong
    assert asked == ["limit", "ours", "liar", "limit", "ours", "limit", "ours"]
    return found


def test_who_is_wrong_has_no_time(rows: list[dict[str, Any]]) -> None:
    (row,) = rows
    assert set(row["results"]) == {"ours", "limit"}
    assert "other pixels" in row["errors"]["liar"]
    assert (row["lap"], row["work"], row["results"]["ours"]["bytes"]) == ("lap", 10, 7)
    assert len(row["results"]["ours"]["seconds"]) == 2
    result = {"rows": rows, "machine": MACHINE, "versions": {}}
    assert "other pixels" in markdown(result)


MACHINE = {
    "processor": "p", "cores": 2, "memory": 2**34, "system": "Linux", "python": "3.12",
    "time": "2026-01-01T00:00:00Z", "commit": "abc", "load": 0.1,
}  # fmt: skip


def row(name: str, size: float = 0, **seconds: float) -> dict[str, Any]:
    results = {
        who: {"median": s, "spread": 0.1, "cpu": s, "peak": 1 << 20, "seconds": [s, s]}
        for who, s in seconds.items()
    }
    return {
        "job": "read", "name": name, "lap": "", "work": 1, "unit": "MP", "limit": "bare",
        "series": "curve" if size else None, "size": size, "results": results, "errors": {},
    }  # fmt: skip


def test_ratios_are_of_the_fastest_other_program_and_losses_are_told() -> None:
    won, lost = row("a", ours=1, slow=4, fast=2, limit=0.5), row("b", ours=2, fast=1)
    assert (ratio_to_best(won), of_limit(won)) == (2, 0.5)
    assert (ratio_to_best(lost), of_limit(lost)) == (0.5, None)
    said = summary({"machine": MACHINE, "rows": [won, lost]})
    assert "slower in 1 of 2 rows: b" in said


def test_what_rounds_do_not_agree_about_is_a_tie() -> None:
    assert not is_tie([1, 1.1, 0.9], [1.3, 1.4, 1.2])
    assert not is_tie([1, 3, 2], [1.25, 3.7, 2.5])  # the machine was slow for both
    assert is_tie([1], [2])  # once is luck
    assert is_tie([1, 1.1], [1.3, 1.0])
    assert is_tie([1, 1, 1], [1.1, 1.1, 1.1])  # not much, and seen three times only
    assert not is_tie([1] * 7, [1.1] * 7)
    assert is_tie([1] * 9, [1.04] * 9)  # too near, however often
    assert not is_tie([1] * 7, [1.3, 1.3, 0.5, 1.3, 1.3, 1.3, 1.3])  # one that was disturbed
    assert is_tie([1] * 7, [1.3, 1.3, 0.5, 1.3, 0.9, 1.3, 1.3])
    assert is_tie([1], [])


def test_a_tie_is_told_and_counts_as_no_loss() -> None:
    near, lost = row("a", ours=1.01, fast=1), row("b", ours=2, fast=1)
    assert [verdict(one) for one in (near, lost)] == ["tie", "slower"]
    assert verdict(row("c", ours=1, limit=2, log=0.5)) is None  # nobody else
    said = summary({"machine": MACHINE, "rows": [near, lost]})
    assert "slower in 1 of 2 rows: b" in said
    assert "can't be said who is faster in 1 of 2 rows: a" in said
    assert "0.99, a tie" in said


def test_two_results_contradict_each_other_where_two_change_places() -> None:
    near, lost = row("a", ours=1.01, fast=1), row("b", ours=2, fast=1, slow=4)
    assert contradictions([near, lost], [lost, row("a", ours=1, fast=2)]) == []
    assert contradictions([lost], [row("b", ours=2, fast=3, slow=4)]) == [
        "read: b: fast and ours change places"
    ]
    assert contradictions([lost], [row("b", ours=2, slow=1)]) == [
        "read: b: ours and slow change places"
    ]


@pytest.mark.parametrize(
    ("times", "counts"),
    [
        ({"ours": [1, 1, 1], "near": [1.1, 0.9, 1.1], "far": [3, 3, 3]}, (7, 7, 2)),
        ({"ours": [1, 1, 1], "near": [1.3, 1.3, 1.3], "far": [3, 3, 3]}, (2, 2, 2)),
        ({"ours": [1, 1, 1], "near": [1.1, 1.1, 1.1], "far": [3, 3, 3]}, (7, 7, 2)),
        ({"ours": [1, 1, 1], "near": [0.99, 1.3, 1.3], "far": [3, 3, 3]}, (7, 7, 2)),
    ],
)
def test_who_is_near_runs_again(
    times: dict[str, list[float]],
    counts: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.jobs.toy", ModuleType("benchmarks.jobs.toy"))
    ran = dict.fromkeys(times, 0)

    def here(*asked: Any) -> dict[str, Any]:
        who = asked[2]
        seconds = times[who][min(ran[who], 2)] if times[who][1] != 0.9 else times[who][ran[who] % 2]
        ran[who] += 1
        lap = {"seconds": seconds, "cpu": 1.0, "work": 1}
        return {"laps": {"lap": lap}, "facts": {}, "error": None, "peak": 1}

    monkeypatch.setattr(racing, "run_once", here)
    monkeypatch.setattr(racing, "python_of", lambda _: "python")
    case = Case(name="toy", work=1, unit="", contestants=tuple(times), rounds=2, warmups=0)
    (found,) = racing.race("toy", case, lambda _: None, folder=tmp_path)
    assert tuple(len(one["seconds"]) for one in found["results"].values()) == counts


def test_a_series_tells_its_exponent() -> None:
    assert fitted([(1, 3), (10, 300), (100, 30_000)]) == pytest.approx(2)
    assert fitted([(5, 1)]) is None
    line, _ = exponents([row(str(n), n, ours=n**1.5) for n in (10, 100, 1000)])
    assert "size^1.50" in line


@pytest.mark.parametrize("job", job_names())
def test_the_cases_of_a_job_fit_its_contestants(job: str) -> None:
    module = importlib.import_module(f"benchmarks.jobs.{job}")
    names = [case.name for case in module.CASES]
    assert len(set(names)) == len(names) > 0
    for case in module.CASES:
        assert {"ours", *case.contestants} <= set(module.CONTESTANTS)
        assert bool(case.limit) == ("limit" in case.contestants), case.name
        json.dumps(dict(case.values))


def test_the_readme_says_what_was_measured() -> None:
    text = README.read_text()
    if not LATEST.exists():
        assert f"{BEGIN}\n\nNo run is committed" in text
    else:
        assert with_summary(text, json.loads(LATEST.read_text())) == text, (
            "run: python -m benchmarks report"
        )


def test_a_simulated_run_is_bound_by_workers_or_by_the_scheduler() -> None:
    from benchmarks.cluster import Assumed, Costs, costs_of, makespan, simulate

    assert makespan(8, 2, 0.0, 1.0) == 4
    assert makespan(9, 2, 0.0, 1.0) == 5
    assert makespan(100, 1000, 0.5, 1.0) == 100 * 0.5 + 1  # tasks can't be handed out faster
    row = {"lap": "", "work": 10.0}
    named = [
        ("2,000 Dask tasks that do nothing, 2 workers", "", "dask"),
        ("512² RGB from 1 worker, disk", "", "log"),
        ("a write of 4096² in tasks, .zarr", "tasks", "ours"),
        ("a write of 4096² in tasks, .zarr", "end", "ours"),
    ]
    rows = [
        {**row, "name": name, "lap": lap, "results": {who: {"cpu": 10.0 * (n + 1)}}}
        for n, (name, lap, who) in enumerate(named)
    ]
    costs = costs_of(rows)
    assert costs == Costs(1, 2, 3, 4)
    few, many = (simulate(20_000, workers, costs, Assumed()) for workers in (4, 64))
    assert many["write"] < few["write"]
    assert many["finish"] == few["finish"]
