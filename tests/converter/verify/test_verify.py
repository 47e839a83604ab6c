"""An output that differs from its source in one thing: verify says which, and stays quiet else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import LevelCheck, VerificationReport
from ziggurat.converter.prepare.prepare import Prepared
from ziggurat.converter.recipe import plan_for
from ziggurat.converter.verify import verify as verify_module
from ziggurat.converter.verify.verify import verify, verify_against, verify_pair
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write as write_own
from ziggurat.writers.model.options import WriteOptions

Array = np.ndarray[Any, np.dtype[Any]]
CENTIMETRE = 10.0
LOSSY: dict[str, Any] = {
    "compression": "webp",
    "compressionargs": {"level": 75, "lossless": False},
}


def picture(height: int = 300, width: int = 400) -> Array:
    y, x = np.mgrid[:height, :width]
    bands = 128 + 90 * np.sin(x / 17), 120 + 80 * np.cos((x + y) / 23), 130 + 70 * np.sin(y / 31)
    return np.stack(bands, -1).astype(np.uint8)


def write(
    path: Path, pixels: Array, mm: tuple[float, float] = (0.001, 0.001), **options: Any
) -> Path:
    """A tiled TIFF with a pixel size, without a mark of ours."""
    resolution = (CENTIMETRE / mm[0], CENTIMETRE / mm[1])
    defaults = {"tile": (64, 64), "metadata": None, "resolutionunit": "CENTIMETER"}
    kind = "rgb" if pixels.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(
        path, pixels, resolution=resolution, photometric=kind, **{**defaults, **options}
    )
    return path


def stack(path: Path, pixels: list[Array], names: list[str], mm: float = 0.001) -> Path:
    """An image of several channels, written by a sink."""
    with ziggurat.new() as sink:
        for c, plane in enumerate(pixels):
            sink.addTile(plane, c=c)
        sink.channelNames, sink.mm_x, sink.mm_y = names, mm, mm
        path.unlink(missing_ok=True)
        sink.write(path)
    return path


def problems(report: VerificationReport) -> str:
    return " | ".join(report.problems)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source.tif", picture(), compression="deflate")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mm": (0.001, 0.002)}, "mm_y is 0.002, the source's is 0.001"),
        ({"mm": (0.0011, 0.001)}, "mm_x is 0.0011"),
        ({"pixels": picture().astype(np.uint16)}, "dtype is uint16, the source's is uint8"),
        ({"pixels": picture()[..., :1]}, "bands is 1, the source's is 3"),
        ({"pixels": picture()[:, :300]}, "size is (300, 300), the source's is (400, 300)"),
    ],
)
def test_a_fact_that_is_another_is_named(
    source: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    facts = {"pixels": picture(), "mm": (0.001, 0.001)} | change
    pixels = facts.pop("pixels")
    output = write(tmp_path / "output.tif", pixels.squeeze(), **facts)
    report = verify_pair(source, output)
    assert words in problems(report)
    assert not report.levels, "nothing is compared where the images aren't the same"


def test_a_size_that_is_rounded_is_no_problem(source: Path, tmp_path: Path) -> None:
    output = write(tmp_path / "output.tif", picture(), (0.0010004, 0.001))
    assert verify_pair(source, output).ok


def test_frames_and_channel_names_are_compared(tmp_path: Path) -> None:
    planes = [picture()[..., band] for band in range(3)]
    source = stack(tmp_path / "s.ome.tiff", planes, ["DAPI", "FITC", "Cy5"])
    fewer = stack(tmp_path / "f.ome.tiff", planes[:2], ["DAPI", "FITC"])
    assert "frames is 2, the source's is 3" in problems(verify_pair(source, fewer))
    other = stack(tmp_path / "o.ome.tiff", planes, ["DAPI", "Cy5", "FITC"])
    assert "channel names are ['DAPI', 'Cy5', 'FITC']" in problems(verify_pair(source, other))
    turned = tmp_path / "t.ome.tiff"
    with ziggurat.new() as sink:
        for number, plane in enumerate([*planes, *planes]):
            sink.addTile(plane, c=number % 2, z=number // 2)
        sink.write(turned)
    upright = tmp_path / "u.ome.tiff"
    with ziggurat.new() as sink:
        for number, plane in enumerate([*planes, *planes]):
            sink.addTile(plane, c=number % 3, z=number // 3)
        sink.write(upright)
    assert "axes are" in problems(verify_pair(upright, turned))


def test_damage_in_any_frame_is_found(tmp_path: Path) -> None:
    planes = [picture()[..., band] for band in range(3)]
    source = stack(tmp_path / "s.ome.tiff", planes, ["a", "b", "c"])
    for frame in range(3):
        damaged = [plane.copy() for plane in planes]
        damaged[frame][10, 10] ^= 0x40
        output = stack(tmp_path / "o.ome.tiff", damaged, ["a", "b", "c"])
        assert "level 0" in problems(verify_pair(source, output)), frame


def test_what_can_not_be_compared_to_its_end_is_not_right(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found by then is told, too."""
    convert(source, tmp_path / "o.tiff")
    compared = verify_module._best_check

    def fails(output: Reader, reference: Reader, index: int, **how: Any) -> LevelCheck:
        if index == 1:
            raise CorruptSourceError("a tile is damaged")
        return compared(output, reference, index, **how)

    assert verify(tmp_path / "o.tiff", source).ok
    monkeypatch.setattr(verify_module, "_best_check", fails)
    report = verify(tmp_path / "o.tiff", source)
    assert not report.ok
    assert report.problems == ("can't be compared: a tile is damaged",)
    assert [check.level for check in report.levels] == [0]


