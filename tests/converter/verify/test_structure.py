"""What is checked of an output in itself."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.verify.structure import ome_problems, tiff_problems


@pytest.fixture
def ome(tmp_path: Path) -> Any:
    path = tmp_path / "a.ome.tiff"
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((64, 64), np.uint8), c=1, z=1)
        sink.channelNames = ["DAPI", "<FITC & more>"]
        sink.write(path)
    return path


def test_our_own_ome_xml_is_valid(ome: Any) -> None:
    assert tiff_problems(ome) == []


def test_ome_xml_that_breaks_its_schema_is_a_problem(ome: Any) -> None:
    with tifffile.TiffFile(ome) as tif:
        xml, shapes = tif.ome_metadata, [(64, 64)] * 4
    assert ome_problems(xml, shapes) == []
    broken = re.sub('DimensionOrder="[A-Z]+"', 'DimensionOrder="XY"', xml)
    assert broken != xml
    (problem,) = ome_problems(broken, shapes)
    assert "not valid" in problem
    (problem,) = ome_problems(xml[:-9], shapes)
    assert "not XML" in problem
