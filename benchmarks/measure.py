"""The common harness: contestants in processes of their own, interleaved, medians, peak memory.

A contestant is a command that does the job once and prints one line of JSON with at least
``seconds`` (of the job alone) and ``right`` (whether its output is what it should be). A run that
is not right has no time.
"""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Contestant:
    """Who takes part: a name for the table and the command of one run."""

    name: str
    command: Sequence[str]


@dataclass
class Result:
    """What the runs of one contestant gave."""

    name: str
    seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def median(self) -> float | None:
        """Median seconds, None where no run was right."""
        return statistics.median(self.seconds) if self.seconds and not self.error else None


def race(contestants: Sequence[Contestant], rounds: int, warmup: int = 1) -> list[Result]:
    """Run all contestants in turn, A B C A B C …, the first rounds without counting."""
    results = {one.name: Result(one.name) for one in contestants}
    for number in range(warmup + rounds):
        for one in contestants:
            result = results[one.name]
            if result.error:
                continue
            facts, peak = run(one.command)
            if not facts.get("right"):
                result.error = facts.get("error") or "its output is wrong"
            elif number >= warmup:
                result.seconds.append(facts["seconds"])
                result.peak_bytes.append(peak)
                result.facts = {k: v for k, v in facts.items() if k not in ("seconds", "right")}
    return list(results.values())


def run(command: Sequence[str], timeout: float = 600) -> tuple[dict[str, Any], int]:
    """Run one command; return its last line as JSON, and the peak memory of its process tree."""
    # Compiled modules may be kept, as on any machine in use: the warm-up then pays for them.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = psutil.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    peak, end = 0, time.monotonic() + timeout
    while process.poll() is None and time.monotonic() < end:
        peak = max(peak, tree_bytes(process))
        time.sleep(SAMPLE_SECONDS)
    if process.poll() is None:
        process.kill()
        return {"error": f"not done after {timeout:.0f} s"}, peak
    out, err = process.communicate()
    if process.returncode:
        return {"error": err.strip().splitlines()[-1] if err.strip() else "it failed"}, peak
    return json.loads(out.strip().splitlines()[-1]), peak


def tree_bytes(process: psutil.Process) -> int:
    """Return the memory of a process and its children, shared pages shared out (PSS)."""
    total = 0
    for member in [process, *_children(process)]:
        try:
            total += member.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)  # type: ignore[no-any-return]
    except psutil.NoSuchProcess:
        return []


def machine() -> dict[str, Any]:
    """Return what a reader of the numbers must know of the machine and the versions."""
    packages = ("numpy", "zarr", "tifffile", "imagecodecs", "pyvips", "opencv-python-headless")
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not there"
    return {
        "cores": psutil.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": psutil.getloadavg(),
        "packages": found,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def save(path: Path, cases: dict[str, list[Result]]) -> None:
    """Write all numbers as JSON."""
    body = {
        "machine": machine(),
        "cases": {
            name: [{**asdict(r), "median": r.median} for r in results]
            for name, results in cases.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=1))
