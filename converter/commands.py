"""What the commands do once their options are understood: run, then show."""

import sys
from dataclasses import dataclass
from json import dumps
from pathlib import Path

from rich.console import Console

from ziggurat.converter import display
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.describe import describe
from ziggurat.converter.options import ConvertOptions
from ziggurat.converter.report import plain
from ziggurat.readers.registry import open_reader


@dataclass(frozen=True, slots=True)
class Show:
    """How much to print, and for whom."""

    quiet: bool
    json: bool

    @property
    def bar(self) -> bool:
        """Whether there is somebody to look at a progress bar."""
        return not (self.quiet or self.json) and sys.stderr.isatty()


def convert_one(
    source: Path, output: Path, options: ConvertOptions, show: Show, *, dry_run: bool
) -> None:
    """Convert one image, or print the plan for it."""
    console = Console()
    if dry_run:
        plan = plan_conversion(source, output, options)
        if show.json:
            print(dumps(plain(plan), indent=2))
        elif not show.quiet:
            display.show_plan(console, plan)
        return
    with display.progress_bar(source.name, quiet=not show.bar) as on_progress:
        report = convert(source, output, options, on_progress=on_progress)
    if show.json:
        print(report.to_json())
    elif not show.quiet:
        display.show_report(console, report)


def show_image(path: Path, *, json: bool) -> None:
    """Print what is in an image."""
    with open_reader(path) as reader:
        if json:
            print(dumps(describe(reader, str(path)), indent=2))
        else:
            display.show_info(Console(), str(path), reader)
