"""The command line of the reference's converter, for programs that call its ``main``."""

import argparse
import json
import logging
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile

from ziggurat.converter.compat.conversion import convert
from ziggurat.readers.source.source import Source

_SIDE = 2048  # pixels of a tile that is compared
_ENDED_WELL, _FAILED = None, 1


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the reference's arguments; ``dest`` names ``convert``'s keywords."""
    parser = argparse.ArgumentParser("large_image_converter", description=convert.__doc__)
    add = parser.add_argument
    add("--verbose", "-v", action="count", default=0)
    add("--silent", "-s", action="count", default=0)
    add("source")
    add("dest", nargs="?")
    add("--overwrite", "-w", "-y", action="store_true")
    add("--tile", "--tile-size", "--tilesize", "--tileSize", "-t", type=int, dest="tileSize")
    add("--no-subifds", action="store_false", dest="subifds", default=None)
    add("--subifds", action="store_true", dest="subifds", default=None)
    add("--frame", type=int, dest="onlyFrame")
    add("--format", choices=["tiff", "aperio"])
    add("--compression", "-c")
    add("--quality", "-q", type=int)
    add("--level", "-l", type=int)
    add("--predictor", "-p")
    add("--psnr", type=int)
    add("--cr", type=int)
    add("--shrink-mode", "--shrink", "--reduce", dest="shrinkMode")
    add("--only-associated", action="append", dest="_keep_associated")
    add("--exclude-associated", action="append", dest="_exclude_associated")
    add("--concurrency", "-j", type=int, dest="_concurrency")
    add("--stats", action="store_true", dest="_stats", default=None)
    add("--stats-full", "--full-stats", action="store_const", const="full", dest="_stats")
    return parser


def main(args: Sequence[str] | None = None) -> int | None:
    """Convert as the arguments say; return 1 where there is no such file, None where all is well.

    Raises
    ------
    ZigguratError
        The source is no image, the output is there already, or an argument can't be meant.
    """
    given = vars(get_parser().parse_args(args))
    logger = logging.getLogger("ziggurat")
    source, wanted = given.pop("source"), given.pop("dest")
    logger.setLevel(max(1, logging.WARNING - 10 * (given.pop("verbose") - given.pop("silent"))))
    if not os.path.isfile(source):
        logger.error("Source is not a file (%s)", source)
        return _FAILED
    begun = time.monotonic()
    output = convert(source, wanted, **given)
    seconds = time.monotonic() - begun
    logger.info("Created %s, %d bytes, %3.1f s", output, os.path.getsize(output), seconds)
    if given["_stats"]:
        _note(output, _figures(source, output, seconds, full=given["_stats"] == "full"))
    return _ENDED_WELL


def _figures(source: str, output: str, seconds: float, *, full: bool) -> dict[str, Any]:
    """Return what a conversion took and came to; ``full``: how far pixels are off, too."""
    sizes = os.path.getsize(source), os.path.getsize(output)
    with Source(source) as before, Source(output) as after:
        pixels = after.sizeX * after.sizeY * after.bandCount * after.frames
        found = {
            "time": seconds,
            "filesize": sizes[1],
            "original_filesize": sizes[0],
            "compression_ratio": pixels * after.dtype.itemsize / sizes[1],
        }
        return found | _errors(before, after) if full else found


def _errors(before: Source, after: Source) -> dict[str, Any]:
    """Return errors of all samples of full resolution; ``psnr`` (decibels) is None without any."""
    count, total, squares, largest, worst = 0, 0.0, 0.0, 0.0, 0.0
    size = {"width": _SIDE, "height": _SIDE}
    for frame in range(min(before.frames, after.frames)):
        pairs = zip(
            before.tileIterator("numpy", frame=frame, tile_size=size),
            after.tileIterator("numpy", frame=frame, tile_size=size),
            strict=True,
        )
        for one, other in pairs:
            bands = min(one["tile"].shape[2], other["tile"].shape[2])
            first, second = (np.float64(tile["tile"][..., :bands]) for tile in (one, other))
            off = np.abs(first - second)
            count, total, squares = count + off.size, total + off.sum(), squares + (off**2).sum()
            worst = max(worst, float(off.max()))
            largest = max(largest, float(first.max()), float(second.max()))
    mean = float(squares) / count
    return {
        "maximum_error": worst,
        "average_error": float(total) / count,
        "rmse": math.sqrt(mean),
        "psnr": 10 * math.log10(largest**2 / mean) if mean and largest else None,
    }


def _note(path: str, figures: dict[str, Any]) -> None:
    """Put figures into the description of an output, beside what is said there, if that is JSON."""
    said = tifffile.tiffcomment(path)
    if not isinstance(said, str) or not said.startswith("{"):
        logging.getLogger("ziggurat").warning("no place in %s for %s", path, figures)
        return
    both = json.loads(said) | {"large_image_converter": {"conversion_stats": figures}}
    tifffile.tiffcomment(path, json.dumps(both))
