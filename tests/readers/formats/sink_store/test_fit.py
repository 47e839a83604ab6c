"""What an image becomes by a tile of another type: every pair of types in every way of blending."""

from itertools import product

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.fit import fit_tile, grow_layout
from ziggurat.readers.formats.sink_store.layout import Blend, StoreLayout
from ziggurat.writers.store.tile_input import tile_input

NUMBERS = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64",
           "float16", "float32", "float64"]  # fmt: skip


def sum_type(dtype: np.dtype) -> np.dtype:
    """Return what holds the sum of some samples: 64 bits, and no float of 16."""
    if dtype.kind == "f":
        return np.promote_types(dtype, np.float32)
    return dtype if dtype == np.uint64 else np.dtype(np.int64)


@pytest.mark.parametrize("blend", Blend)
def test_an_image_of_one_type_and_a_tile_of_another(blend: Blend) -> None:
    """It becomes what NumPy makes of both; where that would change wide integers it is refused."""
    for one, other in product(map(np.dtype, NUMBERS), repeat=2):
        first, second = (tile_input(np.ones((2, 3), dtype), 0, 0) for dtype in (one, other))
        image = grow_layout(StoreLayout(64, 64, blend=blend), first)
        assert image.numpy_dtype == (sum_type(one) if blend is Blend.SUM else one)
        assert image.settled
        wanted = np.promote_types(image.numpy_dtype, other)
        wide = any(d.kind in "iu" and d.itemsize == 8 for d in (image.numpy_dtype, other))
        if wanted.kind == "f" and wide:
            with pytest.raises(SinkInputError, match="beyond 2"):
                grow_layout(image, second)
            continue
        grown = grow_layout(image, second)
        assert grown.numpy_dtype == (sum_type(wanted) if blend is Blend.SUM else wanted)
        assert (fit_tile(grown, second) == 1).all()
        assert fit_tile(grown, second).dtype == grown.numpy_dtype
        assert grow_layout(grown, first) == grown
        assert grow_layout(grown, second) == grown


@pytest.mark.parametrize("blend", Blend)
def test_a_type_that_was_given_stays_and_takes_what_it_holds(blend: Blend) -> None:
    for one, other in product(map(np.dtype, NUMBERS), repeat=2):
        image = StoreLayout(64, 64, blend=blend, dtype=one.name, bands=1, fixed=True, settled=True)
        assert grow_layout(image, tile_input(np.ones((2, 3), other), 0, 0)) == image
        top = np.finfo(other).max if other.kind == "f" else 1 if other.kind == "b" else (
            2**50 if other.itemsize == 8 else np.iinfo(other).max
        )  # fmt: skip
        tile = tile_input(np.full((2, 3), top, other), 0, 0)
        with np.errstate(over="ignore", invalid="ignore"):
            back = tile.pixels.astype(one)
        (there,), (given,) = set(back.flat), set(tile.pixels.flat)  # Python compares exactly
        both = one.kind == other.kind == "f"
        holds = bool(np.isfinite(back).all()) and (both or there.item() == given.item())
        if holds:
            assert grow_layout(image, tile) == image
        else:
            with pytest.raises(SinkInputError, match="can't hold"):
                grow_layout(image, tile)


@pytest.mark.parametrize("only_room", [False, True])
def test_a_first_pixel_that_only_asks_for_room_leaves_the_type_open(only_room: bool) -> None:
    corner = tile_input(np.zeros((1, 1, 3), np.float64), 9, 9)
    image = grow_layout(StoreLayout(64, 64), corner, only_room=only_room)
    assert image.settled is not only_room
    grown = grow_layout(image, tile_input(np.ones((2, 3, 3), np.uint8), 0, 0))
    assert grown.dtype == ("uint8" if only_room else "float64")
    assert grow_layout(grown, corner, only_room=only_room).dtype == grown.dtype


@each("given", [False, True])
@each("blend", Blend)
def test_the_largest_integers_that_a_blend_gives_back(blend: Blend, given: bool) -> None:
    """Sums of doubles hold them exactly up to there, weights take three digits of that."""
    limit = {Blend.MEAN: 2**53, Blend.WEIGHTED: 2**50}.get(blend, 2**62)
    image = StoreLayout(64, 64, blend=blend)
    if given:
        image = StoreLayout(64, 64, blend=blend, dtype="int64", fixed=True, settled=True, bands=1)
    for value in (limit, -limit, limit + 1, -limit - 1):
        tile = tile_input(np.array([[3, value, 5]], np.int64), 0, 0)
        if abs(value) <= limit or limit == 2**62:
            assert grow_layout(image, tile).dtype == "int64"
        else:
            with pytest.raises(SinkInputError, match=f"exactly up to {limit}"):
                grow_layout(image, tile)
