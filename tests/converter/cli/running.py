"""Command lines in this process: what a run gave, what stands for processes and servers."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tifffile
from PIL import Image

import ziggurat
from ziggurat.converter.batch.run import BatchReport, Outcome, Status
from ziggurat.converter.cli import commands, shared
from ziggurat.converter.cli.app import COMMANDS, command_parser
from ziggurat.converter.viewer import command as viewing


@dataclass(frozen=True)
class Run:
    """What one run gave. ``path`` is what the words call OUT, with whatever ending it got."""

    code: object
    out: str
    err: str
    folder: Path

    @property
    def path(self) -> Path:
        (found,) = self.folder.glob("out.*")
        return found

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def made(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def picture(self) -> np.ndarray:
        with Image.open(self.path) as image:
            return np.asarray(image.convert("RGB"))

    @property
    def levels(self) -> list[np.ndarray]:
        with tifffile.TiffFile(self.path) as tif:
            return [level.asarray() for level in tif.series[0].levels]

    def page(self, number: int = 0) -> tifffile.TiffPage:
        with tifffile.TiffFile(self.path) as tif:
            page = tif.pages[number].aspage()
            page.tags.values()
            return page

    def source(self) -> Any:
        """Return facts of the output, opened anew."""
        with ziggurat.open(self.path) as image:
            return SimpleNamespace(
                pixels=image.getRegion(format="numpy")[0],
                size=(image.sizeX, image.sizeY),
                frames=image.frames,
                associated=image.getAssociatedImagesList(),
            )


# ---- what would start processes, servers and clusters only says what it was asked for


def _run_batch(
    jobs: Sequence[Any], options: Any, *, workers: int, resume: bool, on_event: Any, **_: Any
) -> BatchReport:
    print(f"workers {workers}, resume {resume}")
    done = tuple(Outcome(job, Status.DONE) for job in jobs)
    for outcome in done:
        on_event(outcome.job, outcome)
    return BatchReport(done, 0.0)


def _convert(source: str, output: object, options: Any, **_: Any) -> Any:
    plan = SimpleNamespace(copied_tiles=0, encoded_tiles=0, notes=())
    print(f"threads {options.threads}, max_memory {options.max_memory}, {options.verify}")
    return SimpleNamespace(
        output=output, bytes_written=1, seconds=1.0, plan=plan, removed=(), losses=(),
        verification=None,
    )  # fmt: skip


def _no_package(name: str) -> object:
    raise ImportError(name)


def _serve(sources: object, how: object, tell: object, *, on_map: bool) -> None:
    print(how, f"on_map={on_map}")


def _export(sources: object, folder: Path) -> int:
    folder.mkdir()
    return 7


def _load_plan(path: str) -> object:
    report = SimpleNamespace(path="o.tiff", levels=3, bytes=9, lost=("its colours",))
    return SimpleNamespace(
        tasks=(lambda: None,) * 7,
        count=7,
        finish=lambda: report,
        cancel=lambda: print("cancelled"),
    )


def _run_demo(slide: object, outdir: object) -> None:
    print(f"{slide} to {outdir}")


Stub = tuple[object, str, object]
BATCH: Stub = (commands, "run_batch", _run_batch)
CONVERT: Stub = (commands, "convert", _convert)
CLUSTER: Stub = (shared, "import_module", _no_package)
SERVE: Stub = (viewing, "serve", _serve)
EXPORT: Stub = (viewing, "export", _export)
PLAN: Stub = ("ziggurat.converter.convert", "load_plan", _load_plan)
DEMO: Stub = ("ziggurat.converter.demo.run", "run_demo", _run_demo)


def options_of(name: str) -> Iterator[tuple[str, argparse.Action]]:
    """Yield the options that the parser of a command takes, each by its long name."""
    for action in command_parser(name)._actions:
        long = [flag for flag in action.option_strings if flag.startswith("--")]
        if long and long[0] != "--help":
            yield f"{name} {long[0]}", action


EVERY = [pair for name in COMMANDS for pair in options_of(name)]
