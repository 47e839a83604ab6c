"""What a plan says it will cost, held against what it did cost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.costs import Work, memory, seconds
from ziggurat.converter.plan.options import ConvertOptions

CODECS = ("jpeg", "deflate", "lzw", "zstd", "webp", "none")


@pytest.mark.parametrize("levels", ["source", "full"])
def test_the_size_of_a_copy_is_foreseen(
    data_file: Callable[[str], Path], tmp_path: Path, levels: Any
) -> None:
    slide = data_file("hamamatsu-ndpi/test3-DAPI.ndpi")
    options = ConvertOptions(levels=levels)
    plan = plan_conversion(slide, tmp_path / "out.tiff", options)
    report = convert(slide, tmp_path / "out.tiff", options)
    assert plan.expected_bytes == pytest.approx(report.bytes_written, rel=0.5)


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_of_encoded_tissue_is_foreseen(
    data_file: Callable[[str], Path], tmp_path: Path, codec: str
) -> None:
    slide = data_file("aperio-svs/CMU-1-Small-Region.svs")
    part = {"left": 700, "top": 900, "width": 800, "height": 700}
    options = ConvertOptions(compression=codec, tile_size=128, levels="source", region=part)
    plan = plan_conversion(slide, tmp_path / "out.tiff", options)
    report = convert(slide, tmp_path / "out.tiff", options)
    assert 1 / 1.8 < plan.expected_bytes / report.bytes_written < 1.8


def test_copying_is_foreseen_to_be_fastest(tmp_path: Path, rng: np.random.Generator) -> None:
    source = tmp_path / "in.tiff"
    pixels = rng.integers(0, 255, (512, 512, 3), np.uint8)
    tifffile.imwrite(source, pixels, tile=(64, 64), photometric="rgb", compression="jpeg")
    wanted = (
        ConvertOptions(levels="source"),
        ConvertOptions(levels="full", tile_size=64),
        ConvertOptions(levels="full", compression="lzma"),
    )
    plans = [plan_conversion(source, tmp_path / "out.tiff", options) for options in wanted]
    assert sorted(plans, key=lambda plan: plan.expected_seconds) == plans
    assert plans[0].expected_memory < plans[1].expected_memory


def test_threads_share_the_work_and_rows_take_the_memory() -> None:
    work = Work("encode", 10**9, "deflate", "jpeg", 0)
    assert seconds([work], 2) == pytest.approx(seconds([work], 1) / 2, rel=0.1)
    assert seconds([work, work], 2) > 1.9 * seconds([work], 2)
    assert memory(None, 2) < memory(10**6, 2) < memory(10**7, 2)
