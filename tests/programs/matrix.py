"""Our outputs in other people's programs: right, wrong or refused.

``python -m tests.programs.matrix [FOLDER]`` prints the table of those programs that are installed
(``uv sync --group programs``). Each program has a process of its own: some die.
"""

import argparse
import importlib.util
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.programs import bioformats
from tests.programs.outputs import KINDS, Kind, make_all
from tests.programs.readers import PROGRAMS

ROOT = Path(__file__).resolve().parent.parent.parent
_SECONDS = 300  # of a program over all outputs


def installed(program: str) -> bool:
    """Return True where a program is there."""
    if program == "Bio-Formats":
        return bioformats.lacking() is None
    return importlib.util.find_spec(PROGRAMS[program].needs) is not None


def asked(program: str, kind: Kind) -> bool:
    """Return True where a program is for a kind of output."""
    return kind.file.endswith(PROGRAMS[program].suffixes)


def verdict(kind: Kind, truth: np.ndarray, found: np.ndarray, levels: int) -> str:
    """Return what is to be said of pixels that a program gave."""
    truth, found = truth.squeeze(), found.squeeze()
    said = "right" if levels in (0, len(kind.levels)) or not kind.levels else f"right, L{levels}"
    if _alike(kind, truth, found):
        return said
    for order in itertools.permutations(range(truth.ndim - 2) if truth.ndim > 3 else ()):
        frames = truth.transpose(*order, -2, -1) if order else truth  # in the order of storage
        if _alike(kind, frames, found) or _alike(
            kind, frames.reshape(-1, *truth.shape[-2:]), found
        ):
            return said
    planes = truth.reshape(-1, *truth.shape[-2:]) if truth.ndim > 3 else truth[None]
    if planes.shape[0] > 1 and _alike(kind, planes[0], found):
        return "first frame"
    if truth.ndim == 3 and _alike(kind, truth[..., 0], found):
        return "first band"
    if found.dtype == np.uint8 != truth.dtype and found.shape[:2] == truth.shape[-2:]:
        return "8-bit picture"  # what it is made for
    return f"WRONG shape {found.shape}" if found.shape != truth.shape else "WRONG"


def _alike(kind: Kind, truth: np.ndarray, found: np.ndarray) -> bool:
    if found.ndim == 3 and truth.ndim == 3 and found.shape[0] == truth.shape[2]:
        found = np.moveaxis(found, 0, -1)  # bands first, as GDAL and OME-Zarr have them
    if found.ndim == 3 and truth.ndim == 2 and found.shape[2] in (3, 4):
        if not (found[..., :1] == found[..., :3]).all():
            return False
        found = found[..., 0]  # a gray picture shown in colours
    if found.shape != truth.shape:
        return False
    difference = np.abs(found.astype(np.float64) - truth)
    return bool(difference.mean() <= kind.loss + 1e-9)


def column(program: str, made: dict[str, Path]) -> dict[str, str]:
    """Return what a program makes of every output that it is for."""
    left = [name for name, kind in KINDS.items() if asked(program, kind)]
    cells: dict[str, str] = {}
    while left:
        command = [sys.executable, "-m", "tests.programs.worker", program]
        given = json.dumps([[name, str(made[name])] for name in left])
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, cwd=ROOT, timeout=_SECONDS,
                check=False,
            )  # fmt: skip
            lines, code = done.stdout.splitlines(), done.returncode
        except subprocess.TimeoutExpired as error:
            output = error.stdout or b""
            lines, code = bytes(output).decode().splitlines(), 0
        cells |= dict(json.loads(line) for line in lines if line.startswith('["'))
        left = [name for name in left if name not in cells]
        if left:  # the one it was at when it ended
            cells[left.pop(0)] = "HANGS" if code == 0 else f"DIES ({code})"
    return cells


def table(made: dict[str, Path], programs: list[str]) -> dict[str, dict[str, str]]:
    """Return the cells of all programs, by program and output."""
    return {program: column(program, made) for program in programs}


def markdown(cells: dict[str, dict[str, str]]) -> str:
    """Return a table for people."""
    lines = [f"| output | {' | '.join(cells)} |", "|---" * (len(cells) + 1) + "|"]
    for name in KINDS:
        row = [cells[program].get(name, "–") for program in cells]
        lines.append(f"| {name} | {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> None:
    """Make the outputs and print the table."""
    from skimage import data

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="keep the outputs here")
    parser.add_argument("--program", action="append", choices=list(PROGRAMS))
    given = parser.parse_args()
    programs = given.program or [name for name in PROGRAMS if installed(name)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        made = make_all(folder, np.asarray(data.immunohistochemistry()))
        print(markdown(table(made, programs)))
    missing = [name for name in PROGRAMS if not installed(name)]
    if missing:
        print(f"\nnot installed: {', '.join(missing)}")


if __name__ == "__main__":
    main()
