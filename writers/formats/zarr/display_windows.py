"""Display windows of channels that nobody has told: from a sample of their pixels.

Viewers of OME-Zarr show 16-bit and float channels by their window, and the whole range of the
type would show them black. Metadata come before pixels, so a small sample must do.
"""

import itertools
import math

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.ngff.layout import BANDS, ArrayLayout

Window = tuple[float, float]

_MOST_CHANNELS = 64
_SIDE = 256
_PLACES = 3  # along each side of the image
_PERCENTILES = (0.1, 99.9)


def sampled_windows(reader: Reader, layout: ArrayLayout) -> list[Window | None]:
    """Return a window for each position of the stored channel dimension; [] where none is needed.

    8-bit channels, labels and palettes need none: their range is what is shown. Channels with a
    window of their own are left out, as are those that are the same everywhere.
    """
    info = reader.info
    names = (Interpretation.LABELS, Interpretation.PALETTE)
    if info.dtype.kind == "b" or info.dtype == np.uint8 or info.interpretation in names:
        return []
    number = layout.index("c")
    number = layout.index(BANDS) if number is None else number
    components = () if number is None else layout.dimensions[number].components
    sizes = {axis.name: axis.size for axis in info.axes} | {BANDS: info.bands}
    count = math.prod(sizes[name] for name in components)
    if count > _MOST_CHANNELS or (info.channels and all(c.window for c in info.channels)):
        return []
    windows: list[Window | None] = []
    frames = [name for name in components if name != BANDS]
    for place in itertools.product(*(range(sizes[name]) for name in frames)):
        frame = info.frame_number(dict(zip(frames, place, strict=True)))
        windows.extend(_windows(_sample(reader, frame)))
    return windows


def _sample(reader: Reader, frame: int) -> Pixels:
    """Return pixels of a frame, shape (pixel, 1, band): blocks of its smallest stored level."""
    level = len(reader.info.levels) - 1
    rect = reader.info.levels[level].rect
    width, height = min(_SIDE, rect.width), min(_SIDE, rect.height)
    lefts = sorted({(rect.width - width) * n // (_PLACES - 1) for n in range(_PLACES)})
    tops = sorted({(rect.height - height) * n // (_PLACES - 1) for n in range(_PLACES)})
    blocks = [
        reader.plane(level, frame).read(Rect(x, y, width, height)) for y in tops for x in lefts
    ]
    return np.concatenate([block.reshape(-1, 1, block.shape[2]) for block in blocks])


def _windows(sample: Pixels) -> list[Window | None]:
    found: list[Window | None] = []
    for band in range(sample.shape[2]):
        values = sample[..., band].astype(np.float64)
        values = values[np.isfinite(values)]
        low, high = np.percentile(values, _PERCENTILES) if values.size else (0.0, 0.0)
        if sample.dtype.kind in "iu":
            low, high = math.floor(low), math.ceil(high)
        found.append((float(low), float(high)) if low < high else None)
    return found
