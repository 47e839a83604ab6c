"""What other programs need of the tags: each case is one that a common reader got wrong."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions

TIFFS = ["a.tiff", "a.ome.tiff", "a.svs"]


@pytest.fixture(scope="module")
def part(tissue: np.ndarray) -> np.ndarray:
    """A picture of two levels, as small as the tags allow."""
    return np.ascontiguousarray(tissue[:200, :300])


def pages(path: Path) -> list[Any]:
    with tifffile.TiffFile(path) as tif:
        return [below for page in tif.pages for below in (page, *(page.pages or ()))]


def written(path: Path, tissue: np.ndarray, *, pixel: float | None = None, **options: Any) -> Path:
    with ziggurat.new() as sink:
        sink.addTile(tissue)
        if pixel is not None:
            sink.mm_x = sink.mm_y = pixel
        sink.addAssociatedImage(tissue[:60, :80], "label")
        sink.write(path, **options)
    return path


@pytest.mark.parametrize("name", TIFFS)
def test_full_chroma_has_no_subsampling_tag(name: str, tmp_path: Path, part: np.ndarray) -> None:
    path = written(tmp_path / name, part, subsampling="4:4:4")
    tags = [page.tags.valueof(530) for page in pages(path) if page.photometric == 6]
    assert tags
    assert (1, 1) not in tags
    with ziggurat.open(path) as source:
        read, _ = source.getRegion(format="numpy")
    assert np.abs(read.astype(int) - part).mean() < 4
    oracle = tifffile.imread(path, key=0)
    assert np.abs(oracle.astype(int) - part).mean() < 4


def test_copied_tiles_of_full_chroma_have_none_either(tmp_path: Path, tissue: np.ndarray) -> None:
    source = tmp_path / "in.tif"
    tifffile.imwrite(
        source, tissue, tile=(128, 128), photometric="ycbcr", compression="jpeg",
        subsampling=(1, 1),
    )  # fmt: skip
    report = convert(source, tmp_path / "out.tiff", ConvertOptions(levels="source"))
    assert report.tiles_encoded == 0
    (page,) = pages(tmp_path / "out.tiff")
    assert 530 not in page.tags
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tiff"), tifffile.imread(source))


def test_half_chroma_keeps_its_tag(tmp_path: Path, tissue: np.ndarray) -> None:
    path = written(tmp_path / "a.tiff", tissue)
    assert pages(path)[0].tags.valueof(530) == (2, 2)


def test_pixels_that_an_svs_makes_square_are_told(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.zeros((64, 64, 3), np.uint8))
        for mm_y, told in ((0.001, 0), (0.002, 1)):
            sink.mm_x, sink.mm_y = 0.001, mm_y
            report = sink.write(tmp_path / "a.svs")
            assert sum("not square" in loss for loss in report.lost) == told


def test_every_page_of_an_svs_says_what_it_is(tmp_path: Path, tissue: np.ndarray) -> None:
    path = written(tmp_path / "a.svs", np.tile(tissue[:300], (1, 2, 1)))
    kinds = [int(page.tags.valueof(254, default=-1)) for page in pages(path)]
    assert kinds == [0] * (len(kinds) - 1) + [1]  # the label is last


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff"])
def test_floats_have_no_predictor(name: str, tmp_path: Path) -> None:
    pixels = np.linspace(0, 1, 300 * 300, dtype=np.float32).reshape(300, 300)
    with ziggurat.new() as sink:
        sink.addTile(pixels)
        sink.write(tmp_path / name)
    assert {page.predictor for page in pages(tmp_path / name)} == {1}
    np.testing.assert_array_equal(tifffile.imread(tmp_path / name, key=0), pixels)


@pytest.mark.parametrize("name", TIFFS)
def test_no_size_is_said_where_none_is_known(name: str, tmp_path: Path, part: np.ndarray) -> None:
    unknown = pages(written(tmp_path / name, part))
    assert not any(code in page.tags for page in unknown for code in (282, 283, 296))
    known = pages(written(tmp_path / f"known-{name}", part, pixel=0.0005))
    assert known[0].tags.valueof(282) == (20000, 1)
    assert known[0].tags.valueof(296) == 3


@pytest.mark.parametrize("name", TIFFS)
def test_small_pictures_have_no_predictor(name: str, tmp_path: Path, part: np.ndarray) -> None:
    with tifffile.TiffFile(written(tmp_path / name, part)) as tif:
        (label,) = [page for page in tif.pages if page.shape[:2] == (60, 80)]
        assert label.predictor == 1
        np.testing.assert_array_equal(label.asarray(), part[:60, :80])


@pytest.mark.parametrize("name", TIFFS)
def test_associated_images_can_be_left_out(name: str, tmp_path: Path, part: np.ndarray) -> None:
    whole, bare = written(tmp_path / f"whole-{name}", part), tmp_path / f"bare-{name}"
    written(bare, part, associated="drop")
    convert(whole, tmp_path / name, ConvertOptions(associated="drop"))
    for path in (bare, tmp_path / name):
        with ziggurat.open(path) as source:
            assert "label" not in source.getAssociatedImagesList()
    with ziggurat.open(whole) as source:
        assert "label" in source.getAssociatedImagesList()


def test_short_tiles_at_the_edge_are_made_whole(tmp_path: Path, tissue: np.ndarray) -> None:
    pixels = np.ascontiguousarray(tissue[:300, :400])
    tiles = [
        imagecodecs.jpeg8_encode(pixels[y : y + 64, x : x + 64], level=92)
        for y in range(0, 300, 64)
        for x in range(0, 400, 64)
    ]
    source = tmp_path / "in.tif"
    tifffile.imwrite(
        source, iter(tiles), shape=pixels.shape, dtype="uint8", photometric="ycbcr",
        tile=(64, 64), compression="jpeg", subsampling=(2, 2), metadata=None,
    )  # fmt: skip
    convert(source, tmp_path / "out.tiff")
    with tifffile.TiffFile(tmp_path / "out.tiff") as tif:
        page = tif.pages[0]
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            tif.filehandle.seek(offset)
            data = tif.filehandle.read(count)
            shape = imagecodecs.jpeg8_decode(data, tables=page.jpegtables).shape[:2]
            assert shape == (page.tilelength, page.tilewidth)


def test_the_thumbnail_of_an_svs_is_smaller_than_all_levels(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    """Bio-Formats took it for a level otherwise, and left the smallest level out."""
    large = np.tile(tissue[:256], (1, 5, 1))
    written(tmp_path / "large.svs", large)
    written(tmp_path / "small.svs", tissue)
    convert(tmp_path / "large.svs", tmp_path / "again.svs")
    for name, sizes in {
        "large.svs": [(256, 2560), (102, 1024), (128, 1280)],
        "again.svs": [(256, 2560), (102, 1024), (128, 1280)],
        "small.svs": [(512, 512), (256, 256)],
    }.items():
        assert [page.shape[:2] for page in pages(tmp_path / name)][:-1] == sizes, name
