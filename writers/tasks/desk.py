"""Where the parts of a write wait until the output is whole: beside it, and gone with its end.

On a file system that is a hidden folder beside the target, with the folder that will be the
target in it. On object storage, which has no folders to rename, chunks go where they will stay,
and their group's own document, which makes them an image, comes last.
"""

import os
import shutil
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from ziggurat.readers.errors import TargetExistsError, WriteError
from ziggurat.readers.io.objects import (
    CloudObjects,
    FolderObjects,
    Objects,
    exists,
    is_cloud,
    side_by_side,
)
from ziggurat.writers.files.atomic import (
    ZARR_MARKS,
    check_target,
    publish_directory,
    short_tail,
)

PREFIX = ".ziggurat-plan-"
_MARK = "plan.json"
_PARTS = "parts/"


class Desk(Protocol):
    """Where the parts of one write lie."""

    name: str  # what tells it from those of other writes
    parts: Objects

    def tree(self) -> Objects:
        """Return where the objects of an output that is a folder are put."""

    def remove(self, *, output: bool) -> None:
        """Remove all parts, first the mark; ``output``: and what is there of the output."""


def open_desk(target: str, name: str) -> Desk:
    """Return the desk of a write that was begun."""
    return CloudDesk(target, name) if is_cloud(target) else FolderDesk(target, name)


def begin(target: str, mark: bytes, *, overwrite: bool, folder: bool) -> Desk:
    """Make a desk for a write to a target; ``folder``: it will be one.

    Raises
    ------
    TargetExistsError
        The target is there, or on object storage another write to it is under way.
    WriteError
        There is no folder for it.
    """
    name = uuid4().hex[:12]
    if is_cloud(target):
        return CloudDesk.begin(target, name, mark, replace=overwrite and not folder)
    return FolderDesk.begin(target, name, mark, overwrite=overwrite, folder=folder)


def is_there(target: str) -> bool:
    """Return True where a finished output is on object storage: an object, or a hierarchy."""
    parent, _, last = target.rstrip("/").rpartition("/")
    roots = (last, *(f"{last}/{name}" for name in ("zarr.json", ".zattrs", ".zgroup")))
    objects = CloudObjects(parent)
    return any(exists(objects, name) for name in roots)


def remove_hierarchy(target: str) -> None:
    """Delete a hierarchy that is a target on object storage, first what makes it an image.

    Raises
    ------
    TargetExistsError
        What lies there is no zarr hierarchy; as of a folder, nothing of it is removed.
    """
    tree = CloudObjects(target.rstrip("/"))
    names = tree.names("")
    if names and ZARR_MARKS.isdisjoint(names):
        raise TargetExistsError(
            f"under {target} lies what is no zarr hierarchy; it is not replaced: delete it first, "
            "or choose another name"
        )
    for name in sorted(names, key=lambda one: (not one.endswith(("zarr.json", ".zattrs")), one)):
        tree.delete(name)


def is_open(desk: Desk) -> bool:
    """Return True until the write is finished or cancelled."""
    try:
        return desk.name.encode() in desk.parts.read(_MARK)
    except FileNotFoundError:
        return False


def refuse_closed(desk: Desk, target: str) -> None:
    """Raise WriteError where the write was finished or cancelled."""
    if not is_open(desk):
        raise WriteError(
            f"the write of {target} was finished or cancelled: nothing of it is done any more"
        )


def part_name(number: int) -> str:
    """Return the name of the object of a part."""
    return f"{_PARTS}{number:07d}"


def is_done(desk: Desk, number: int) -> bool:
    """Return True where a part has left what it leaves: that is its last step."""
    return exists(desk.parts, part_name(number))


def parts_there(desk: Desk) -> list[str]:
    """Return the names of the parts that are done."""
    return desk.parts.names(_PARTS)


def put_part(desk: Desk, number: int, data: bytes) -> None:
    """Keep what a part left; a task that comes too late leaves nothing behind."""
    desk.parts.replace(part_name(number), data)
    if not is_open(desk):
        desk.parts.delete(part_name(number))


def _marked(name: str, mark: bytes) -> bytes:
    return name.encode() + b"\n" + mark


class FolderDesk:
    """A hidden folder beside the target."""

    def __init__(self, target: str, name: str) -> None:
        self.name = name
        self.target = Path(target)
        self.folder = self.target.parent / f"{PREFIX}{name}-{short_tail(self.target.name)}"
        self.parts: Objects = FolderObjects(self.folder, self.folder / "making")

    @classmethod
    def begin(
        cls, target: str, name: str, mark: bytes, *, overwrite: bool, folder: bool
    ) -> "FolderDesk":
        """Make the folder."""
        check_target(Path(target), overwrite=overwrite, folder=folder)
        desk = cls(target, name)
        try:
            (desk.folder / "making").mkdir(parents=True)
            (desk.folder / "parts").mkdir()
            if folder:
                desk.staged.mkdir(parents=True)
            desk.parts.replace(_MARK, _marked(name, mark))
        except OSError as error:
            desk.remove(output=True)
            message = f"could not be begun: {error.strerror or error}"
            raise WriteError(error.errno, message, target) from error
        return desk

    @property
    def staged(self) -> Path:
        """The folder that will be the target."""
        return self.folder / "out" / self.target.name

    def tree(self) -> Objects:
        """Return where the objects of an output that is a folder are put."""
        return FolderObjects(self.staged, self.folder / "making")

    def publish(self, *, overwrite: bool) -> None:
        """Give the finished folder its name, in one step."""
        publish_directory(self.staged, self.target, self.folder, overwrite=overwrite)

    def remove(self, *, output: bool) -> None:
        """Remove the folder."""
        del output  # nothing of it can be seen
        gone = self.folder.with_name(f"{self.folder.name}.gone")
        try:
            os.rename(self.folder, gone)  # so that late tasks find nothing
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)


class CloudDesk:
    """A prefix beside the target's; one write to a target at a time."""

    def __init__(self, target: str, name: str) -> None:
        self.name = name
        self.target = target.rstrip("/")
        self.parts: Objects = CloudObjects(f"{self.target}{PREFIX}parts")

    @classmethod
    def begin(cls, target: str, name: str, mark: bytes, *, replace: bool) -> "CloudDesk":
        """Put the mark, once, where nothing lies under the target yet.

        ``replace``: it may be one object, which the finished one will take the place of.
        """
        desk = cls(target, name)
        if desk.parts.names(""):
            raise TargetExistsError(
                f"a write of {target} is under way, or was left: cancel it, or delete what lies "
                f"under {desk.target}{PREFIX}parts/ and under {target}"
            )
        parent, _, last = desk.target.rpartition("/")
        if desk.tree().names(""):
            raise TargetExistsError(
                f"{target} exists, and on object storage a hierarchy can't be exchanged in one "
                "step: delete it first, or choose another name"
            )
        if not replace and exists(CloudObjects(parent), last):
            raise TargetExistsError(f"{target} exists already; overwrite replaces it")
        if not desk.parts.create(_MARK, _marked(name, mark)):
            raise TargetExistsError(f"another write of {target} has just begun")
        return desk

    def tree(self) -> Objects:
        """Return where the objects of an output that is a folder are put."""
        return CloudObjects(self.target)

    def remove(self, *, output: bool) -> None:
        """Delete the mark, then the parts, then what is there of the output."""
        self.parts.delete(_MARK)
        side_by_side(self.parts, self.parts.delete, self.parts.names(_PARTS))
        if output:
            tree = self.tree()
            side_by_side(tree, tree.delete, tree.names(""))
