"""Every call that changes the disk: recorded in order, and one of them spoiled on demand.

A test runs something once to count its calls, then once for each of them with a fault at that
call. What is mapped is not seen, nor what C libraries write by themselves (GDAL's COG):
``file_size_limit`` is for those, and spoils the writes of everybody.
"""

import builtins
import ctypes
import errno
import hashlib
import io
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from ziggurat.writers.files import system, writebehind
from ziggurat.writers.formats.registry import output_parts


class Fault(Enum):
    """What happens to a call."""

    FULL = errno.ENOSPC
    QUOTA = errno.EDQUOT
    BROKEN = errno.EIO
    INTERRUPT = "the call is never made: Ctrl-C"
    LATE_INTERRUPT = "Ctrl-C once the call is made"
    SHORT = "a write takes a part only, and says so"

    def strike(self) -> None:
        """Raise what the call would."""
        if isinstance(self.value, int):
            raise OSError(self.value, os.strerror(self.value))
        raise KeyboardInterrupt


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its kind, the file that it is about, and what a rename makes that of.

    Kinds are ``write`` (in each of its forms), ``fsync``, ``syncfs``, ``rename``, ``mkdir``.
    """

    kind: str
    path: Path
    source: Path | None = None


@dataclass(slots=True)
class Disk:
    """The calls so far, and the one to spoil."""

    calls: list[Call] = field(default_factory=list)
    at: int | None = None
    fault: Fault | None = None
    struck: bool = False

    @property
    def writes(self) -> list[int]:
        """The numbers of the calls so far that need room."""
        return [number for number, call in enumerate(self.calls) if call.kind == "write"]

    @property
    def code(self) -> int:
        """The error number of the fault."""
        assert self.fault is not None
        assert isinstance(self.fault.value, int), "nobody failed, yet an error came"
        return self.fault.value

    def call(
        self, kind: str, path: Path, make: Callable[[], Any], source: Path | None = None
    ) -> Any:
        """Make a call, or spoil it."""
        number = len(self.calls)
        self.calls.append(Call(kind, path, source))
        if number != self.at or self.fault is None:
            return make()
        self.struck = True
        if self.fault is Fault.SHORT:
            return make()
        if self.fault is Fault.LATE_INTERRUPT:
            make()
        return self.fault.strike()

    def cut(self, data: Any) -> Any:
        """Return the part of the data that the next write takes."""
        view = memoryview(data).cast("B")
        if self.fault is Fault.SHORT and self.at == len(self.calls):
            return view[: len(view) // 2] if len(view) > 1 else view
        return view

    def published(self, target: Path) -> bool:
        """Whether an output got its name before, or although, a call was spoiled."""
        assert self.at is not None
        made = self.calls[: self.at + (self.fault is Fault.LATE_INTERRUPT)]
        return any(call.kind == "rename" and call.path == target for call in made)

    def spoil(self, at: int | None, fault: Fault | None) -> None:
        """Forget all calls, and spoil number ``at`` of those to come."""
        self.calls, self.at, self.fault, self.struck = [], at, fault, False


NO_ROOM = (Fault.FULL, Fault.QUOTA)
INTERRUPTS = (Fault.INTERRUPT, Fault.LATE_INTERRUPT)
STOPS = (Fault.FULL, Fault.INTERRUPT, Fault.BROKEN, Fault.LATE_INTERRUPT, Fault.QUOTA)


def evenly(numbers: list[int], most: int) -> list[int]:
    """Return ``most`` of some numbers at most, the first and evenly chosen others."""
    count = min(most, len(numbers))
    return [numbers[n * len(numbers) // count] for n in range(count)]


def turns(calls: list[Call]) -> list[int]:
    """Return the numbers of all calls but two of three writes, the last one's after all."""
    writes = [number for number, call in enumerate(calls) if call.kind == "write"]
    return [n for n in range(len(calls) + 1) if n not in writes or writes.index(n) % 3 == 0]


