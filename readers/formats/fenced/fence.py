"""The near side of the fence: a reader that asks a process of its own, and survives its death."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import weakref
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
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
        self._lock = threading.Lock()
        self._line: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._end: Any = None
        _FENCES.add(self)

    def ask(self, *question: Any, seconds: float) -> Any:
        """Return the answer to a question: the name of a method, and its arguments.

        Raises
        ------
        UnsupportedFormatError, CorruptSourceError
            The library says so.
        SourceError
            Its process died, or does not answer.
        """
        with self._lock:
            if self._line is None:
                self._start()
            return self._asked(question, seconds)

    def _start(self) -> None:
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _WORKER, str(theirs.fileno()), self._module],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; it sees the line's end
            )
        self._line = ours
        self._end = weakref.finalize(self, _finish, ours, self._process, os.getpid())
        self._asked(("open", str(self._path)), OPEN_SECONDS)

    def _asked(self, question: tuple[object, ...], seconds: float) -> object:
        assert self._line is not None
        try:
            self._line.send(question)
            if not self._line.poll(seconds):
                self._leave(kill=True)
                raise SourceError(f"{self._path}: no answer within {seconds:g} s; it was given up")
            kind, answer = self._line.recv()
        except (EOFError, OSError) as error:
            if isinstance(error, SourceError):
                raise
            raise CorruptSourceError(f"{self._path}: {self._leave(kill=False)}") from error
        except BaseException:
            self._leave(kill=True)  # an interrupt: the answer would be taken for that of the next
            raise
        if kind in _ERRORS:
            raise _ERRORS[kind](f"{self._path}: {answer}")
        return answer

    def _leave(self, *, kill: bool) -> str:
        """Let go of the process; return how it ended."""
        process, self._line = self._process, None
        assert process is not None
        if kill:
            process.kill()
        self._end()
        code = process.returncode
        if code is not None and code < 0:
            return f"the process that reads it was killed by {signal.Signals(-code).name}"
        return f"the process that reads it ended with code {code}"

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._line is not None:
                self._leave(kill=False)

    def renew(self) -> None:
        """Leave the process to the parent, after a fork."""
        self._lock, self._line = threading.Lock(), None


_FENCES: weakref.WeakSet[Fence] = weakref.WeakSet()


def _after_fork() -> None:
    for fence in list(_FENCES):
        fence.renew()


os.register_at_fork(after_in_child=_after_fork)


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
