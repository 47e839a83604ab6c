"""How far the pixels of a tile are off, and how much fine detail there is that may be lost."""

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
    one, two = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore"):
        error = one - two
    difference = _difference(ours, theirs, error)
    if floats:
        error, two = (np.nan_to_num(x, copy=False, posinf=0.0, neginf=0.0) for x in (error, two))
    detail = _detail(two)
    return TileCheck(
        same_bytes=False,
        max_error=float(difference.max()),
        mean_error=float(difference.mean()),
        tail_error=max(_tail(piece) for piece in _pieces(difference)),
        detail=float(detail.mean()),
        tail_detail=max(_tail(piece) for piece in _pieces(detail)),
        # one axis after the other: rows of samples add up several times as fast as single bands
        bias=float(np.abs(error.mean(axis=0).mean(axis=0)).max()),
        moves=(
            _moves(error.swapaxes(0, 1), two.swapaxes(0, 1)),
            _moves(error, two),
        ),
    )


def _moves(error: Pixels, pixels: Pixels) -> Moves:
    """Return how error and slope along the first axis vary together, the slope, and the error."""
    if len(pixels) < 3:
        return 0.0, 0.0, 0.0
    slope = pixels[2:] - pixels[:-2]
    slope /= 2
    slope -= slope.mean()
    error = error[1:-1] - error[1:-1].mean()
    both, slopes, errors = (
        float(np.einsum("ijk,ijk->", *two)) for two in ((error, slope), (slope,) * 2, (error,) * 2)
    )
    return both, slopes, errors


def _tail(values: Pixels) -> float:
    """Return the value that ``TAIL`` per cent are below, between two samples as numpy has it.

    It is infinite where it lies between a number and infinity.
    """
    place = (values.size - 1) * TAIL / 100
    below = int(place)
    ordered = np.partition(values, below, axis=None)[below:]
    if len(ordered) == 1 or place == below:
        return float(ordered[0])
    share = place - below
    return float(ordered[0] * (1 - share) + ordered[1:].min() * share)


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


def _difference(ours: Pixels, theirs: Pixels, error: Pixels) -> Pixels:
    """Return |ours - theirs|; infinite where only one of them is a finite number."""
    if "f" not in (ours.dtype.kind, theirs.dtype.kind):
        if ours.dtype.itemsize < 8:
            return np.abs(error)
        larger: Pixels = np.maximum(ours, theirs)  # 64-bit integers are no doubles
        smaller: Pixels = np.minimum(ours, theirs)
        apart: Pixels = larger.astype(np.uint64) - smaller.astype(np.uint64)  # up to 2**64 - 1
        return apart.astype(np.float64)
    difference = np.abs(error)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    difference[same] = 0.0
    difference[~same & ~np.isfinite(difference)] = np.inf
    return difference


def _detail(pixels: Pixels) -> Pixels:
    """Return how far each sample is off the mean of its block of 2 x 2 pixels."""
    height, width, bands = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    rows = pixels[::2] + pixels[1::2]
    means = (rows[:, ::2] + rows[:, 1::2]) / 4
    blocks = pixels.reshape(len(means), 2, means.shape[1], 2, bands)
    return np.asarray(np.abs(blocks - means[:, np.newaxis, :, np.newaxis])).reshape(pixels.shape)


def _pieces(values: Pixels) -> list[Pixels]:
    """Cut an array (y, x, band) into pieces of at most 256 x 256."""
    return [
        values[y : y + CELL, x : x + CELL]
        for y in range(0, values.shape[0], CELL)
        for x in range(0, values.shape[1], CELL)
    ]
