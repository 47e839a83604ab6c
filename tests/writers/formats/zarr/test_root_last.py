"""An OME-Zarr that many write becomes an image by its last document, that of its root."""

import numpy as np

from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.zarr.ome_zarr import plan_levels
from ziggurat.writers.formats.zarr.parts import ZarrTree
from ziggurat.writers.model.options import WriteOptions


class Put:
    """Notes the keys that it is given."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def write(self, key: str, *parts: bytes) -> None:
        assert b"".join(parts)
        self.keys.append(key)


def test_what_makes_it_an_image_is_put_last() -> None:
    reader = array_reader(np.zeros((300, 300, 3), np.uint8))
    options = WriteOptions(tile_size=64)
    levels = plan_levels(reader, options)
    tree, put = ZarrTree(reader, levels, options, [None] * len(levels)), Put()
    tree.finish(put, "a.zarr")
    assert put.keys[-1] == "zarr.json"
    assert put.keys.count("zarr.json") == 1
    assert {f"{level}/zarr.json" for level in range(len(levels))} <= set(put.keys)
