"""Who waits long for a lock is told who has it: a stopped process looks like a hang otherwise."""

import _thread
import io
import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from ziggurat.readers.io.lock_files import forks, renewed

SECONDS = 5.0

_NONE = (0.0, "")
_log = logging.getLogger("ziggurat")


class _Watch:
    """Looks at those who wait, from a thread that is there only while somebody does."""

    def __init__(self) -> None:
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child, which has no thread."""
        self.waits: dict[object, tuple[float, str]] = {}
        self._looking = False

    def begin(self, wait: object, file: io.FileIO) -> None:
        """Look at a wait for the locks of a file, until it is taken out of ``waits``."""
        renewed(self)
        self.waits[wait] = time.monotonic(), os.readlink(f"/proc/self/fd/{file.fileno()}")
        if not self._looking:
            with suppress(RuntimeError):  # Python starts no threads any more on its way out
                # and not threading.Thread, whose start() an interrupt turns into a RuntimeError
                _thread.start_new_thread(self._look, ())

    def _look(self) -> None:
        self._looking = True
        try:
            self._look_on()
        finally:
            self._looking = False

    def _look_on(self) -> None:
        idle = 0
        while idle < 2:
            time.sleep(SECONDS / 5)
            idle = 0 if self.waits else idle + 1
            for wait, (since, path) in list(self.waits.items()):
                if time.monotonic() - since > SECONDS and self.waits.pop(wait, _NONE)[1]:
                    _tell(path)


watch = _Watch()


def _tell(path: str) -> None:
    pids = holders(path)
    who = f"held by process {', '.join(map(str, pids))}" if pids else "held by nobody one may see"
    _log.warning(
        "waiting for more than %.0f seconds for a lock of the sink's store %s, %s; a stopped "
        "process gives it back when it goes on or ends",
        SECONDS,
        Path(path).parent.parent,
        who,
    )


def holders(path: str) -> list[int]:
    """Return the other processes that hold a lock on a file, as far as one may look."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            numbers = os.listdir(process / "fd")
            mine = [n for n in numbers if os.readlink(process / "fd" / n) == path]
            if any("lock:" in (process / "fdinfo" / n).read_text() for n in mine):
                found.add(int(process.name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return sorted(found - {os.getpid()})
