"""Tiles for a viewer, one after the other: stored ones, and those that must be made."""

import random
from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Run, check

SIDE, ASKED = 8192, 400
CASES = (
    Case(
        name=f"JPEG pyramid, {SIDE:,}²",
        work=ASKED,
        unit="tiles",
        contestants=("limit", "ours", "app", "openslide", "reference"),
        limit="reading the stored bytes of a tile",
    ),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return where the file is."""
    del case
    from benchmarks.inputs import pyramid

    return {"path": str(pyramid(SIDE))}


def _places() -> list[tuple[int, int]]:
    rng = random.Random(3)
    return [(rng.randrange(SIDE // 256), rng.randrange(SIDE // 256)) for _ in range(ASKED)]


def _serve(run: Run, tile: Callable[[int, int], bytes]) -> None:
    check(tile(0, 0)[:2] == b"\xff\xd8", "it is no JPEG")
    with run.clock("full resolution"):
        for x, y in _places():
            tile(x, y)


def ours(run: Run) -> None:
    """Serve by ``getTile``."""
    import ziggurat

    with ziggurat.open(run["path"]) as source:
        top = source.levels - 1
        _serve(run, lambda x, y: bytes(source.getTile(x, y, top)))


def reference(run: Run) -> None:
    """Serve by large_image."""
    import large_image

    source = large_image.open(run["path"])
    top = source.levels - 1
    _serve(run, lambda x, y: bytes(source.getTile(x, y, top)))


def openslide(run: Run) -> None:
    """Serve by OpenSlide's DeepZoom generator, as its example server does."""
    import io

    from openslide import OpenSlide
    from openslide.deepzoom import DeepZoomGenerator

    with OpenSlide(run["path"]) as slide:
        zoom = DeepZoomGenerator(slide, tile_size=256, overlap=0)
        top = zoom.level_count - 1

        def tile(x: int, y: int) -> bytes:
            buffer = io.BytesIO()
            zoom.get_tile(top, (x, y)).save(buffer, "jpeg", quality=75)
            return buffer.getvalue()

        _serve(run, tile)


def app(run: Run) -> None:
    """Serve by the viewer's ASGI application, asked as a server asks it."""
    import asyncio

    import ziggurat
    import ziggurat.viewer

    application = ziggurat.viewer.app([run["path"]], hosts=None)
    with ziggurat.open(run["path"]) as source:
        top = source.levels - 1

    async def fetch(path: str) -> tuple[int, bytes]:
        status, body = 0, b""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "scheme": "http", "headers": [(b"host", b"localhost")], "server": ("localhost", 80),
            "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await application(scope, receive, send)
        return status, body

    loop = asyncio.new_event_loop()
    paths = TILE_PATH.format(z=top, x="{x}", y="{y}")

    def tile(x: int, y: int) -> bytes:
        status, body = loop.run_until_complete(fetch(paths.format(x=x, y=y)))
        check(status == 200, f"the viewer says {status}")
        return body

    _serve(run, tile)


TILE_PATH = "/tile/0/{z}/{x}/{y}"


def limit(run: Run) -> None:
    """Read the bytes."""
    import os

    import tifffile

    with tifffile.TiffFile(run["path"]) as tif:
        page: Any = tif.pages[0]
        counts, offsets, head = page.databytecounts, page.dataoffsets, page.jpegtables
    across, file = SIDE // 256, os.open(run["path"], os.O_RDONLY)

    def tile(x: int, y: int) -> bytes:
        index = y * across + x
        data = os.pread(file, counts[index], offsets[index])
        return head[:-2] + data[2:] if head else data

    _serve(run, tile)


CONTESTANTS = {
    "limit": limit,
    "ours": ours,
    "app": app,
    "openslide": openslide,
    "reference": reference,
}
