"""All frames of an image side by side."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Unpack

import numpy as np

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.model.words import Formats
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.image import window_of, window_pixels
from ziggurat.readers.source.output.encode import deliver, nothing, to_8bit
from ziggurat.readers.source.output.fill import letterbox, wanted_border
from ziggurat.readers.source.request import (
    Delivery,
    RegionRequest,
    RegionWords,
    delivery_of,
    region_request,
)


class MosaicMethods:
    """Frames put together into one picture."""

    @shares_words()
    def tileFrames(
        self: HasImage,
        format: Formats = None,
        frameList: Sequence[int] | None = None,
        framesAcross: int | None = None,
        max_workers: int | None = None,
        **words: Unpack[RegionWords],
    ) -> tuple[Any, str]:
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
        format, **words
            ``region, scale, output, encoding, jpegQuality, jpegSubsampling, tiffCompression, fill,
            resample, style`` as in :meth:`getRegion`; ``output`` is the size of each frame.

        Returns
        -------
        (data, format)
            As of :meth:`getRegion`.
        """
        options = self._options
        request = region_request(options, words, words.get("resample", True), words.get("fill"))
        layout = MosaicLayout(frameList, framesAcross, max_workers)
        return read_mosaic(self._image(), request, layout, delivery_of(options, words, format))


class MosaicLayout:
    """Which frames, how many in a row, and how many threads read them."""

    def __init__(
        self, frames: Sequence[int] | None, across: int | None, workers: int | None
    ) -> None:
        self._frames, self._across = frames, across
        self.workers = _workers(workers)

    def of(self, image: Image) -> tuple[list[int], int]:
        """Return the numbers of the frames of an image, and how many are in a row."""
        info = image.info
        numbers = [check_frame(info, frame) for frame in self._frames or range(info.frames)]
        across = math.ceil(math.sqrt(len(numbers))) if self._across is None else self._across
        return numbers, min(whole_number("framesAcross", across, 1), len(numbers))


def read_mosaic(
    image: Image, request: RegionRequest, layout: MosaicLayout, delivery: Delivery
) -> tuple[object, str]:
    """Return (data, format or MIME type) of frames side by side."""
    info, wanted, how = image.info, delivery.format, delivery.encoding
    numbers, across = layout.of(image)
    window = window_of(image, request)
    if window is None:
        return nothing(info.bands, info.dtype, wanted, how)
    border = wanted_border(request.fill, window.width, window.height, request.output)

    def read(frame: int) -> tuple[Pixels, bool]:
        pixels, alpha = window_pixels(
            image, frame, window, request.resample, request.style, eight_bit=delivery.shown
        )
        if border is None:
            return pixels, alpha
        pixels = to_8bit(pixels, alpha=alpha) if wanted != TILE_FORMAT_NUMPY else pixels
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

    with ThreadPoolExecutor(layout.workers) as pool:
        list(pool.map(place, range(1, len(numbers))))
    return deliver(canvas, wanted, how, alpha=alpha)


def _workers(wanted: int | None) -> int:
    if not wanted:
        return core_count()
    number = whole_number("max_workers", wanted)
    return number if number > 0 else min(core_count(), -number)
