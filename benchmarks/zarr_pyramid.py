"""OME-Zarr pyramids: seconds, CPU, bytes and peak memory of one write, against three peers.

    python benchmarks/zarr_pyramid.py [--side 8192] [--rounds 3] [--peers ours-zip tensorstore-dir]

The input is ``pyramid.py``'s: real tissue, raw in one memory-mapped file ("store": in a sink's
store, "reference": in the reference's sink, which is filled before its clock starts). Everybody
writes chunks of 512 x 512 with blosc and LZ4, each level by the mean where the choice is there.
ome-zarr-py and tensorstore write zarr v3, the reference v2. tensorstore has no pyramids and can't
write zips: its levels come from numpy.
"""

import argparse
import sys
from pathlib import Path

from environments import python_of
from measure import Contestant, Result, race, save
from pyramid import DATA, HERE, make_input

PEERS = {
    "ours-zip": None, "store-zip": None, "reference-zip": "reference", "ome-zarr-zip": "ome-zarr",
    "ours-dir": None, "store-dir": None, "ome-zarr-dir": "ome-zarr",
    "tensorstore-dir": "tensorstore",
}  # fmt: skip


def contestants(names: list[str], side: int) -> list[Contestant]:
    """Return those whose environment is there or can be made."""
    source = make_input(side, side, labels=False)
    program = str(HERE / "zarr_pyramid_contestant.py")
    found = []
    for name in names:
        environment = PEERS[name]
        python = python_of(environment) if environment else sys.executable
        if python:
            job = [str(python), program, name, str(source), str(side), str(DATA)]
            found.append(Contestant(name, job))
    return found


def table(results: list[Result], side: int) -> None:
    seconds = {result.name: result.median for result in results}
    print(f"\nOME-Zarr, {side} x {side} RGB")
    for result in results:
        if result.median is None:
            print(f"  {result.name:15s} {result.error}")
            continue
        ours = seconds.get("ours-" + result.name.rsplit("-", 1)[1])
        ratio = f"{result.median / ours:6.2f} x ours" if ours else ""
        facts = result.facts
        print(
            f"  {result.name:15s} {result.median:7.2f} s  cpu {facts['cpu']:6.2f} s {ratio} "
            f"{facts['bytes'] / 1e6:8.1f} MB in {facts['files']:4d} files, {facts['levels']} levels"
            f"  peak {max(result.peak_bytes) >> 20:5d} MiB  all {result.seconds}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=8192, help="a power of two, 1024 or more")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--out", type=Path, default=DATA / "zarr_pyramid.json")
    given = parser.parse_args()
    results = race(contestants(given.peers, given.side), given.rounds)
    table(results, given.side)
    save(given.out, {f"zarr {given.side}": results})


if __name__ == "__main__":
    main()
