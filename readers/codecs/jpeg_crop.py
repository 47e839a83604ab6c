"""Lossless crops of JPEG streams by libjpeg-turbo, where that library is on the machine.

Coefficients are taken over and entropy-coded anew; none is changed. The library comes with the
system (``apt install libturbojpeg0``), its binding with ``ziggurat[turbojpeg]``.
"""

import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from ziggurat.readers.codecs.jpeg_stream import parse_header
from ziggurat.readers.errors import CorruptSourceError

_NO_FILL = 0.5  # of the luminance: coefficients of zero, as what lies beyond the stream has


@cache
def find_cropper() -> Any | None:
    """Return the binding to the library, None where either of the two isn't installed."""
    try:
        from turbojpeg import TurboJPEG
    except ImportError:
        return None
    try:
        return TurboJPEG()
    except (RuntimeError, OSError, AttributeError):  # none, one that can't be loaded, one too old
        return None


def crop_columns(data: bytes, width: int, height: int, count: int) -> list[bytes]:
    """Return the first ``count`` tiles across a stream, from its top, each a complete stream.

    What of a tile lies beyond the stream is gray. ``width`` and ``height`` are multiples of the
    stream's minimum coded unit, as its own size has to be.

    Raises
    ------
    CorruptSourceError
        The library found damage in the stream.
    """
    cropper = find_cropper()
    if cropper is None:
        raise RuntimeError("crops without the library: find_cropper tells beforehand")
    total = parse_header(data).width
    across = [min(width, total - column * width) for column in range(count)]
    boxes = [(column * width, 0, part, height) for column, part in enumerate(across)]
    tiles = _cropped(cropper, data, boxes)
    if across[-1] < width:  # the library widens streams only as a whole
        tiles[-1:] = _cropped(cropper, tiles[-1], [(0, 0, width, height)])
    return tiles


def _cropped(cropper: Any, data: bytes, boxes: Sequence[tuple[int, int, int, int]]) -> list[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error"
        )  # damage that it gets over; coefficients are lost all the same
        try:
            streams = cropper.crop_multiple(data, boxes, _NO_FILL, copynone=True)
        except (OSError, UserWarning) as error:
            raise CorruptSourceError(f"a JPEG stream that can't be cropped: {error}") from error
    return [bytes(stream) for stream in streams]
