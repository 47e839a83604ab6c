"""A slide to a pyramidal TIFF: its own levels, and all halvings; in a warm process."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import Case, Run, check, tree_size

QUALITY = 85
LEVELS = {"source": "its own levels", "full": "all halvings"}


def _case(levels: str, width: int, height: int, who: tuple[str, ...], *, quick: bool) -> Case:
    return Case(
        name=f"{LEVELS[levels]}, {width:,} × {height:,}",
        work=width * height / 1e6,
        unit="MP",
        contestants=("limit", "ours", *who),
        limit="`cp` and a flush to the disk",
        values={"levels": levels, "width": width, "height": height},
        quick=quick,
    )


CASES = (
    _case("source", 24_000, 18_000, (), quick=True),
    _case("full", 24_000, 18_000, ("python", "vips"), quick=True),
    _case("source", 12_000, 9_000, ("wsidicomizer",), quick=False),
    _case("source", 80_000, 60_000, (), quick=False),
    _case("full", 12_000, 9_000, ("vips", "reference"), quick=False),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return where the slide is."""
    from benchmarks.inputs import slide

    return {"slide": str(slide(case.values["width"], case.values["height"]))}


def _warm(path: Path) -> None:
    with path.open("rb") as file:  # into the page cache, for everybody alike
        while file.read(1 << 22):
            pass


def _checked(make: Callable[[Run, Path, Path], Callable[[], object]]) -> Callable[[Run], None]:
    def contestant(run: Run) -> None:
        slide, out = Path(run["slide"]), run.folder / "out.tiff"
        _warm(slide)
        work = make(run, slide, out)
        with run.clock():
            work()
        if out.is_dir():  # DICOM
            run.note(bytes=tree_size(out))
            check(tree_size(out) > slide.stat().st_size // 2, "it is too small")
            return
        same = digest(slide) == digest(out)
        run.note(bytes=out.stat().st_size, level0="the same bytes" if same else "encoded anew")
        hold(slide, out)

    return contestant


def digest(path: Path) -> str:
    """Return the SHA-256 of all stored tiles of the first page, in order."""
    import tifffile

    found = hashlib.sha256()
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        page: Any = tif.pages[0]
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.seek(offset)
            found.update(file.read(count))
    return found.hexdigest()


def hold(slide: Path, out: Path) -> None:
    """Check size and looks of an output's full resolution."""
    import tifffile

    with tifffile.TiffFile(slide) as theirs, tifffile.TiffFile(out) as mine:
        first: Any = theirs.pages[0]
        second: Any = mine.pages[0]
        check(first.shape[:2] == second.shape[:2], f"its size is {second.shape}")
        for index in (0, len(first.dataoffsets) // 2, len(first.dataoffsets) - 2):
            a, b = (_tile(page, index) for page in (first, second))
            error = float(np.mean((a.astype(float) - b) ** 2)) if a.shape == b.shape else 0.0
            check(error < 205, f"a tile's mean square error is {error:.0f}")  # PSNR 25


def _tile(page: Any, index: int) -> Any:
    handle = page.parent.filehandle
    handle.seek(page.dataoffsets[index])
    data = handle.read(page.databytecounts[index])
    return page.decode(data, index, jpegtables=page.jpegtables)[0][0]


def _limit(run: Run, slide: Path, out: Path) -> Callable[[], object]:
    del run

    def work() -> None:
        shutil.copyfile(slide, out)
        descriptor = os.open(out, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    return work


def _ours(run: Run, slide: Path, out: Path) -> Callable[[], object]:
    import ziggurat

    options = ziggurat.ConvertOptions(levels=run["levels"], quality=QUALITY, overwrite=True)
    warm = out.with_name("warm.tiff")
    ziggurat.convert(Path(run["slide"]), warm, ziggurat.ConvertOptions(region=_corner()))
    warm.unlink()
    return lambda: ziggurat.convert(slide, out, options)


def _corner() -> dict[str, Any]:
    return {"left": 0, "top": 0, "width": 512, "height": 512}


def _vips(run: Run, slide: Path, out: Path) -> Callable[[], object]:
    del run
    import pyvips

    image = pyvips.Image.new_from_file(str(slide), access="sequential")
    return lambda: image.tiffsave(
        str(out), tile=True, tile_width=240, tile_height=240, pyramid=True, compression="jpeg",
        Q=QUALITY, bigtiff=True,
    )  # fmt: skip


def _reference(run: Run, slide: Path, out: Path) -> Callable[[], object]:
    del run
    import large_image_converter

    return lambda: large_image_converter.convert(
        str(slide), str(out), compression="jpeg", quality=QUALITY, overwrite=True
    )


def _wsidicomizer(run: Run, slide: Path, out: Path) -> Callable[[], object]:
    del run
    from wsidicomizer import WsiDicomizer

    def work() -> None:
        with WsiDicomizer.open(slide) as wsi:
            wsi.save(out)

    return work


def _without_the_kernel(run: Run) -> None:
    os.environ["ZIGGURAT_NATIVE"] = "0"
    _checked(_ours)(run)


CONTESTANTS: dict[str, Callable[[Run], None]] = {
    "limit": _checked(_limit),
    "ours": _checked(_ours),
    "python": _without_the_kernel,
    "vips": _checked(_vips),
    "reference": _checked(_reference),
    "wsidicomizer": _checked(_wsidicomizer),
}
