"""What two browsers that watch a growing sink cost those who lay its tiles, and what they see.

    uv run python -m benchmarks.watched [--tiles 20000] [--workers 8]

Workers lay the tiles once unwatched and once while two headless Chromiums show the sink, in turn,
``--rounds`` times. Their processor seconds are compared (the browsers want the same cores, so
the wall says little on a small machine). In the end each tile that the viewer gives, at every zoom
of whole tiles, must be the one of the finished sink.
"""

import argparse
import multiprocessing
import shutil
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import ziggurat

TILE = 64
SWITCHES = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,700")


def lay(path: str, share: int, workers: int, tiles: int, columns: int, spent: Any) -> None:
    """Lay one worker's share of the tiles, each of a colour of its number; tell the CPU seconds."""
    with ziggurat.new(path, mode="join") as sink:
        start = time.process_time()
        for number in range(share, tiles, workers):
            color = (number % 251, number // 251 % 251, 90)
            y, x = divmod(number, columns)
            sink.addTile(np.full((TILE, TILE, 3), color, np.uint8), x * TILE, y * TILE)
        spent.put(time.process_time() - start)


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Serve a sink to browsers, as ``ziggurat view`` does; give the address."""
    import uvicorn

    from ziggurat.converter.viewer.app import app

    server = uvicorn.Server(uvicorn.Config(app([path]), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)


@contextmanager
def browser(address: str) -> Iterator[Any]:
    """Show a page in a headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in SWITCHES:
        options.add_argument(switch)
    shown = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        shown.get(address)
        yield shown
    finally:
        shown.quit()


def run(folder: Path, tiles: int, workers: int, *, watched: bool) -> tuple[float, float, int]:
    """Lay all tiles; return the workers' CPU seconds, the wall, and how many tiles are wrong."""
    columns = int(tiles**0.5)
    path = folder / f"sink-{time.monotonic_ns()}"
    width, height = columns * TILE, -(-tiles // columns) * TILE
    with ExitStack() as stack:
        sink = stack.enter_context(
            ziggurat.new(path, bands=3, dtype="uint8", sizeX=width, sizeY=height)
        )
        address = stack.enter_context(served(path)) if watched else ""
        for _ in range(2 if watched else 0):
            stack.enter_context(browser(f"{address}/"))
        context = multiprocessing.get_context("spawn")
        spent = context.Queue()
        jobs = [
            context.Process(target=lay, args=(str(path), share, workers, tiles, columns, spent))
            for share in range(workers)
        ]
        start = time.perf_counter()
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        wall = time.perf_counter() - start
        seconds = sum(spent.get(timeout=60) for _ in jobs)
        assert not any(job.exitcode for job in jobs)
        assert len(list(sink.tiles())) == tiles
        wrong = wrong_tiles(address, sink) if watched else 0
    return seconds, wall, wrong


def wrong_tiles(address: str, sink: ziggurat.Sink) -> int:
    """Return how many tiles of the viewer, of each level, are not those of the sink."""
    from io import BytesIO

    from PIL import Image

    time.sleep(2)  # what the server gathers of the last tiles
    wrong = 0
    for level in range(sink.levels):
        width, height = (
            -(-side // (tile << (sink.levels - 1 - level)))
            for side, tile in ((sink.sizeX, sink.tileWidth), (sink.sizeY, sink.tileHeight))
        )
        for y in range(0, height, max(1, height // 8)):
            for x in range(0, width, max(1, width // 8)):
                url = f"{address}/tile/0/{level}/{x}/{y}"
                with urllib.request.urlopen(url, timeout=60) as answer:
                    found = np.asarray(Image.open(BytesIO(answer.read())).convert("RGB")).astype(
                        int
                    )
                due = np.asarray(sink.getTile(x, y, level, numpyAllowed="always"))[..., :3]
                low, right = (
                    min(pair) for pair in zip(found.shape[:2], due.shape[:2], strict=True)
                )
                off = np.abs(found[:low, :right] - due[:low, :right].astype(int))
                wrong += bool(off.mean() > 3)
    return wrong


def main() -> None:
    """Race watched against unwatched, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    seen: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            for watched in (False, True):
                spent, wall, wrong = run(Path(folder), asked.tiles, asked.workers, watched=watched)
                seen[watched].append(spent)
                word = "watched" if watched else "alone"
                print(
                    f"{word:8} {spent:6.2f} s CPU, {wall:6.2f} s, {wrong} tiles wrong", flush=True
                )
    ratio = statistics.median(seen[True]) / statistics.median(seen[False])
    print(f"watched/alone: {ratio:.3f} of the workers' CPU seconds")


if __name__ == "__main__":
    main()
