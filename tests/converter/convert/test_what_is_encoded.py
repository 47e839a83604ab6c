"""Which codec, at which quality, and what is said about it; options that could be idle are not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.codecs.jpeg_quality import jpeg_quality
from ziggurat.readers.errors import ConversionError
from ziggurat.readers.formats.registry import open_reader


@pytest.fixture
def slide(tmp_path: Path, tissue: np.ndarray) -> Path:
    """A slide of JPEG tiles of quality 80."""
    path = tmp_path / "in.tif"
    tifffile.imwrite(
        path, tissue, tile=(128, 128), photometric="ycbcr", compression="jpeg",
        compressionargs={"level": 80}, subsampling=(2, 2), resolution=(20000, 20000),
        resolutionunit="CENTIMETER",
    )  # fmt: skip
    return path


@pytest.fixture
def exact(tmp_path: Path, tissue: np.ndarray) -> Path:
    path = tmp_path / "exact.tif"
    tifffile.imwrite(path, tissue, tile=(128, 128), photometric="rgb", compression="zlib")
    return path


VIEWS: list[dict[str, Any]] = [
    {"region": {"left": 5, "top": 7, "width": 300, "height": 300}},
    {"mm_per_pixel": 0.001},
    {"color": "srgb"},
    {"reencode": True},
]


@pytest.mark.parametrize("options", VIEWS, ids=lambda options: next(iter(options)))
def test_what_was_lossy_becomes_jpeg_of_no_more_quality(
    options: dict[str, Any], slide: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.tiff"
    report = convert(slide, out, ConvertOptions(**options))
    if options != {"color": "srgb"} or report.plan.encoded_tiles:
        step = report.plan.steps[0]
        if step.action == "copy":
            return  # no profile: there is nothing to apply
        assert (step.codec, report.plan.quality) == ("jpeg", 80)
        assert "quality 80" in step.reason
        with open_reader(out) as reader:
            tiles = reader.plane(0, 0).encoded()
            assert tiles is not None
            assert jpeg_quality(tiles.format.tables or b"") == 80
        assert any("level 0" in loss and "quality 80" in loss for loss in report.losses)


def test_strict_refuses_a_generation_of_loss(slide: Path, exact: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tiff"
    with pytest.raises(ConversionError, match="exact values of level 0"):
        convert(slide, out, ConvertOptions(reencode=True, strict=True))
    with pytest.raises(ConversionError, match="exact values of level 0"):
        convert(exact, out, ConvertOptions(compression="webp", strict=True))
    assert not out.exists()
    convert(slide, out, ConvertOptions(strict=True))  # a copy loses nothing
    convert(exact, tmp_path / "a.tiff", ConvertOptions(reencode=True, strict=True))


def test_encoding_anew_takes_quality_and_tile_size(slide: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tiff"
    convert(slide, out, ConvertOptions(reencode=True, quality=40, tile_size=256))
    with open_reader(out) as reader:
        tiles = reader.plane(0, 0).encoded()
        assert tiles is not None
        assert (tiles.tile_width, tiles.tile_height) == (256, 256)
        assert jpeg_quality(tiles.format.tables or b"") == 40


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "o.tiff",
            {"quality": 40, "levels": "source"},
            "--quality 40 has no effect: tiles are cop",
        ),
        ("o.tiff", {"quality": 40}, "--quality 40 is for levels that are encoded"),
        ("o.tiff", {"tile_size": 256}, "--tile-size 256 is for levels that are encoded"),
        ("o.zarr", {"quality": 40}, "--quality 40 has no effect: blosc keeps every value"),
        ("o.png", {"tile_size": 256}, "--tile-size 256 has no effect: a png has no tiles"),
        ("o.tiff", {"ome_version": "0.4"}, "--ome-version 0.4 has no effect: tiff is no OME-Zarr"),
        ("o.zarr", {}, "times the size of the source's tiles; .tiff and .ome.tiff copy"),
        ("o.tiff", {"compression": "jpegxl"}, "jpegxl tiles in a TIFF are not read by Bio-Formats"),
    ],
)
def test_what_is_good_to_know_is_said(
    name: str, options: dict[str, Any], said: str, slide: Path, tmp_path: Path
) -> None:
    plan = plan_conversion(slide, tmp_path / name, ConvertOptions(**options))
    assert any(said in note for note in plan.notes), plan.notes
    assert len(set(plan.notes)) == len(plan.notes)


def test_nothing_is_said_of_an_ordinary_copy(slide: Path, tmp_path: Path) -> None:
    plan = plan_conversion(slide, tmp_path / "o.tiff")
    assert (plan.notes, plan.losses) == ((), ())


def test_what_was_exact_stays_exact_where_the_target_can(exact: Path, tmp_path: Path) -> None:
    report = convert(exact, tmp_path / "o.webp")
    assert report.plan.quality is None
    with open_reader(tmp_path / "o.webp") as out, open_reader(exact) as source:
        rect = source.info.levels[0].rect
        np.testing.assert_array_equal(out.plane(0, 0).read(rect), source.plane(0, 0).read(rect))


def test_a_plan_is_json_with_the_name_of_its_target(exact: Path, tmp_path: Path) -> None:
    report = convert(exact, tmp_path / "o.tiff").to_dict()
    assert report["plan"]["target"] == "tiff"


@pytest.mark.parametrize("name", ["mirax/Mirax2-Fluorescence-2-from-L2.mrxs"])
def test_composed_slides_become_jpeg(name: str, data_file: Any, tmp_path: Path) -> None:
    plan = plan_conversion(data_file(name), tmp_path / "o.tiff")
    assert {step.codec for step in plan.steps} == {"jpeg"}
    assert plan.quality == 90


def test_aperios_jpeg_2000_is_copied_into_an_svs(data_file: Any, tmp_path: Path) -> None:
    slide = data_file("aperio-svs/TCGA-CR-7395-01A-01-TS1.svs")
    assert plan_conversion(slide, tmp_path / "o.svs").steps[0].action == "copy"
    plan = plan_conversion(slide, tmp_path / "o.tiff")
    assert plan.steps[0].action == "encode"
    assert plan.losses
