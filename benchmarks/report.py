"""From a result file to Markdown tables, the exponents of series, and the README's section."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.ranking import OURS, Row, verdict

TITLES = {
    "sink": "Tiles from several processes into one image",
    "growth": "Large and growing sinks",
    "pyramid": "Pyramidal TIFF",
    "codecs": "Codecs of a pyramidal TIFF",
    "zarr": "OME-Zarr",
    "convert": "Slides to TIFF",
    "read": "Regions",
    "sparse": "Sparse images",
    "frames": "Images of many frames",
    "view": "Tiles for a viewer",
    "walk": "A viewer's walk over HTTP",
    "startup": "Starting",
    "distributed": "Many machines",
}


def markdown(result: dict[str, Any]) -> str:
    """Return the whole report."""
    rows: list[Row] = result["rows"]
    parts = ["# Benchmarks\n", facts(result["machine"]), HOW]
    for job in dict.fromkeys(row["job"] for row in rows):
        of_job = [row for row in rows if row["job"] == job]
        parts += [f"## {TITLES.get(job, job)}\n", *tables(of_job), *exponents(of_job)]
    parts += ["## Versions\n", versions(result["versions"])]
    return "\n".join(parts)


def facts(machine: dict[str, Any]) -> str:
    """Return a sentence about the machine."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GiB, "
        f"{machine['system']}, Python {machine['python']}; {machine['time'][:10]}, commit "
        f"{machine['commit']}, load before the run {machine['load']}.\n"
    )


HOW = """Medians of runs in turn (A B C A B C …) after one that doesn't count, or after a row of
tiles that each has written; each run is a process of its own, and its output is checked before its
time counts. *CPU* is in seconds of processor time, *peak* the memory of the whole process tree in
MiB. *× best*: the time of the fastest other program over ours; above 1 ours is faster. *of the
limit*: the time of the limit over ours.
"""


