"""Big-endian TIFFs: raw tiles are copied, and the levels that are made lie as they do."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions


@pytest.mark.parametrize(
    ("dtype", "name", "compression"),
    [  # every two of them meet
        pytest.param(dtype, name, codec, marks=() if (a + b) % 2 == c else pytest.mark.slow)
        for a, dtype in enumerate(["uint16", "float32", "uint8"])
        for b, codec in enumerate([None, "zlib", "lzw"])
        for c, name in enumerate(["o.tiff", "o.ome.tiff"])
    ],
)
def test_levels_are_made_in_the_byte_order_of_what_is_copied(
    tmp_path: Path, rng: np.random.Generator, compression: str | None, name: str, dtype: str
) -> None:
    pixels = rng.integers(0, 250, (150, 250)).astype(dtype)
    source = tmp_path / "a.tif"
    tifffile.imwrite(
        source, pixels, byteorder=">", tile=(32, 32), compression=compression, metadata=None
    )
    report = convert(source, tmp_path / name, ConvertOptions(verify="full", tile_size=32))
    assert report.tiles_copied == 40
    with tifffile.TiffFile(tmp_path / name) as tif:
        levels = tif.series[0].levels
        assert np.array_equal(levels[0].asarray(), pixels)
        half = pixels.astype(float).reshape(75, 2, 125, 2).mean(axis=(1, 3))
        assert np.abs(levels[1].asarray().astype(float) - half).max() <= 1
