"""What an answer of ours is worth beside the reference's: equal, close, or different in some way.

An answer is a dictionary: ``pixels`` of a region, for maps ``stored`` too (what rasterio reads,
where the reference shows a style), ``tiles``, ``level``, ``region``, ``point``, or ``error``.
"""

import math
import zlib
from dataclasses import dataclass
from enum import Enum

import numpy as np

CLOSE = 12.0  # mean difference allowed where both resample, of 255
EXACT_KEYS = (
    "levels",
    "sizeX",
    "sizeY",
    "tileWidth",
    "tileHeight",
    "magnification",
    "mm_x",
    "mm_y",
    "dtype",
    "bandCount",
    "frames",
    "IndexRange",
    "IndexStride",
    "channels",
    "channelmap",
)


class Outcome(Enum):
    """How two answers compare."""

    EQUAL = "equal"
    CLOSE = "close"
    REFUSED = "refused"  # by the reference, or it fell over; ours may be anything
    DIFFERENT = "different"


@dataclass(frozen=True)
class Verdict:
    """One comparison; ``what`` names the kind of difference, ``detail`` shows it."""

    outcome: Outcome
    what: str = ""
    detail: str = ""


EQUAL = Verdict(Outcome.EQUAL)
RESAMPLED = Verdict(Outcome.CLOSE, "resampled")


def different(what, detail):
    """Return the verdict of a difference."""
    return Verdict(Outcome.DIFFERENT, what, str(detail)[:500])


def same(a, b):
    """Return whether two answers are equal, numbers to 9 digits."""
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def judge_metadata(mine, theirs):
    """Return a verdict for each key of the metadata."""
    return {
        key: EQUAL
        if same(mine.get(key), theirs.get(key))
        else different(f"metadata {key}", f"{mine.get(key)} | {theirs.get(key)}")
        for key in EXACT_KEYS
    }


def judge(kind, mine, theirs, resampled):
    """Return how an answer of ours compares."""
    if "error" in theirs:
        return Verdict(Outcome.REFUSED, "error", f"{mine.get('error')} | {theirs['error']}")
    if "error" in mine:
        return different("our error", f"{mine['error']} | answer")
    if kind == "region":
        verdict = _judge_pixels(mine["pixels"], theirs["pixels"], resampled)
        stored = theirs.get("stored")
        if verdict.outcome is Outcome.DIFFERENT and stored is not None:
            again = _judge_pixels(mine["pixels"], stored, resampled)
            return different("shown in a style", verdict.detail) if again == EQUAL else again
        return verdict
    if kind == "tiles":
        return _judge_tiles(mine["tiles"], theirs["tiles"], resampled)
    key = next(iter(mine))
    return EQUAL if same(mine[key], theirs[key]) else different(key, f"{mine[key]} | {theirs[key]}")


def _judge_pixels(a, b, resampled):
    if a.shape[:2] != b.shape[:2]:
        return different("region size", f"{a.shape} | {b.shape}")
    if not a.size:
        return EQUAL
    if a.shape[2] + 1 == b.shape[2] in (2, 4) and a.dtype == b.dtype:
        shown = b[..., -1] > 0
        colors = np.where(shown[..., None], b[..., :-1], a)
        verdict = _judge_pixels(a, colors, resampled)
        if verdict.outcome is Outcome.DIFFERENT:
            return verdict
        return different("alpha added", f"{b.shape[2]} bands, {1 - shown.mean():.2%} of it hidden")
    if a.shape[2] != b.shape[2]:
        return different("bands", f"{a.shape} {a.dtype} | {b.shape} {b.dtype}")
    if a.dtype != b.dtype:
        return different("dtype", f"{a.dtype} | {b.dtype}")
    return _judge_values(a, b, resampled)


def _judge_values(a, b, resampled):
    if a.dtype.kind == "f" and (np.isnan(a) != np.isnan(b)).any() and not resampled:
        return different("pixels", "NaN in one and not in the other")
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    if np.isnan(difference).all():
        return EQUAL
    largest, mean = np.nanmax(difference), np.nanmean(difference)
    if largest == 0:
        return EQUAL
    detail = f"max {largest:.6g}, mean {mean:.4g} of {a.shape} {a.dtype}"
    if not resampled:
        return different("pixels", detail)
    full = 255 if a.dtype == np.uint8 else max(np.nanmax(np.abs(b)), np.nanmax(np.abs(a)), 1e-9)
    if mean > CLOSE * full / 255:
        return different("resampled pixels", detail)
    return RESAMPLED


def _judge_tiles(a, b, resampled):
    if len(a) != len(b):
        return different("tile count", f"{len(a)} | {len(b)}")
    last = {"pixels", "tile_overlap"}
    for one, other in zip(a, b, strict=True):
        for key in sorted((set(one) | set(other)) - last):
            x, y = one.get(key), other.get(key)
            if key == "shape":
                x, y = x[:2], y[:2]
            if not same(x, y):
                where = one["tile_position"]["position"]
                return different(f"tile {key}", f"{x} | {y} at {where} of {len(a)}")
    for one, other in zip(a, b, strict=True):
        if not resampled and one["pixels"] not in other["pixels"]:
            return different("tile pixels", f"{one['pixels']} | {other['pixels']}")
    for one, other in zip(a, b, strict=True):
        if not same(one["tile_overlap"], other["tile_overlap"]):
            return different("tile overlap", f"{one['tile_overlap']} | {other['tile_overlap']}")
    return RESAMPLED if resampled else EQUAL


def checked(pixels):
    """Return what tells whether two tiles are equal: dtype, shape and a checksum."""
    plain = pixels.astype(pixels.dtype.newbyteorder("="), order="C")
    return str(plain.dtype), plain.shape, zlib.crc32(plain.tobytes())
