"""What is known of a sink's image before its first tile, checked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.layout import MAX_AXES, Blend, StoreLayout
from ziggurat.readers.formats.sink_store.tile import TileInput
from ziggurat.readers.model.checks import finite_number, one_of, whole_number
from ziggurat.writers.sink.checks import size
from ziggurat.writers.store.tile_input import (
    LARGEST,
    axis_name,
    refuse_reserved,
    tile_input,
)

DEFAULT_TILE = 512


@dataclass(frozen=True)
class DeclaredImage:
    """Sizes, bands, dtype, axes, tile size, blending, fill …, as given to ``ziggurat.new``."""

    sizeX: int | None = None
    sizeY: int | None = None
    bands: int | None = None
    dtype: Any = None
    axes: Mapping[str, int] | None = None
    tileSize: int | tuple[int, int] = DEFAULT_TILE
    blend: Blend | str = Blend.OVER
    fill: float = 0
    expected: float | None = None

    def structure(self) -> StoreLayout:
        """Return the structure of the empty store.

        Raises
        ------
        SinkInputError
            Something that can't be meant.
        """
        width, height = self._tile_size()
        dtype = self._dtype()
        names = tuple(axis_name(name) for name in self.axes or {})
        refuse_reserved(names)
        if len(set(names)) != len(names) or len(names) > MAX_AXES:
            raise SinkInputError(
                f"axes must be up to {MAX_AXES} different frame axes, not {list(names)}"
            )
        bands = size("bands", self.bands) or (1 if self._sized and dtype is not None else 0)
        return StoreLayout(
            tile_width=width,
            tile_height=height,
            blend=self._blend(),
            fill=self._fill(dtype),
            axes=names,
            born=names,
            bands=bands,
            dtype="" if dtype is None else dtype.name,
            settled=dtype is not None,
            fixed=dtype is not None,
            expected=self._expected(),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the frame axes, height and width; 0 where unknown."""
        axes = [size(f"axis {name}", length) or 1 for name, length in (self.axes or {}).items()]
        sides = [size("sizeY", self.sizeY) or 0, size("sizeX", self.sizeX) or 0]
        if max(axes + sides) > LARGEST:
            raise SinkInputError(f"sizes must be up to {LARGEST}, not {axes + sides}")
        return (*axes, *sides)

    def corner(self) -> TileInput | None:
        """Return the blank pixel at the far corner of what was asked for; None: no size was."""
        if not self._sized and not self.axes:
            return None
        *axes, height, width = self.sizes
        pixel = np.zeros((1, 1, size("bands", self.bands) or 1), self._dtype() or np.uint8)
        last = {axis_name(n): length - 1 for n, length in zip(self.axes or {}, axes, strict=True)}
        return tile_input(pixel, max(width - 1, 0), max(height - 1, 0), keywords=last)

    def refuse_conflict(self, present: StoreLayout) -> None:
        """Refuse what contradicts a store that is there.

        Raises
        ------
        SinkInputError
            Another dtype, blending, fill or tile size was asked for than the store has.
        """
        wanted = self.structure()
        given = {"blend": wanted.blend, "fill": wanted.fill}
        given |= {"tile_width": wanted.tile_width, "tile_height": wanted.tile_height}
        plain = DeclaredImage().structure()
        for name, value in given.items():
            has = getattr(present, name)
            blank = value != value and has != has  # a fill of NaN equals nothing
            if not blank and value not in (has, getattr(plain, name)):
                raise SinkInputError(f"the store has {name} {has!r}, not {value!r}")
        if wanted.fixed and present.fixed and wanted.dtype != present.dtype:
            raise SinkInputError(f"the store holds {present.dtype}, not {wanted.dtype}")

    @property
    def _sized(self) -> bool:
        return self.sizeX is not None and self.sizeY is not None

    def _tile_size(self) -> tuple[int, int]:
        given = self.tileSize
        pair = given if isinstance(given, tuple | list) else (given, given)
        if len(pair) != 2:
            raise SinkInputError(f"tileSize must be one number or (width, height), not {given!r}")
        width, height = (
            whole_number("tileSize", side, 16, SinkInputError, most=16384) for side in pair
        )
        return width, height

    def _expected(self) -> float | None:
        share = self.expected
        if share is None:
            return None
        return finite_number("expectedCoverage", share, 0, SinkInputError, most=1)

    def _dtype(self) -> np.dtype | None:
        if self.dtype is None:
            return None
        try:
            dtype: np.dtype = np.dtype(self.dtype).newbyteorder("=")
        except TypeError as error:
            raise SinkInputError(f"dtype {self.dtype!r} is invalid") from error
        if dtype.kind not in "biuf" or dtype.itemsize > 8:
            raise SinkInputError(f"dtype must be of numbers of up to 8 bytes, not {dtype}")
        return dtype

    def _blend(self) -> Blend:
        return one_of("blend", self.blend, Blend, SinkInputError)

    def _fill(self, dtype: np.dtype | None) -> float:
        fill = self.fill
        if isinstance(fill, np.generic):
            fill = fill.item()
        if not isinstance(fill, int | float):
            raise SinkInputError(f"fill must be one number, not {fill!r}")
        if fill and dtype is None:
            raise SinkInputError("a fill other than zero needs a dtype that can hold it")
        if dtype is not None and not (dtype.kind == "f" or _holds(dtype, fill)):
            raise SinkInputError(f"{dtype} can't hold the fill {fill!r}")
        return fill


def _holds(dtype: np.dtype, number: float) -> bool:
    if dtype.kind == "b":
        return number in (0, 1)
    limits = np.iinfo(dtype)
    return math.isfinite(number) and number == int(number) and limits.min <= number <= limits.max
