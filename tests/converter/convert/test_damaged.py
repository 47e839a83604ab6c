"""Damaged and sparse slides: an error and nothing written, or an output that is right."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.errors import ZigguratError
from ziggurat.readers.formats.registry import open_reader


def mutants(data: bytes, rng: np.random.Generator) -> Iterator[Any]:
    """Yield cuts, flipped bytes in tags and tables, and holes."""
    for share in (0.01, 0.1, 0.5, 0.9, 0.99):
        yield data[: int(len(data) * share)]
    for _ in range(14):
        changed = bytearray(data)
        for place in rng.integers(0, 4000, 6):
            changed[place] = rng.integers(0, 256)
        yield bytes(changed)
    for _ in range(7):
        changed = bytearray(data)
        start = int(rng.integers(0, len(data) - 3000))
        changed[start : start + 3000] = bytes(3000)
        yield bytes(changed)


def test_a_damaged_slide_never_leaves_a_part(
    make_svs: Callable[..., Path], tmp_path: Path, rng: np.random.Generator
) -> None:
    data = make_svs(tmp_path / "good.svs", width=300, height=250, tile=64).read_bytes()
    folder = tmp_path / "out"
    folder.mkdir()
    refused = 0
    for number, mutant in enumerate(mutants(data, rng)):
        source = tmp_path / "mutant.svs"
        source.write_bytes(mutant)
        output = folder / f"{number}.tiff"
        try:
            convert(source, output, ConvertOptions(verify="full"))
        except (ZigguratError, OSError):
            refused += 1
            assert not output.exists()
        else:
            assert not verify(output).problems
            output.unlink()
        assert list(folder.iterdir()) == []
    assert refused >= 5


@pytest.mark.parametrize("ycbcr", [False, True], ids=["rgb", "ycbcr"])
def test_zero_byte_tiles_become_background(
    make_svs: Callable[..., Path], tmp_path: Path, ycbcr: Any
) -> None:
    source = make_svs(tmp_path / "a.svs", ycbcr=ycbcr)
    with tifffile.TiffFile(source) as tif:
        tag = tif.pages[0].tags[325]  # TileByteCounts
        at = tag.valueoffset
        size = tag.valuebytecount // tag.count
    with source.open("r+b") as file:
        file.seek(at + 8 * size)
        file.write(struct.pack("<I", 0)[:size])
    convert(source, tmp_path / "out.tiff", ConvertOptions(levels="source", verify="full"))
    with openslide.OpenSlide(tmp_path / "out.tiff") as slide:  # tile 8 is column 1, row 1
        blank = np.asarray(slide.read_region((240, 192), 0, (240, 192)))
        beside = np.asarray(slide.read_region((0, 192), 0, (240, 192)))
    assert (blank[..., :3] >= 254).all()
    assert beside[..., :3].std() > 10
    with open_reader(tmp_path / "out.tiff") as ours, open_reader(source) as theirs:
        assert ours.plane(0, 0).encoded().tile(0, 0) == theirs.plane(0, 0).encoded().tile(0, 0)
