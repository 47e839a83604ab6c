"""A program in which interrupts come as fast as they are handled, whatever its sink does.

    python storm_worker.py MODE INTERRUPTS SEED FOLDER

An alarm raises at a random moment of each call, and once or twice more while that is on its way
out. The call is made again until it ends. Each image is compared with that of a sink that nobody
disturbs; what differs, and every other exception, ends the program. Prints how many there were.
"""

import faulthandler
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import ziggurat
from ziggurat.writers.store.mapped.locks import EXCLUSIVE, EXTENTS, Locks, acquired_at_once

Calls = Callable[[str, Callable[[], object]], None]
MOST = 3  # interrupts of one call
HANGS = 300  # seconds of an image


class Interrupt(BaseException):
    """Stands for Ctrl-C, an alarm, a test's time-out."""


class Storm:
    """Makes calls under interrupts."""

    def __init__(self, seed: int) -> None:
        self.count = 0
        self._chance = random.Random(seed)
        self._left = 0
        self._times: dict[str, float] = {}
        signal.signal(signal.SIGALRM, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._left == 0:
            return
        self._left -= 1
        self.count += 1
        if self._left:
            signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(1e-6, 1e-4))
        raise Interrupt

    def __call__(self, kind: str, work: Callable[[], object]) -> None:
        """Make a call until it ends."""
        done: list[float] = []
        tries = 0

        def attempt() -> None:
            self._left = self._chance.randint(1, MOST)
            signal.setitimer(signal.ITIMER_REAL, delay)
            start = time.perf_counter()
            work()
            done.append(time.perf_counter() - start)

        while not done:
            usual = self._times.get(kind, 1e-3) * 1.2 ** max(0, tries - 3)
            delay = max(1e-6, self._chance.uniform(0, 1.3 * usual))
            _outlived(attempt, MOST + 1)
            self._left = 0
            tries += 1
        before = self._times.get(kind, done[0])
        self._times[kind] = 0.8 * before + 0.2 * min(done[0], 4 * before)


def _outlived(work: Callable[[], None], depth: int) -> None:
    """Do something, and catch as many interrupts, also those of the catching."""
    try:
        if depth:
            _outlived(work, depth - 1)
        else:
            work()
    except Interrupt:
        pass


def tiles(mode: str, seed: int) -> list[dict[str, Any]]:
    """Return the arguments of tiles that begin an image, lie on others and make it grow."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(24):
        dtype = "uint8" if number < 10 else "uint16"
        shape = (20, 20, 3 if number < 16 else 4)
        tile: dict[str, Any] = {
            "tile": rng.integers(1, 200, shape).astype(dtype),
            "x": int(rng.integers(0, 70 + 4 * number)),
            "y": int(rng.integers(0, 50)),
            "key": ("tile", number),
        }
        if number >= 13:
            tile["z"] = number % 2
        if mode == "weighted":
            tile["weight"] = "hann"
        found.append(tile)
    return found


def same(one: Any, two: Any) -> bool:
    """Compare two images, frame by frame."""
    frames = range(max(1, len(two.getMetadata().get("frames", ()))))
    return all(
        np.array_equal(*(s.getRegion(format="numpy", frame=f)[0] for s in (one, two)))
        for f in frames
    )


def image(storm: Calls, mode: str, seed: int, folder: Path) -> None:
    """Make one image and write it, all under interrupts."""
    path, wanted = folder / f"{seed}", tiles(mode, seed % 2**32)
    right = ziggurat.new(blend=mode, tileSize=16)
    sink = ziggurat.new(path, blend=mode, tileSize=16)
    for number, tile in enumerate(wanted):
        right.addTile(**tile)
        storm("tile" if number not in (10, 13, 16) else "growth", lambda: sink.addTile(**tile))  # noqa: B023
        if number % 6 == 5:
            storm("flush", sink.flush)
    locks = Locks(str(path))
    with locks.take() as file:
        assert acquired_at_once(file, EXCLUSIVE), "the structure stays locked"
        assert acquired_at_once(file, EXTENTS), "sizes stay locked"
    assert [one.key for one in sink.tiles()] == [tile["key"] for tile in wanted], "keys"
    assert same(sink, right), "other pixels"
    for name in ("out.tiff", "out.zarr.zip"):
        output = folder / f"{seed}-{name}"
        storm(name, lambda: sink.write(output, compression="zstd"))  # noqa: B023
        with ziggurat.open(output) as source:
            assert same(source, right), f"other pixels in {output.name}"
        output.unlink()
    sink.close()
    right.close()
    shutil.rmtree(path)


def calm(kind: str, work: Callable[[], object]) -> None:
    """Make a call that nobody interrupts."""
    del kind
    work()


def main(mode: str, interrupts: int, seed: int, folder: Path) -> None:
    """Make images until there were so many interrupts."""
    image(calm, mode, -1, folder)  # a module whose import was interrupted may not come again
    storm = Storm(seed)
    images = 0
    while storm.count < interrupts:
        faulthandler.dump_traceback_later(HANGS, exit=True)
        image(storm, mode, 1000 * seed + images, folder)
        images += 1
        left = sorted(path.name for path in folder.iterdir())
        print(f"{mode}: {storm.count} interrupts, {images} images, left: {left[:3]}", flush=True)
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