def tables(rows: Sequence[Row]) -> list[str]:
    """Return one table for each case that has laps, and one for all that have none."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["series"] or (row["name"] if row["lap"] else ""), []).append(row)
    return [text for title, group in groups.items() for text in _table(title, group)]


def _table(title: str, rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in (*row["results"], *row["errors"]))
    peers = [name for name in names if name not in (*OURS, "limit")]
    own = [name for name in OURS if name in names]
    limit = next((row["limit"] for row in rows if row["limit"]), "")
    head = [title or "case"]
    for name in own:
        head += [f"{name}, s", "CPU"]
    head += [*(["× best"] if peers else []), *(f"{name}, s" for name in peers)]
    head += [*(["of the limit"] if limit else []), "a second", "peak, ours"]
    head += ["peak, best"] if peers else []
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [_line(row, own, peers, bool(limit), titled=bool(title)) for row in rows]
    notes = [f"Limit: {limit}.\n"] if limit else []
    wrong = dict.fromkeys(f"{who}: {why}" for row in rows for who, why in row["errors"].items())
    notes += [f"Without a time, as its output is not right or it failed: {one}.\n" for one in wrong]
    return [*lines, "", *notes]


def _line(row: Row, own: Sequence[str], peers: Sequence[str], limit: bool, *, titled: bool) -> str:
    results = row["results"]
    ours = results.get("ours")
    label = row["lap"] if titled and not row["series"] else _label(row)
    cells = [label]
    for name in own:
        cells += _timed(results.get(name))
    if peers:
        ratio = ratio_to_best(row)
        cells.append(f"{ratio:.2f}{_tie(row)}" if ratio else "–")
    cells += [number(results[name]["median"]) if name in results else "–" for name in peers]
    if limit:
        share = of_limit(row)
        cells.append(f"{share:.0%}" if share else "–")
    rate = row["work"] / ours["median"] if ours else None
    cells.append(f"{number(rate)} {row['unit']}" if rate else "–")
    cells.append(_mib(ours))
    if peers:
        cells.append(_mib(results.get(best_of(row) or "")))
    return "| " + " | ".join(cells) + " |"


def _tie(row: Row) -> str:
    return ", a tie" if verdict(row) == "tie" else ""


def _label(row: Row) -> str:
    return f"{row['name']}{', ' if row['lap'] else ''}{row['lap']}"


def _timed(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["–", "–"]
    spread = f" ± {found['spread'] / 2:.0%}" if len(found["seconds"]) > 1 else ""
    return [f"{number(found['median'])}{spread}", number(found["cpu"])]


def _mib(found: dict[str, Any] | None) -> str:
    return f"{found['peak'] / 2**20:.0f}" if found else "–"


def number(value: float) -> str:
    """Return a number of three digits that count."""
    if value == 0 or not math.isfinite(value):
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def best_of(row: Row) -> str | None:
    """Return the fastest other program of a row."""
    others = {
        name: found["median"]
        for name, found in row["results"].items()
        if name not in (*OURS, "limit")
    }
    return min(others, key=others.__getitem__, default=None)


def ratio_to_best(row: Row) -> float | None:
    """Return the time of the fastest other program over ours."""
    best, ours = best_of(row), row["results"].get("ours")
    if best is None or not ours:
        return None
    return float(row["results"][best]["median"] / ours["median"])


def of_limit(row: Row) -> float | None:
    """Return the time of the limit over ours."""
    limit, ours = row["results"].get("limit"), row["results"].get("ours")
    return float(limit["median"] / ours["median"]) if limit and ours else None


def fitted(points: Iterable[tuple[float, float]]) -> float | None:
    """Return the exponent b of y = a·x^b by least squares of logarithms; None of one point."""
    logs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    if len({x for x, _ in logs}) < 2:
        return None
    mean_x, mean_y = (sum(column) / len(logs) for column in zip(*logs, strict=True))
    below = sum((x - mean_x) ** 2 for x, _ in logs)
    slope: float = sum((x - mean_x) * (y - mean_y) for x, y in logs) / below
    return slope


def exponents(rows: Sequence[Row]) -> list[str]:
    """Return a line for each series: how time, processor and memory of ours grow with its size."""
    lines = []
    for series, lap in dict.fromkeys((row["series"], row["lap"]) for row in rows if row["series"]):
        points = [
            (row["size"], row["results"]["ours"])
            for row in rows
            if (row["series"], row["lap"]) == (series, lap) and "ours" in row["results"]
        ]
        found = [fitted((size, one[what]) for size, one in points) for what in ("cpu", "peak")]
        if found[0] is not None and found[1] is not None:
            lines.append(
                f"- {series}{', ' if lap else ''}{lap}: processor time ~ size^{found[0]:.2f}, "
                f"peak memory ~ size^{found[1]:.2f}"
            )
    return [*lines, ""] if lines else []


def versions(found: dict[str, dict[str, str]]) -> str:
    """Return what was installed, an environment a line."""
    lines = [
        f"- {name}: {', '.join(f'{key} {value}' for key, value in packages.items())}"
        for name, packages in found.items()
    ]
    return "\n".join(lines) + "\n"


def summary(result: dict[str, Any]) -> str:
    """Return the README's performance section: one line a row that has peers, wins and losses."""
    rows = [row for row in result["rows"] if ratio_to_best(row)]
    lines = [
        facts(result["machine"]),
        "| what | ours, s | the fastest other program, s | × best | of the limit |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        best, share, ratio = best_of(row), of_limit(row), ratio_to_best(row)
        times = [row["results"][name]["median"] for name in ("ours", best)]
        lines.append(
            f"| {TITLES.get(row['job'], row['job'])}: {_label(row)} | {number(times[0])} | "
            f"{best} {number(times[1])} | {ratio:.2f}{_tie(row)} | "
            f"{f'{share:.0%}' if share else '–'} |"
        )
    said = {"slower": "Ours is slower in", "tie": "It can't be said who is faster in"}
    text = " ".join(
        f"{words} {len(found)} of {len(rows)} rows: {'; '.join(found)}."
        for what, words in said.items()
        if (found := [_label(row) for row in rows if verdict(row) == what])
    )
    grown = [
        line for job in dict.fromkeys(row["job"] for row in result["rows"])
        for line in exponents([row for row in result["rows"] if row["job"] == job]) if line
    ]  # fmt: skip
    return "\n".join([*lines, "", *([text, ""] if text else []), *grown]) + "\n"
