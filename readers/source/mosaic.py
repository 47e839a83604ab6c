"""All frames of an image side by side."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ziggurat.readers.constants import TILE_FORMAT_IMAGE
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.pixels.threads import core_count
from ziggurat.readers.source.encode import (
    chosen_format,
    deliver,
    merged_encoding,
    nothing,
    to_8bit,
)
from ziggurat.readers.source.fill import letterbox, wanted_border
from ziggurat.readers.source.hooks import SourceHooks
from ziggurat.readers.source.image import window_of, window_pixels

Options = Mapping[str, Any]


class MosaicMethods(SourceHooks):
    """Frames put together into one picture."""

    @shares_words()
    def tileFrames(
        self,
        format: str | Sequence[str] | None = None,
        frameList: Sequence[int] | None = None,
        framesAcross: int | None = None,
        max_workers: int | None = None,
        *,
        region: Options | None = None,
        scale: Options | None = None,
        output: Options | None = None,
        encoding: str | None = None,
        jpegQuality: int | None = None,
        jpegSubsampling: int | None = None,
        tiffCompression: str | None = None,
        resample: Any = True,
        fill: str | None = None,
        style: Options | str | None = None,
    ) -> tuple[Any, Any]:
        """Return the same region of several frames as one picture, row by row.

        Parameters
        ----------
        frameList
            Numbers of the frames; None or empty: all.
        framesAcross
            How many in a row; default: about as many as there are rows.
        max_workers
            Threads that read frames; default: one per core. Negative: one per core, but no more
            than that many.
        format, region, scale, output, encoding, fill, resample, style
            As in :meth:`getRegion`; ``output`` is the size of each frame.
        """
        image = self._image()
        info = image.info
        numbers = [check_frame(info, frame) for frame in frameList or range(info.frames)]
        across = math.ceil(math.sqrt(len(numbers))) if framesAcross is None else framesAcross
        across = min(whole_number("framesAcross", across, 1), len(numbers))
        workers = _workers(max_workers)
        window = window_of(image, region, scale, output)
        wanted = chosen_format(format, TILE_FORMAT_IMAGE)
        how = merged_encoding(
            self._options, encoding, jpegQuality, jpegSubsampling, tiffCompression
        )
        parsed = self._style(style)
        if window is None:
            return nothing(info.bands, info.dtype, wanted, how)
        shown = wanted != "numpy" and how.name != "TIFF"
        border = wanted_border(fill, window.width, window.height, output)

        def read(frame: int) -> tuple[Any, bool]:
            pixels, alpha = window_pixels(image, frame, window, resample, parsed, eight_bit=shown)
            if border is None:
                return pixels, alpha
            pixels = to_8bit(pixels, alpha=alpha) if wanted != "numpy" else pixels
            return letterbox(pixels, border, alpha=alpha)

        first, alpha = read(numbers[0])
        rows = math.ceil(len(numbers) / across)
        height, width, bands = first.shape
        canvas = np.zeros((rows * height, across * width, bands), first.dtype)
        canvas[:height, :width] = first

        def place(index: int) -> None:
            row, column = divmod(index, across)
            y, x = row * height, column * width
            canvas[y : y + height, x : x + width] = read(numbers[index])[0]

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(place, range(1, len(numbers))))
        return deliver(canvas, wanted, how, alpha=alpha)


def _workers(wanted: int | None) -> int:
    if not wanted:
        return core_count()
    number = whole_number("max_workers", wanted)
    return number if number > 0 else min(core_count(), -number)