def test_one_changed_pixel_of_a_lossless_output_is_found(source: Path, tmp_path: Path) -> None:
    pixels = picture()
    same = write(tmp_path / "same.tif", pixels, compression="zstd", tile=(128, 128))
    report = verify_pair(source, same)
    assert report.ok
    assert report.levels[0].compared == "pixels"
    pixels[123, 45, 1] += 1
    output = write(tmp_path / "output.tif", pixels, compression="zstd", tile=(128, 128))
    assert "level 0: 1 tiles are damaged, 11 are the source's" in problems(
        verify_pair(source, output)
    )
    output = write(tmp_path / "output.tif", pixels ^ 1, compression="zstd", tile=(128, 128))
    assert "differs from the source in 12 tiles" in problems(verify_pair(source, output))


def test_a_sample_is_looked_at_unless_all_is_wanted(source: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"tile": (32, 32), "compression": "deflate"}
    source = write(tmp_path / "s.tif", picture(), **options)
    pixels = picture()
    pixels[32, 32:64] ^= 1  # tile (1, 1) of 13 x 10: not among the 24 that are spread evenly
    output = write(tmp_path / "o.tif", pixels, **options)
    sample, full = verify_pair(source, output), verify_pair(source, output, full=True)
    assert (sample.levels[0].checked, sample.levels[0].total) == (24, 130)
    assert sample.ok
    assert full.levels[0].checked == 130
    assert "1 tiles are damaged, 129" in problems(full)


@pytest.mark.parametrize(("offset", "right"), [(300, True), (30_000, False)])
def test_errors_of_16_bits_are_judged_as_such(tmp_path: Path, offset: int, right: bool) -> None:
    pixels = picture()[..., 0].astype(np.uint16) * 100
    source = write(tmp_path / "s.tif", pixels)
    output = write(tmp_path / "o.tif", pixels + np.uint16(offset), compression="jpeg2000",
                   compressionargs={"level": 60})  # fmt: skip
    report = verify_pair(source, output)
    assert report.ok is right
    assert right or "off the source in the mean" in problems(report)


def test_a_small_patch_of_a_lossy_output_that_is_off_is_damage(tmp_path: Path) -> None:
    source = write(tmp_path / "s.tif", picture(640, 640), tile=(640, 640))
    options: dict[str, Any] = LOSSY | {"tile": (640, 640)}
    assert verify_pair(source, write(tmp_path / "o.tif", picture(640, 640), **options)).ok
    pixels = picture(640, 640)
    pixels[304:320, 192:208] ^= 0x80  # 256 of 400,000: no mean tells
    report = verify_pair(source, write(tmp_path / "o.tif", pixels, **options))
    assert "off the source (99.9 % may be" in problems(report)
    assert report.levels[0].mean_error < 12


def test_lossy_noise_is_what_the_codec_does(tmp_path: Path, rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)
    source = write(tmp_path / "s.tif", noise)
    report = verify_pair(source, write(tmp_path / "o.tif", noise, **LOSSY))
    assert report.levels[0].mean_error > 40
    assert report.ok, "there is fine detail everywhere, and that is what webp drops"


