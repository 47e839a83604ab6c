"""Tables of a plan and a check, as people see them.

Names come from files: everything is printed as it is, never as markup.
"""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ziggurat.converter.cli.lines import loss_lines, tolerance_text
from ziggurat.converter.cli.tables import add_row
from ziggurat.converter.cli.texts import size_text, time_text
from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import VerificationReport


def _say(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(line), soft_wrap=True)


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
        add_row(table, picture.name, size, "", action, size_text(picture.expected_bytes))
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
        add_row(
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
