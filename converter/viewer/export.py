"""A folder with the page and its tiles, for any web server: nothing is computed there."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ziggurat.converter.viewer.answers import STALE, VENDORED, Answer, Gallery, page
from ziggurat.converter.viewer.shown import Shown
from ziggurat.readers.errors import ConversionError
from ziggurat.writers.files.atomic import atomic_directory

MODULES = (
    "compare.js",
    "dom.js",
    "layers.js",
    "live.js",
    "panels.js",
    "tools.js",
    "transport.js",
    "viewer.js",
    "view.css",
    VENDORED,
    "vendor/openseadragon-LICENSE.txt",
)
_MAIN = """import { FolderTransport } from "./transport.js";
import { mount } from "./viewer.js";

mount(document.getElementById("view"), new FolderTransport(), { linkable: true });
"""


def export(
    sources: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    told: Callable[[int, int], None] | None = None,
) -> int:
    """Write a page with all tiles of some images to a folder that is not there yet.

    Parameters
    ----------
    sources
        As for the viewer.
    folder
        Appears when all is in it.
    told
        Hears how many tiles are done, and of how many.

    Returns
    -------
    int
        How many tiles were written.

    Raises
    ------
    TargetExistsError
        The folder is there.
    ConversionError
        A tile can't be read, or the page's library is missing.
    """
    gallery = Gallery([Shown(source) for source in sources])
    try:
        with atomic_directory(folder) as staging:
            _write_page(staging, gallery)
            return _write_tiles(staging, gallery, told)
    finally:
        gallery.close()


def _write_tiles(staging: Path, gallery: Gallery, told: Callable[[int, int], None] | None) -> int:
    total = sum(1 for image in gallery.images for _ in _tiles(image))
    done = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, image in enumerate(gallery.images):
            work = ((gallery, staging, number, place) for place in _tiles(image))
            for _ in pool.map(lambda words: _write_tile(*words), work):
                done += 1
                if told is not None:
                    told(done, total)
    return done


def _write_page(folder: Path, gallery: Gallery) -> None:
    for name in MODULES:
        found = page(name)
        if found.status != 200:
            raise ConversionError(
                f"the page's file {name} is missing; build ziggurat again with a network"
            )
        target = folder / "static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(found.body)
    (folder / "static" / "main.js").write_text(_MAIN)
    (folder / "index.html").write_bytes(page("index.html").body)
    info = gallery.answer("info", {})
    (folder / "info.json").write_bytes(info.body)


def _tiles(image: Shown) -> Iterator[tuple[int, int, int, int]]:
    """Iterate over (frame, level, column, row)."""
    source = image.source()
    for frame in range(source.frames):
        for z in range(source.levels):
            factor = 2 ** (source.levels - 1 - z)
            columns = -(-source.sizeX // (source.tileWidth * factor))
            rows = -(-source.sizeY // (source.tileHeight * factor))
            yield from ((frame, z, x, y) for y in range(rows) for x in range(columns))


def _write_tile(
    gallery: Gallery, folder: Path, number: int, place: tuple[int, int, int, int]
) -> None:
    frame, z, x, y = place
    answer = Answer(STALE, "", b"")
    while answer.status == STALE:  # each look at a large sink brings a piece of it up to date
        answer = gallery.answer(f"tile/{number}/{z}/{x}/{y}", {"frame": str(frame)})
    if answer.status != 200:
        raise ConversionError(
            f"tile {x}, {y} of level {z} can't be written: {answer.body.decode()}"
        )
    target = folder / "tiles" / str(number) / str(frame) / str(z) / f"{x}_{y}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(answer.body)
