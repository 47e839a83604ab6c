"""A write as tasks: a plan that many carry out, and its end, which makes the output seen."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ziggurat.readers.errors import OptionError, WriteError, ZigguratError
from ziggurat.writers.files.keys import ObjectsWriter
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.model.report import WriteReport
from ziggurat.writers.tasks import desk as desks
from ziggurat.writers.tasks.division import Division
from ziggurat.writers.tasks.ending import end
from ziggurat.writers.tasks.recipe import Recipe

PART_BYTES = 64 << 20  # of pixels: some 64 chunks, a second's work; few tasks are sent fastest
VERSION = 1


@dataclass(frozen=True)
class WritePlan:
    """A write cut into tasks that any number of workers carry out, in any order, more than once.

    Made by :meth:`ziggurat.Sink.plan` and :func:`ziggurat.plan_tasks`. It pickles, and goes into a
    file.

    Attributes
    ----------
    target
        The output; nothing is there until :meth:`finish`.
    count
        How many tasks there are.
    """

    recipe: Recipe
    target: str
    name: str
    count: int
    state: str
    part_bytes: int

    @property
    def tasks(self) -> "tuple[WriteTask, ...]":
        """The tasks, functions without arguments: each pickles, and may run twice."""
        return tuple(WriteTask(self, number) for number in range(self.count))

    def finish(
        self,
        *,
        on_progress: ProgressCallback | None = None,
        cancel: Cancellation | None = None,
        check: Callable[[Path], object] | None = None,
    ) -> WriteReport:
        """Make what is left, and publish the output; all tasks must have been carried out.

        Parameters
        ----------
        on_progress, cancel
            Told how far it is; stops it.
        check
            Looks at the finished output before anybody else can, in place of the plan's own.

        Raises
        ------
        WriteError
            Tasks are missing, or the plan was finished or cancelled already.
        """
        desk = desks.open_desk(self.target, self.name)
        desks.refuse_closed(desk, self.target)
        missing = self._missing(desk)
        if missing:
            raise WriteError(
                f"{len(missing)} of {self.count} tasks of the write of {self.target} have not been "
                f"done, the first of them number {missing[0]}: carry them out, then finish"
            )
        try:
            report = end(self._division(), desk, self.target, on_progress, cancel, check)
        except OSError as error:
            if isinstance(error, ZigguratError):
                raise
            message = f"could not be finished: {error.strerror or error}"
            raise WriteError(error.errno, message, self.target) from error
        desk.remove(output=False)
        _forget(self.name)
        return report

    def cancel(self) -> None:
        """Remove all that was done; call it when no task is running any more."""
        desks.open_desk(self.target, self.name).remove(output=True)
        _forget(self.name)

    def missing(self) -> list[int]:
        """Return the numbers of the tasks that have not been done."""
        return self._missing(desks.open_desk(self.target, self.name))

    def _missing(self, desk: desks.Desk) -> list[int]:
        there = set(desks.parts_there(desk))
        return [number for number in range(self.count) if desks.part_name(number) not in there]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plan to a file, for ``ziggurat emit``."""
        Path(path).write_text(json.dumps(self.to_json(), indent=1), encoding="utf-8")

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON holds it."""
        return {
            "ziggurat_plan": VERSION,
            "kind": self.recipe.kind,
            "recipe": self.recipe.to_json(),
            "target": self.target,
            "name": self.name,
            "count": self.count,
            "state": self.state,
            "part_bytes": self.part_bytes,
        }

    def _division(self) -> Division:
        """Return the image, cut: as this process has it open, or opened anew.

        Raises
        ------
        WriteError
            It has changed since the plan was made.
        """
        division = _kept(self)
        opened = division.opened
        state = opened.state if opened.now is None else opened.now()
        if state != self.state or len(division.parts) != self.count:
            _forget(self.name)
            raise WriteError(
                f"what is written to {self.target} has changed since the plan was made: it was "
                f"{self.state}, and is {state} now; cancel, and plan again"
            )
        return division


@dataclass(frozen=True)
class WriteTask:
    """One task of a plan; called, it returns how many bytes it has put."""

    plan: WritePlan
    number: int

    def __call__(self) -> int:
        """Carry it out; what was done already is not done again.

        Raises
        ------
        WriteError
            The plan was finished or cancelled, what is written has changed, or there is no room.
        SourceError
            The image can't be read.
        """
        plan = self.plan
        desk = desks.open_desk(plan.target, plan.name)
        desks.refuse_closed(desk, plan.target)
        if desks.is_done(desk, self.number):
            return 0
        division = plan._division()
        chunks, parcel = division.make(division.parts[self.number])
        try:
            if division.tree is not None:
                target = ObjectsWriter(desk.tree())
                division.tree.put(target, chunks)
                parcel.written = target.written
            data = parcel.packed()
            desks.put_part(desk, self.number, data)
        except OSError as error:
            if isinstance(error, ZigguratError):
                raise
            desks.refuse_closed(desk, plan.target)
            message = f"task {self.number} could not be written: {error.strerror or error}"
            raise WriteError(error.errno, message, plan.target) from error
        return parcel.written + len(data)


def make_plan(
    recipe: Recipe, target: str, *, part_bytes: int | None = None, clear: bool = False
) -> WritePlan:
    """Cut a write into tasks, and make room for what they leave.

    ``clear``: a hierarchy that is the target on object storage is removed, once it is known that
    the write can be done.

    Raises
    ------
    OptionError
        An output that can't be written so.
    TargetExistsError
        It is there, and may not be replaced.
    """
    size = PART_BYTES if part_bytes is None else part_bytes
    if size < 1:
        raise OptionError(f"tasks must have one byte of pixels or more, not {size}")
    opened = recipe.open()
    try:
        division = Division(opened, size)
        if clear:
            desks.remove_hierarchy(target)
        desk = desks.begin(
            target,
            json.dumps(recipe.to_json()).encode(),
            overwrite=opened.options.overwrite,
            folder=division.tree is not None,
        )
    except BaseException:
        opened.reader.close()
        raise
    plan = WritePlan(recipe, target, desk.name, len(division.parts), opened.state, size)
    _keep(plan, division)
    return plan


def plan_from_json(facts: Mapping[str, Any], kinds: Mapping[str, type[Recipe]]) -> WritePlan:
    """Return a plan as it was saved; ``kinds`` are the recipes there are, by name.

    Raises
    ------
    OptionError
        It is no plan, or one of another version.
    """
    try:
        if facts["ziggurat_plan"] != VERSION:
            raise OptionError(f"a plan of version {facts['ziggurat_plan']}: make it anew")
        recipe = kinds[facts["kind"]].from_json(facts["recipe"])
        rest = {name: facts[name] for name in ("target", "name", "count", "state", "part_bytes")}
        return WritePlan(recipe, **rest)
    except (KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"that is no plan of a write: {error!r}") from error


# What this process has open: a worker carries out many parts of one write. No lock: at worst two
# threads open it both.
_open: dict[tuple[int, str], Division] = {}


def _kept(plan: WritePlan) -> Division:
    found = _open.get((os.getpid(), plan.name))
    if found is None:
        found = Division(plan.recipe.open(), plan.part_bytes)
        _keep(plan, found)
    return found


def _keep(plan: WritePlan, division: Division) -> None:
    _open.clear()  # of a parent process, or of a plan before this one
    _open[os.getpid(), plan.name] = division


def _forget(name: str) -> None:
    found = _open.pop((os.getpid(), name), None)
    if found is not None:
        found.opened.reader.close()