def pyramid(path: Path, levels: list[Array], **options: Any) -> Path:
    with tifffile.TiffWriter(path) as tif:
        tif.write(levels[0], subifds=len(levels) - 1, photometric="rgb", tile=(64, 64),
                  metadata=None, **options)  # fmt: skip
        for level in levels[1:]:
            tif.write(level, subfiletype=1, photometric="rgb", tile=(64, 64), metadata=None,
                      **options)  # fmt: skip
    return path


def test_made_levels_are_held_against_the_level_above(tmp_path: Path) -> None:
    first = picture(301, 401)
    padded = np.pad(first, ((0, 1), (0, 1), (0, 0)), "edge").astype(np.float64)
    half = padded.reshape(151, 2, 201, 2, 3).mean((1, 3)).round().astype(np.uint8)
    source = pyramid(tmp_path / "s.tif", [first])
    report = verify_pair(source, pyramid(tmp_path / "o.tif", [first, half]))
    assert report.ok
    assert [check.compared for check in report.levels] == ["bytes", "level above"]
    assert report.levels[1].different == 0
    black = half.copy()
    black[20:40, 20:40] = 0
    report = verify_pair(source, pyramid(tmp_path / "o.tif", [first, black]))
    assert "level 1 has pixels" in problems(report)
    report = verify_pair(source, pyramid(tmp_path / "o.tif", [first, half[::-1]]))
    assert "level 1 is" in problems(report)


