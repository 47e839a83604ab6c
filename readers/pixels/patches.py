"""Many windows of one size at once: what models are trained on."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.regions import Window
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Part, Pixels
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import Resample
from ziggurat.readers.pixels.threads import run_all, spare_cores
from ziggurat.readers.pixels.window import direct_rect, read_window

_LARGEST = 2.0**53  # up to here doubles know whole numbers
Places = np.ndarray[Any, np.dtype[np.int64]]  # (patch, 2): x and y


def read_windows(
    image: Image, frame: int, windows: Sequence[Window], method: Resample, threads: int | None
) -> Pixels:
    """Return windows of one size and scale as one array (window, y, x, band).

    Where they are parts of a stored level, only those are decoded, all in one call; the tile
    cache is neither asked nor filled, as random places seldom come again.

    Parameters
    ----------
    threads
        How many to use at most; None: as many as cores that no other caller uses.
    """
    info, first = image.info, windows[0]
    out = np.empty((len(windows), first.height, first.width, info.bands), info.dtype)
    choice = image.pyramid.best(first.scale)
    plane = image.reader.plane(choice.index, frame)
    parts: list[Part] = []
    if plane.together:
        for window, target in zip(windows, out, strict=True):
            rect = direct_rect(info, choice, window)
            if rect is not None:
                parts.append((rect.x, rect.y, target))
    if len(parts) == len(windows):
        with spare_cores() as spare:
            plane.fill(parts, spare if threads is None else threads)
        return out

    def read(worker: int, workers: int) -> None:
        for window, target in zip(windows[worker::workers], out[worker::workers], strict=True):
            target[...] = read_window(image, frame, window, method)

    workers = min(len(windows), core_count() if threads is None else threads)
    run_all([partial(read, worker, workers) for worker in range(workers)])
    return out


def patch_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return (width, height) of patches."""
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        raise OptionError(f"size must be a number or (width, height), not {size!r}")
    return whole_number("size", pair[0], 1), whole_number("size", pair[1], 1)


def checked_places(places: ArrayLike, span: tuple[int, int], info: ImageInfo) -> Places:
    """Return places as an array (patch, 2), all of which have their patch within the image."""
    try:
        found = np.asarray(places)
    except ValueError as error:
        raise RegionError(f"places must be an array (patch, 2): {error}") from error
    if not found.size:
        return np.empty((0, 2), np.int64)
    if found.ndim != 2 or found.shape[1] != 2 or found.dtype.kind not in "iuf":
        raise RegionError(
            f"places must be an array (patch, 2) of x and y, not {found.dtype} {found.shape}"
        )
    if found.dtype.kind == "f" and not (np.abs(found) < _LARGEST).all():  # NaN, too
        raise RegionError("places must be finite numbers")
    whole = np.rint(found).astype(np.int64)
    if not np.array_equal(whole, found):
        raise RegionError("places must be whole numbers of full-resolution pixels")
    most = np.array([info.width - span[0], info.height - span[1]])
    outside = np.flatnonzero(((whole < 0) | (whole > most)).any(axis=1))
    if len(outside):
        raise RegionError(
            f"{len(outside)} of {len(whole)} patches are not within the image of {info.width} x "
            f"{info.height} pixels: the first is number {outside[0]}, {span[0]} x {span[1]} pixels "
            f"at {tuple(whole[outside[0]].tolist())}"
        )
    return whole


def in_batches(
    read: Callable[[int, int], Pixels], starts: range, batch: int, prefetch: int
) -> Iterator[Pixels]:
    """Yield batches in order; with ``prefetch``, that many are under way or waiting."""
    if not prefetch:
        for start in starts:
            yield read(start, start + batch)
        return
    waiting: deque[Future[Pixels]] = deque()
    pool = ThreadPoolExecutor(1, "ziggurat-patches")
    try:
        for start in starts:
            waiting.append(pool.submit(read, start, start + batch))
            if len(waiting) > prefetch:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
