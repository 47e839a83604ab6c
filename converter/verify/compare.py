"""Holds an output's levels against what they should be: by the bytes of tiles, else by pixels."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any

import numpy as np

from ziggurat.converter.plan.costs import thread_count
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.converter.verify.errors import (
    SAME_BYTES,
    SAME_PIXELS,
    TileCheck,
    shift_of,
    tile_errors,
)
from ziggurat.converter.verify.halved import HalvedLevel, is_named
from ziggurat.converter.verify.rasters import has_mask, raster_loses
from ziggurat.converter.verify.rounding import beyond_rounding
from ziggurat.readers.codecs.jpeg_stream import merge_tables
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.geometry import Rect, cell_rect, grid_shape, halved
from ziggurat.readers.model.image import Level
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.views.resampled import ResampledReader

_IMAGE_CODECS = tuple(codec for codec in Codec if codec.row.decode and not codec.row.raw)
_AT_ONCE = 4096  # tiles that wait for a thread: a level may have millions
_TELLING = 100  # coefficients, from where on a share of them says something
SAMPLED_TILES = 24  # a level and frame, where not all are wanted


def compare_level(
    output: Reader, source: Reader, index: int, *, full: bool, way: str = "mean"
) -> LevelCheck:
    """Hold a level of the output against what it should be, in all frames.

    One that the source has in the same size is held against that; one that is half of the level
    above it against that one halved in a ``way``, which was checked before; any other against
    the source shrunk by area, which no two programs do alike.
    """
    level, pair = output.info.levels[index], _pair(output, source, index, way)
    frames = range(min(output.info.frames, source.info.frames))
    if pair.name == "level above" and has_mask(output.info):
        frames = range(0)  # the mask weighs what is halved, and isn't read here
    jobs = ((frame, rect) for frame in frames for rect in _cells(level, full=full))
    checks: list[TileCheck] = []
    halves: list[TileCheck] = []  # of a level that may be the source's or made of the one above
    with ThreadPoolExecutor(thread_count(None)) as pool:
        for some in batched(jobs, _AT_ONCE):
            checks.extend(pool.map(lambda job: pair.check(*job), some))
            if pair.above is not None and pair.name == "pixels" and shift_of(checks):
                halves.extend(pool.map(lambda job: pair.check_above(*job), some))
    columns, rows = grid_shape(level.width, level.height, level.tile_width, level.tile_height)
    check = _summary(index, checks, columns * rows * len(frames), pair.name, halves)
    return replace(check, way=way)


def matching_level(source: Reader, level: Level) -> int | None:
    """Return the source's level of the same size, or None."""
    sizes = [(other.width, other.height) for other in source.info.levels]
    wanted = level.width, level.height
    return sizes.index(wanted) if wanted in sizes else None


