"""Each array of a store is one of Zarr: any library finds in it what the store keeps there."""

from pathlib import Path

import numpy as np
import pytest
import zarr

import ziggurat

TILES = [(5, 3, 60, 21, 7), (40, 10, 50, 30, -4), (91, 33, 10, 17, 9)]  # x, y, width, height, value
SHAPE = (3, 2, 50, 101, 2)  # t, c, y, x, s: of all of them in the last frame but one


@pytest.mark.parametrize(
    ("blend", "dtype"),
    [
        ("over", "int16"), ("over", "bool"), ("max", "uint64"), ("min", "bool"), ("sum", "uint64"),
        ("sum", "float32"), ("mean", "int16"), ("weighted", "float32"),
    ],
)  # fmt: skip
def test_what_zarr_finds_in_each_array_of_a_store(tmp_path: Path, blend: str, dtype: str) -> None:
    kind, fill = np.dtype(dtype), 0 if dtype == "bool" else 3
    path = tmp_path / "s"
    with ziggurat.new(path, blend=blend, dtype=dtype, fill=fill, tileSize=(48, 16)) as sink:
        sink.frameAxes = ["c"]
        sums, counts = np.zeros(SHAPE), np.zeros(SHAPE[:-1])
        last = np.full(SHAPE, fill, kind)
        for x, y, w, h, value in TILES:
            tile = np.full((h, w, 2), abs(value) if kind.kind in "ub" else value, kind)
            weight = np.full((h, w), 0.5) if blend == "weighted" else None
            sink.addTile(tile, x, y, c=1, t=2, weight=weight)
            share = 0.5 if blend == "weighted" else 1
            sums[2, 1, y : y + h, x : x + w] += tile * share
            counts[2, 1, y : y + h, x : x + w] += share
            last[2, 1, y : y + h, x : x + w] = tile
        seen = np.stack([sink.getRegion(format="numpy", frame=n)[0] for n in range(6)])
    accumulated = blend in ("sum", "mean", "weighted")
    if blend == "over":
        np.testing.assert_array_equal(seen.reshape(SHAPE), last)
    expected = {"": np.full(SHAPE, fill, kind) if accumulated else seen.reshape(SHAPE)}
    if accumulated:
        expected[".ziggurat/sum"] = sums
    if blend != "over":
        expected[".ziggurat/weight"] = counts if blend in ("mean", "weighted") else counts > 0
    for folder, content in expected.items():
        array = zarr.open_array(path / folder, mode="r")
        names = ["t", "c", "y", "x", "s"][: content.ndim]
        assert array.shape == content.shape
        assert array.chunks == (1, 1, 16, 48, 2)[: content.ndim]
        assert list(array.metadata.dimension_names or ()) == names
        assert array.fill_value == (0 if folder else fill)
        assert array.attrs["ziggurat"] == {"blend": blend}
        if not folder:
            assert array.dtype == kind
        np.testing.assert_array_equal(np.asarray(array[...]), content)
