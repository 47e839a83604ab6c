"""Iterating over tiles: lazily loaded tile dictionaries, and threads that read ahead in order."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

from ziggurat.readers.constants import TILE_FORMAT_NUMPY
from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.frames import check_frame
from ziggurat.readers.grid.iteration import Iteration, plan_iteration
from ziggurat.readers.grid.tiles import Span, TileGrid
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.words import Formats
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.image import window_of, window_pixels
from ziggurat.readers.source.masks import asked_mask, covered_tiles
from ziggurat.readers.source.output.encode import chosen_format, deliver
from ziggurat.readers.source.request import Delivery, IterationRequest
from ziggurat.readers.style.parse import Style

_LAZY = ("tile", "format")
_ENCODING = {
    "encoding": "name",
    "jpegQuality": "jpeg_quality",
    "jpegSubsampling": "jpeg_subsampling",
    "tiffCompression": "tiff_compression",
}


@dataclass(frozen=True)
class TileLoader:
    """All that is needed to load any tile of an iteration; pickles as its source does.

    ``image`` gives the image anew for each tile: what grows has other pixels by then.
    """

    image: Callable[[], Image]
    plan: Iteration
    frame: int
    delivery: Delivery
    resample: object
    style: Style | None
    shared: bool  # neighbours need some of the same stored tiles

    def load(self, index: int) -> tuple[object, str]:
        """Return (tile, format): of encoded pictures ``image``, whatever they are encoded as."""
        pixels, alpha = window_pixels(
            self.image().keeping(self.shared),
            self.frame,
            self.plan.tile_window(index),
            self.resample,
            self.style,
            eight_bit=self.delivery.format != TILE_FORMAT_NUMPY,
        )
        how = self.delivery
        return deliver(pixels, how.format, how.encoding, alpha=alpha)[0], how.format

    def otherwise(
        self, format: Formats, resample: object, words: Mapping[str, Any]
    ) -> "TileLoader":
        """Return a loader of the same tiles in another format; what can't be is an OptionError."""
        asked = self.plan.window.scale / self.plan.level_scale
        if resample not in (False, None) and not self.plan.resampled and round(asked, 2) != 1:
            raise OptionError(
                "tiles of an iteration without resampling keep their scale; give resample= to it"
            )
        unknown = sorted(words.keys() - _ENCODING)
        if unknown:
            raise OptionError(f"imageKwargs are {', '.join(_ENCODING)}, not {', '.join(unknown)}")
        encoding = replace(self.delivery.encoding, **{_ENCODING[key]: words[key] for key in words})
        wanted = chosen_format(format, self.delivery.format)
        return replace(self, delivery=replace(self.delivery, format=wanted, encoding=encoding))


class LazyTileDict(dict[str, Any]):
    """The facts of one tile; ``tile`` and ``format`` are loaded when they are first looked at.

    Its keys are those of :class:`~ziggurat.readers.model.words.TileFacts`.
    """

    def __init__(self, facts: dict[str, Any], load: Callable[[], tuple[object, str]]) -> None:
        super().__init__(facts)
        for key in _LAZY:
            super().__setitem__(key, None)
        self._load = load
        self._loaded = False

    def _fill(self) -> None:
        if not self._loaded:
            tile, name = self._load()
            super().__setitem__("tile", tile)
            super().__setitem__("format", name)
            self._loaded = True

    def __getitem__(self, key: str) -> Any:
        if key in _LAZY:
            self._fill()
        return super().__getitem__(key)

    def get(self, key: str, default: object = None) -> Any:
        """Return the value of a key, or a default."""
        return self[key] if key in self else default  # noqa: SIM401  (this is get itself)

    def __iter__(self) -> Iterator[str]:
        # overridden so that dict(tile) and {**tile} go through __getitem__
        return super().__iter__()

    def values(self) -> Any:
        """Return all values, the tile loaded."""
        self._fill()
        return super().values()

    def items(self) -> Any:
        """Return all items, the tile loaded."""
        self._fill()
        return super().items()

    def setFormat(
        self,
        format: Formats,
        resample: object = False,
        imageKwargs: Mapping[str, object] | None = None,
    ) -> None:
        """Choose what the tile comes as, as in ``tileIterator``; it is loaded again.

        ``format`` None leaves it; tiles are scaled as their iteration is, whatever ``resample``;
        ``imageKwargs`` are ``encoding``, ``jpegQuality``, ``jpegSubsampling``, ``tiffCompression``.
        Raises OptionError for a value that can't be meant.
        """
        load = self._load
        if not isinstance(load, _Load):
            raise OptionError("a format must be set on tiles of an iteration only")
        self._load = _Load(load.loader.otherwise(format, resample, imageKwargs or {}), load.index)
        self.release()

    def release(self) -> None:
        """Forget the pixels; they are read again when they are looked at again."""
        for key in _LAZY:
            super().__setitem__(key, None)
        self._loaded = False

    def __repr__(self) -> str:
        facts = {key: super(LazyTileDict, self).__getitem__(key) for key in self}
        if not self._loaded:
            facts.pop("tile"), facts.pop("format")
        return f"LazyTileDict({facts})"

    def __reduce__(self) -> tuple[object, ...]:
        facts = {key: super(LazyTileDict, self).__getitem__(key) for key in self}
        return _restore, (facts, self._load, self._loaded)


