"""SVG plots of a result file: bars against the fastest other program, and the series."""

from pathlib import Path
from typing import Any

from benchmarks.report import TITLES, ratio_to_best


def draw(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write ``ratios.svg`` and ``series.svg``; return what was written."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ziggurat"  # the same file from the same numbers
    folder.mkdir(parents=True, exist_ok=True)
    return [_ratios(result, folder / "ratios.svg"), _series(result, folder / "series.svg")]


def _ratios(result: dict[str, Any], path: Path) -> Path:
    from matplotlib import pyplot

    rows = [(row, ratio) for row in result["rows"] if (ratio := ratio_to_best(row))]
    figure, axes = pyplot.subplots(figsize=(8, 0.28 * len(rows) + 1), layout="constrained")
    labels = [f"{TITLES.get(r['job'], r['job'])}: {r['name']} {r['lap']}".strip() for r, _ in rows]
    values = [ratio for _, ratio in rows]
    colors = ["tab:blue" if value >= 1 else "tab:red" for value in values]
    axes.barh(range(len(rows)), values, color=colors)
    axes.set_yticks(range(len(rows)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("time of the fastest other program / ours (right of 1: ours is faster)")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _series(result: dict[str, Any], path: Path) -> Path:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in result["rows"]:
        if row["series"] and "ours" in row["results"]:
            name = f"{row['series']}{', ' if row['lap'] else ''}{row['lap']}"
            lines.setdefault(name, []).append((row["size"], row["results"]["ours"]["cpu"]))
    for name, points in lines.items():
        if len(points) > 1:
            axes.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("size")
    axes.set_ylabel("processor seconds, ours")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path
