"""One run as a process: its answer, and the peak memory of its process tree."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

SAMPLE_SECONDS = 0.05
WORKER = Path(__file__).resolve().parent / "worker.py"


def run_once(
    python: str,
    job: str,
    contestant: str,
    values: Mapping[str, Any],
    folder: Path,
    timeout: float = 900,
) -> dict[str, Any]:
    """Run a contestant once in an empty folder, which goes afterwards.

    Returns
    -------
    ``laps``, ``facts``, ``error`` as the worker printed them, and ``peak``, bytes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [python, str(WORKER), job, contestant, json.dumps(dict(values)), str(folder)]
    # Compiled modules may be kept, as on any machine in use: the warm-up then pays for them.
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    kept["TMPDIR"] = str(folder)
    output, errors = folder.with_suffix(".out"), folder.with_suffix(".err")
    try:
        with output.open("w") as out, errors.open("w") as err:
            process = psutil.Popen(command, stdout=out, stderr=err, env=kept)
            peak = _watch(process, timeout)
        return {**_answer(process, output, errors, timeout), "peak": peak}
    finally:
        for place in (output, errors):
            place.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def _watch(process: psutil.Popen, timeout: float) -> int:
    """Return the peak memory of a process tree, which has ended when this returns or raises."""
    peak, end = 0, time.monotonic() + timeout
    try:
        while process.poll() is None and time.monotonic() < end:
            peak = max(peak, tree_bytes(process))
            time.sleep(SAMPLE_SECONDS)
    finally:
        if process.poll() is None:
            for member in [*_children(process), process]:
                member.kill()
            process.wait()
    return peak


def _answer(process: psutil.Popen, output: Path, errors: Path, timeout: float) -> dict[str, Any]:
    lines = [line for line in output.read_text(errors="replace").splitlines() if line[:1] == "{"]
    if process.returncode == 0 and lines:
        found: dict[str, Any] = json.loads(lines[-1])
        return found
    if process.returncode == -9:
        said = f"killed, or not done after {timeout:.0f} s"
    else:
        said = (errors.read_text(errors="replace").strip().splitlines() or ["it failed"])[-1]
    return {"laps": {}, "facts": {}, "error": said[:300]}


def tree_bytes(process: psutil.Process) -> int:
    """Return the memory of a process and its children, shared pages shared out (PSS)."""
    total = 0
    for member in [process, *_children(process)]:
        try:
            found = member.memory_full_info()
            total += int(getattr(found, "pss", found.uss))  # macOS tells no shares
        except psutil.Error:
            continue
    return total


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []
