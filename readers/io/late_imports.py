"""No fork while a thread imports: its child would wait for ever for the module's lock.

Modules are imported late here, so that an opening pays for its own format alone, and so do NumPy,
Pillow and others of their own accord. Their locks belong to a thread that a child doesn't have.
"""

import functools
import importlib
import os
import threading
import time

LONGEST_WAIT = 10.0  # seconds; whoever imports may itself wait for the thread that forks


def importing_elsewhere() -> bool:
    """Return True while another thread is in the middle of an import.

    Python tells nobody but itself, so this looks at its table of module locks; where a later
    version has none, no fork waits.
    """
    table = getattr(getattr(importlib, "_bootstrap", None), "_module_locks", {})
    me = threading.get_ident()
    locks = [reference() for reference in list(table.values())]
    return any(getattr(lock, "owner", None) not in (None, me) for lock in locks)


def _wait() -> None:
    end = time.monotonic() + LONGEST_WAIT
    while importing_elsewhere() and time.monotonic() < end:
        time.sleep(0.001)


@functools.cache
def come_first() -> None:
    """Have forks wait before anything else that they do; called once, on first use.

    Of what is to be done before a fork the last registered is done first. These modules take locks
    then, which a thread that imports may want, so they must be there, and come after the wait.
    """
    for name in ("logging", "concurrent.futures.thread", "ziggurat.readers.io.lock_files"):
        importlib.import_module(name)
    os.register_at_fork(before=_wait)


os.register_at_fork(before=_wait)  # until then: nothing but the standard library takes locks
