"""An option that does nothing here says so, and two that contradict each other are refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError

Make = Callable[..., Path]


@pytest.fixture
def slide(tmp_path: Path, make_svs: Make) -> Path:
    return make_svs(tmp_path / "slide.svs", width=600, height=500, ycbcr=True)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """One level of one tile, as Deflate with differences, without a profile."""
    path, pixels = tmp_path / "plain.tiff", np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    tifffile.imwrite(path, pixels, tile=(64, 64), compression="zlib", predictor=True)
    return path


@pytest.mark.parametrize(
    ("source", "output", "options", "words"),
    [
        ("slide", "o.tiff", {"effort": 9}, "--effort 9 has no effect: jpeg has none here"),
        ("slide", "o.svs", {"effort": 9}, "no effect: tiles are copied as they are"),
        ("slide", "o.jpg", {"effort": 9}, "--effort 9 has no effect: jpeg has none"),
        ("slide", "o.svs", {"resample": "max"}, "--resample max has no effect: no level"),
        ("slide", "o.png", {"resample": "max"}, "no effect: a png has one level"),
        ("slide", "o.tiff", {"reencode": True, "compression": "keep"}, "keep copies nothing"),
        ("plain", "o.tiff", {"predictor": "none"}, "--predictor none is for levels that are"),
        ("plain", "o.tiff", {"color": "srgb"}, "--color srgb has no effect: the image has no ICC"),
        ("plain", "o.zarr", {"color": "srgb"}, "--color srgb has no effect: the image has no ICC"),
    ],
)
def test_an_option_without_effect_is_told(
    request: pytest.FixtureRequest, source: str, output: str, options: dict[str, Any], words: str
) -> None:
    path: Path = request.getfixturevalue(source)
    notes = plan_conversion(path, path.with_name(output), ConvertOptions(**options)).notes
    assert sum(words in note for note in notes) == 1, notes


@pytest.mark.parametrize(
    ("output", "options"),
    [
        ("o.tiff", {"effort": 9, "compression": "deflate"}),
        ("o.zarr", {"effort": 9, "resample": "max"}),
        ("o.webp", {"effort": 6}),
        ("o.png", {"effort": 9}),
        ("o.dzi", {"effort": 9, "compression": "png"}),
        ("o.tiff", {"predictor": "none", "compression": "lzw"}),
        ("o.tiff", {"color": "srgb"}),
    ],
)
def test_an_option_with_effect_is_not_told(
    slide: Path, output: str, options: dict[str, Any]
) -> None:
    notes = plan_conversion(slide, slide.with_name(output), ConvertOptions(**options)).notes
    assert not [note for note in notes if "no effect" in note or "is for levels" in note]


def test_levels_below_copied_jpeg_are_made_as_asked(slide: Path) -> None:
    """libjpeg's half scale is a mean, whatever is asked for."""
    levels = {}
    for name in ("mean", "max", "min"):
        output = slide.with_name(f"{name}.tiff")
        plan = convert(slide, output, ConvertOptions(resample=name)).plan
        assert [step.action for step in plan.steps][:2] == [
            "copy", "scale" if name == "mean" else "cascade",
        ]  # fmt: skip
        with ziggurat.open(output) as image:
            levels[name] = (
                image._image()
                .reader.plane(1, 0)
                .read(image._image().reader.info.levels[1].rect)
                .mean()
            )
    assert levels["min"] + 2 < levels["mean"] < levels["max"] - 2


@pytest.mark.parametrize(
    ("output", "codec"),
    [
        ("o.dzi", "png"),
        ("o.png", "png"),
        ("o.webp", "webp"),
        ("o.tiff", "lzma"),
        ("o.tiff", "webp"),
    ],
)
def test_more_effort_makes_another_output(slide: Path, output: str, codec: str) -> None:
    sizes = set()
    for effort in (0, 6):
        path = slide.with_name(f"{effort}{output}")
        part = {"left": 0, "top": 0, "width": 200, "height": 150}
        options = ConvertOptions(compression=codec, effort=effort, levels="source", region=part)
        sizes.add(convert(slide, path, options).bytes_written)
    assert len(sizes) == 2


@pytest.mark.parametrize(
    ("output", "options", "words"),
    [
        (
            "o.tiff",
            {"compression": "deflate", "effort": 10},
            "levels of deflate are 0 to 9, not 10",
        ),
        ("o.tiff", {"compression": "webp", "effort": 9}, "levels of webp are 0 to 6, not 9"),
        ("o.zarr", {"effort": 12}, "levels of blosc are 0 to 9"),
        ("o.png", {"effort": 22}, "levels of png are 0 to 9"),
        ("o.webp", {"effort": 7}, "levels of webp are 0 to 6"),
        ("o.tiff", {"layout": "cog", "lower_levels": "subifd"}, "puts levels into pages"),
        ("o.zarr", {"compression": "jpeg", "ome_version": "0.4"}, "chunks of one band only, not"),
        ("o.zarr", {"compression": "jpeg2000", "ome_version": "0.4"}, "of one band only, not of 3"),
    ],
)
def test_a_plan_refuses_what_the_conversion_refuses(
    slide: Path, output: str, options: dict[str, Any], words: str
) -> None:
    asked = ConvertOptions(**options)
    for do in (plan_conversion, convert):
        with pytest.raises(OptionError, match=words):
            do(slide, slide.with_name(output), asked)
    assert not slide.with_name(output).exists()


@pytest.mark.parametrize("format_", ["o.zarr", "o.zarr.zip"])
def test_keep_copies_no_chunks_that_the_version_cannot_hold(slide: Path, format_: str) -> None:
    options = ConvertOptions(compression="keep", ome_version="0.4")
    report = convert(slide, slide.with_name(format_), options)
    assert {step.codec for step in report.plan.steps} == {"blosc"}
    assert "OME-Zarr 0.4 takes jpeg chunks of one band only" in report.plan.steps[0].reason


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "blank"}, "must be given with deidentify"),
        ({"label": "blank", "deidentify": True, "associated": "drop"}, "contradict each other"),
    ],
)
def test_a_label_that_would_not_be_blanked_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        ConvertOptions(**options)


@pytest.mark.parametrize("output", ["o.tiff", "o.ome.tiff"])
def test_tasks_copy_samples_of_the_other_byte_order(tmp_path: Path, output: str) -> None:
    source, pixels = tmp_path / "in.tif", np.arange(300 * 200, dtype=np.uint16).reshape(300, 200)
    tifffile.imwrite(source, pixels, tile=(64, 64), byteorder=">")
    with ThreadPoolExecutor(1) as pool:
        report = convert(source, tmp_path / output, executor=pool)
    assert report.plan.steps[0].action == "copy"
    assert np.array_equal(tifffile.imread(tmp_path / output).squeeze(), pixels)