def digest(path: Path) -> dict[str, str]:
    """Return the hash of each file of an output, and of the folder that belongs to it."""
    files = [file for part in output_parts(path) for file in (part, *sorted(part.rglob("*")))]
    return {
        str(file.relative_to(path.parent)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def names_of(path: Path) -> list[str]:
    """Return what an output is seen as in its folder."""
    return sorted(part.name for part in output_parts(path))


def path_of(descriptor: int) -> Path:
    """Return what an open descriptor is of."""
    return Path(os.readlink(f"/proc/self/fd/{descriptor}"))


def watch(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Stand between the program and the system's calls."""
    seen = Disk()
    _watch_descriptors(seen, monkeypatch)
    _watch_names(seen, monkeypatch)
    _watch_files(seen, monkeypatch)
    return seen


def _watch_descriptors(seen: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    write, pwrite, writev, copy = os.write, os.pwrite, os.writev, os.copy_file_range

    def watched_write(to: int, data: Any, /) -> Any:
        part = seen.cut(data)
        return seen.call("write", path_of(to), lambda: write(to, part))

    def watched_pwrite(to: int, data: Any, offset: int, /) -> Any:
        part = seen.cut(data)
        return seen.call("write", path_of(to), lambda: pwrite(to, part, offset))

    def watched_writev(to: int, parts: Any, /) -> Any:
        if seen.fault is Fault.SHORT and seen.at == len(seen.calls):
            return watched_write(to, b"".join(parts))
        return seen.call("write", path_of(to), lambda: writev(to, parts))

    def watched_copy(source: int, to: int, count: int, start: int, place: int) -> Any:
        if seen.fault is Fault.SHORT and seen.at == len(seen.calls):
            count = max(1, count // 2)
        return seen.call("write", path_of(to), lambda: copy(source, to, count, start, place))

    def watched_fsync(of: int, /) -> Any:
        return seen.call("fsync", path_of(of), lambda: None)  # no test could see that it was made

    for name, watched in {
        "write": watched_write, "pwrite": watched_pwrite, "writev": watched_writev,
        "copy_file_range": watched_copy, "fsync": watched_fsync,
    }.items():  # fmt: skip
        monkeypatch.setattr(os, name, watched)


class _Library:
    """The C library, with its calls watched; a fault comes as C tells it, by errno."""

    def __init__(self, seen: Disk, library: ctypes.CDLL) -> None:
        self._seen, self._library = seen, library

    def _told(
        self, kind: str, path: Path, make: Callable[[], int], source: Path | None = None
    ) -> int:
        try:
            return int(self._seen.call(kind, path, make, source))
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1

    def syncfs(self, descriptor: int) -> int:
        return self._told("syncfs", path_of(descriptor), lambda: 0)

    def renameat2(self, old: int, source: bytes, new: int, target: bytes, flags: Any) -> int:
        return self._told(
            "rename",
            Path(os.fsdecode(target)),
            lambda: self._library.renameat2(old, source, new, target, flags),
            Path(os.fsdecode(source)),
        )


def _watch_names(seen: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rename", "replace"):
        original = getattr(os, name)

        def watched(source: Any, target: Any, *, original: Any = original) -> Any:
            return seen.call("rename", Path(target), lambda: original(source, target), Path(source))

        monkeypatch.setattr(os, name, watched)
    mkdir = os.mkdir

    def watched_mkdir(path: Any, *rest: Any, **named: Any) -> Any:
        return seen.call("mkdir", Path(path), lambda: mkdir(path, *rest, **named))

    monkeypatch.setattr(os, "mkdir", watched_mkdir)
    monkeypatch.setattr(system, "_libc", _Library(seen, system._libc))


def _watch_files(seen: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched(io.FileIO):
        def write(self, data: Any, /) -> int:
            part, take = seen.cut(data), super().write
            return int(seen.call("write", path_of(self.fileno()), lambda: take(part)))

    class Hinting(writebehind._Hinting):
        def write(self, data: Any, /) -> int:
            part, take = seen.cut(data), super().write
            return int(seen.call("write", path_of(self.fileno()), lambda: take(part)))

    original = builtins.open

    def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **named: Any) -> Any:
        if not set(mode) & set("wax+") or isinstance(file, int):
            return original(file, mode, buffering, *rest, **named)
        raw = Watched(os.fspath(file), mode.replace("b", "").replace("t", ""))
        if buffering == 0:
            return raw
        whole = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return whole if "b" in mode else io.TextIOWrapper(whole, *rest, **named)

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(io, "open", opened)
    monkeypatch.setattr(writebehind, "_Hinting", Hinting)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size: a write to there is short, the next fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
