"""Child processes that have the program loaded already: 30 ms of processor time, and not 600.

Most tests with processes are about what happens between them, not about how one starts. The
children here are forked from one server (``multiprocessing``'s), which has no threads, locks or
files of the tests and has imported what conversions need. They are processes of their own: they
are killed, interrupted and waited for as fresh ones are. What runs at the exit of an interpreter
does not run in them; tests of that start Python themselves.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 100  # a child that takes longer hangs
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.preloads"])


def ready() -> ForkServerContext:
    """Start the server if there is none, from where it finds the tests; return its context."""
    with contextlib.chdir(ROOT):
        forkserver.ensure_running()
    return CONTEXT


def _run(
    ends: list[Connection],
    function: Callable[..., object],
    arguments: tuple[object, ...],
    cwd: Path | None,
    environment: dict[str, str],
) -> None:
    """Do what a child is for, its output and errors going to these ends."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    for descriptor, end in enumerate(ends, 1):
        os.dup2(end.fileno(), descriptor)
        end.close()
    os.environ.update(environment)
    if cwd is not None:
        os.chdir(cwd)
    function(*arguments)


def below(address: str, function: Callable[..., object], *arguments: object) -> None:
    """Do something in a child whose own children come from the server of the tests as well.

    ``address`` is what :func:`address` returned to the tests.
    """
    server = forkserver._forkserver
    server._forkserver_address = address
    server.ensure_running = lambda: None
    function(*arguments)


def address() -> str:
    """Return where the server listens."""
    ready()
    return str(forkserver._forkserver._forkserver_address)


def code(text: str, *arguments: str) -> None:
    """Do in a child what ``python -c text arguments`` does."""
    sys.argv[:] = ["-c", *arguments]
    exec(text, {"__name__": "__main__"})


@dataclass(frozen=True)
class Done:
    """How a child ended, negative for a signal, and what it said."""

    returncode: int
    stdout: str
    stderr: str


class Child:
    """A function that runs in a process of its own; its output can be read as it comes."""

    def __init__(
        self,
        function: Callable[..., object],
        *arguments: object,
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        read, write = os.pipe()
        self.stdout = os.fdopen(read, "rb")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        ends = [Connection(end, readable=False) for end in (write, os.dup(self._errors.fileno()))]
        self.process = ready().Process(
            target=_run, args=(ends, function, arguments, cwd, environment or {})
        )
        self.process.start()
        for end in ends:
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if not self.stdout.closed:
            self.end()

    def send_signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()

    def poll(self) -> int | None:
        """Return what it ended with, or None while it runs."""
        return self.process.exitcode

    def end(self) -> Done:
        """Wait until it has ended; return what it said that was not read yet."""
        with self.stdout, self._errors:
            said = self.stdout.read()
            self.process.join()
            self._errors.seek(0)
            errors = self._errors.read()
        assert self.process.exitcode is not None
        return Done(self.process.exitcode, said.decode(), errors.decode())


def run(
    function: Callable[..., object],
    *arguments: object,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Done:
    """Run a function in a child to its end."""
    return Child(function, *arguments, cwd=cwd, environment=environment).end()
