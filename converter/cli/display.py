"""Tables of an image, a plan and a check, as people see them.

Names come from files: everything is printed as it is, never as markup.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ziggurat.converter.cli.describe import describe
from ziggurat.converter.cli.lines import loss_lines, size_text, time_text, tolerance_text
from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import VerificationReport
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader


def _row(table: Table, *cells: object) -> None:
    table.add_row(*(Text(str(cell)) for cell in cells))


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def show_info(path: str, reader: Reader) -> None:
    """Print an image's facts as tables."""
    console = Console()
    info = reader.info
    facts = describe(reader, path)
    console.print(_facts_table(path, info))
    console.print(_levels_table(facts["levels"]))
    if info.axes:
        console.print(_axes_table(info))
    if info.channels:
        table = Table("channel", "name", "colour", title="Channels", title_justify="left")
        for index, channel in enumerate(info.channels):
            _row(table, index, channel.name, channel.color or "")
        console.print(table)
    if info.associated:
        table = Table("name", "size", "codec", title="Associated images", title_justify="left")
        for image in facts["associated"]:
            size = image.get("error") or f"{image['width']} × {image['height']}"
            _row(table, image["name"], size, image["codec"] or "")
        console.print(table)


def _facts_table(path: str, info: ImageInfo) -> Table:
    table = Table(title=Text(path), show_header=False, title_justify="left")
    kind = f"{info.bands} × {info.dtype.name}, {info.interpretation.value}"
    facts = {
        "format": info.format,
        "read by": info.backend,
        **{f"declined by {name}": reason for name, reason in info.declined.items()},
        **{f"lost {number}": loss for number, loss in enumerate(info.losses, 1)},
        "size": f"{info.width} × {info.height} pixels",
        "samples": kind + (" with alpha" if info.alpha else ""),
        "pixel size": pixel_size_text(info),
        "magnification": "" if info.magnification is None else f"{info.magnification:g}×",
        "ICC profile": size_text(len(info.icc_profile)) if info.icc_profile else "",
        "place on earth": "yes" if info.geo else "",
        **info.properties,
    }
    for name, value in facts.items():
        if value:
            table.add_row(Text(name), Text(str(value)))
    return table


def pixel_size_text(info: ImageInfo) -> str:
    """Return the pixel size in micrometres, or an empty text."""
    if info.mm_x is None or info.mm_y is None:
        return ""
    return f"{info.mm_x * 1000:.6g} × {info.mm_y * 1000:.6g} µm"


def _levels_table(levels: list[dict[str, Any]]) -> Table:
    columns = ("level", "size", "tiles", "codec", "downsample")
    table = Table(*columns, title="Levels", title_justify="left")
    for index, level in enumerate(levels):
        table.add_row(
            str(index),
            f"{level['width']} × {level['height']}",
            f"{level['tile_width']} × {level['tile_height']}",
            level["codec"] or "",
            f"{level['downsample']:.4g}",
        )
    return table


def _axes_table(info: ImageInfo) -> Table:
    title = f"{info.frames} frames"
    table = Table("axis", "positions", "values", "unit", title=title, title_justify="left")
    for axis in info.axes:
        values = ", ".join(str(value) for value in axis.values or ())
        _row(table, axis.name, axis.size, values, axis.unit or "")
    return table


def show_plan(plan: ConversionPlan) -> None:
    """Print what will be done, level by level, with the reasons and with what it will cost."""
    console = Console()
    table = Table(
        "level", "size", "tiles", "action", "about",
        title=Text(f"{plan.source} → {plan.target.name}"), title_justify="left",
    )  # fmt: skip
    reasons: dict[str, list[int]] = {}
    for index, step in enumerate(plan.steps):
        reasons.setdefault(step.reason, []).append(index)
        table.add_row(
            str(index),
            f"{step.width} × {step.height}",
            f"{step.tiles} of {step.tile_width} × {step.tile_height}",
            f"{step.action} {step.codec}",
            size_text(step.expected_bytes),
        )
    for picture in plan.pictures:
        size = f"{picture.width} × {picture.height}"
        action = f"{picture.action} {picture.codec}"
        _row(table, picture.name, size, "", action, size_text(picture.expected_bytes))
    console.print(table)
    _say(console, (f"level {_spans(levels)}: {why}" for why, levels in reasons.items()))
    costs = (size_text(plan.expected_bytes), time_text(plan.expected_seconds))
    memory = size_text(plan.expected_memory)
    _say(console, [f"about {costs[0]}, {costs[1]}, {memory} of memory"])
    _say(console, (f"note: {note}" for note in plan.notes))
    _say(console, loss_lines(plan.losses))


def _spans(numbers: list[int]) -> str:
    """Return ascending numbers in words: 0-2, 5."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def show_verification(report: VerificationReport) -> None:
    """Print what a check found, and why what differs may."""
    console = Console()
    table = Table("level", "compared", "tiles", "different", "max", "99.9 %", "mean error")
    for check in report.levels:
        _row(
            table, check.level, check.compared, f"{check.checked} of {check.total}",
            check.different, f"{check.max_error:g}", f"{check.tail_error:.4g}",
            f"{check.mean_error:.4g}",
        )  # fmt: skip
    if report.levels:
        console.print(table)
    _say(console, filter(None, map(tolerance_text, report.levels)))
    _say(console, (f"wrong: {problem}" for problem in report.problems))
    between = report.path if report.source is None else f"{report.path} against {report.source}"
    _say(console, [f"{between}: {'verified' if report.ok else 'NOT what it should be'}"])