def _restore(
    facts: dict[str, Any], load: Callable[[], tuple[object, str]], loaded: bool
) -> LazyTileDict:
    tile = LazyTileDict(facts, load)
    if loaded:
        dict.update(tile, facts)
        tile._loaded = True
    return tile


@dataclass(frozen=True)
class _Load:
    loader: TileLoader
    index: int

    def __call__(self) -> tuple[object, str]:
        return self.loader.load(self.index)


def tile_facts(plan: Iteration, index: int) -> dict[str, Any]:
    """Return all that is known of a tile before it is read, under the public names."""
    grid = plan.grid
    row, column = divmod(index, grid.x.count)
    x, y = grid.x.span(column), grid.y.span(row)
    scale = plan.level_scale
    facts: dict[str, Any] = {
        "x": x.start,
        "y": y.start,
        "width": x.size,
        "height": y.size,
        "level": plan.level,
        "level_x": grid.x.first + column,
        "level_y": grid.y.first + row,
        **plan.native.at(scale).as_dict(),
        "tile_position": {
            "level_x": grid.x.first + column,
            "level_y": grid.y.first + row,
            "region_x": column,
            "region_y": row,
            "position": index,
        },
        "iterator_range": _range_facts(grid),
        "tile_overlap": {
            "left": x.before,
            "top": y.before,
            "right": x.after,
            "bottom": y.after,
        },
        "gx": float(x.start * scale),
        "gy": float(y.start * scale),
        "gwidth": float(x.size * scale),
        "gheight": float(y.size * scale),
    }
    if plan.resampled:
        facts.update(_resampled_facts(plan, index, x, y))
        # overlaps are told in the pixels that come out
        facts["tile_overlap"] = {
            side: round(size / plan.scaling) for side, size in facts["tile_overlap"].items()
        }
    return facts


def _range_facts(grid: TileGrid) -> dict[str, int]:
    return {
        "level_x_min": grid.x.first,
        "level_y_min": grid.y.first,
        "level_x_max": grid.x.first + grid.x.count,
        "level_y_max": grid.y.first + grid.y.count,
        "region_x_max": grid.x.count,
        "region_y_max": grid.y.count,
        "position": grid.count,
    }


def _resampled_facts(plan: Iteration, index: int, x: Span, y: Span) -> dict[str, object]:
    """Return what is otherwise of a tile that comes out at another scale than it is read at."""
    window = plan.tile_window(index)
    at_level = plan.native.at(plan.level_scale)
    return {
        "x": float(x.start),
        "y": float(y.start),
        "width": window.width,
        "height": window.height,
        **plan.native.at(plan.level_scale * plan.scaling).as_dict(),
        "scaled": 1 / plan.scaling,
        "tile_x": x.start,
        "tile_y": y.start,
        "tile_width": x.size,
        "tile_height": y.size,
        "tile_magnification": at_level.magnification,
        "tile_mm_x": at_level.mm_x,
        "tile_mm_y": at_level.mm_y,
    }


def _tile(loader: TileLoader, index: int) -> LazyTileDict:
    return LazyTileDict(tile_facts(loader.plan, index), _Load(loader, index))


def _loaded(loader: TileLoader, index: int) -> LazyTileDict:
    tile = _tile(loader, index)
    tile["tile"]
    return tile


def _plain(loader: TileLoader | None, indices: Sequence[int]) -> Iterator[LazyTileDict]:
    for index in indices:
        assert loader is not None
        yield _tile(loader, index)


