"""The main job from nothing: a slide in, inference by several workers, pyramids out, read back.

No network: the tissue is the stained section that scikit-image ships in its wheel.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from rich.console import Console

from ziggurat.converter.convert import convert
from ziggurat.converter.demo.slide import make_slide, tissue
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.errors import VerificationError
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.source.open import open as open_source
from ziggurat.readers.source.source import Source
from ziggurat.writers.sink.new import new
from ziggurat.writers.sink.sink import Sink

WINDOW = 1024  # what the model sees at once
OVERLAP = 128  # pixels that neighbouring windows share

# Optical density of diaminobenzidine (brown) and haematoxylin (blue) in red, green and blue:
# Ruifrok & Johnston, Anal. Quant. Cytol. Histol. 23 (2001) 291-299.
_STAINS = np.array([[0.650, 0.704, 0.286], [0.268, 0.570, 0.776], [0.711, 0.424, 0.562]])
_UNMIX = np.linalg.inv(_STAINS).astype(np.float32)


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the demonstration's outputs lie."""

    slide: Path
    pyramid: Path
    result_tiff: Path
    result_zarr: Path
    picture: Path


def segment(tile: Pixels) -> Pixels:
    """Give the brown stain of an RGB tile (y, x, 3) as uint8 (y, x, 1), 0 none to 255 full."""
    density = -np.log((tile[..., :3].astype(np.float32) + 1) / 256)
    brown = density @ _UNMIX[:, 1]
    return np.asarray(np.clip(brown * 160, 0, 255), np.uint8)[..., np.newaxis]


def _infer(slide: Path, sink: Sink, share: int, of: int) -> int:
    """Run the model over every ``of``-th window of a slide; return how many that were."""
    count = 0
    with open_source(slide) as source:
        windows = source.tileIterator(
            tile_size={"width": WINDOW, "height": WINDOW},
            tile_overlap={"x": OVERLAP, "y": OVERLAP},
            format=TILE_FORMAT_NUMPY,
        )
        for number, window in enumerate(windows):
            if number % of == share:
                sink.addTile(segment(window["tile"]), window["gx"], window["gy"])
                count += 1
    return count


def _run_workers(slide: Path, sink: Sink, workers: int) -> int:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        jobs = [pool.submit(_infer, slide, sink, share, workers) for share in range(workers)]
        return sum(job.result() for job in jobs)


def _compare(first: Source, second: Source, row_height: int = 2048) -> int:
    """Compare two images pixel by pixel in rows of tiles; return how many pixels that were."""
    meta = first.getMetadata()
    width, height = meta["sizeX"], meta["sizeY"]
    for top in range(0, height, row_height):
        region = {"left": 0, "top": top, "width": width, "height": min(row_height, height - top)}
        one, _ = first.getRegion(region=region, format=TILE_FORMAT_NUMPY)
        two, _ = second.getRegion(region=region, format=TILE_FORMAT_NUMPY)
        if not np.array_equal(one, two):
            raise VerificationError(f"the two results differ between rows {top} and {top + 2048}")
    return int(width * height)


def _overlay(slide: Source, result: Source, region: dict[str, int]) -> Pixels:
    """Return a region of slide and result beside each other, uint8 (y, x, 3)."""
    size = {"maxWidth": 900, "maxHeight": 900}
    picture, _ = slide.getRegion(region=region, output=size, format=TILE_FORMAT_NUMPY)
    stain, _ = result.getRegion(region=region, output=size, format=TILE_FORMAT_NUMPY)
    picture = picture[..., :3]
    strength = stain[..., :1].astype(np.float32) / 255
    mixed = picture * (1 - strength) + np.array([255, 0, 160], np.float32) * strength
    return np.concatenate([picture, mixed.astype(np.uint8)], axis=1)


