"""How much of the machine one write may take: threads, and pixels in flight."""

from dataclasses import dataclass
from pathlib import Path

from ziggurat.readers.io.system import available_memory, core_count
from ziggurat.writers.model.options import WriteOptions

_CGROUP_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_CGROUP_USED = (
    "/sys/fs/cgroup/memory.current",
    "/sys/fs/cgroup/memory/memory.usage_in_bytes",
)
_SHARE = 4  # of the free memory, one fourth
_WORK_BYTES = 8 << 20  # pixels of one task: long rows are read fastest, and few tasks cost little
_TASKS_AHEAD = 3  # per thread: enough to bridge one slow tile


@dataclass(frozen=True, slots=True)
class Budget:
    """What a pyramid may use: encoder threads, tasks under way, bytes of pixels of one task."""

    threads: int
    window: int
    task_bytes: int


def free_memory() -> int:
    """Return the bytes that this process may still take: of the machine and of its cgroup."""
    free = available_memory()
    for limit_file, used_file in zip(_CGROUP_LIMITS, _CGROUP_USED, strict=True):
        limit, used = _number(limit_file), _number(used_file)
        if limit is not None and used is not None:
            free = min(free, max(0, limit - used))
    return free


def _number(path: str) -> int | None:
    try:
        text = Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # "max": no limit


def budget(options: WriteOptions, tile_bytes: int) -> Budget:
    """Return the budget of a write.

    Parameters
    ----------
    options
        ``threads`` and ``max_memory`` where the caller has a say.
    tile_bytes
        Bytes of one uncompressed tile of the largest level.
    """
    threads = options.threads or core_count()
    memory = options.max_memory or free_memory() // _SHARE
    task_bytes = max(tile_bytes, min(_WORK_BYTES, memory // (4 * threads)))
    # a task holds its pixels about three times: as read, as encoded, halved
    threads = max(1, min(threads, memory // (3 * task_bytes)))
    return Budget(threads, _TASKS_AHEAD * threads, task_bytes)
