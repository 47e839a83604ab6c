"""A sink of a huge image in which few tiles were laid, written: cost should be by content."""

from pathlib import Path

import numpy as np

from benchmarks.case import Case, Run, check, tree_size

TILES = 200


def _case(side: int, suffix: str, *, quick: bool) -> Case:
    return Case(
        name=f"{TILES} tiles of 512² in {side:,}², {suffix}",
        work=TILES,
        unit="tiles",
        contestants=("limit", "ours"),
        limit="ours, of an image that is just these tiles",
        values={"side": side, "suffix": suffix},
        quick=quick,
        rounds=1,
        warmups=0,
        series=f"sparse images by side, {suffix}",
        size=side,
    )


CASES = tuple(
    _case(side, suffix, quick=True)
    for suffix in (".tiff", ".zarr.zip")
    for side in (25_000, 50_000, 100_000)
)


def _write(run: Run, places: list[tuple[int, int]], width: int, height: int) -> None:
    import ziggurat

    tile = np.full((512, 512, 3), 200, np.uint8)
    tile[100:400, 100:400] = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    out: Path = run.folder / f"out{run['suffix']}"
    with ziggurat.new(
        run.folder / "store", sizeX=width, sizeY=height, bands=3, dtype="uint8"
    ) as sink:
        for x, y in places:
            sink.addTile(tile, x=x, y=y)
        with run.clock():
            sink.write(out, lossy=False)
    run.note(bytes=tree_size(out))
    x, y = places[-1]
    with ziggurat.open(out) as source:
        there = {"left": x, "top": y, "width": 512, "height": 512}
        found = source.getRegion(region=there, format="numpy")[0]
    check(np.array_equal(found, tile), "other pixels")


def ours(run: Run) -> None:
    """Lay tiles far from each other, and write."""
    side = run["side"]
    room = side - 512
    places = [
        (i * 7919 * 512 % room // 512 * 512, i * 104729 * 512 % room // 512 * 512)
        for i in range(TILES)
    ]
    _write(run, places, side, side)


def limit(run: Run) -> None:
    """Lay as many side by side, and write."""
    places = [(i % 20 * 512, i // 20 * 512) for i in range(TILES)]
    _write(run, places, 20 * 512, TILES // 20 * 512)


CONTESTANTS = {"limit": limit, "ours": ours}
