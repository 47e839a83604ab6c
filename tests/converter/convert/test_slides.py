"""Slides to TIFF: tiles go over byte for byte, and other programs read what comes out."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import pyvips
import tifffile

from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import (
    ConversionError,
    OptionError,
    SourceError,
    TargetExistsError,
    WriteError,
)
from ziggurat.readers.formats.registry import open_reader


def stored_tiles(path: Path, page: int = 0) -> Any:
    """SHA-256 of every tile of a page, read with tifffile and plain file access."""
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        found = []
        for offset, count in zip(
            tif.pages[page].dataoffsets, tif.pages[page].databytecounts, strict=True
        ):
            file.seek(offset)
            found.append(hashlib.sha256(file.read(count)).hexdigest())
        return found


@pytest.mark.parametrize("ycbcr", [False, True], ids=["rgb", "ycbcr"])
@pytest.mark.parametrize("name", ["out.tiff", "out.ome.tiff"])
def test_level_0_is_copied(
    make_svs: Callable[..., Path], tmp_path: Path, ycbcr: Any, name: str
) -> None:
    source = make_svs(tmp_path / "a.svs", ycbcr=ycbcr)
    report = convert(source, tmp_path / name)
    assert stored_tiles(tmp_path / name) == stored_tiles(source)
    assert report.tiles_copied == 42 + 4
    with (
        tifffile.TiffFile(source) as theirs,
        tifffile.TiffFile(tmp_path / name) as ours,
    ):
        assert ours.pages[0].photometric == theirs.pages[0].photometric
        assert ours.pages[0].jpegtables == theirs.pages[0].jpegtables
        assert np.array_equal(ours.pages[0].asarray(), theirs.pages[0].asarray())


def test_the_small_region(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    source, output = data_file("aperio-svs/CMU-1-Small-Region.svs"), tmp_path / "out.tiff"
    convert(source, output)
    assert stored_tiles(output) == stored_tiles(source)
    with openslide.OpenSlide(source) as theirs, openslide.OpenSlide(output) as ours:
        assert ours.dimensions == theirs.dimensions == (2220, 2967)
        assert ours.level_dimensions[1] == (1110, 1484)
        box = ((500, 700), 0, (600, 500))
        assert np.array_equal(ours.read_region(*box), theirs.read_region(*box))
        assert float(ours.properties["openslide.mpp-x"]) == pytest.approx(0.499, rel=1e-4)
    with open_reader(source) as theirs, open_reader(output) as ours:
        assert ours.info.magnification == 20
        assert ours.info.mm_x == pytest.approx(0.000499, rel=1e-6)
        assert set(ours.info.associated) == {"label", "macro", "thumbnail"}
        for name in ours.info.associated:
            assert np.array_equal(ours.associated(name).read(), theirs.associated(name).read())


def test_other_programs_see_the_levels(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output)
    sizes = [(1500, 1100), (750, 550), (375, 275), (188, 138)]
    with openslide.OpenSlide(output) as slide:
        assert list(slide.level_dimensions) == sizes
    pages = int(pyvips.Image.new_from_file(str(output)).get("n-pages"))
    for page, size in enumerate(sizes):
        assert page < pages
        image = pyvips.Image.new_from_file(str(output), page=page)
        assert (image.width, image.height) == size
    ours = pyvips.Image.new_from_file(str(output)).numpy()
    theirs = pyvips.Image.new_from_file(str(source)).numpy()
    assert np.array_equal(ours[..., :3], theirs[..., :3])


def test_made_levels_look_like_the_slide(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output)
    with tifffile.TiffFile(source) as tif:
        full = tif.pages[0].asarray().astype(float)
    half = full.reshape(550, 2, 750, 2, 3).mean(axis=(1, 3))
    with tifffile.TiffFile(output) as tif:
        made = tif.series[0].levels[1].asarray()
    assert np.abs(made - half).mean() < 6
    assert np.abs((made - half).mean(axis=(0, 1))).max() < 0.7  # no shift of colour


def test_facts_come_along(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output)
    with open_reader(source) as theirs, open_reader(output) as ours:
        assert ours.info.icc_profile == theirs.info.icc_profile is not None
        assert ours.info.magnification == 20
        assert ours.info.mm_x == pytest.approx(0.000499)
        assert ours.info.properties["aperio.Barcode"] == "S09-12345-A"
        label = ours.associated("label").read()
        assert np.array_equal(label, theirs.associated("label").read())
        for name in ("macro", "thumbnail"):
            # joined strips: the same coefficients, but chroma is smoothed across the seams
            ours_now, before = (r.associated(name).read().astype(int) for r in (ours, theirs))
            assert ours_now.shape == before.shape
            assert np.abs(ours_now - before).mean() < 0.2


def test_source_levels_only(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    report = convert(source, output, ConvertOptions(levels="source", verify="full"))
    assert report.tiles_encoded == 0
    assert report.verification is not None
    assert [check.compared for check in report.verification.levels] == ["bytes", "bytes"]
    assert report.verification.path == str(output)
    with openslide.OpenSlide(output) as slide:
        assert slide.level_dimensions == ((1500, 1100), (375, 275))


def test_lossless_on_request(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output, ConvertOptions(compression="lzw"))
    with tifffile.TiffFile(source) as theirs, tifffile.TiffFile(output) as ours:
        assert ours.pages[0].compression == 5
        assert np.array_equal(ours.pages[0].asarray(), theirs.pages[0].asarray())


def test_a_region_on_the_grid_is_copied(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    region = {"left": 240, "top": 384, "width": 500, "height": 300}
    convert(source, output, ConvertOptions(region=region, verify="full"))
    grid = np.array(stored_tiles(source)).reshape(6, 7)
    assert stored_tiles(output) == grid[2:4, 1:4].ravel().tolist()


def test_a_region_in_micrometres(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    region = {"left": 49.9, "top": 99.8, "width": 149.7, "height": 99.8, "units": "um"}
    convert(source, output, ConvertOptions(region=region, compression="deflate"))
    with tifffile.TiffFile(source) as theirs, tifffile.TiffFile(output) as ours:
        expected = theirs.pages[0].asarray()[200:400, 100:400]
        assert np.array_equal(ours.pages[0].asarray(), expected)


def test_downscaled_to_a_stored_level_is_copied(
    make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output, ConvertOptions(mm_per_pixel=0.000499 * 4, levels="source"))
    assert stored_tiles(output) == stored_tiles(source, page=2)
    with open_reader(output) as reader:
        assert reader.info.mm_x == pytest.approx(0.000499 * 4)


def test_downscaled_to_a_magnification(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output, ConvertOptions(magnification=8))
    with open_reader(output) as reader:
        assert (reader.info.width, reader.info.height) == (600, 440)
        assert reader.info.magnification == pytest.approx(8)


def test_some_bands(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output, ConvertOptions(bands=(1,)))
    with tifffile.TiffFile(source) as theirs, tifffile.TiffFile(output) as ours:
        assert np.array_equal(ours.pages[0].asarray(), theirs.pages[0].asarray()[..., 1])


def test_planning_writes_nothing(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source = make_svs(tmp_path / "a.svs")
    plan = plan_conversion(source, tmp_path / "out.tiff")
    assert [step.action for step in plan.steps] == ["copy", "scale", "copy", "scale"]
    assert list(tmp_path.iterdir()) == [source]


def test_strict_refuses_losses(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source = make_svs(tmp_path / "a.svs")
    with tifffile.TiffWriter(tmp_path / "b.ome.tif", ome=True) as tif:
        tif.write(np.zeros((3, 64, 64), np.uint8), metadata={"axes": "TYX"})
    with pytest.raises(ConversionError, match="axes"):
        convert(tmp_path / "b.ome.tif", tmp_path / "out.svs", ConvertOptions(strict=True))
    convert(source, tmp_path / "out.svs", ConvertOptions(strict=True))


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda path: path.write_bytes(b"not an image at all" * 99), SourceError),
        (lambda path: path.write_bytes(path.read_bytes()[:200_000]), SourceError),
        (lambda path: path.write_bytes(b""), SourceError),
        (lambda path: path.unlink(), FileNotFoundError),
    ],
    ids=["garbage", "truncated", "empty", "missing"],
)
def test_bad_sources_leave_nothing(
    make_svs: Callable[..., Path], tmp_path: Path, spoil: Any, error: Any
) -> None:
    source = make_svs(tmp_path / "a.svs")
    spoil(source)
    (tmp_path / "out").mkdir()
    with pytest.raises(error):
        convert(source, tmp_path / "out" / "x.tiff")
    assert list((tmp_path / "out").iterdir()) == []


def test_outputs_that_are_refused(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    output.write_bytes(b"precious")
    with pytest.raises(TargetExistsError, match="overwrite"):
        convert(source, output)
    assert output.read_bytes() == b"precious"
    with pytest.raises(WriteError, match="source itself"):
        convert(source, source, ConvertOptions(overwrite=True))
    (tmp_path / "all.zarr").mkdir()
    inside = source.rename(tmp_path / "all.zarr" / "a.svs")
    with pytest.raises(WriteError, match="or holds it"):
        convert(inside, tmp_path / "all.zarr", ConvertOptions(overwrite=True))
    inside.rename(source)
    with pytest.raises(WriteError, match="folder"):
        convert(source, tmp_path / "nowhere" / "x.tiff")
    with pytest.raises(OptionError, match="known are"):
        convert(source, tmp_path / "x.docx")
    convert(source, output, ConvertOptions(overwrite=True))
    assert stored_tiles(output) == stored_tiles(source)


def test_progress_and_cancelling(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    from ziggurat.readers.errors import CancelledError
    from ziggurat.writers.model.progress import Cancellation

    source = make_svs(tmp_path / "a.svs")
    events: list[Any] = []
    convert(source, tmp_path / "a.tiff", on_progress=events.append)
    assert events[-1].done == events[-1].total > 0
    token = Cancellation()
    with pytest.raises(CancelledError):
        convert(source, tmp_path / "b.tiff", on_progress=lambda _: token.cancel(), cancel=token)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.svs", "a.tiff"]


def test_an_svs_is_what_aperios_readers_expect(
    make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.svs"
    convert(source, output, ConvertOptions(verify="full"))
    assert stored_tiles(output) == stored_tiles(source)
    with openslide.OpenSlide(output) as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.properties["openslide.objective-power"] == "20"
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.499)
        assert slide.level_dimensions == ((1500, 1100),)  # none below the size of thumbnails
        assert set(slide.associated_images) == {"label", "macro", "thumbnail"}
        assert slide.associated_images["label"].size == (120, 160)
    with tifffile.TiffFile(output) as tif:
        assert [series.name for series in tif.series] == [
            "Baseline", "Thumbnail", "Label", "Macro",
        ]  # fmt: skip
        assert len(tif.series[0].levels) == 1


def test_a_profile_applied(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    source, output = make_svs(tmp_path / "a.svs"), tmp_path / "out.tiff"
    convert(source, output, ConvertOptions(color="srgb", compression="deflate"))
    with open_reader(source) as theirs, open_reader(output) as ours:
        assert ours.info.icc_profile is None
        box = ours.info.levels[0].rect
        difference = np.abs(ours.plane(0, 0).read(box).astype(int) - theirs.plane(0, 0).read(box))
        assert difference.max() <= 3  # the slide's profile is sRGB's
