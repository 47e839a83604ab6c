"""The sink: tiles a second, against the reference, tensorstore and the limit of the machine.

    python benchmarks/sink.py [--rounds 3] [--only unaligned] [--folder /dev/shm] [--out FILE]

The limit is plain NumPy copies into one big memory map. All lie on the same file system.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from environments import python_of
from measure import Contestant, Result, race, save

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data"
PROCESSES = (1, 2, 4)
CASES = {  # name: (dtype, side of the tiles, tiles in a row, pixels off the grid)
    "aligned 512² RGB": ("uint8", 512, 16, 0),
    "unaligned 512² RGB": ("uint8", 512, 16, 100),
    "aligned 256² float32": ("float32", 256, 32, 0),
}


def tissue_tiles(dtype: str, side: int) -> Path:
    """Make an input of 16 different tiles of real tissue."""
    from skimage import data

    picture = np.asarray(data.immunohistochemistry())
    path = DATA / f"tissue-{dtype}-{side}.npy"
    tiles = [np.roll(picture, (37 * n, 91 * n), (0, 1))[:side, :side] for n in range(16)]
    if dtype == "float32":
        tiles = [(tile[..., :1] / 255).astype(np.float32) for tile in tiles]
    DATA.mkdir(exist_ok=True)
    np.save(path, np.stack(tiles))
    return path


def contestants(
    source: Path, count: int, offset: int, processes: int, folder: Path
) -> list[Contestant]:
    found = []
    for name, environment in (
        ("limit", ""),
        ("ours", ""),
        ("tensorstore", "tensorstore"),
        ("reference", "reference"),
    ):
        python = python_of(environment) if environment else Path(sys.executable)
        if python is None:
            continue
        job = [str(source), str(count), str(offset), str(processes), str(folder / f"run-{name}")]
        command = [str(python), str(HERE / "sink_contestant.py"), name, *job]
        found.append(Contestant(name, command))
    return found


def line(name: str, results: list[Result], tiles: int) -> str:
    """Return one line of the table."""
    speed = {r.name: tiles / r.median for r in results if r.median}
    cells = [f"{who} {rate:6.0f}/s" for who, rate in speed.items()]
    ours = speed.get("ours", 0.0)
    cells += [f"ours = {ours / rate:.2f} × {who}" for who, rate in speed.items() if who != "ours"]
    cells += [f"{r.name}: {r.error}" for r in results if r.error]
    peaks = ", ".join(f"{r.name} {max(r.peak_bytes) >> 20}" for r in results if r.peak_bytes)
    return f"{name:34} {'  '.join(cells)}  [peak MiB: {peaks}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=DATA / "sink.json")
    parser.add_argument("--folder", type=Path, default=DATA, help="the disk (or tmpfs) to use")
    parser.add_argument("--only", default="", help="cases whose names begin so")
    arguments = parser.parse_args()
    cases = {}
    for name, (dtype, side, count, offset) in CASES.items():
        if not name.startswith(arguments.only):
            continue
        source = tissue_tiles(dtype, side)
        for processes in PROCESSES:
            title = f"{name}, {processes} process" + "es" * (processes > 1)
            who = contestants(source, count, offset, processes, arguments.folder)
            cases[title] = race(who, arguments.rounds)
            print(line(title, cases[title], count * count), flush=True)
    save(arguments.out, cases)


if __name__ == "__main__":
    main()
