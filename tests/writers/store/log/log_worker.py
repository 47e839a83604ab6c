"""What spawned workers of the tests run: tasks of a few tiles, some of them cut short."""

import os
import signal

import numpy as np

import ziggurat

TASKS = 8
TILES = 3


def tile(task: int, number: int, mode: str) -> dict[str, object]:
    """Return one tile of a task: they overlap, some have masks, some weights."""
    rng = np.random.default_rng([task, number])
    height, width = (int(side) for side in rng.integers(10, 60, 2))
    return {
        "tile": rng.integers(1, 250, (height, width, 3), dtype=np.uint8),
        "x": int(rng.integers(0, 90)),
        "y": int(rng.integers(0, 90)),
        "mask": rng.random((height, width)) < 0.7 if number == 1 else None,
        "weight": "hann" if mode == "weighted" else None,
        "z": task % 2,
    }


def lay(sink: ziggurat.Sink, task: int, mode: str) -> None:
    """Lay the tiles of one task."""
    with sink.task(("task", task)) as tiles:
        for number in range(TILES):
            tiles.addTile(**tile(task, number, mode))


def lay_and_die(sink: ziggurat.Sink, task: int, mode: str) -> None:
    """Lay the tiles of one task but for its end, and be killed."""
    with sink.task(("task", task)) as tiles:
        tiles.addTile(**tile(task, 0, mode))
        os.kill(os.getpid(), signal.SIGKILL)
