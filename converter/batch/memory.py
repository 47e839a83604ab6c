"""The most memory that a process had at one time, since it was last asked to forget."""

import contextlib
import resource
from pathlib import Path

_FORGET = "5"  # proc(5): resets the peak resident set size


def reset_peak_memory() -> None:
    """Forget the peak so far, where the system can; else it is that of the process's life."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_FORGET)


def peak_memory() -> int:
    """Return the peak in bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
