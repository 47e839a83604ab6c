"""How far the pixels of a tile are off, and how much fine detail there is that may be lost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ziggurat.readers.model.reader import Pixels

CELL = 256  # pixels a side: damage is local, so errors are looked at in pieces
_EXPLAINED = 0.1  # of the errors' squares, from where on a shift is one
Moves = tuple[float, float, float]
TAIL = 99.9  # per cent of the samples that the tail error bounds


@dataclass(frozen=True, slots=True)
class TileCheck:
    """One tile against its reference.

    ``same_bytes``: the stored bytes are the reference's. ``tail_error`` is the 99.9th percentile
    of the worst piece of 256 x 256 pixels; ``detail`` and ``tail_detail`` are the same two
    figures of what the reference's pixels differ from the mean of their 2 x 2 neighbours by.
    ``bias`` is how far the mean of a band is off: codecs lose detail, not light. ``moves`` are, for
    x and y, how error and slope vary together, the slope, and the error: what codecs lose knows no
    direction, so that the first two tell by how many pixels all is moved. ``rounding`` counts the
    coefficients that a JPEG encoder can't have rounded so far, and those that can tell.
    """

    same_bytes: bool
    max_error: float = 0.0
    mean_error: float = 0.0
    tail_error: float = 0.0
    detail: float = 0.0
    tail_detail: float = 0.0
    bias: float = 0.0
    moves: tuple[Moves, Moves] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    rounding: tuple[int, int] = (0, 0)


SAME_BYTES = TileCheck(True)
SAME_PIXELS = TileCheck(False)


def tile_errors(ours: Pixels, theirs: Pixels) -> TileCheck:
    """Compare two arrays (y, x, band) of one shape; what isn't a number is equal to its like.

    Raises
    ------
    ValueError
        The shapes differ: there is no pixel to compare with.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"arrays of {ours.shape} and {theirs.shape} can't be compared")
    floats = ours.dtype.kind == "f" or theirs.dtype.kind == "f"
    if np.array_equal(ours, theirs, equal_nan=floats):
        return SAME_PIXELS
    difference = _difference(ours, theirs, floats=floats)
    pieces = _pieces(difference)
    detail = _detail(theirs)
    return TileCheck(
        same_bytes=False,
        max_error=float(difference.max()),
        mean_error=float(difference.mean()),
        tail_error=max(map(_tail, pieces)),
        detail=float(detail.mean()),
        tail_detail=max(map(_tail, _pieces(detail))),
        bias=_bias(ours, theirs),
        moves=(_moves(ours, theirs, 1), _moves(ours, theirs, 0)),
    )


def _moves(ours: Pixels, theirs: Pixels, axis: int) -> Moves:
    """Return how error and slope along an axis vary together, the slope, and the error."""
    if theirs.shape[axis] < 3:
        return 0.0, 0.0, 0.0
    one, two = (
        np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0).swapaxes(0, axis)
        for pixels in (ours, theirs)
    )
    slope, error = (two[2:] - two[:-2]) / 2, (one - two)[1:-1]
    slope, error = slope - slope.mean(), error - error.mean()
    return float((error * slope).sum()), float((slope**2).sum()), float((error**2).sum())


def shift_of(checks: Sequence[TileCheck]) -> float:
    """Return by how many pixels the tiles of a level are moved together, the larger of x and y.

    0 where that explains next to nothing of the errors.
    """
    found = [0.0]
    for axis in (0, 1):
        both, slope, error = (sum(check.moves[axis][n] for check in checks) for n in (0, 1, 2))
        if slope and error and both**2 > _EXPLAINED * slope * error:
            found.append(abs(both / slope))
    return max(found)


def _bias(ours: Pixels, theirs: Pixels) -> float:
    """Return how far the mean of the worst band is off, of samples that are finite in both."""
    one, two = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.nan_to_num(one - two, posinf=0.0, neginf=0.0)
    return float(np.abs(difference.mean(axis=(0, 1))).max())


def _difference(ours: Pixels, theirs: Pixels, *, floats: bool) -> Pixels:
    """Return |ours - theirs|; infinite where only one of them is a finite number."""
    if not floats and ours.dtype.itemsize == 8:  # 64-bit integers are no doubles
        larger: Pixels = np.maximum(ours, theirs)
        smaller: Pixels = np.minimum(ours, theirs)
        apart: Pixels = larger - smaller
        return apart.astype(np.float64)
    one, two = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(one - two)
    same = (one == two) | (np.isnan(one) & np.isnan(two))
    difference[same] = 0.0
    difference[~same & ~np.isfinite(difference)] = np.inf
    return difference


def _detail(pixels: Pixels) -> Pixels:
    """Return how far each sample is off the mean of its block of 2 x 2 pixels."""
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    height, width, bands = values.shape
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, bands)
    return np.abs(blocks - blocks.mean(axis=(1, 3), keepdims=True)).reshape(padded.shape)


def _tail(piece: Pixels) -> float:
    """Return the 99.9th percentile; infinite where it lies between a number and infinity."""
    with np.errstate(invalid="ignore"):
        found = float(np.percentile(piece, TAIL))
    return math.inf if math.isnan(found) else found


def _pieces(values: Pixels) -> list[Pixels]:
    """Cut an array (y, x, band) into pieces of at most 256 x 256."""
    return [
        values[y : y + CELL, x : x + CELL]
        for y in range(0, values.shape[0], CELL)
        for x in range(0, values.shape[1], CELL)
    ]
