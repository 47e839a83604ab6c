"""A slide laid out as a COG: GDAL's own validator says so, and everybody reads the same pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import tifffile
from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

import ziggurat
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.registry import open_reader


def source(path: Path, tissue: np.ndarray, **arguments: Any) -> Path:
    picture = np.ascontiguousarray(tissue[:225, :350])
    tifffile.imwrite(path, picture, tile=(64, 64), photometric="rgb", metadata=None, **arguments)
    return path


def validated(path: Path) -> None:
    gdal.UseExceptions()
    warnings, errors, _ = validate(str(path), full_check=True)
    assert (warnings, errors) == ([], [])


@pytest.mark.parametrize(
    ("compression", "order", "big"),
    [  # every two of them meet
        ("jpeg", "<", False),
        ("jpeg", ">", True),
        ("lzw", "<", True),
        ("lzw", ">", False),
        (None, "<", False),
        (None, ">", True),
    ],
)
def test_gdal_finds_it_valid_and_the_pixels_are_the_same(
    tissue: np.ndarray,
    tmp_path: Path,
    compression: str | None,
    order: str,
    big: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ziggurat.writers.formats.tiff import tiff

    if big:
        monkeypatch.setattr(tiff, "needs_bigtiff", lambda *_: True)
    slide = source(tmp_path / "a.tif", tissue, compression=compression, byteorder=order)
    convert(slide, tmp_path / "plain.tiff", ConvertOptions(tile_size=64))
    report = convert(
        slide, tmp_path / "o.tiff", ConvertOptions(layout="cog", verify="full", tile_size=64)
    )
    assert report.tiles_copied == 24
    assert any("laid out as a COG" in note for note in report.plan.notes)
    validated(tmp_path / "o.tiff")
    with (
        tifffile.TiffFile(tmp_path / "plain.tiff") as plain,
        tifffile.TiffFile(tmp_path / "o.tiff") as ordered,
    ):
        assert ordered.is_bigtiff == big
        assert len(ordered.pages) == len(plain.pages) == 4
        for one, other in zip(plain.pages, ordered.pages, strict=True):
            assert np.array_equal(one.asarray(), other.asarray())
            assert [t.code for t in one.tags] == [t.code for t in other.tags]
            assert one.databytecounts == other.databytecounts
            assert not any(place % 2 for place in other.dataoffsets)  # TIFF 6.0: at whole words
        assert max(page.offset for page in ordered.pages) < min(ordered.pages[3].dataoffsets)
        starts = [min(page.dataoffsets) for page in ordered.pages]
        assert starts == sorted(starts, reverse=True)
    assert (tmp_path / "o.tiff").stat().st_size <= (tmp_path / "plain.tiff").stat().st_size + 4096


def test_a_slide_with_label_and_macro(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    slide = make_svs(tmp_path / "a.svs")
    convert(slide, tmp_path / "o.tiff", ConvertOptions(layout="cog", verify="full"))
    validated(tmp_path / "o.tiff")
    with open_reader(slide) as theirs, open_reader(tmp_path / "o.tiff") as ours:
        assert set(ours.info.associated) == {"label", "macro", "thumbnail"}
        assert ours.info.icc_profile == theirs.info.icc_profile
        for name in ours.info.associated:
            pictures = (reader.associated(name).read() for reader in (ours, theirs))
            assert np.array_equal(*pictures)
    with openslide.OpenSlide(tmp_path / "o.tiff") as opened:
        assert opened.level_count == 4


def test_blank_tiles_stay_shared(tmp_path: Path) -> None:
    pixels = np.zeros((1024, 1024), np.uint8)
    pixels[:100, :100] = 7
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    options = ConvertOptions(layout="cog", compression="deflate", tile_size=128)
    convert(tmp_path / "a.tif", tmp_path / "o.tiff", options)
    validated(tmp_path / "o.tiff")
    assert np.array_equal(tifffile.imread(tmp_path / "o.tiff"), pixels)


def test_where_there_is_nothing_to_order_it_is_refused(tissue: np.ndarray, tmp_path: Path) -> None:
    slide = source(tmp_path / "a.tif", tissue)
    for name in ("o.ome.tiff", "o.svs", "o.zarr", "o.png"):
        with pytest.raises(OptionError, match="--layout cog is invalid"):
            plan_conversion(slide, tmp_path / name, ConvertOptions(layout="cog"))
    stack = tmp_path / "s.tif"
    tifffile.imwrite(stack, np.zeros((3, 64, 64), np.uint8), photometric="minisblack")
    with pytest.raises(OptionError, match="one frame, not 3"):
        plan_conversion(stack, tmp_path / "o.tiff", ConvertOptions(layout="cog"))
    with pytest.raises(OptionError, match="layout must be one of"):
        ConvertOptions(layout="first")


def test_a_sink_lays_a_tiff_out_so_too(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (600, 700, 3)).astype(np.uint8)
    with ziggurat.new() as sink:
        sink.addTile(pixels, 0, 0)
        sink.write(tmp_path / "a.tiff", layout="cog", lossy=False)
        for path, subifds in (("a.zarr", None), ("a.ome.tiff", None), ("b.tiff", True)):
            with pytest.raises(OptionError, match="layout"):
                sink.write(tmp_path / path, layout="cog", subifds=subifds)
            assert not (tmp_path / path).exists()
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage)]
        first = [min(page.dataoffsets) for page in pages]
        assert len(pages) > 1
        assert first == sorted(first, reverse=True)
        assert max(page.offset for page in pages) < min(first)
        assert (pages[0].asarray() == pixels).all()