def test_names_in_made_levels_come_from_the_level_above(tmp_path: Path) -> None:
    labels = (np.add.outer(np.arange(256) // 40, np.arange(256) // 24) * 10).astype(np.uint8)
    source = tmp_path / "s.tiff"
    with ziggurat.new() as sink:
        sink.addTile(labels)
        sink.interpretation = "labels"
        sink.write(source)
    output = tmp_path / "o.zarr"
    convert(source, output, ConvertOptions(tile_size=64, verify="full"))
    assert verify_pair(source, output, full=True).ok
    import zarr

    (path,) = output.rglob("1/zarr.json")  # of the first halving, wherever labels lie
    level = zarr.open_array(path.parent)
    level[...] = np.asarray(level[...]) + 3  # as averages of names are: no names
    report = verify_pair(source, output, full=True)
    assert "level 1" in problems(report)


def test_tiles_that_were_to_be_copied_must_be_the_sources(
    make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    slide = make_svs(tmp_path / "a.svs", width=700, height=500)
    output = tmp_path / "o.tiff"
    convert(slide, output, ConvertOptions(levels="source", compression="deflate"))
    with open_reader(slide) as reader:
        options = ConvertOptions(levels="source")
        plan = plan_for(Prepared(reader), str(slide), output, options)
        report = verify_against(output, reference=reader, name="a", full=True, plan=plan)
        assert problems(report).count("was to be copied, but its tiles are others") == 2
        wanted = plan_for(Prepared(reader), str(slide), output, ConvertOptions())
        report = verify_against(output, reference=reader, name="a", full=True, plan=wanted)
        assert "its levels are" in problems(report)


def _tag(path: Path, code: int, value: object) -> None:
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags[code].overwrite(value)


@pytest.mark.parametrize("fact", ["byte order", "predictor", "tables"])
def test_equal_bytes_that_mean_something_else_are_no_proof(tmp_path: Path, fact: str) -> None:
    source, output = tmp_path / "s.tif", tmp_path / "o.tif"
    gray = picture()[..., 0]
    if fact == "byte order":
        deep = gray.astype(np.uint16) * 3
        tifffile.imwrite(source, deep, tile=(64, 64), byteorder="<", metadata=None)
        tifffile.imwrite(output, deep.byteswap(), tile=(64, 64), byteorder=">", metadata=None)
    elif fact == "tables":
        write_own(array_reader(picture()), source, WriteOptions(tile_size=64))
        shutil.copy(source, output)
        with tifffile.TiffFile(source) as tif:
            tables = bytearray(tif.pages.first.jpegtables)
        tables[tables.index(b"\xff\xdb") + 6] += 9  # a step of the luma
        _tag(output, 347, bytes(tables))
    else:
        tifffile.imwrite(
            source, gray, tile=(64, 64), compression="zlib", predictor=True, metadata=None
        )
        shutil.copy(source, output)
        _tag(output, 317, 1)
    with open_reader(source) as one, open_reader(output) as two:
        tiles = [reader.plane(0, 0).encoded() for reader in (one, two)]
        assert tiles[0] is not None
        assert tiles[1] is not None
        assert tiles[0].tile(1, 1) == tiles[1].tile(1, 1)
    assert verify_pair(source, source).levels[0].compared == "bytes"
    check = verify_pair(source, output, full=True).levels[0]
    assert check.compared == "pixels"
    assert check.different > 0


def test_a_band_that_is_alpha_in_one_of_both_alone_is_named(tmp_path: Path) -> None:
    pixels = np.dstack([picture(), np.full((300, 400), 200, np.uint8)])
    for name, kind in (("s", "unassalpha"), ("o", "unspecified")):
        tifffile.imwrite(
            tmp_path / f"{name}.tif", pixels, tile=(64, 64), photometric="rgb",
            extrasamples=[kind], metadata=None,
        )  # fmt: skip
    report = verify_pair(tmp_path / "s.tif", tmp_path / "o.tif")
    assert "the last band is no alpha, in the source it is alpha" in problems(report)


def test_equal_bytes_of_another_layout_are_no_proof(tmp_path: Path) -> None:
    """Two arrays of the same chunks, one of which is the other's mirror image."""
    import json

    import zarr

    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    one, two = tmp_path / "one.zarr", tmp_path / "two.zarr"
    group = zarr.open_group(one, mode="w")
    group.create_array("0", shape=pixels.shape, chunks=(64, 64), dtype="uint16")[...] = pixels
    shutil.copytree(one, two)
    for path, axes in ((one, "yx"), (two, "xy")):
        node = json.loads((path / "zarr.json").read_text())
        scale = [{"type": "scale", "scale": [1, 1]}]
        multiscale = {
            "axes": [{"name": axis, "type": "space"} for axis in axes],
            "datasets": [{"path": "0", "coordinateTransformations": scale}],
        }
        node["attributes"] = {"ome": {"version": "0.5", "multiscales": [multiscale]}}
        (path / "zarr.json").write_text(json.dumps(node))
    assert verify_pair(one, one).levels[0].compared == "bytes"
    assert "differs from the source" in problems(verify_pair(one, two))
    assert "differs from the source" in problems(verify_pair(two, one))
    with open_reader(two) as mirrored:
        report = verify_pair(two, two)
        assert report.ok
        assert report.levels[0].compared == "pixels", "bytes alone don't tell there"
        assert mirrored.plane(0, 0).read(mirrored.info.levels[0].rect)[1, 0, 0] == 1


@pytest.mark.parametrize("target", ["o.tiff", "o.ome.tiff", "o.zarr", "o.zarr.zip"])
def test_source_and_output_are_told_apart_by_what_they_are(
    source: Path, tmp_path: Path, target: str
) -> None:
    output = tmp_path / target
    convert(source, output)
    for report in (
        verify_pair(source, output), verify_pair(output, source),
        verify(output, source), verify(source, output),
    ):  # fmt: skip
        assert report.ok
        assert (report.path, report.source) == (str(output), str(source))


def test_a_scanners_file_is_the_source_whatever_the_order(
    make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    slide = make_svs(tmp_path / "a.svs", width=500, height=300)
    with ziggurat.open(slide) as opened:
        pixels = np.asarray(opened.getRegion(format="numpy")[0])
    other = write(tmp_path / "o.tif", pixels, (0.000499, 0.000499))
    for pair in ((slide, other), (other, slide)):
        report = verify_pair(*pair)
        assert (report.path, report.source) == (str(other), str(slide))
        assert report.ok


def test_two_of_a_kind_are_taken_in_the_order_of_the_readme(source: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.tif", picture(), tile=(128, 128))
    report = verify_pair(source, other)
    assert (report.source, report.path) == (str(source), str(other))
    assert os.fspath(other) == verify(other, source).path


def test_a_difference_that_is_allowed_is_explained(source: Path, tmp_path: Path) -> None:
    from ziggurat.converter.cli.lines import tolerance_text

    output = tmp_path / "o.tiff"
    convert(source, output, ConvertOptions(compression="jpeg", quality=40))
    check = verify_pair(source, output).levels[0]
    assert 0 < check.mean_error < (check.mean_limit or 0)
    assert check.tail_error <= check.max_error
    assert "may be off by more" in tolerance_text(check)
    convert(source, output, ConvertOptions(compression="deflate", overwrite=True))
    assert tolerance_text(verify_pair(source, output).levels[0]) == ""
