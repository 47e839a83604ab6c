"""Axes, bands and another type that come with one tile: what was laid is where it was, as it was.

Chunks are three times as wide as high, and tiles begin and end within them.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from tests.each import each

Kind = tuple[str, int]  # dtype and bands of a tile
Laid = tuple[np.ndarray, int, int, np.ndarray | None]
CHANGES: dict[str, tuple[Kind, Kind]] = {
    "wider": (("uint8", 2), ("uint16", 2)),
    "floats": (("int16", 5), ("float32", 5)),
    "colours": (("uint8", 1), ("uint8", 3)),
    "alpha": (("uint8", 3), ("uint8", 4)),
    "alpha of gray, 16 bits": (("uint8", 1), ("uint16", 2)),
    "colours and alpha": (("uint16", 1), ("uint16", 4)),
    "colours of gray with alpha": (("uint8", 2), ("uint8", 4)),
}
AXES: dict[str, tuple[dict[str, int], tuple[str, ...]]] = {  # sizes of those there are; new ones
    "none": ({"c": 2}, ()),
    "the first": ({}, ("t",)),
    "before one": ({"c": 3}, ("t",)),
    "before two": ({"z": 2, "c": 3}, ("t",)),
    "two at once": ({"c": 3}, ("t", "w")),
}
SIZE = (75, 120)


def cases() -> Iterator[Any]:
    """Each change with some sets of axes, in a kind of blending and of store by turns."""
    blends = "over", "max", "over", "mean"
    for number, (change, axes) in enumerate(product(CHANGES, AXES)):
        marks = () if number % 5 in (number // 5 % 5, 2) else pytest.mark.slow
        yield pytest.param(change, axes, blends[number % 4], "mapped", number, marks=marks)
        if number % 8 == 1:
            yield pytest.param(change, axes, "over", "log", number)


def shown(laid: list[Laid], kind: Kind) -> np.ndarray:
    """Return the image that some tiles of fewer bands, or narrower ones, are in."""
    dtype, bands = kind
    image = np.zeros((*SIZE, bands), dtype)
    for tile, x, y, mask in laid:
        wide = np.full((*tile.shape[:2], bands), np.iinfo("u2").max, np.int64)
        if dtype == "uint8":
            wide[...] = 255
        given = tile.shape[2]
        if given == bands:
            wide = tile
        else:
            colors = bands - (bands in (2, 4))
            wide[..., :colors] = tile if given == colors else tile[..., :1]
            if given == 2:
                wide[..., -1] = tile[..., 1]
        part = image[y : y + tile.shape[0], x : x + tile.shape[1]]
        part[...] = wide if mask is None else np.where(mask[..., np.newaxis], wide, part)
    return image


@pytest.mark.parametrize(("change", "axes", "blend", "store", "number"), list(cases()))
def test_what_was_laid_stays_where_and_as_it_was(
    tmp_path: Path, change: str, axes: str, blend: str, store: str, number: int
) -> None:
    before, after = CHANGES[change]
    sizes, fresh = AXES[axes]
    rng = np.random.default_rng(number)
    laid: dict[tuple[int, ...], list[Laid]] = {}
    with ziggurat.new(tmp_path / "s", store=store, blend=blend, tileSize=(48, 16)) as sink:
        for count in range(1, len(sizes) + 1):  # the last came first, as when tiles bring them
            sink.frameAxes = list(sizes)[-count:]
        for n, place in enumerate(np.ndindex(*sizes.values())):
            # zeros among them, which look as if nobody had written them
            tile = rng.integers(0, 3, (21, 50, before[1])).astype(before[0])
            mask = rng.random((21, 50)) < 0.5 if n % 2 else None
            x, y = 37 + n, 11 + 2 * n
            sink.addTile(tile, x, y, mask=mask, **dict(zip(sizes, place, strict=True)))
            laid[(0,) * len(fresh) + place] = [(tile, x, y, mask)]
        tile = rng.integers(1, 9, (20, 30, after[1])).astype(after[0])
        where = {name: size - 1 for name, size in sizes.items()}
        new = {name: n + 1 for n, name in enumerate(fresh)}
        sink.addTile(tile, 90, 55, **where, **dict(reversed(new.items())))
        laid.setdefault((*new.values(), *where.values()), []).append((tile, 90, 55, None))
        names = [*fresh, *sizes]
        assert list(sink.frameAxes) == names
        assert (sink.dtype, sink.bandCount) == after
        counts = [n + 2 for n in range(len(fresh))] + list(sizes.values())
        assert sink.frames == int(np.prod(counts))
        for frame, place in enumerate(np.ndindex(*counts)):
            found = sink.getRegion(format="numpy", frame=frame)[0]
            expected = shown(laid.get(place, []), after)[: found.shape[0], : found.shape[1]]
            np.testing.assert_array_equal(found, expected, str(place))
        assert len(list(sink.tiles())) == sum(map(len, laid.values()))
        records = [(r.x, r.y, r.width, r.height, r.masked) for r in sink.tiles()]
        wanted = [(x, y, t.shape[1], t.shape[0], m is not None)
                  for tiles in laid.values() for t, x, y, m in tiles]  # fmt: skip
        assert sorted(records) == sorted(wanted)
    if store == "mapped" and blend == "over":  # any Zarr library sees the same
        array = np.asarray(zarr.open_array(tmp_path / "s", mode="r")[...])
        for place, tiles in laid.items():
            found = array[place]
            expected = shown(tiles, after)[: found.shape[0], : found.shape[1]]
            np.testing.assert_array_equal(found, expected, str(place))


@each("store", ["mapped", "log"])
@each("dtype, value, count, found", [
        ("float16", 60_000, 3, 180_000), ("float32", 3e38, 1, 3e38), ("uint8", 255, 3, 765),
        ("int8", -128, 3, -384), ("uint16", 65_535, 3, 196_605), ("bool", 1, 3, 3),
        ("int32", -(2**31), 3, -3 * 2**31), ("uint32", 2**32 - 1, 3, 3 * (2**32 - 1)),
        ("uint64", 2**62, 3, 3 * 2**62), ("int64", -(2**61), 3, -3 * 2**61),
    ])  # fmt: skip
def test_a_sum_is_past_what_its_tiles_hold(
    store: str, dtype: str, value: float, count: int, found: float
) -> None:
    with ziggurat.new(store=store, blend="sum") as sink:
        for number in range(count):
            sink.addTile(np.full((2, 2), value, dtype), key=number)
        pixels = sink.getRegion(format="numpy")[0]
        assert pixels[..., 0].tolist() == [[pixels.dtype.type(found)] * 2] * 2
