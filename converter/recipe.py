"""A conversion from what it is asked to do: its plan, the check of its output, and its tasks."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Self

from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.plan.facts import gather_facts
from ziggurat.converter.plan.options import ConvertOptions, Verify
from ziggurat.converter.plan.plan import ConversionPlan, make_plan
from ziggurat.converter.plan.report import VerificationReport
from ziggurat.converter.prepare.pictures import with_planned_pictures
from ziggurat.converter.prepare.prepare import Prepared, prepare
from ziggurat.readers.errors import ConversionError, VerificationError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.writers.formats.registry import is_map, output_parts
from ziggurat.writers.tasks.recipe import Opened

PathLike = str | os.PathLike[str]


def source_text(src: PathLike) -> str:
    """Return a source as text: a Path would take a slash from a URL."""
    text = os.fspath(src)
    return text if "://" in text else str(Path(os.path.expanduser(text)))


def plan_for(
    prepared: Prepared, source: str, output: Path, options: ConvertOptions
) -> ConversionPlan:
    """Return the plan for an image that is opened and prepared."""
    reader = prepared.reader
    target = options.output_for(output, placed=is_map(reader.info))
    facts = gather_facts(reader, source, smaller=prepared.smaller, remade=prepared.remade)
    return make_plan(dataclasses.replace(facts, notes=prepared.notes), target, options)


def check_output_of(
    prepared: Prepared, plan: ConversionPlan, staged: Path, options: ConvertOptions
) -> VerificationReport | None:
    """Look at a finished output before anybody else can.

    Raises
    ------
    VerificationError
        Something in it is wrong, or something is in it that should have gone.
    """
    parts = output_parts(staged)
    leaks = [leak for part in parts for leak in find_leaks(part, prepared.secrets)]
    if leaks:
        raise VerificationError(f"not de-identified: {len(leaks)} texts are left: {leaks[0]!r} …")
    if options.verify is Verify.NONE:
        return None
    from ziggurat.converter.verify.verify import verify_against  # only a check needs all of it

    report = verify_against(
        staged,
        prepared.reader,
        plan.source,
        full=options.verify is Verify.FULL,
        plan=plan,
    )
    if not report.ok:
        raise VerificationError(f"the output was wrong and thrown away: {report.problems[0]}")
    return report


def refuse_losses(losses: tuple[str, ...], options: ConvertOptions) -> None:
    """Raise ConversionError where something would be lost, and nothing may be."""
    if options.strict and losses:
        raise ConversionError(f"strict, and this would be lost: {'; '.join(losses)}")


@dataclass(frozen=True)
class ConversionRecipe:
    """A conversion that is done by tasks: the source is opened anew by whoever does a part."""

    source: str
    output: str
    options: ConvertOptions

    kind: ClassVar[str] = "conversion"

    def open(self) -> Opened:
        """Open the source, and plan the conversion.

        Raises
        ------
        ConversionError
            ``strict``, and something would be lost.
        """
        from ziggurat.converter.emit import level_plans, options_for_writing  # loads encoders

        options = self.options
        reader = open_reader(self.source)
        try:
            prepared = prepare(reader, self.source, options)
            plan = plan_for(prepared, self.source, Path(self.output), options)
            refuse_losses(plan.losses, options)
            writing = options_for_writing(plan, options, prepared.reader)
            levels = level_plans(plan, prepared.reader.info, writing)
            image = with_planned_pictures(prepared.reader, plan.pictures)
        except BaseException:
            reader.close()
            raise
        info = prepared.reader.info
        checked = options.deidentify or options.verify is not Verify.NONE

        def state() -> str:
            return f"{self.source} of {info.width} x {info.height} pixels{_stamp(self.source)}"

        def check(staged: Path) -> object:
            return check_output_of(prepared, plan, staged, options)

        seen = check if checked else None
        return Opened(image, levels, writing, plan.target, state(), plan.losses, seen, state)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        given: dict[str, Any] = {}
        for field in dataclasses.fields(self.options):
            value = getattr(self.options, field.name)
            value = value.value if isinstance(value, Enum) else value
            given[field.name] = str(value) if isinstance(value, Path) else value
        return {"source": self.source, "output": self.output, "options": given}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Return it as it was."""
        given = dict(facts["options"])
        if given.get("bands") is not None:
            given["bands"] = tuple(given["bands"])
        return cls(facts["source"], facts["output"], ConvertOptions(**given))


def _stamp(source: str) -> str:
    """Return in words how large a local file is and when it was changed, nothing of others."""
    try:
        found = os.stat(source)
    except OSError:
        return ""
    return f", {found.st_size} bytes of {found.st_mtime_ns}"
