"""A file that was written over in place, with as many bytes, is another file."""

import os
from pathlib import Path

import numpy as np
import tifffile

import ziggurat


def test_a_file_of_the_same_size_is_read_anew(tmp_path: Path) -> None:
    path, other = tmp_path / "a.tif", tmp_path / "b.tif"
    facts = None
    for value in (10, 77):
        pixels = np.full((256, 256), value, np.uint8)
        tifffile.imwrite(other, pixels, tile=(128, 128), metadata=None)
        with path.open("r+b" if path.exists() else "wb") as file:  # the same file, not a new one
            file.write(other.read_bytes())
        if facts is not None:
            os.utime(path, ns=(0, facts.st_mtime_ns + 1_000_000))
            assert (path.stat().st_ino, path.stat().st_size) == (facts.st_ino, facts.st_size)
        facts = path.stat()
        with ziggurat.open(path) as source:
            assert source.getRegion(format="numpy")[0].mean() == value
            assert source.getTile(0, 0, 0, encoding="PNG")
            assert source.getSingleTile(format="numpy")["tile"].mean() == value
