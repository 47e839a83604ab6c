"""Chunks that hold several frames are kept once decoded: each array's, and nobody's to change."""

from pathlib import Path

import numpy as np
import zarr

from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions


def test_kept_chunks_stay_what_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(6).integers(1, 250, (2, 32, 32, 1), np.uint8)
    path = tmp_path / "a.zarr"
    write(array_reader(pixels, "cyxs"), path, WriteOptions(tile_size=16, lossy=False))
    group = zarr.open_group(path)
    stored = {}
    for name in ("0", "1"):
        stored[name] = group[name][:]
        group.create_array(name, data=stored[name], chunks=(2, 16, 16), overwrite=True)
    with open_reader(path) as reader:
        for _ in range(2):
            for level, name in enumerate(("0", "1")):
                for frame in (0, 1):
                    rect = reader.info.levels[level].rect
                    tile = reader.plane(level, frame).read(rect)
                    np.testing.assert_array_equal(tile[..., 0], stored[name][frame])
                    corner = reader.plane(level, frame).read(Rect(0, 0, 16, 16))
                    corner[...] = 0  # a caller's own
