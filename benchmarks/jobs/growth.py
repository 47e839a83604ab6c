"""Sinks of many tiles: a million, listed; and what growing by a band costs by what is written."""

import numpy as np

from benchmarks.case import Case, Run, check

ROW = 1000


def _case(kind: str, name: str, series: str, count: int, *, quick: bool) -> Case:
    return Case(
        name=name,
        work=count,
        unit="tiles",
        contestants=("ours",),
        values={"kind": kind, "count": count},
        quick=quick,
        rounds=1,
        warmups=0,
        series=series,
        size=count,
    )


def _tiles(count: int, *, quick: bool) -> Case:
    name = f"{count:,} tiles of 16²"
    return _case("tiles", name, "tiles laid into one sink", count, quick=quick)


def _bands(count: int, *, quick: bool) -> Case:
    name = f"from 3 to 4 bands after {count:,} tiles of 64²"
    return _case("bands", name, "from 3 to 4 bands", count, quick=quick)


CASES = (
    _tiles(10_000, quick=True),
    _tiles(100_000, quick=True),
    _tiles(1_000_000, quick=False),
    _bands(2_000, quick=True),
    _bands(20_000, quick=True),
)


def _many(run: Run) -> None:
    import ziggurat

    count = run["count"]
    rows = -(-count // ROW)
    tile = np.full((16, 16), 7, np.uint8)
    with ziggurat.new(
        run.folder / "store", sizeX=16 * ROW, sizeY=16 * rows, bands=1, dtype="uint8"
    ) as sink:
        with run.clock("lay"):
            for number in range(count):
                sink.addTile(tile, number % ROW * 16, number // ROW * 16)
        with run.clock("list"):
            found = sum(1 for _ in sink.tiles())
        check(found == count, f"{found} tiles are in")
        last = {"left": 0, "top": 16 * (rows - 1), "width": 16, "height": 16}
        check((sink.getRegion(region=last, format="numpy")[0] == 7).all(), "other pixels")


def _more_bands(run: Run) -> None:
    import ziggurat

    count, row = run["count"], 200
    three, four = np.full((64, 64, 3), 5, np.uint8), np.full((64, 64, 4), 6, np.uint8)
    with ziggurat.new(run.folder / "store") as sink:
        for number in range(count):
            sink.addTile(three, number % row * 64, number // row * 64)
        with run.clock():
            sink.addTile(four, 0, 0)
        here = {"left": 64, "top": 0, "width": 64, "height": 64}
        found = sink.getRegion(region=here, format="numpy")[0]
        check(found.shape[2] == 4 and (found[..., :3] == 5).all(), "other pixels")


def ours(run: Run) -> None:
    """Lay many tiles, or let a sink grow."""
    (_many if run["kind"] == "tiles" else _more_bands)(run)


CONTESTANTS = {"ours": ours}