def _ahead(
    loader: TileLoader | None, indices: Sequence[int], threads: int
) -> Iterator[LazyTileDict]:
    """Yield loaded tiles in order; at most twice as many as threads are under way or waiting."""
    waiting: deque[Future[LazyTileDict]] = deque()
    pool = ThreadPoolExecutor(threads, "ziggurat-prefetch")
    try:
        for index in indices:
            assert loader is not None
            waiting.append(pool.submit(_loaded, loader, index))
            if len(waiting) >= 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class TileIterator:
    """Tiles in order, each a :class:`LazyTileDict`. Has a length; may be walked once.

    ``among`` are the numbers of the tiles to give, by default all. With ``prefetch`` threads, that
    many tiles (twice over) are read ahead, and come loaded.
    """

    def __init__(
        self,
        loader: TileLoader | None,
        only: int | None = None,
        prefetch: int = 0,
        *,
        single: bool = False,
        among: Sequence[int] | None = None,
    ) -> None:
        self._loader = loader
        self._indices: Sequence[int]
        if loader is None or (single and only is None):
            self._indices = range(0)
        elif single and only is not None:
            self._indices = range(only, only + 1)
        else:
            self._indices = range(loader.plan.grid.count) if among is None else among
        # plain generators that don't know the iterator: dropping it ends them and their threads
        self._walk = (
            _ahead(loader, self._indices, prefetch) if prefetch else _plain(loader, self._indices)
        )

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LazyTileDict:
        return next(self._walk)

    @property
    def info(self) -> dict[str, object] | None:
        """Facts of the whole iteration, or None where there is nothing to iterate over."""
        if self._loader is None:
            return None
        plan = self._loader.plan
        rect, grid = plan.window.rect, plan.grid
        return {
            "region": {
                "left": rect.x,
                "top": rect.y,
                "right": rect.right,
                "bottom": rect.bottom,
                "width": rect.width,
                "height": rect.height,
            },
            "xmin": grid.x.first,
            "ymin": grid.y.first,
            "xmax": grid.x.first + grid.x.count,
            "ymax": grid.y.first + grid.y.count,
            "level": plan.level,
            "output": {"width": plan.window.width, "height": plan.window.height},
            "frame": self._loader.frame,
            "format": (self._loader.delivery.format,),
            "encoding": self._loader.delivery.encoding.name,
            "requestedScale": plan.window.scale,
            "resample": plan.resampled,
            "tile_count": len(self._indices),
            "tile_overlap": {"x": grid.x.overlap, "y": grid.y.overlap, "edges": grid.x.edges},
            "tile_size": {"width": grid.x.stride, "height": grid.y.stride},
        }

    def _repr_json_(self) -> dict[str, object] | None:
        return self.info


def planned(image: Image, request: IterationRequest) -> Iteration | None:
    """Return the level, the grid and the scaling of an iteration; None without a pixel."""
    window, resample = window_of(image, request.pixels), request.pixels.resample
    resampled = resample is not None and resample is not False
    return plan_iteration(image.pyramid, window, request.grid, resample=resampled)


def iterate(
    opened: Callable[[], Image], request: IterationRequest, delivery: Delivery
) -> TileIterator:
    """Return an iterator over tiles, as ``tileIterator``.

    ``opened`` gives the image; it is asked again for each tile, and pickles with the tiles.
    """
    prefetch = whole_number("prefetch", request.prefetch, 0)
    image, asked = opened(), request.pixels
    frame = check_frame(image.info, asked.frame)
    plan = planned(image, request)
    if plan is None:
        return TileIterator(None)
    shared = plan.shares_tiles(image.pyramid.best(plan.level_scale), image.info)
    loader = TileLoader(opened, plan, frame, delivery, asked.resample, asked.style, shared)
    if request.position is not None:
        return TileIterator(loader, plan.grid.index(request.position), single=True)
    among = None
    if request.mask is not None:
        where = asked_mask(request.mask, image, frame, asked.style)
        among = covered_tiles(plan, where, image.info, request.min_coverage)
    return TileIterator(loader, prefetch=prefetch, among=among)


def read_single(
    opened: Callable[[], Image], request: IterationRequest, delivery: Delivery
) -> LazyTileDict | None:
    """Return one tile of an iteration (default the first), or None where it isn't there."""
    position = 0 if request.position is None else request.position
    return next(iterate(opened, replace(request, position=position), delivery), None)
