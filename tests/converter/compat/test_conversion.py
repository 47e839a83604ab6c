"""The converter's keywords of the reference do what they name; its command line runs, too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat
from tests.each import each
from ziggurat.converter.compat import command, conversion
from ziggurat.readers.errors import OptionError, ZigguratError
from ziggurat.readers.model.codec import Codec


def noise(height: int, width: int, bands: int = 3) -> np.ndarray:
    smooth = np.random.default_rng(4).integers(0, 256, (height // 8, width // 8, bands), np.uint8)
    return smooth.repeat(8, 0).repeat(8, 1)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.fromarray(noise(400, 600)).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    data = np.arange(3, dtype=np.uint16)[:, None, None] + noise(400, 600, 1)[..., 0]
    tifffile.imwrite(tmp_path / "stack.ome.tif", data, tile=(512, 512), metadata={"axes": "CYX"})
    return tmp_path / "stack.ome.tif"


def first_page(path: str | Path) -> tifffile.TiffPage:
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        page.tags.values()
        return page


@pytest.mark.parametrize(
    ("words", "compression"),
    [
        ({}, "LZW"),
        ({"compression": ""}, "LZW"),
        ({"compression": "zip", "level": 9}, "ADOBE_DEFLATE"),
        ({"compression": "zstd", "level": 3}, "ZSTD"),
        ({"compression": "packbits", "predictor": "yes"}, "PACKBITS"),
        ({"compression": "none"}, "NONE"),
        ({"compression": "webp", "quality": 0}, "WEBP"),
        ({"compression": "jp2k"}, "JPEG2000"),
    ],
)
def test_codecs_that_lose_nothing(
    picture: Path, tmp_path: Path, words: dict[str, Any], compression: str
) -> None:
    made = conversion.convert(picture, tmp_path / "made.tiff", **words)
    page = first_page(made)
    assert page.compression.name == compression or compression in page.compression.name
    assert page.tilewidth == 256
    with ziggurat.open(made) as written:
        assert np.array_equal(written.getRegion(format="numpy")[0], noise(400, 600))


def test_quality_and_tile_size_hold_for_tiles_that_could_be_copied(tmp_path: Path) -> None:
    source = tmp_path / "slide.tif"
    tifffile.imwrite(
        source, noise(512, 512), tile=(256, 256), photometric="ycbcr",
        compression="jpeg", compressionargs={"level": 95},
    )  # fmt: skip
    same = first_page(conversion.convert(source, tmp_path / "same.tiff"))
    small = first_page(conversion.convert(source, tmp_path / "small.tiff", quality=20))
    wide = first_page(conversion.convert(source, tmp_path / "wide.tiff", tileSize=512))
    assert sum(same.databytecounts) == sum(first_page(source).databytecounts)
    assert sum(small.databytecounts) < sum(same.databytecounts) / 2
    assert wide.tilewidth == 512


def test_levels_are_made_as_asked(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.uint8([[0, 200], [0, 200]]), (150, 300))).save(tmp_path / "a.png")
    seen = []
    for mode in ("nearest", "max", "mean", "default"):
        made = conversion.convert(tmp_path / "a.png", tmp_path / f"{mode}.tiff", shrinkMode=mode)
        with tifffile.TiffFile(made) as tif:
            seen.append(int(tif.pages[1].asarray()[50, 50]))
    assert seen == [0, 200, 100, 100]
    with pytest.raises(OptionError, match="resample must be one of"):
        conversion.convert(tmp_path / "a.png", tmp_path / "b.tiff", shrinkMode="sideways")


def test_jpeg_2000_is_as_small_as_asked(picture: Path, tmp_path: Path) -> None:
    sizes = {}
    for name, words in {"all": {}, "psnr": {"psnr": 40}, "cr": {"cr": 100}}.items():
        made = conversion.convert(picture, tmp_path / f"{name}.tiff", compression="jp2k", **words)
        sizes[name] = Path(made).stat().st_size
    assert sizes["cr"] < sizes["psnr"] < sizes["all"]


def test_quality_zero_is_refused_where_it_would_lose_values(picture: Path, tmp_path: Path) -> None:
    options = {"compression": "jpeg", "quality": 0}
    with pytest.raises(OptionError, match="quality 0 keeps every value"):
        ziggurat.convert(picture, tmp_path / "a.tiff", ziggurat.ConvertOptions(**options))


def test_frames_stay_with_their_levels_below_them(stack: Path, tmp_path: Path) -> None:
    made = conversion.convert(stack, tmp_path / "made.tiff", _concurrency=-1)
    with tifffile.TiffFile(made) as tif:
        assert [len(page.subifds or ()) for page in tif.pages] == [2, 2, 2]
    one = conversion.convert(stack, tmp_path / "one.tiff", onlyFrame=2)
    with ziggurat.open(one) as written:
        assert written.frames == 1
        assert (
            written.getPixel(region={"left": 0, "top": 0})["value"][0] == noise(8, 8)[0, 0, 0] + 2
        )


@pytest.fixture
def planes(tmp_path: Path) -> Path:
    """Return three focal planes of a height each, and a label."""
    with ziggurat.new() as sink:
        for z in range(3):
            sink.addTile(noise(1040, 544) // (z + 1), z=z, z_value=z * 0.5)
        sink.frameUnits = {"z": "µm"}
        sink.addAssociatedImage(noise(80, 120), "label")
        sink.write(tmp_path / "planes.tiff", lossy=False)
    return tmp_path / "planes.tiff"


def heights(source: ziggurat.Source) -> list[object]:
    return [frame["ValueZ"] for frame in source.metadata["frames"]]


def test_levels_are_pages_without_subifds(planes: Path, tmp_path: Path) -> None:
    made = conversion.convert(planes, tmp_path / "flat.tiff", subifds=False)
    with tifffile.TiffFile(made) as tif:
        pages = [page.aspage() for page in tif.pages]
        assert not any(page.subifds for page in pages)
        assert [page.is_reduced for page in pages[:12]] == [False, True, True, True] * 3
    with ziggurat.open(made) as written:
        assert written.getAssociatedImagesList() == ["label"]
        assert heights(written) == [0, 0.5, 1]
        for z in range(3):
            pixels, _ = written.getRegion(format="numpy", frame=z)
            assert np.array_equal(pixels, noise(1040, 544) // (z + 1))


def test_a_predictor_is_stored_unless_none_is_asked_for(picture: Path, tmp_path: Path) -> None:
    for asked, found in {"none": 1, "yes": 2, "horizontal": 2}.items():
        made = conversion.convert(picture, tmp_path / f"{asked}.tiff", predictor=asked)
        assert first_page(made).predictor == found
    with ziggurat.new() as sink:
        sink.addTile(noise(64, 64))
        sink.write(tmp_path / "sink.tiff", lossy=False, predictor="none")
    assert first_page(tmp_path / "sink.tiff").predictor == 1


def test_frames_are_focal_planes_of_an_aperio_slide(planes: Path, tmp_path: Path) -> None:
    made = conversion.convert(planes, tmp_path / "planes.svs", format="aperio", compression="lzw")
    with tifffile.TiffFile(made) as tif:
        said = [page.aspage().description for page in tif.pages]
    for at, height in ((0, "0"), (2, "0.5"), (3, "1")):
        assert f"|OffsetZ = {height}|TotalDepth = 3" in said[at]
    with ziggurat.open(made) as written:
        assert set(written.getAssociatedImagesList()) == {"label", "thumbnail"}
        assert heights(written) == [0, 0.5, 1]
        for z in range(3):
            pixels, _ = written.getRegion(format="numpy", frame=z)
            assert np.array_equal(pixels, noise(1040, 544) // (z + 1))


def test_an_aperio_slide_says_that_channels_become_planes(stack: Path, tmp_path: Path) -> None:
    report = ziggurat.convert(stack, tmp_path / "a.svs", ziggurat.ConvertOptions())
    assert any("axes ['c']" in loss and "focal planes" in loss for loss in report.losses)
    with ziggurat.open(tmp_path / "a.svs") as written:
        assert written.metadata["IndexRange"] == {"IndexZ": 3}


def test_associated_images_are_chosen_by_patterns(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(noise(64, 64))
        for name in ("label", "macro"):
            sink.addAssociatedImage(noise(80, 120), name)
        sink.write(tmp_path / "a.tiff")
    source, made = tmp_path / "a.tiff", tmp_path / "b.tiff"
    for words, left in (
        ({"_exclude_associated": ["lab", "mac"]}, []),
        ({"_keep_associated": ["nothing"]}, []),
        ({"_keep_associated": ["label|macro"]}, ["label", "macro"]),
    ):
        conversion.convert(source, made, overwrite=True, **words)
        with ziggurat.open(made) as written:
            assert written.getAssociatedImagesList() == left
    with pytest.raises(OptionError, match="all or none"):
        conversion.convert(source, made, overwrite=True, _keep_associated=["label"])


@pytest.mark.parametrize(
    ("source", "suffix", "named"),
    [
        ("a.png", ".tiff", "a.tiff"),
        ("a.geo.tiff", ".geo.tiff", "a.<moment>.geo.tiff"),
        ("a.tif", ".geo.tiff", "a.geo.tiff"),
        ("a.tiff", ".tiff", "a.<moment>.tiff"),
        ("a.svs", ".svs", "a.<moment>.svs"),
    ],
)
def test_outputs_without_a_name_never_take_their_sources(
    monkeypatch: pytest.MonkeyPatch, source: str, suffix: str, named: str
) -> None:
    monkeypatch.setattr(conversion.time, "strftime", lambda _: "<moment>")
    assert conversion._named(source, suffix) == named


def test_what_libvips_reads(picture: Path, tmp_path: Path) -> None:
    assert conversion.is_vips(picture)
    assert conversion.is_vips(str(picture), (600, 400))
    assert not conversion.is_vips(picture, (400, 600))
    (tmp_path / "a.txt").write_text("no image")
    assert not conversion.is_vips(tmp_path / "a.txt")
    assert not conversion.is_geospatial(picture)


def test_the_command_line_converts(picture: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.tiff"
    assert command.main([str(picture), str(made), "-c", "zip", "--tile", "128", "-j", "2"]) is None
    assert first_page(made).tilewidth == 128
    with pytest.raises(ZigguratError, match="there already"):
        command.main([str(picture), str(made)])
    assert command.main([str(picture), str(made), "-w"]) is None
    assert command.main(["nothing.png", str(made)]) == 1
    (tmp_path / "a.txt").write_text("no image")
    with pytest.raises(ZigguratError):
        command.main([str(tmp_path / "a.txt"), str(tmp_path / "b.tiff")])
    assert not (tmp_path / "b.tiff").exists()


@each(
    "codec, given, quality",
    [(Codec.JPEG, {"quality": 0}, 1), (Codec.JPEG, {"quality": 70}, 70), (None, {"quality": 0}, 1),
     (Codec.WEBP, {"quality": 0}, 0), (Codec.WEBP, {"quality": 9}, 9), (Codec.JPEG, {}, None),
     (Codec.JPEG2000, {}, 0), (Codec.JPEG2000, {"cr": 10}, 90), (Codec.JPEG2000, {"psnr": 40}, 80)],
)  # fmt: skip
def test_qualities_are_of_the_reference(
    codec: Codec | None, given: dict[str, Any], quality: int | None
) -> None:
    """Its JPEG of quality 0 is the worst there is, its WebP of 0 loses nothing."""
    assert conversion._quality(given, codec) == quality


@pytest.mark.parametrize(
    ("asked", "threads"), [(3, 3), ("2", 2), (0, 8), (-1, 7), (-7, 1), (-8, 1), (-100, 1)]
)
def test_threads_leave_processors_alone(
    asked: Any, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "core_count", lambda: 8)
    assert conversion._threads(asked) == threads


def test_errors_are_of_all_parts_of_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst may lie in the first of them, or in any."""
    monkeypatch.setattr(command, "_SIDE", 32)
    first = np.full((64, 64, 3), 100, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", first, photometric="rgb", tile=(16, 16))
    for y, x in ((3, 3), (3, 60), (60, 3), (60, 60)):
        second = first.copy()
        second[y, x], second[40, 40, 0] = 150, 110
        tifffile.imwrite(tmp_path / "b.tif", second, photometric="rgb", tile=(16, 16))
        with ziggurat.open(tmp_path / "a.tif") as one, ziggurat.open(tmp_path / "b.tif") as other:
            found = command._errors(one, other)
        assert found["maximum_error"] == 50
        assert found["average_error"] == pytest.approx((150 + 10) / first.size)
        assert found["rmse"] == pytest.approx(((3 * 50**2 + 10**2) / first.size) ** 0.5)


def test_figures_of_a_conversion_stand_in_its_description(picture: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.tiff"
    command.main([str(picture), str(made), "-c", "jpeg", "-q", "50", "--full-stats"])
    said = json.loads(first_page(made).description)
    figures = said["large_image_converter"]["conversion_stats"]
    assert figures["original_filesize"] == picture.stat().st_size
    with ziggurat.open(made) as written:
        seen = written.getRegion(format="numpy")[0].astype(float)
        assert written.metadata["sizeX"] == 600
    off = seen - noise(400, 600)
    assert figures["average_error"] == pytest.approx(np.abs(off).mean())
    assert figures["rmse"] == pytest.approx(np.sqrt((off**2).mean()))
    assert figures["maximum_error"] == np.abs(off).max()
    assert figures["psnr"] == pytest.approx(20 * np.log10(255 / figures["rmse"]), abs=0.1)
