"""A crop is a way to hide: nothing of what it cut off is in the bytes of what comes out."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.formats.registry import open_reader

PEN = 250  # of a mark on the glass, right of and below the crop
REGION = {"left": 0, "top": 0, "right": 300, "bottom": 200}


def slide(path: Path, kind: str) -> Path:
    pixels = np.full((256, 384, 3), 60, np.uint8)
    pixels[:, 320:] = PEN
    pixels[220:] = PEN
    if kind == "jpeg":
        arguments = {"compression": "jpeg", "photometric": "rgb"}
        tifffile.imwrite(path, pixels, tile=(128, 128), metadata=None, **arguments)
        return path
    tiles = [
        imagecodecs.jpeg2k_encode(pixels[y : y + 128, x : x + 128], codecformat="j2k", level=0)
        for y in (0, 128)
        for x in (0, 128, 256)
    ]
    tifffile.imwrite(
        path, iter(tiles), shape=pixels.shape, dtype=np.uint8, tile=(128, 128), metadata=None,
        photometric="rgb", compression=34712,
    )  # fmt: skip
    return path


@pytest.mark.parametrize("kind", ["jpeg", "jpeg2000"])
@pytest.mark.parametrize("name", ["o.tiff", "o.ome.tiff", "o.svs"])
def test_tiles_at_the_edge_hold_nothing_beyond_it(tmp_path: Path, kind: str, name: str) -> None:
    source = slide(tmp_path / "a.tif", kind)
    options = ConvertOptions(region=REGION, deidentify=True, compression="keep", verify="full")
    convert(source, tmp_path / name, options)
    with open_reader(source) as theirs, open_reader(tmp_path / name) as ours:
        box = ours.info.levels[0].rect
        found, wanted = (reader.plane(0, 0).read(box).astype(int) for reader in (ours, theirs))
        assert np.abs(found - wanted).max() <= 2
        for level in range(len(ours.info.levels)):
            tiles = ours.plane(level, 0).encoded()
            assert tiles is not None
            for row in range(tiles.rows):
                for column in range(tiles.columns):
                    data = tiles.tile(column, row)
                    assert data is not None
                    assert decode_tile(data, tiles.format, (128, 128)).max() < PEN - 50
        if kind == "jpeg":
            before, after = theirs.plane(0, 0).encoded(), ours.plane(0, 0).encoded()
            assert before is not None
            assert after is not None
            inner = before.tile(0, 0) or b""
            scan = inner[inner.index(b"\xff\xda") :]
            assert scan in (after.tile(0, 0) or b""), "tiles inside are the source's"
