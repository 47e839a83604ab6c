"""A run on many workers, simulated: ``python -m benchmarks.cluster [--side 100000]``.

A queue with one scheduler, which hands out tasks one after the other, and N workers, each of which
does one task at a time. What a task costs is measured (``benchmarks/jobs/distributed``, from
``results/distributed.json`` or the file that is named); the network is assumed, and printed.
It is a model: stragglers, retries, throttling and shared networks are not in it.
"""

import argparse
import heapq
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1 << 20
RESULTS = Path(__file__).parent / "results" / "distributed.json"


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured: processor seconds, and what they were taken from by default (two busy cores)."""

    schedule: float  # of a Dask task, client and scheduler
    lay: float  # of a tile of 512² RGB in a store of segments
    write: float  # of a MiB of pixels in a task of a plan
    finish: float  # of a MiB of pixels at the end


@dataclass(frozen=True, slots=True)
class Assumed:
    """Assumed of object storage and network, for each worker."""

    latency: float = 0.03  # seconds a request takes before its first byte
    bandwidth: float = 100e6  # bytes a second
    ratio: float = 0.5  # of stored to raw bytes
    together: int = 16  # tiles laid in a task
    part: int = 64 * MIB  # bytes of pixels of a task of a plan
    levels: int = 6  # that a task of a plan puts
    waiting: int = 16  # requests at a time, at the end
    tile: int = 512 * 512 * 3  # bytes


def makespan(tasks: int, workers: int, schedule: float, work: float) -> float:
    """Return when the last of some equal tasks is done."""
    free = [0.0] * min(workers, tasks)
    heapq.heapify(free)
    handed = last = 0.0
    for _ in range(tasks):
        handed += schedule
        last = max(handed, heapq.heappop(free)) + work
        heapq.heappush(free, last)
    return max(free)


def simulate(side: int, workers: int, costs: Costs, given: Assumed) -> dict[str, float]:
    """Return seconds of laying all tiles of an image, of the tasks of its write, and of its end."""
    pixels = side * side * 3
    tiles = -(-pixels // given.tile)
    sent = given.tile * given.ratio / given.bandwidth
    lay = given.together * (costs.lay + sent) + given.latency
    parts = -(-pixels // given.part)
    under = given.part / given.tile
    read = under * (given.latency + sent)  # a get for each tile, one after the other
    put = given.levels * given.latency + given.part * given.ratio * 4 / 3 / given.bandwidth
    write = read + costs.write * given.part / MIB + put
    return {
        "lay": makespan(-(-tiles // given.together), workers, costs.schedule, lay),
        "write": makespan(parts, workers, costs.schedule, write),
        "finish": parts * 3 * given.latency / given.waiting
        + costs.finish * pixels / MIB / 4**given.levels,
    }


def costs_of(rows: Sequence[dict[str, object]]) -> Costs:
    """Return what the rows of a run say.

    Raises
    ------
    KeyError
        A row is missing.
    """
    found: dict[tuple[str, str], float] = {}
    for row in rows:
        results = row["results"]
        assert isinstance(results, dict)
        for who, result in results.items():
            if result:
                spent = result.get("laying_cpu", result["cpu"])  # without starting workers
                found[f"{row['name']}{row['lap']}", who] = spent / float(str(row["work"]))
    write = "a write of 4096² in tasks, .zarr"
    return Costs(
        schedule=found["2,000 Dask tasks that do nothing, 2 workers", "dask"],
        lay=found["512² RGB from 1 worker, disk", "log"],
        write=found[f"{write}tasks", "ours"],
        finish=found[f"{write}end", "ours"],
    )


def main() -> None:
    """Print the simulated times, and all that they rest on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=RESULTS)
    parser.add_argument("--side", type=int, default=100_000)
    asked = parser.parse_args()
    costs, given = costs_of(json.loads(asked.results.read_text())["rows"]), Assumed()
    print(f"an image of {asked.side:,} x {asked.side:,} RGB, tiles of 512², on object storage")
    print("measured:", {name: round(value, 6) for name, value in asdict(costs).items()})
    print("assumed:", asdict(given))
    print("not in it: inference, stragglers, retries, throttling, networks that workers share")
    print("workers  lay s  write s  finish s")
    for workers in (1, 4, 16, 64, 256):
        found = simulate(asked.side, workers, costs, given)
        print(f"{workers:7}  {found['lay']:5.0f}  {found['write']:7.0f}  {found['finish']:8.0f}")


if __name__ == "__main__":
    main()