def _side_by_side(slide: Source, result: Source, target: Path) -> None:
    """Write a picture: slide and overlay, above the whole, below a piece of it as it is stored."""
    from PIL import Image

    meta = slide.getMetadata()
    width, height = meta["sizeX"], meta["sizeY"]
    whole = _overlay(slide, result, {"left": 0, "top": 0, "width": width, "height": height})
    piece = {"left": width // 3, "top": height // 3}
    piece |= {"width": whole.shape[1] // 2, "height": whole.shape[0]}
    detail = _overlay(slide, result, piece)
    Image.fromarray(np.concatenate([whole, detail[:, : whole.shape[1]]])).save(target)


@contextmanager
def _step(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    start = time.perf_counter()
    notes: list[str] = []
    yield notes.append
    seconds = time.perf_counter() - start
    console.print(f"[bold]{what}[/bold]  [green]{seconds:.1f} s[/green]  {' '.join(notes)}")


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def run_demo(slide: Path | None, outdir: Path, workers: int | None = None) -> DemoFiles:
    """Run the main job end to end and say what was done and how long each step took.

    Parameters
    ----------
    slide
        A slide of one's own; None makes one of about 12,000 x 9,000 pixels.
    outdir
        Where everything is written; made if missing, files of an earlier run are replaced.
    workers
        Inference processes; default: one per core, at least two.

    Raises
    ------
    ConversionError
        scikit-image, which the made slide's tissue comes with, is not installed.
    VerificationError
        The two results do not hold the same pixels.
    """
    console = Console(highlight=False, soft_wrap=True)
    workers = workers or max(2, core_count())
    if slide is None:
        tissue()  # it may not be installed: known before there is a folder
    outdir.mkdir(parents=True, exist_ok=True)
    files = DemoFiles(
        slide=slide or outdir / "slide.svs",
        pyramid=outdir / "slide.tiff",
        result_tiff=outdir / "stain.tiff",
        result_zarr=outdir / "stain.zarr.zip",
        picture=outdir / "side-by-side.png",
    )
    if slide is None:
        with _step(console, "1. Make a slide of real tissue") as say:
            make_slide(files.slide)
            say(_size(files.slide))
    with _step(console, "2. Convert it to a pyramidal TIFF") as say:
        report = convert(files.slide, files.pyramid, ConvertOptions(overwrite=True))
        say(f"{_size(files.pyramid)}, {report.tiles_copied} tiles copied, not decoded")
    with open_source(files.pyramid) as source:
        _infer_and_check(console, source, files, workers)
    console.print(f"\nSlide:    {files.slide}\nPyramid:  {files.pyramid}")
    console.print(f"Results:  {files.result_tiff}, {files.result_zarr}\nPicture:  {files.picture}")
    return files


def _infer_and_check(console: Console, source: Source, files: DemoFiles, workers: int) -> None:
    meta = source.getMetadata()
    sink = new(sizeX=meta["sizeX"], sizeY=meta["sizeY"], bands=1, dtype="uint8", blend="mean")
    with sink:
        sink.mm_x, sink.mm_y = meta["mm_x"], meta["mm_y"]
        sink.magnification = meta["magnification"]
        with _step(console, f"3. Segment it in {workers} processes, windows overlapping") as say:
            windows = _run_workers(files.pyramid, sink, workers)
            say(f"{windows} windows of {WINDOW} x {WINDOW}, blended by their mean")
        with _step(console, "4. Write the result as pyramidal TIFF") as say:
            sink.write(files.result_tiff, lossy=False)
            say(_size(files.result_tiff))
        with _step(console, "5. Write the result as OME-Zarr zip") as say:
            sink.write(files.result_zarr, lossy=False)
            say(_size(files.result_zarr))
    with open_source(files.result_tiff) as tiff, open_source(files.result_zarr) as zarr:
        with _step(console, "6. Read both back and compare") as say:
            pixels = _compare(tiff, zarr)
            say(f"{pixels:,} pixels, all the same")
        with _step(console, "7. Draw slide and overlay"):
            _side_by_side(source, tiff, files.picture)
    with tifffile.TiffFile(files.result_tiff) as check:  # an independent reader has the last word
        levels = [page.shape[:2] for page in check.series[0].levels]
    console.print(f"   tifffile sees the levels {levels}")
