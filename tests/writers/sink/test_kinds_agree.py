"""Both kinds of store are one image: the same calls give the same pixels, sizes and facts.

One of them copies tiles into chunks and rewrites those as the image grows, the other keeps tiles as
they came and joins them when it is read: they have hardly a line in common.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat

Call = dict[str, Any]
GROWTH = {  # (dtype, bands) of tiles, one after the other
    "gray to colours": [("uint8", 1), ("uint8", 3)],
    "gray to alpha": [("uint8", 1), ("uint8", 2), ("uint8", 4)],
    "gray, alpha at once": [("uint8", 1), ("uint8", 4)],
    "colours to alpha and 16 bits": [("uint8", 3), ("uint16", 4)],
    "many bands": [("float32", 5), ("float64", 5)],
    "wider": [("uint8", 2), ("int16", 2), ("float32", 2)],
    "fewer bands later": [("uint8", 4), ("uint8", 3), ("uint8", 1)],
    "narrower later": [("float64", 1), ("uint8", 1)],
    "bool": [("bool", 1), ("uint8", 1)],
    "more that are no colours": [("float32", 5), ("float32", 7)],
    "alpha, then 16 bits": [("uint8", 3), ("uint8", 4), ("uint16", 4)],
    "alpha, then floats": [("uint8", 1), ("uint8", 2), ("float32", 2)],
    "floats, then alpha": [("uint8", 3), ("float32", 3), ("float32", 4)],
}
NO_SUM = {"wider", "fewer bands later", "alpha, then floats", "floats, then alpha"}
BLENDS = ["over", "mean", "max", "sum", "weighted"]
AXES: list[Call] = [{}, {"z": 1}, {"c": 1}]


def calls(seed: int, growth: list[tuple[str, int]], *, frames: bool, weight: bool) -> list[Call]:
    """Return tiles that overlap, over several chunks, of each kind that comes, some with masks."""
    rng = np.random.default_rng(seed)
    made = []
    for number, (dtype, bands) in enumerate([kind for kind in growth for _ in range(2)]):
        h, w = (int(side) for side in rng.integers(3, 40, 2))
        tile: Any = rng.integers(0, 2 if dtype == "bool" else 60, (h, w, bands)).astype(dtype)
        # with keys, whose order is that of the calls: segments have no other
        call: Call = {"x": int(rng.integers(0, 45)), "y": int(rng.integers(0, 45)), "key": number}
        if number % 3 == 1:
            call["mask"] = rng.random((h, w)) < 0.6
        if number % 3 == 2:
            tile = tile[::-1, ::-1] if number % 2 else tile.astype(tile.dtype.newbyteorder(">"))
        if weight:
            call["weight"] = rng.random((h, w)) + 0.5
        made.append({"tile": tile, **call, **(AXES[number % len(AXES)] if frames else {})})
    return made


def shown(sink: ziggurat.Sink) -> dict[str, Any]:
    """Return all that a sink tells, with its pixels."""
    metadata = dict(sink.getMetadata())
    records = sorted(
        (str(r.key), r.x, r.y, r.width, r.height, *r.frame.items(), *r.frames.items(), r.masked)
        for r in sink.tiles()
    )
    return {
        "metadata": metadata,
        "tiles": records,
        "axes": list(sink.frameAxes),
        "dtype": sink.dtype,
        "covered": [sink.coverage(8).tolist(), sink.isWritten(0, 0, 3, 3)],
        "pixels": [sink.getRegion(format="numpy", frame=n)[0] for n in range(sink.frames)],
    }


def agree(one: Any, other: Any, *, exact: bool) -> None:
    assert {k: v for k, v in one.items() if k != "pixels"} == {
        k: v for k, v in other.items() if k != "pixels"
    }
    for a, b in zip(one["pixels"], other["pixels"], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-5)


def cases() -> Iterator[Any]:
    """Each growth in two of the blends by turns; all where there is time."""
    for number, (growth, blend) in enumerate(product(GROWTH, BLENDS)):
        if blend == "sum" and growth in NO_SUM:
            continue  # refused: sums are of 64 bits, which do not become floats
        turn = (number // len(BLENDS) - number % len(BLENDS)) % len(BLENDS)
        yield pytest.param(growth, blend, number, marks=() if turn < 2 else pytest.mark.slow)


@pytest.mark.parametrize(("growth", "blend", "number"), list(cases()))
def test_of_tiles_that_make_the_image_grow(
    tmp_path: Path, growth: str, blend: str, number: int
) -> None:
    frames = number % 2 == 0
    weight = blend == "weighted"
    same: Call = {}
    if {dtype for dtype, _ in GROWTH[growth]} == {"uint8"} and blend != "sum":
        same = {"fill": 7, "dtype": "uint8"}  # given, it may not grow; what nobody wrote is 7
    laid = calls(number, GROWTH[growth], frames=frames, weight=weight)
    with (
        ziggurat.new(tmp_path / "m", store="mapped", blend=blend, tileSize=64, **same) as one,
        ziggurat.new(tmp_path / "l", store="log", blend=blend, tileSize=64, **same) as other,
    ):
        one.frameAxes = other.frameAxes = ["c", "z"] if frames else []
        for call in laid:
            one.addTile(**call)
            other.addTile(**call)
        agree(shown(one), shown(other), exact=blend in ("over", "max"))


def test_of_masks_before_axes_and_alpha_come(tmp_path: Path) -> None:
    """What a mask let in is opaque, black as it may be; what it kept out stays transparent."""
    mask = np.zeros((100, 90), bool)
    mask[10:80:3, 5:85:2] = True
    black = np.zeros((100, 90, 3), np.uint8)
    with (
        ziggurat.new(tmp_path / "m", store="mapped", tileSize=64) as one,
        ziggurat.new(tmp_path / "l", store="log", tileSize=64) as other,
    ):
        for sink in (one, other):
            sink.addTile(black, 7, 30, mask=mask, key=0)
            sink.addTile(np.ones((4, 4, 3), np.uint8), 0, 0, z=1, key=1)
            sink.addTile(np.full((4, 4, 4), 9, np.uint8), 200, 0, z=1, key=2)
        agree(shown(one), shown(other), exact=True)
        alpha = one.getRegion(format="numpy", frame=0)[0][..., 3]
    assert np.array_equal(alpha[30:130, 7:97], np.where(mask, 255, 0))
    assert np.count_nonzero(alpha) == np.count_nonzero(mask)


@pytest.mark.parametrize("masked", [False, True])
def test_of_tiles_that_look_like_nothing_or_are_a_chunk(tmp_path: Path, masked: bool) -> None:
    """A rectangle of the fill's own value over six chunks; a tile that is just one of them."""
    mask = np.tri(64, dtype=bool)[::-1] if masked else None
    with (
        ziggurat.new(tmp_path / "m", store="mapped", tileSize=64) as one,
        ziggurat.new(tmp_path / "l", store="log", tileSize=64) as other,
    ):
        for sink in (one, other):
            sink.addTile(np.zeros((100, 90), np.uint8), 50, 30, key=0)
            sink.addTile(np.full((64, 64), 9, np.uint8), 192, 64, mask=mask, key=1)
        agree(shown(one), shown(other), exact=True)
        for sink in (one, other):
            sink.addTile(np.full((4, 4, 2), 9, np.uint8), 0, 0, key=2)
        agree(shown(one), shown(other), exact=True)
        alpha = one.getRegion(format="numpy")[0][..., 1]
    assert (alpha[30:130, 50:140] == 255).all()
    assert np.count_nonzero(alpha) == 9000 + 16 + (64 * 65 // 2 if masked else 64 * 64)


def test_of_masks_of_single_bands_before_alpha_comes(tmp_path: Path) -> None:
    """A pixel is opaque where any of its bands was let in, whatever the others hold."""
    rng = np.random.default_rng(8)
    mask = rng.random((100, 90, 3)) < 0.3
    dark = rng.integers(0, 2, (100, 90, 3), np.uint8)
    with (
        ziggurat.new(tmp_path / "m", store="mapped", tileSize=64) as one,
        ziggurat.new(tmp_path / "l", store="log", tileSize=64) as other,
    ):
        for sink in (one, other):
            sink.addTile(dark, 7, 30, mask=mask, key=0)
            sink.addTile(np.full((4, 4, 4), 9, np.uint8), 200, 0, key=1)
        agree(shown(one), shown(other), exact=True)
        alpha = one.getRegion(format="numpy")[0][30:130, 7:97, 3]
    assert np.array_equal(alpha, np.where(mask.any(axis=-1), 255, 0))