@dataclass(frozen=True, slots=True)
class _Pair:
    """A level of the output and what it is held against; ``name`` says what that is.

    ``above`` is the output's own level above where that is twice as large.
    """

    output: Reader
    level: int
    reference: Reader
    reference_level: int
    name: str
    above: HalvedLevel | None = None

    def check(self, frame: int, rect: Rect) -> TileCheck:
        if self.name == "level above":
            return self.check_above(frame, rect)
        stored = self._same_bytes(frame, rect)
        if stored:
            return SAME_BYTES
        ours = self.output.plane(self.level, frame).read(rect)
        theirs = self.reference.plane(self.reference_level, frame).read(rect)
        if self.output.info.alpha and self.reference.info.alpha and ours.shape == theirs.shape:
            theirs = self._seen(ours, theirs)
        bands = min(ours.shape[2], theirs.shape[2])
        found = tile_errors(ours[..., :bands], theirs[..., :bands])
        if stored is None and not found.max_error:
            return SAME_BYTES
        return replace(found, rounding=self._rounding(frame, rect, ours, theirs))

    def _seen(self, ours: Pixels, theirs: Pixels) -> Pixels:
        """Return the reference with our colours where nobody sees them: a codec may drop those."""
        tiles = self.output.plane(self.level, 0).encoded()
        if tiles.format.lossless if tiles is not None else not raster_loses(self.output.info):
            return theirs
        hidden = (ours[..., -1:] == 0) & (theirs[..., -1:] == 0)
        return np.where(hidden, ours, theirs)

    def _rounding(self, frame: int, rect: Rect, ours: Pixels, theirs: Pixels) -> tuple[int, int]:
        """Return what a JPEG tile's coefficients tell; nothing where it isn't one."""
        tiles = self.output.plane(self.level, frame).encoded()
        if self.name != "pixels" or tiles is None or tiles.format.codec is not Codec.JPEG:
            return 0, 0
        data = tiles.tile(rect.x // tiles.tile_width, rect.y // tiles.tile_height)
        stream = merge_tables(data, tiles.format.tables) if data else b""
        return beyond_rounding(stream, tiles.format.photometric, ours, theirs)

    def check_above(self, frame: int, rect: Rect) -> TileCheck:
        """Hold a cell against the level above."""
        assert self.above is not None
        reference, ours = self.above, self.output.plane(self.level, frame).read(rect)
        if is_named(self.output.info.interpretation):
            blocks = reference.blocks(frame, rect)
            strange = (blocks != ours[:, np.newaxis, :, np.newaxis]).all(axis=(1, 3))
            return TileCheck(False, float(strange.max()), float(strange.mean()))
        wanted = reference.pixels(frame, rect)
        known = np.isfinite(wanted)
        if not known.any():
            return SAME_PIXELS
        wanted = np.where(known, wanted, 0)
        found = tile_errors(np.where(known, ours, 0), wanted)
        return SAME_PIXELS if found.max_error <= _rounding(ours, wanted) else found

    def _same_bytes(self, frame: int, rect: Rect) -> bool | None:
        """Return whether the stored tiles are equal; None where neither side stores one.

        Equal bytes are equal pixels only where codec *and* layout are the same; a tile that
        isn't there is what each side makes of it.
        """
        ours = self.output.plane(self.level, frame).encoded()
        theirs = self.reference.plane(self.reference_level, frame).encoded()
        if ours is None or theirs is None or not _same_form(ours, theirs):
            return False
        cell = rect.x // ours.tile_width, rect.y // ours.tile_height
        mine, other = ours.tile(*cell), theirs.tile(*cell)
        if not mine and not other:
            return None
        return mine == other


def _rounding(ours: Pixels, means: Pixels) -> float:
    """Return how far a mean may be off by being stored in a sample type."""
    if ours.dtype.kind in "iu":
        return 1.0 if ours.dtype.itemsize < 8 else 1.0 + float(np.nanmax(np.abs(means))) * 1e-15
    return float(np.nanmax(np.abs(means))) * float(np.finfo(np.float32).eps) * 4


def _pair(output: Reader, source: Reader, index: int, way: str) -> _Pair:
    level = output.info.levels[index]
    match = matching_level(source, level)
    halves = _halves(output, index, way)
    if match is not None:
        return _Pair(output, index, source, match, "pixels", halves)
    if halves is not None:
        return _Pair(output, index, output, index - 1, "level above", halves)
    shrunk = ResampledReader(source, level.width, level.height)
    return _Pair(output, index, shrunk, 0, "shrunk pixels")


def _halves(output: Reader, index: int, way: str) -> HalvedLevel | None:
    """Return what halves the level above; None where this one isn't half as large."""
    level, above = output.info.levels[index], output.info.levels[max(0, index - 1)]
    half = halved(above.width), halved(above.height)
    if not index or half != (level.width, level.height):
        return None
    return HalvedLevel(output, index - 1, way)


def _same_form(ours: EncodedLevel, theirs: EncodedLevel) -> bool:
    same_grid = (ours.tile_width, ours.tile_height) == (theirs.tile_width, theirs.tile_height)
    return same_grid and _form(ours.format) == _form(theirs.format) is not None


def _form(form: TileFormat) -> tuple[object, ...] | None:
    """Return all that gives bytes their meaning; None where the bytes alone don't tell."""
    if form.zarr is not None:
        compressor: Any = json.loads(form.zarr)  # equal where the JSON means the same
        return compressor, form.bands, form.dtype, form.byteorder
    if form.codec is Codec.OTHER:
        return None
    coded = (form.codec, form.photometric, form.bands, form.bits, form.dtype, form.planar)
    return (*coded, form.subsampling, form.tables, form.predictor, _byteorder(form))


def _byteorder(form: TileFormat) -> str | None:
    """Return the order of a sample's bytes where it matters: image codecs have one of their own."""
    return form.byteorder if form.codec not in _IMAGE_CODECS and form.bits > 8 else None


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


def _summary(
    index: int, checks: list[TileCheck], total: int, name: str, halves: list[TileCheck]
) -> LevelCheck:
    beyond, telling = (sum(check.rounding[n] for check in checks) for n in (0, 1))
    same = bool(checks) and all(check.same_bytes for check in checks)
    return LevelCheck(
        level=index,
        compared="bytes" if same else name,
        checked=len(checks),
        total=total,
        identical=sum(check.same_bytes for check in checks),
        different=sum(check.max_error > 0 for check in checks),
        max_error=max((check.max_error for check in checks), default=0.0),
        mean_error=float(np.mean([check.mean_error for check in checks])) if checks else 0.0,
        tail_error=max((check.tail_error for check in checks), default=0.0),
        detail=float(np.mean([check.detail for check in checks])) if checks else 0.0,
        tail_detail=max((check.tail_detail for check in checks), default=0.0),
        bias=max((check.bias for check in checks), default=0.0),
        shift=shift_of(checks),
        shift_above=shift_of(checks if name == "level above" else halves),
        beyond=beyond / telling if telling >= _TELLING else 0.0,
    )
