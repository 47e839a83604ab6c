"""Made-up files for tests of the read API."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile


@pytest.fixture
def picture(tmp_path: Path, rng: np.random.Generator) -> Any:
    """A tiled TIFF of 500 x 400 random RGB pixels: its path and the pixels."""
    pixels = rng.integers(0, 255, (400, 500, 3)).astype(np.uint8)
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), compression="zlib")
    return path, pixels


@pytest.fixture
def jpeg_pyramid(tmp_path: Path, tissue: np.ndarray) -> Any:
    """A tiled JPEG TIFF with shared tables, 600 x 500 out of real tissue, and one ÷2 level."""
    path = tmp_path / "jpeg.tif"
    full = np.concatenate([tissue, tissue[:, :88]], axis=1)[:500]
    half = full.reshape(250, 2, 300, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    options = {"tile": (128, 128), "compression": "jpeg", "photometric": "ycbcr", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(full, subifds=1, **options)
        writer.write(half, subfiletype=1, **options)
    return path
