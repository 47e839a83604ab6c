"""One picture by every codec: raw pixels to a tiled pyramid TIFF, and the bare encoders beside.

All codecs in one warm process, each a lap: most of a small write would be the process else. What
another program's wheel can't write, or not at a loss that compares, it leaves out.
"""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.case import Case, Run
from benchmarks.jobs.pyramid import (
    ENCODERS,
    LOSSY,
    Maker,
    bare,
    gdal,
    hold,
    ours,
    pixels_of,
    vips,
    warm,
)

CODECS = ("lzw", "zstd", "lzma", "webp", "jpeg2000", "jpegxl")
SIDE = 2048

CASES = (
    Case(
        name=f"codecs, {SIDE:,}²",
        work=SIDE * SIDE / 1e6,
        unit="MP",
        contestants=("limit", "ours", "vips", "gdal"),
        limit=ENCODERS,
        values={"width": SIDE, "height": SIDE, "labels": False},
        rounds=2,
        warmups=0,
    ),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return where the raw pixels are."""
    from benchmarks.inputs import raw

    return {"source": str(raw(case.values["width"], case.values["height"]))}


def _by(codec: str, run: Run) -> Run:
    return Run({**run.values, "codec": codec}, run.folder)


def _checked(make: Maker, codecs: Sequence[str] = CODECS) -> Callable[[Run], None]:
    """Return a contestant: write with one codec after the other, each with a lap of its own."""

    def contestant(run: Run) -> None:
        out = run.folder / "out.tiff"
        for codec in codecs:
            one = _by(codec, run)
            warm(make, one)
            work = make(one, out)
            with run.clock(codec):
                work()
            run.note(**{f"bytes, {codec}": out.stat().st_size})
            hold(out, pixels_of(one), exact=codec not in (*LOSSY, "jpeg2000", "jpegxl"))
            out.unlink()

    return contestant


def _limit(run: Run) -> None:
    for codec in CODECS:
        work = bare(_by(codec, run))
        with run.clock(codec):
            work()


CONTESTANTS: dict[str, Callable[[Run], None]] = {
    "limit": _limit,
    "ours": _checked(ours),
    "vips": _checked(vips, ("lzw", "webp")),
    "gdal": _checked(gdal, ("lzw", "zstd", "webp")),
}
