"""Images of many small frames: laid, written as OME-TIFF and OME-Zarr, read back one by one."""

from typing import Any

import numpy as np

from benchmarks.case import Case, Run, check

SIDE = 64


def _case(count: int, *, quick: bool) -> Case:
    return Case(
        name=f"{count:,} frames of {SIDE}² uint16",
        work=count,
        unit="frames",
        contestants=("limit", "ours"),
        limit="tifffile alone, an OME-TIFF without levels",
        values={"count": count},
        quick=quick,
        rounds=1,
        warmups=0,
        series="images by frames",
        size=count,
    )


CASES = (_case(100, quick=True), _case(1_000, quick=True), _case(4_000, quick=True))


def _frame(number: int) -> Any:
    return np.full((SIDE, SIDE), number, np.uint16)


def ours(run: Run) -> None:
    """Lay, write twice, read all."""
    import ziggurat

    count = run["count"]
    with ziggurat.new(
        run.folder / "store",
        sizeX=SIDE,
        sizeY=SIDE,
        bands=1,
        axes={"t": count},
        dtype="uint16",
        tileSize=SIDE,
    ) as sink:
        with run.clock("lay"):
            for number in range(count):
                sink.addTile(_frame(number), t=number)
        with run.clock("write OME-TIFF"):
            sink.write(run.folder / "out.ome.tiff", lossy=False)
        with run.clock("write OME-Zarr zip"):
            sink.write(run.folder / "out.zarr.zip", lossy=False)
    for name, lap in (("out.ome.tiff", "OME-TIFF"), ("out.zarr.zip", "OME-Zarr zip")):
        with ziggurat.open(run.folder / name) as source, run.clock(f"read {lap}"):
            for number in range(count):
                found = source.getRegion(format="numpy", frame=number)[0]
                check(found[0, 0, 0] == found[-1, -1, 0] == number, f"frame {number} is another")


def limit(run: Run) -> None:
    """Write and read pages by tifffile."""
    import tifffile

    count, out = run["count"], run.folder / "out.ome.tiff"
    with run.clock("write OME-TIFF"):
        tifffile.imwrite(
            out, (_frame(number) for number in range(count)), shape=(count, SIDE, SIDE),
            dtype=np.uint16, compression="deflate", tile=(SIDE, SIDE), metadata={"axes": "TYX"},
        )  # fmt: skip
    with tifffile.TiffFile(out) as tif, run.clock("read OME-TIFF"):
        for number in range(count):
            found: Any = tif.series[0].pages[number].asarray()
            check(found[0, 0] == number, f"frame {number} is another")


CONTESTANTS = {"limit": limit, "ours": ours}
