"""What a disk, a quota or Ctrl-C does to a program, seen by path: any write goes wrong, in a test.

:class:`Disk` stands between the program and the calls by which it writes below a folder. It
tells them in their order (so that a test can hold what comes before what), and lets the n-th of
them fail, take half of its bytes, or be interrupted before or after it.
"""

import builtins
import ctypes
import errno
import io
import os
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from ziggurat.writers.files import atomic, small, writebehind


class Fault(Enum):
    """What happens at a call."""

    FULL = "the disk is full"
    QUOTA = "a quota is used up"
    SHORT = "half of the bytes are taken"
    BEFORE = "Ctrl-C before it"
    AFTER = "Ctrl-C after it"


class Interrupted(BaseException):
    """Stands for Ctrl-C, which no handler of errors may take for one."""


NO_ROOM = {Fault.FULL: errno.ENOSPC, Fault.QUOTA: errno.EDQUOT}
INTERRUPTS = (Fault.BEFORE, Fault.AFTER)
_WRITES = ("write", "pwrite", "writev", "copy_file_range")


class Disk:
    """The calls that write below ``folder``, counted, told and made to fail."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = os.path.realpath(folder)
        self.calls: list[tuple[str, ...]] = []  # what, and the paths it is done to
        self.writes = 0  # those that need room
        self._at, self._fault = -1, Fault.FULL
        self._patch(patch)

    def fail(self, at: int, fault: Fault) -> None:
        """Count from zero again, and let the ``at``-th write go wrong."""
        self.calls, self.writes, self._at, self._fault = [], 0, at, fault

    @property
    def failed(self) -> bool:
        """True once the call that was to go wrong has come."""
        return 0 <= self._at < self.writes

    def _room(
        self, name: str, place: Any, real: Callable[..., Any], half: Callable[[], Any]
    ) -> Any:
        """Do a call that needs room, or what is to go wrong with it."""
        path = self._path(place)
        if path is None:
            return real()
        number, self.writes = self.writes, self.writes + 1
        self.calls.append((name, path))
        if number != self._at:
            return real()
        if self._fault in NO_ROOM:
            code = NO_ROOM[self._fault]
            raise OSError(code, os.strerror(code), path)
        if self._fault is Fault.BEFORE:
            raise Interrupted
        done = half() if self._fault is Fault.SHORT else real()
        if self._fault is Fault.AFTER:
            raise Interrupted
        return done

    def _path(self, place: Any) -> str | None:
        """Return the path below the folder that a call is about, None for any other."""
        try:
            path = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else place
        except OSError:
            return None
        path = os.path.abspath(os.fspath(path))
        return path if path.startswith(self.folder) else None

    def _patch(self, patch: pytest.MonkeyPatch) -> None:
        disk = self

        def written(name: str, where: int) -> Callable[..., Any]:
            real = getattr(os, name)

            def call(*arguments: Any, **options: Any) -> Any:
                def half() -> Any:
                    return real(*_halved(name, arguments), **options)

                return disk._room(name, arguments[where], lambda: real(*arguments, **options), half)

            return call

        for name in _WRITES:
            patch.setattr(os, name, written(name, 1 if name == "copy_file_range" else 0))

        def told(name: str) -> Callable[..., Any]:
            real = getattr(os, name)

            def call(*arguments: Any, **options: Any) -> Any:
                paths = [disk._path(one) for one in arguments[: 1 if name == "fsync" else 2]]
                done = real(*arguments, **options)
                if None not in paths:
                    disk.calls.append((name, *(path or "" for path in paths)))
                return done

            return call

        for name in ("fsync", "rename", "replace"):
            patch.setattr(os, name, told(name))

        def write(file: io.FileIO, data: Any, real: Callable[[Any], int]) -> int:
            view = memoryview(data).cast("B")
            half = view[: max(1, len(view) // 2)]
            done: int = disk._room("write", file.fileno(), lambda: real(view), lambda: real(half))
            return done

        class Raw(io.FileIO):
            def write(self, data: Any, /) -> int:
                return write(self, data, super().write)

        class Behind(writebehind._Hinting):
            def write(self, data: Any, /) -> int:
                return write(self, data, super().write)

        patch.setattr(writebehind, "_Hinting", Behind)
        real_open = io.open

        def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
            reads = not set(mode) & set("wxa+")
            if reads or isinstance(file, int) or disk._path(file) is None:
                return real_open(file, mode, buffering, *rest, **more)
            raw = Raw(file, mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *rest, **more)

        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)
        library = _Library(self)
        patch.setattr(small, "_libc", library)
        patch.setattr(atomic, "_libc", library)


class _Library:
    """The C library's calls that Python has none for; told like the others."""

    def __init__(self, disk: Disk) -> None:
        self._disk, self._real = disk, ctypes.CDLL(None, use_errno=True)

    def syncfs(self, descriptor: int) -> int:
        self._disk.calls.append(("syncfs", os.readlink(f"/proc/self/fd/{descriptor}")))
        return int(self._real.syncfs(descriptor))

    def renameat2(self, _: int, source: bytes, __: int, target: bytes, flags: Any) -> int:
        done = int(self._real.renameat2(-100, source, -100, target, flags))
        if done == 0:
            self._disk.calls.append(("rename", os.fsdecode(source), os.fsdecode(target)))
        return done


def _halved(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a call's arguments with half of its bytes."""
    if name == "copy_file_range":
        return (*arguments[:2], max(1, arguments[2] // 2), *arguments[3:])
    first, data, *rest = arguments
    if name == "writev":
        joined = b"".join(data)
        return (first, [joined[: max(1, len(joined) // 2)]], *rest)
    view = memoryview(data).cast("B")
    return (first, view[: max(1, len(view) // 2)], *rest)


def each_write(
    patch: pytest.MonkeyPatch, folder: Path, work: Callable[[], object], most: int = 40
) -> Iterator[tuple[Disk, int]]:
    """Yield each write that ``work`` makes, by its number; ``most`` of them, evenly chosen.

    ``work`` runs once as it is, to count them; what it leaves is the caller's to remove.
    """
    disk = Disk(patch, folder)
    disk.fail(-1, Fault.FULL)
    work()
    count = disk.writes
    assert count, "it writes nothing, or by calls that nobody here knows"
    for number in sorted({n * count // min(most, count) for n in range(min(most, count))}):
        yield disk, number
