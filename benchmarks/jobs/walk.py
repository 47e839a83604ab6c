"""A viewer's walk: what a browser asks while somebody looks around, over HTTP.

Each view asks for the tiles of a window that no earlier view had, over six connections, as
browsers do, and the next comes when all are there.
"""

import io
import itertools
import math
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import Case, Lap, Run, check

SIDE, LARGE, TILE = 8192, 60_000, 256
WINDOW, VIEWS, CONNECTIONS = (1920, 1080), 200, 6
PLACE = (8, 8)  # of the tile of full resolution that is looked at
FAR = 8  # levels of colour that its mean may be off: everybody encodes anew, but us
ZOOM = 18  # of the web's map, whose pixels are those of the map here
Url = Callable[[int, int, int], str]  # of a tile: how many halvings, column, row

CASES = (
    Case(
        name=f"{VIEWS} views, JPEG pyramid, {SIDE:,}²",
        work=VIEWS,
        unit="views",
        contestants=("ours", "deepzoom", "reference"),
        values={"kind": "pyramid", "side": SIDE, "views": VIEWS},
    ),
    Case(
        name=f"{VIEWS} views, JPEG pyramid, {LARGE:,}²",
        work=VIEWS,
        unit="views",
        contestants=("ours", "deepzoom", "reference"),
        values={"kind": "pyramid", "side": LARGE, "views": VIEWS},
        quick=False,
    ),
    Case(
        name=f"{VIEWS} views, map, {SIDE:,}²",
        work=VIEWS,
        unit="views",
        contestants=("ours", "localtileserver", "reference"),
        values={"kind": "map", "side": SIDE, "views": VIEWS},
    ),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return the file, and the colour of one tile."""
    from benchmarks import inputs

    side = case.values["side"]
    if case.values["kind"] == "map":
        path = inputs.web_map(side, ZOOM)
    else:
        path = inputs.pyramid(side) if side == SIDE else inputs.large_pyramid(side)
    return {"path": str(path), "color": inputs.tile_color(path, *PLACE, TILE)}


def views(side: int, count: int, seed: int = 7) -> Iterator[list[tuple[int, int, int]]]:
    """Yield the tiles (halvings, column, row) of views: somebody pans, zooms in and out."""
    rng = random.Random(seed)
    top = max(0, math.ceil(math.log2(max(side / one for one in WINDOW))))
    halvings, center = top, [side / 2, side / 2]
    for _ in range(count):
        shown = []
        last = (-(-side // (1 << halvings)) - 1) // TILE
        for middle, extent in zip(center, WINDOW, strict=True):
            low, high = (int((middle / (1 << halvings) + sign * extent / 2) // TILE)
                         for sign in (-1, 1))  # fmt: skip
            shown.append(range(max(0, low), min(last, high) + 1))
        yield [(halvings, x, y) for y, x in itertools.product(shown[1], shown[0])]
        choice = rng.random()
        if choice < 0.6:
            center = [
                min(max(middle + rng.uniform(-0.7, 0.7) * extent * (1 << halvings), 0), side)
                for middle, extent in zip(center, WINDOW, strict=True)
            ]
        else:
            halvings = max(0, halvings - 1) if choice < 0.85 else min(top, halvings + 1)


@contextmanager
def served(command: list[str]) -> Iterator[int]:
    """Run a server until the walk has ended; give its port, which it prints after a colon."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        for line in server.stdout:
            if "127.0.0.1:" in line:
                yield int(line.rpartition("127.0.0.1:")[2].strip().strip("/"))
                break
        else:
            check(False, "the server gives no address")
    finally:
        server.terminate()
        server.wait(30)


class Browser:
    """Asks over a few connections that are kept where the server keeps them."""

    def __init__(self, port: int) -> None:
        self._port, self._here = port, threading.local()
        self.seconds: list[float] = []

    def get(self, url: str) -> bytes:
        """Return a tile."""
        begin = time.perf_counter()
        connection: HTTPConnection | None = getattr(self._here, "connection", None)
        if connection is None:
            connection = self._here.connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("GET", url)
        answer = connection.getresponse()
        body = answer.read()
        self.seconds.append(time.perf_counter() - begin)
        check(answer.status == 200 and body, f"{url}: {answer.status}")
        return body


def walk(run: Run, command: list[str], url: Url) -> None:
    """Walk through a server's image, once its first tile has been looked at."""
    from PIL import Image

    with served(command) as port, ThreadPoolExecutor(CONNECTIONS) as threads:
        browser = Browser(port)
        picture = np.asarray(Image.open(io.BytesIO(browser.get(url(0, *PLACE)))).convert("RGB"))
        off = np.abs(picture.reshape(-1, 3).mean(axis=0) - run["color"]).max()
        check(off < FAR, f"its tile is {off:.0f} levels off")
        had: set[tuple[int, int, int]] = {(0, *PLACE)}
        browser.seconds.clear()
        with run.clock("all tiles"):
            for view in views(run["side"], run["views"]):
                missing = [tile for tile in view if tile not in had]
                list(threads.map(browser.get, [url(*tile) for tile in missing]))
                had.update(missing)
    found = sorted(browser.seconds)
    run.note(tiles=len(found))
    run.laps["a tile, median"] = Lap(statistics.median(found), 0.0, 1)
    run.laps["a tile, 99 of 100"] = Lap(found[len(found) * 99 // 100], 0.0, 1)


def ours(run: Run) -> None:
    """``ziggurat view``."""
    import ziggurat

    on_map = run["kind"] == "map"
    command = [sys.executable, "-m", "ziggurat", "view", "--no-browser", run["path"]]
    with ziggurat.open(run["path"]) as source:
        top = source.levels - 1

    def url(halvings: int, x: int, y: int) -> str:
        return f"/tile/0/{top - halvings}/{x}/{y}"

    if on_map:
        walk(run, [*command, "--map"], lambda *tile: "/tile/0/{}/{}/{}".format(*on_web_map(*tile)))
    else:
        walk(run, command, url)


def on_web_map(halvings: int, x: int, y: int) -> tuple[int, int, int]:
    """Return (zoom, column, row) of a tile of the map, whose corner is where both axes cross."""
    half = 1 << (ZOOM - halvings - 1)
    return ZOOM - halvings, half + x, half + y


def server_of(name: str, run: Run) -> list[str]:
    """Return the command that starts another program's server."""
    script = Path(__file__).resolve().parents[1] / "tile_servers.py"
    return [sys.executable, str(script), name, run["path"], run["kind"]]


def deepzoom(run: Run) -> None:
    """OpenSlide's DeepZoom generator behind Flask, as in its example server."""
    top = math.ceil(math.log2(run["side"]))
    walk(
        run, server_of("deepzoom", run),
        lambda halvings, x, y: f"/slide_files/{top - halvings}/{x}_{y}.jpeg",
    )  # fmt: skip


def reference(run: Run) -> None:
    """The tile server that large_image starts for a notebook."""
    top = math.ceil(math.log2(run["side"] / TILE))

    def url(halvings: int, x: int, y: int) -> str:
        place = on_web_map(halvings, x, y) if run["kind"] == "map" else (top - halvings, x, y)
        return "/tile?z={}&x={}&y={}&encoding=png".format(*place)

    walk(run, server_of("reference", run), url)


def localtileserver(run: Run) -> None:
    """localtileserver, which is for maps."""
    from urllib.parse import quote

    name = quote(run["path"], safe="")
    walk(
        run, server_of("localtileserver", run),
        lambda *tile: "/api/tiles/{}/{}/{}.png?filename={}".format(*on_web_map(*tile), name),
    )  # fmt: skip


CONTESTANTS = {
    "ours": ours,
    "deepzoom": deepzoom,
    "reference": reference,
    "localtileserver": localtileserver,
}
