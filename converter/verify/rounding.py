"""What a JPEG encoder may lose: each coefficient is rounded to a step of a table in the stream.

A picture that was blurred, moved or made darker before it was encoded is off by more than that,
in the coefficients that it has.
"""

import io

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.reader import Pixels

_BLOCK = 8
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-T T.871
# Rounding is off by half a step; encoders that weigh size against loss drop up to a whole one.
# Samples are rounded on their way into a stream and out of it, which spreads over a block.
_STEPS, _SAMPLES = 1.0, 6.0


def beyond_rounding(
    stream: bytes, photometric: Photometric, ours: Pixels, theirs: Pixels
) -> tuple[int, int]:
    """Count the coefficients that lie off the reference's by more than an encoder's rounding.

    Parameters
    ----------
    stream
        The JPEG stream that ``ours`` is decoded from, with its tables (ITU-T T.81, A.3).
    photometric
        What its components are.
    ours, theirs
        Arrays (y, x, band) of uint8, from the tile's first pixel on. Blocks that the edge of the
        image cuts are left out, and those with samples of 0 or 255: more may have been clipped.

    Returns
    -------
    tuple of int
        How many are off by more, and how many are large enough to tell; none of a stream whose
        tables can't be read or are of another kind.
    """
    step = _first_table(stream)
    mixed = photometric is Photometric.YCBCR
    if step is None or ours.dtype != np.uint8 or (mixed and ours.shape[2] != len(_LUMA)):
        return 0, 0
    one, two = (
        _coefficients(pixels @ np.array(_LUMA) if mixed else pixels[..., 0].astype(np.float64))
        for pixels in (ours, theirs)
    )
    bound = _STEPS * step + _SAMPLES
    telling = np.maximum(np.abs(one), np.abs(two)) > bound
    telling[..., 0, 0] = False  # the mean is looked at apart
    telling[_blocks((ours == 0) | (ours == 255)).any(axis=(1, 3, 4))] = False
    return int((np.abs(one - two) > bound)[telling].sum()), int(telling.sum())


def _first_table(stream: bytes) -> Pixels | None:
    try:
        with JpegImageFile(io.BytesIO(stream)) as picture:
            return np.array(picture.quantization[0], np.float64).reshape(_BLOCK, _BLOCK)
    except (OSError, SyntaxError, KeyError, ValueError):
        return None


def _coefficients(samples: Pixels) -> Pixels:
    """Return the discrete cosine transform (row, column, v, u) of all whole blocks."""
    n = np.arange(_BLOCK)
    basis = np.cos((2 * n + 1) * n[:, np.newaxis] * np.pi / (2 * _BLOCK)) / 2
    basis[0] /= np.sqrt(2)
    blocks = _blocks(samples[..., np.newaxis])[..., 0]
    return np.asarray(np.einsum("vy,rycx,ux->rcvu", basis, blocks, basis, optimize=True))


def _blocks(samples: Pixels) -> Pixels:
    """Return the whole blocks of an array (y, x, band) as (row, y, column, x, band)."""
    rows, columns = (extent // _BLOCK for extent in samples.shape[:2])
    whole = samples[: rows * _BLOCK, : columns * _BLOCK]
    return whole.reshape(rows, _BLOCK, columns, _BLOCK, -1)
