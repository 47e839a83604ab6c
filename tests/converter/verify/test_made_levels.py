"""Levels made in every known way are right, with the plan at hand or without; others are not."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.prepare.prepare import prepare
from ziggurat.converter.recipe import plan_for
from ziggurat.converter.verify.rounding import beyond_rounding
from ziggurat.converter.verify.verify import verify, verify_against
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.encoded import Photometric
from ziggurat.writers.model.reducers import Reducer

WAYS = [way for way in Reducer if way not in (Reducer.MEAN, Reducer.CUBIC)]


@pytest.fixture(scope="module")
def picture(tissue: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "a.png"
    Image.fromarray(tissue[:200, :250]).save(path)
    return path


def options(way: Reducer | None, compression: str = "jpeg") -> ConvertOptions:
    return ConvertOptions(
        resample=way, levels="full", compression=compression, tile_size=64, verify="sample"
    )


@pytest.mark.parametrize("way", WAYS)
def test_levels_made_in_each_way_are_right(picture: Path, tmp_path: Path, way: Reducer) -> None:
    convert(picture, tmp_path / "a.tiff", options(way))
    assert verify(tmp_path / "a.tiff", picture).problems == ()


@pytest.mark.parametrize("compression", ["jpeg", "deflate"])
@pytest.mark.parametrize("way", [Reducer.NEAREST, Reducer.MAX, Reducer.MIN])
def test_levels_made_in_another_way_than_planned_are_wrong(
    picture: Path, tmp_path: Path, way: Reducer, compression: str
) -> None:
    convert(picture, tmp_path / "a.tiff", options(way, compression))
    with open_reader(picture) as reader:
        asked = options(None, compression)
        plan = plan_for(
            prepare(reader, str(picture), asked), str(picture), tmp_path / "a.tiff", asked
        )
        meant = dataclasses.replace(plan, resample=way)
        for one, right in ((plan, False), (meant, True)):
            report = verify_against(tmp_path / "a.tiff", reader, str(picture), full=True, plan=one)
            assert report.ok is right, report.problems


@pytest.mark.parametrize("quality", [10, 50, 90])
@pytest.mark.parametrize("subsampling", ["420", "444"])
def test_what_an_encoder_rounds_is_within_its_steps(
    tissue: np.ndarray, quality: int, subsampling: str
) -> None:
    stream = simplejpeg.encode_jpeg(tissue, quality=quality, colorsubsampling=subsampling)
    decoded = np.asarray(Image.open(io.BytesIO(stream)))
    beyond, telling = beyond_rounding(stream, Photometric.YCBCR, decoded, tissue)
    assert telling > 1000
    assert beyond < telling / 1000


def test_the_table_is_that_of_the_first_component(tissue: np.ndarray) -> None:
    """What 8 x 8 blocks hold is held against the table as it lies in the block, not in zigzag."""
    tables = [[1] * 64, [1] * 64]
    tables[0][7] = tables[0][63] = 200  # across, and both ways
    stream = io.BytesIO()
    Image.fromarray(tissue).save(stream, "JPEG", qtables=tables, subsampling=0)
    decoded = np.asarray(Image.open(io.BytesIO(stream.getvalue())))
    beyond, telling = beyond_rounding(stream.getvalue(), Photometric.YCBCR, decoded, tissue)
    assert telling
    assert beyond == 0


def test_streams_without_readable_tables_tell_nothing(tissue: np.ndarray) -> None:
    assert beyond_rounding(b"", Photometric.YCBCR, tissue, tissue[::-1]) == (0, 0)
    assert beyond_rounding(b"\xff\xd8\xff\xd9", Photometric.GRAY, tissue, tissue) == (0, 0)
