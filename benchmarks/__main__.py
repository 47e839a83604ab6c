"""``python -m benchmarks run [--quick] [--only …]`` measures, ``report`` makes tables and plots."""

import argparse
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import benchmarks.jobs
from benchmarks.machine import machine
from benchmarks.peers import PACKAGES, versions_of
from benchmarks.race import run_all
from benchmarks.ranking import contradictions, verdict
from benchmarks.report import markdown, summary

RESULTS = Path(__file__).resolve().parent / "results"
LATEST = RESULTS / "latest.json"
README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = (
    "<!-- performance: made by python -m benchmarks report -->",
    "<!-- performance: end -->",
)
QUICK_ROUNDS = 2
ORDER = (
    "startup", "read", "view", "walk", "sink", "growth", "sparse", "frames", "pyramid", "codecs",
    "zarr", "convert",
)  # fmt: skip


def job_names() -> list[str]:
    """Return the jobs there are, the usual ones first."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.jobs.__path__)]
    return sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def run(given: argparse.Namespace) -> None:
    """Measure, and write the result file."""
    about = machine()
    print(f"load {about['load']}; {'quick' if given.quick else 'all'}", file=sys.stderr)
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else None)
    result: dict[str, Any] = {"machine": about, "quick": given.quick, "versions": {}, "rows": []}
    versions: dict[str, dict[str, str]] = result["versions"]
    versions["ziggurat"] = versions_of("ours")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    for job in job_names():
        rows = run_all([job], quick=given.quick, only=given.only, say=_say, rounds=rounds)
        for who in {who for row in rows for who in row["results"] if who in PACKAGES}:
            versions[who] = versions_of(who)
        result["rows"] += rows  # written job by job: who stops it keeps what was done
        given.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(markdown(result))


def report(given: argparse.Namespace) -> None:
    """Write report.md and the plots beside a result file, and the README's section."""
    result = json.loads(given.result.read_text())
    given.result.with_name("report.md").write_text(markdown(result))
    README.write_text(with_summary(README.read_text(), result))
    if not given.no_plots:
        from benchmarks.plots import draw

        draw(result, given.result.parent)


def with_summary(readme: str, result: dict[str, Any]) -> str:
    """Return the README with the section between its markers made of a result file."""
    before, _, rest = readme.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"README.md has no section between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{summary(result)}\n{END}{after}"


def compare(given: argparse.Namespace) -> None:
    """Say which contestants two results rank otherwise; a tie contradicts nothing."""
    one, other = (json.loads(path.read_text())["rows"] for path in given.results)
    found = contradictions(one, other)
    ranked = [row for row in other if verdict(row)]
    ties = sum(verdict(row) == "tie" for row in ranked)
    print("\n".join([*found, f"{len(found)} pairs in {len(ranked)} rows; {ties} rows are ties"]))


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="measure")
    runs.add_argument("--quick", action="store_true", help="what fits twenty minutes")
    runs.add_argument("--only", nargs="+", default=[], metavar="TEXT",
                      help="cases whose 'job: name' has one of these in it")  # fmt: skip
    runs.add_argument("--rounds", type=int, help="counted runs of each, at most")
    runs.add_argument("--out", type=Path, default=LATEST)
    runs.set_defaults(do=run)
    reports = commands.add_parser("report", help="tables, plots and the README's section")
    reports.add_argument("result", type=Path, nargs="?", default=LATEST)
    reports.add_argument("--no-plots", action="store_true")
    reports.set_defaults(do=report)
    compares = commands.add_parser("compare", help="do two runs rank every row the same?")
    compares.add_argument("results", type=Path, nargs=2)
    compares.set_defaults(do=compare)
    given = parser.parse_args()
    given.do(given)


if __name__ == "__main__":
    main()
