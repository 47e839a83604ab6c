"""Levels of labels that we made have names of the level above, all of them."""

from pathlib import Path

import numpy as np
import pytest
import zarr

import ziggurat
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.prepare.prepare import Prepared
from ziggurat.converter.recipe import plan_for
from ziggurat.converter.verify.verify import verify_against
from ziggurat.readers.formats.registry import open_reader


@pytest.mark.parametrize("strange", [0, 1, 40])
def test_a_made_level_has_no_name_of_its_own(tmp_path: Path, strange: int) -> None:
    labels = (np.add.outer(np.arange(200) // 40, np.arange(200) // 24) * 10).astype(np.uint8)
    source, output = tmp_path / "s.tiff", tmp_path / "o.zarr"
    with ziggurat.new() as sink:
        sink.addTile(labels)
        sink.interpretation = "labels"
        sink.write(source)
    options = ConvertOptions(tile_size=64)
    convert(source, output, options)
    (path,) = output.rglob("1/zarr.json")
    level = zarr.open_array(path.parent)
    pixels = np.asarray(level[...])
    pixels[..., :strange, :strange] = 7  # nobody's name
    level[...] = pixels
    with open_reader(source) as reader:
        plan = plan_for(Prepared(reader), str(source), output, options)
        report = verify_against(output, reader, "s", full=True, plan=plan)
    assert report.ok is (strange == 0), report.problems
