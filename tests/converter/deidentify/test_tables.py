"""Tables that a TIFF's JPEG tiles share are a stream, too, and may say who it is of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.converter.deidentify.outputs import bytes_of, segment
from tests.converter.deidentify.sources import PLANTED
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions

_JPEG_TABLES = 347


@pytest.mark.parametrize("target", ["o.tiff", "o.svs"])
def test_a_text_in_shared_tables_goes(
    make_svs: Callable[..., Path], tmp_path: Path, target: str
) -> None:
    source = make_svs(tmp_path / "a.svs", width=480, height=240)
    with tifffile.TiffFile(source, mode="r+") as tif:
        for page in tif.pages:
            tag = page.tags.get(_JPEG_TABLES)
            if tag is not None:
                said = segment(0xFE, PLANTED.encode())
                tag.overwrite(tag.value[:2] + said + tag.value[2:])
    assert PLANTED.encode() in source.read_bytes()
    output = tmp_path / target
    convert(source, output, ConvertOptions(deidentify=True))
    assert PLANTED.encode() not in bytes_of(output)
    with tifffile.TiffFile(output) as ours, tifffile.TiffFile(source) as theirs:
        assert ours.pages[0].jpegtables, "the tiles are copied"
        np.testing.assert_array_equal(ours.pages[0].asarray(), theirs.pages[0].asarray())
