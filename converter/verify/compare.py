"""Holds an output's levels against its source: by the bytes of tiles, else by pixels."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ziggurat.converter.plan.costs import thread_count
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_shape
from ziggurat.readers.model.image import Level
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.resampled import ResampledReader

BLOCK = 16  # pixels a side
_IMAGE_CODECS = tuple(codec for codec in Codec if codec.row.decode and not codec.row.raw)
SAMPLED_TILES = 24  # a level and frame, where not all are wanted


@dataclass(frozen=True, slots=True)
class TileCheck:
    """One tile: whether its stored bytes are the source's, and how far its pixels are off.

    ``worst_error`` is the mean over the block that is off the most: damage is local.
    """

    same_bytes: bool
    max_error: float
    mean_error: float
    worst_error: float = 0.0


def compare_levels(output: Reader, source: Reader, *, full: bool) -> Iterator[LevelCheck]:
    """Yield one check for each level of the output.

    A level that the source has in the same size is held against that. Any other is held
    against the source shrunk by area, which no two programs do alike: its errors tell, but
    do not condemn.
    """
    frames = range(min(output.info.frames, source.info.frames))
    with ThreadPoolExecutor(thread_count(None)) as pool:
        for index, level in enumerate(output.info.levels):
            pair = _pair(output, source, index)
            cells = list(_cells(level, full=full))
            jobs = [(frame, rect) for frame in frames for rect in cells]
            checks = list(pool.map(lambda job, pair=pair: pair.check(*job), jobs))
            columns, rows = grid_shape(
                level.width, level.height, level.tile_width, level.tile_height
            )
            yield _summary(index, checks, columns * rows * len(frames), pair.shrunk)


def matching_level(source: Reader, level: Level) -> int | None:
    """Return the source's level of the same size, or None."""
    sizes = [(other.width, other.height) for other in source.info.levels]
    wanted = level.width, level.height
    return sizes.index(wanted) if wanted in sizes else None


@dataclass(frozen=True, slots=True)
class _Pair:
    output: Reader
    level: int
    source: Reader
    source_level: int

    @property
    def shrunk(self) -> bool:
        """True where the source has no such level."""
        return isinstance(self.source, ResampledReader)

    def check(self, frame: int, rect: Rect) -> TileCheck:
        stored = self._stored_bytes(frame, rect)
        if stored is not None and stored[0] is not None and stored[0] == stored[1]:
            return TileCheck(True, 0.0, 0.0)
        ours = self.output.plane(self.level, frame).read(rect)
        theirs = self.source.plane(self.source_level, frame).read(rect)
        bands = min(ours.shape[2], theirs.shape[2])
        check = _errors(ours[..., :bands], theirs[..., :bands])
        if (
            stored == (None, None) and check.max_error == 0
        ):  # neither stores it: alike if it reads so
            return replace(check, same_bytes=True)
        return check

    def _stored_bytes(self, frame: int, rect: Rect) -> tuple[bytes | None, bytes | None] | None:
        """Return a tile's bytes in both where equal ones mean equal pixels; None elsewhere."""
        ours = self.output.plane(self.level, frame).encoded()
        theirs = self.source.plane(self.source_level, frame).encoded()
        if ours is None or theirs is None or not _same_form(ours, theirs):
            return None
        cell = rect.x // ours.tile_width, rect.y // ours.tile_height
        return ours.tile(*cell), theirs.tile(*cell)


def _pair(output: Reader, source: Reader, index: int) -> _Pair:
    level = output.info.levels[index]
    match = matching_level(source, level)
    if match is not None:
        return _Pair(output, index, source, match)
    return _Pair(output, index, ResampledReader(source, level.width, level.height), 0)


def _same_form(ours: EncodedLevel, theirs: EncodedLevel) -> bool:
    a, b = ours.format, theirs.format
    same_grid = (ours.tile_width, ours.tile_height) == (theirs.tile_width, theirs.tile_height)
    facts = [
        (f.codec, f.photometric, f.bands, f.dtype, f.predictor, f.tables, f.planar, _byteorder(f))
        for f in (a, b)
    ]
    if not same_grid or facts[0] != facts[1]:
        return False
    if a.codec is not Codec.OTHER:
        return True
    # chunks whose samples lie in another order, or by a codec of their own, tell nothing
    return a.zarr is not None and b.zarr is not None and json.loads(a.zarr) == json.loads(b.zarr)


def _byteorder(form: TileFormat) -> str | None:
    """Return the order of a sample's bytes where it matters: image codecs have one of their own."""
    raw = form.codec not in _IMAGE_CODECS and form.bits > 8
    return form.byteorder if raw else None


def _cells(level: Level, *, full: bool) -> Iterator[Rect]:
    """Yield the rectangles of all tiles, or of some that lie evenly over the level."""
    columns, rows = grid_shape(level.width, level.height, level.tile_width, level.tile_height)
    count = columns * rows
    picks = range(count)
    if not full and count > SAMPLED_TILES:
        picks = np.unique(np.linspace(0, count - 1, SAMPLED_TILES).astype(int)).tolist()
    for pick in picks:
        row, column = divmod(pick, columns)
        cell = cell_rect(column, row, level.tile_width, level.tile_height)
        yield cell.intersect(level.rect)


def _errors(ours: Pixels, theirs: Pixels) -> TileCheck:
    if ours.dtype.kind == "f" or theirs.dtype.kind == "f":
        if np.array_equal(ours, theirs, equal_nan=True):
            return TileCheck(False, 0.0, 0.0)
        difference = np.abs(np.nan_to_num(ours) - np.nan_to_num(theirs).astype(np.float64))
    else:
        if np.array_equal(ours, theirs):
            return TileCheck(False, 0.0, 0.0)
        difference = np.abs(ours.astype(np.float64) - theirs)
    return TileCheck(
        False, float(difference.max()), float(difference.mean()), _worst_block(difference)
    )


def _worst_block(difference: Pixels) -> float:
    rows, columns = (range(0, size, BLOCK) for size in difference.shape[:2])
    sums = np.add.reduceat(difference.mean(axis=2), rows, axis=0)
    return float(np.add.reduceat(sums, columns, axis=1).max()) / BLOCK**2


def _summary(index: int, checks: list[TileCheck], total: int, shrunk: bool) -> LevelCheck:
    same = all(check.same_bytes for check in checks)
    return LevelCheck(
        level=index,
        compared="bytes" if same else "shrunk pixels" if shrunk else "pixels",
        checked=len(checks),
        total=total,
        identical=sum(check.same_bytes for check in checks),
        different=sum(check.max_error > 0 for check in checks),
        max_error=max((check.max_error for check in checks), default=0.0),
        mean_error=float(np.mean([check.mean_error for check in checks])) if checks else 0.0,
        worst_error=max((check.worst_error for check in checks), default=0.0),
    )
