"""The near side of the fence: a reader that asks a process of its own, and survives its death."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.io.fork import PerProcess
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import AssociatedImage, DecodedPlane, Pixels, Reader

OPEN_SECONDS = 300.0  # some libraries look at thousands of files before they say anything
READ_SECONDS = 120.0
_LEAVE_SECONDS = 5.0
_WORKER = "ziggurat.readers.formats.fenced.worker"
_ERRORS = {"unsupported": UnsupportedFormatError, "corrupt": CorruptSourceError}


class Fence:
    """A process that has one image open, and answers one question at a time.

    After a fork each process starts one of its own.
    """

    def __init__(self, module: str, path: Path) -> None:
        self._module, self._path = module, path
        self._worker = PerProcess(_Worker)

    def ask(self, *question: Any, seconds: float) -> Any:
        """Return the answer to a question: the name of a method, and its arguments.

        Raises
        ------
        UnsupportedFormatError, CorruptSourceError
            The library says so.
        SourceError
            Its process died, or does not answer.
        """
        worker = self._worker()
        with worker.lock:
            if worker.line is None:
                self._start(worker)
            return self._asked(worker, question, seconds)

    def _start(self, worker: "_Worker") -> None:
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", _WORKER, str(theirs.fileno()), self._module],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; it sees the line's end
            )
        worker.line, worker.process = ours, process
        worker.end = weakref.finalize(self, _finish, ours, process, os.getpid())
        self._asked(worker, ("open", str(self._path)), OPEN_SECONDS)

    def _asked(self, worker: "_Worker", question: tuple[object, ...], seconds: float) -> object:
        assert worker.line is not None
        try:
            worker.line.send(question)
            if not worker.line.poll(seconds):
                worker.leave(kill=True)
                raise SourceError(f"{self._path}: no answer within {seconds:g} s; it was given up")
            kind, answer = worker.line.recv()
        except (EOFError, OSError) as error:
            if isinstance(error, SourceError):
                raise
            raise CorruptSourceError(f"{self._path}: {worker.leave(kill=False)}") from error
        except BaseException:
            worker.leave(kill=True)  # an interrupt: the answer would be taken for that of the next
            raise
        if kind in _ERRORS:
            raise _ERRORS[kind](f"{self._path}: {answer}")
        return answer

    def close(self) -> None:
        """End the process."""
        worker = self._worker()
        with worker.lock:
            if worker.line is not None:
                worker.leave(kill=False)


@dataclass
class _Worker:
    """What one process has of the process that reads: none yet, where ``line`` is None."""

    line: Connection | None = None
    process: subprocess.Popen[bytes] | None = None
    end: Callable[[], object] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def leave(self, *, kill: bool) -> str:
        """Let go of the process; return how it ended."""
        process, self.line = self.process, None
        assert process is not None
        if kill:
            process.kill()
        self.end()
        code = process.returncode
        if code is not None and code < 0:
            return f"the process that reads it was killed by {signal.Signals(-code).name}"
        return f"the process that reads it ended with code {code}"


def _finish(line: Connection, process: subprocess.Popen[bytes], owner: int) -> None:
    with contextlib.suppress(OSError):
        line.close()
    if os.getpid() != owner:
        return  # a forked copy: the process is the parent's
    try:
        process.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class FencedReader(Reader):
    """An image that a process of its own has open; ``module`` knows how."""

    def __init__(self, module: str, path: Path) -> None:
        self.fence = Fence(module, path)
        try:
            self.info = self.fence.ask("info", seconds=OPEN_SECONDS)
        except BaseException:
            self.fence.close()
            raise

    def plane(self, level: int, frame: int) -> "_FencedPlane":
        """Return the pixels of a frame at a level."""
        return _FencedPlane(self, level, frame)

    def associated(self, name: str) -> "_FencedPicture":
        """Return a picture beside the image."""
        if name not in self.info.associated:
            raise KeyError(name)
        return _FencedPicture(self.fence, name)

    def close(self) -> None:
        """End the process."""
        self.fence.close()


class _FencedPlane(DecodedPlane):
    __slots__ = ("_frame", "_level", "_reader")

    def __init__(self, reader: FencedReader, level: int, frame: int) -> None:
        self._reader, self._level, self._frame = reader, level, frame

    def read(self, rect: Rect) -> Pixels:
        """Return the pixels; what has another shape or type than is due is an error."""
        reader = self._reader
        found = reader.fence.ask("read", self._level, self._frame, rect, seconds=READ_SECONDS)
        pixels: Pixels = np.asarray(found)
        due = (rect.height, rect.width, reader.info.bands)
        if pixels.shape != due or pixels.dtype != reader.info.dtype:
            raise CorruptSourceError(f"{pixels.shape} of {pixels.dtype} came back for {due}")
        return pixels


class _FencedPicture(AssociatedImage):
    __slots__ = ("_fence", "_name")

    def __init__(self, fence: Fence, name: str) -> None:
        self._fence, self._name = fence, name

    def read(self) -> Pixels:
        """Return the pixels."""
        pixels: Pixels = np.asarray(self._fence.ask("picture", self._name, seconds=READ_SECONDS))
        return pixels

    def encoded(self) -> EncodedImage | None:
        """Return the stream of a picture that is kept as JPEG."""
        data = self._fence.ask("jpeg", self._name, seconds=READ_SECONDS)
        if data is None:
            return None
        height, width = self.read().shape[:2]
        return EncodedImage(Codec.JPEG, width, height, data)

    def stored(self) -> None:
        """Return None: there is no page."""
