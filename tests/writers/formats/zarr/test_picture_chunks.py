"""Chunks of JPEG and JPEG 2000, for who asks: the pixels that imagecodecs' own codecs read."""

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import imagecodecs
import imagecodecs.numcodecs
import imagecodecs.zarr
import numpy as np
import pytest
import tifffile
import zarr

import ziggurat
from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.run import Status, run_batch
from ziggurat.converter.cli.app import main
from ziggurat.converter.convert import convert, load_plan, plan_conversion, plan_tasks
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import ConversionError, CorruptSourceError, OptionError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis
from ziggurat.readers.model.reader import Plane, Reader
from ziggurat.readers.views.array import array_reader
from ziggurat.readers.views.views import View
from ziggurat.writers.formats.arrays import write
from ziggurat.writers.formats.registry import write_levels
from ziggurat.writers.formats.zarr.picture_tiles import picture_refusal
from ziggurat.writers.model.levels import Copy, LevelPlan
from ziggurat.writers.model.options import Subsampling, WriteOptions

Array = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture(autouse=True)
def codecs() -> None:
    imagecodecs.zarr.register_codecs(verbose=False)
    imagecodecs.numcodecs.register_codecs(verbose=False)


def picture(height: int = 150, width: int = 200, bands: int = 3) -> Array:
    y, x = np.mgrid[:height, :width]
    planes = [120 + 60 * np.sin(x / 17), 40 + (x + y) / 3, 230 - y]
    return np.stack(planes[:bands], axis=2).astype(np.uint8)


def stored(path: Path, level: int = 0, frame: int = 0) -> list[bytes | None]:
    with open_reader(path) as reader:
        tiles = reader.plane(level, frame).encoded()
        assert tiles is not None
        return [tiles.tile(c, r) for r in range(tiles.rows) for c in range(tiles.columns)]


def pixels_of(path: Path | str, frame: int = 0) -> Array:
    with open_reader(path) as reader:
        return reader.plane(0, frame).read(reader.info.levels[0].rect)


def by_zarr(path: Path, level: int = 0) -> Array:
    """Return (y, x, band) as zarr-python reads a level."""
    group = zarr.open_group(path, mode="r")
    array = np.asarray(group[str(level)][...])
    return array.transpose(1, 2, 0) if array.ndim == 3 else array[..., None]


def jpeg_tiff(path: Path, space: str) -> Path:
    """Write a TIFF of JPEG tiles: with tables that all share, with RGB ones, or of one band."""
    if space == "rgb":
        tifffile.imwrite(
            path, picture(), tile=(64, 64), photometric="rgb", compression="jpeg",
            compressionargs={"outcolorspace": "RGB"},
        )  # fmt: skip
        return path
    bands = 1 if space == "gray" else 3
    sampling = Subsampling.S444 if space == "4:4:4" else Subsampling.S420
    data = picture(bands=bands) if bands > 1 else picture(bands=1)[..., 0]
    write(data, path, options=WriteOptions(tile_size=64, subsampling=sampling, quality=80))
    return path


@pytest.mark.parametrize("space", ["4:2:0", "4:4:4", "rgb", "gray"])
@pytest.mark.parametrize("ending", [".ome.zarr", ".zarr.zip"])
def test_jpeg_tiles_go_into_chunks_and_back_as_they_are(
    space: str, ending: str, tmp_path: Path
) -> None:
    source, output = jpeg_tiff(tmp_path / "in.tiff", space), tmp_path / f"out{ending}"
    report = convert(source, output, ConvertOptions(compression="jpeg", verify="full"))
    assert report.plan.steps[0].action == "copy"
    assert not report.losses
    assert stored(output) == stored(source)
    assert (pixels_of(output) == pixels_of(source)).all()
    assert pixels_of(source).shape == (150, 200, 1 if space == "gray" else 3)
    if ending == ".ome.zarr":
        assert (by_zarr(output) == tifffile.imread(source, key=0).reshape(150, 200, -1)).all()
    back = convert(output, tmp_path / "back.tiff", ConvertOptions(verify="full"))
    assert back.plan.steps[0].action == "copy"
    assert stored(tmp_path / "back.tiff") == stored(source)
    read = tifffile.imread(tmp_path / "back.tiff", key=0).reshape(150, 200, -1)
    assert (read == pixels_of(source)).all()


def test_jpeg_2000_goes_into_chunks_and_back_as_it_is(tmp_path: Path) -> None:
    for dtype, bands in (("u1", 3), ("u2", 1), ("u1", 4)):
        data = np.random.default_rng(0).integers(0, 250, (70, 90, bands)).astype(dtype)
        kind = "minisblack" if bands == 1 else "rgb"
        source, output = tmp_path / f"{dtype}{bands}.tiff", tmp_path / f"{dtype}{bands}.zarr"
        tifffile.imwrite(
            source, data if bands > 1 else data[..., 0], tile=(64, 64), photometric=kind,
            compression="jpeg2000", compressionargs={"level": 0},
        )  # fmt: skip
        report = convert(source, output, ConvertOptions(compression="jp2k", verify="full"))
        assert report.plan.steps[0].action == "copy"
        assert stored(output) == stored(source)
        assert (by_zarr(output) == data).all()
        assert (pixels_of(output) == data).all()
        convert(output, tmp_path / "back.tiff", ConvertOptions(compression="keep", overwrite=True))
        assert stored(tmp_path / "back.tiff") == stored(source)


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
def test_what_a_sink_writes_so_is_what_imagecodecs_reads(compression: str, tmp_path: Path) -> None:
    data = picture(300, 520)
    output = tmp_path / "out.ome.zarr"
    codec = Codec.named(compression)
    with ziggurat.new() as sink:
        sink.addTile(data, 0, 0)
        sink.write(output, compression=codec.value)
    for level in range(2):
        ours, theirs = (by_zarr(output, level), None)
        with open_reader(output) as reader:
            theirs = reader.plane(level, 0).read(reader.info.levels[level].rect)
        assert (ours == theirs).all()
    assert np.abs(by_zarr(output).astype(int) - data).mean() < 2


def test_many_chunks_lie_in_shards(tmp_path: Path) -> None:
    data, output = picture(520, 528), tmp_path / "out.zarr"
    write(data, output, options=WriteOptions(compression=Codec.JPEG, tile_size=16))
    document = json.loads((output / "0/zarr.json").read_text())
    assert document["codecs"][0]["name"] == "sharding_indexed"
    part = np.asarray(zarr.open_group(output, mode="r")["0"][:, 504:, 370:400])  # zarr's is slow
    assert (part.transpose(1, 2, 0) == pixels_of(output)[504:, 370:400]).all()
    assert np.abs(pixels_of(output).astype(int) - data).mean() < 4


def test_zarr_v2_holds_one_band_and_says_so_of_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gray, color = jpeg_tiff(tmp_path / "g.tiff", "gray"), jpeg_tiff(tmp_path / "c.tiff", "4:2:0")
    options = ConvertOptions(compression="jpeg", ome_version="0.4", verify="full")
    convert(gray, tmp_path / "g.zarr", options)
    assert stored(tmp_path / "g.zarr") == stored(gray)
    assert (by_zarr(tmp_path / "g.zarr") == pixels_of(gray)).all()
    for more in ([], ["--reencode"]):
        arguments = ["convert", str(color), str(tmp_path / "c.zarr"), "--compression", "jpeg"]
        with pytest.raises(SystemExit, match="1"):
            main([*arguments, "--ome-version", "0.4", *more])
        assert "takes jpeg chunks of one band only, not of 3" in capsys.readouterr().err
    assert not (tmp_path / "c.zarr").exists()
    with pytest.raises(OptionError, match="jpeg is not for ome-zarr-sqlite"):
        convert(color, tmp_path / "c.zarr.db", ConvertOptions(compression="jpeg"))


class Frames(View):
    """Images of the same size as frames of one."""

    def __init__(self, readers: list[Reader]) -> None:
        info = dataclasses.replace(readers[0].info, axes=(Axis("z", len(readers)),))
        super().__init__(readers[0], info)
        self._readers = readers

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane of the image that is the frame."""
        return self._readers[frame].plane(level, 0)


def test_frames_with_other_tables_are_chunks_of_one_array(tmp_path: Path) -> None:
    pages = [tmp_path / "a.tiff", tmp_path / "b.tiff", jpeg_tiff(tmp_path / "c.tiff", "rgb")]
    for path, quality in zip(pages, (50, 95), strict=False):
        write(picture(), path, options=WriteOptions(quality=quality, tile_size=64))
    output, plan = tmp_path / "out.zarr", LevelPlan(200, 150, 64, 64, Copy(0), None)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(open_reader(path)) for path in pages]
        write_levels(Frames(readers[:2]), output, [plan], WriteOptions())
        with pytest.raises(ConversionError, match="of rgb among those of 64 x 64 of ycbcr"):
            write_levels(Frames(readers), tmp_path / "more.zarr", [plan], WriteOptions())
    assert not (tmp_path / "more.zarr").exists()
    assert stored(output) == stored(pages[0])
    wanted = np.stack([pixels_of(path) for path in pages[:2]])
    assert (wanted == np.stack([pixels_of(output, frame) for frame in range(2)])).all()
    read = np.asarray(zarr.open_group(output, mode="r")["0"])
    assert (read.transpose(1, 2, 3, 0) == wanted).all()


def test_a_tile_of_another_size_than_the_grid_is_no_chunk(tmp_path: Path) -> None:
    source, output = tmp_path / "in.tiff", tmp_path / "out.zarr"
    sizes = [(64, 64), (64, 64), (72, 80), (64, 64)]
    streams = [
        imagecodecs.jpeg8_encode(picture(*size), level=95, outcolorspace="YCBCR") for size in sizes
    ]
    tifffile.imwrite(
        source, iter(streams), shape=(128, 128, 3), dtype="u1", tile=(64, 64),
        photometric="ycbcr", compression="jpeg", subsampling=(1, 1),
    )  # fmt: skip
    with pytest.raises(ConversionError, match=r"80 x 72 .* 64 x 64 .*--reencode"):
        convert(source, output, ConvertOptions(compression="jpeg"))
    assert not output.exists()
    convert(source, output, ConvertOptions(compression="jpeg", reencode=True, verify="full"))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, None),
        ({"planar": True}, "bands are stored apart"),
        ({"planar": True, "bands": 1, "photometric": Photometric.GRAY}, None),
        ({"photometric": Photometric.PALETTE, "bands": 1}, "not the image's samples"),
        ({"dtype": "uint16"}, "not the image's samples"),
        ({"bits": 12}, "no zarr library would know"),
        ({"codec": Codec.JPEG2000, "photometric": Photometric.YCBCR}, "no zarr library would know"),
        ({"codec": Codec.JPEG2000, "lossless": True}, None),
        ({"lossless": True}, "lossless JPEG says nothing of its colours"),
    ],
)
def test_pictures_that_would_be_shown_otherwise_are_no_chunks(
    facts: dict[str, Any], words: str | None
) -> None:
    plain = TileFormat(Codec.JPEG, Photometric.RGB, 3, 8, "uint8", lossless=False)
    form = dataclasses.replace(plain, **facts)
    tiles = EncodedLevel(form, 100, 100, 64, 64, 2, 2, lambda *_: b"")
    info = array_reader(np.zeros((100, 100, form.bands), np.uint8)).info
    refusal = picture_refusal(tiles, info)
    assert refusal is None if words is None else words in str(refusal)


def test_pictures_of_others_are_read(tmp_path: Path) -> None:
    data = picture(130, 100)
    calm = imagecodecs.zarr.Jpeg(level=95)
    exact = imagecodecs.zarr.Jpeg2k(level=0, reversible=True)
    other = imagecodecs.zarr.Webp(level=-1, lossless=True)
    for name, codec, most in (("a", calm, 3), ("b", exact, 0), ("c", other, 0)):
        path = tmp_path / f"{name}.zarr"
        zarr.create_array(
            path, data=data, chunks=(64, 64, 3), serializer=codec, compressors=None, filters=None,
            dimension_names=("y", "x", "c"),
        )  # fmt: skip
        read = pixels_of(path)
        assert (read == np.asarray(zarr.open_array(path, mode="r")[...])).all()
        assert np.abs(read.astype(int) - data).mean() <= most
    old = imagecodecs.numcodecs.Jpeg2k(level=0, reversible=True)
    zarr.create_array(
        tmp_path / "d.zarr", data=data, chunks=(64, 64, 3), compressors=old, zarr_format=2
    )
    assert (pixels_of(tmp_path / "d.zarr") == data).all()
    report = convert(tmp_path / "a.zarr", tmp_path / "a.tiff", ConvertOptions(verify="full"))
    assert report.plan.steps[0].action == "copy"


def test_the_array_has_the_last_word_on_colours(tmp_path: Path) -> None:
    told = imagecodecs.zarr.Jpeg(colorspace_jpeg="RGB", colorspace_data="RGB")
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(64, 64, 3), dtype="u1", chunks=(64, 64, 3), serializer=told,
        compressors=None, dimension_names=("y", "x", "c"),
    )  # fmt: skip
    stream = imagecodecs.jpeg8_encode(picture(64, 64), colorspace="RGB", outcolorspace="YCBCR")
    (tmp_path / "a.zarr/c/0/0").mkdir(parents=True)
    (tmp_path / "a.zarr/c/0/0/0").write_bytes(stream)
    assert (pixels_of(tmp_path / "a.zarr") == np.asarray(array[...])).all()
    report = convert(tmp_path / "a.zarr", tmp_path / "a.tiff")
    assert report.plan.steps[0].action == "encode"


@pytest.mark.parametrize("stream", ["cut", "larger", "gray", "nothing"])
def test_a_chunk_that_is_no_such_picture_is_refused(stream: str, tmp_path: Path) -> None:
    output = tmp_path / "out.zarr"
    options = WriteOptions(compression=Codec.JPEG, tile_size=64)
    write(picture(128, 128), output, options=options)
    chunk = output / "0/c/0/1/1"
    good = chunk.read_bytes()
    chunk.write_bytes({
        "cut": good[: len(good) // 2],
        "larger": imagecodecs.jpeg8_encode(picture(72, 72)),
        "gray": imagecodecs.jpeg8_encode(picture(64, 64)[..., 0].copy()),
        "nothing": b"nothing of the kind",
    }[stream])  # fmt: skip
    with open_reader(output) as reader:
        plane = reader.plane(0, 0)
        assert plane.read(Rect(0, 0, 64, 64)).shape == (64, 64, 3)
        with pytest.raises(CorruptSourceError):
            plane.read(Rect(64, 64, 64, 64))


def test_a_label_and_a_macro_stay_what_they_are(tmp_path: Path) -> None:
    data, label = picture(), np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    with ziggurat.new() as sink:
        sink.addTile(data, 0, 0)
        sink.addAssociatedImage(label, "label")
        sink.write(tmp_path / "out.zarr", compression="jpeg")
    with open_reader(tmp_path / "out.zarr") as reader:
        assert (reader.associated("label").read() == label).all()


def test_the_plan_says_what_jpeg_chunks_cost_and_what_they_spare(tmp_path: Path) -> None:
    source, output = jpeg_tiff(tmp_path / "in.tiff", "4:2:0"), tmp_path / "out.zarr"
    usual = plan_conversion(source, output)
    assert usual.steps[0].codec == "blosc"
    assert any("times the size" in note and "--compression jpeg" in note for note in usual.notes)
    asked = plan_conversion(source, output, ConvertOptions(compression="jpeg"))
    assert any("not read by Bio-Formats" in n and "register_codecs" in n for n in asked.notes)
    assert plan_conversion(source, output, ConvertOptions(compression="keep")).copied_tiles
    exact = tmp_path / "exact.tiff"
    tifffile.imwrite(exact, picture(), tile=(64, 64), photometric="rgb")
    with pytest.raises(ConversionError, match="exact values of level 0: encoded anew as jpeg"):
        convert(exact, output, ConvertOptions(compression="jpeg", strict=True))
    assert not output.exists()


def test_labels_are_never_jpeg(tmp_path: Path) -> None:
    labels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    options = WriteOptions(compression=Codec.JPEG)
    with pytest.raises(OptionError, match="jpeg would change label values"):
        write(labels, tmp_path / "a.zarr", interpretation="labels", options=options)
    exact = WriteOptions(compression=Codec.JPEG2000)
    write(labels, tmp_path / "b.zarr", interpretation="labels", options=exact)
    assert (pixels_of(tmp_path / "b.zarr")[..., 0] == labels).all()


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize(("suffix", "anew"), [(".zarr", False), (".zarr", True), (".ozx", True)])
def test_tasks_and_batches_write_the_chunks_that_one_conversion_writes(
    tmp_path: Path, suffix: str, anew: bool
) -> None:
    source = jpeg_tiff(tmp_path / "in.tiff", "4:2:0")
    options = ConvertOptions(compression="jpeg", verify="full", reencode=anew)
    one, parts = tmp_path / f"one{suffix}", tmp_path / f"parts{suffix}"
    convert(source, one, options)
    plan = plan_tasks(source, parts, options, part_bytes=30_000)
    plan.save(tmp_path / "plan.json")
    assert plan.count > 1
    for task in reversed(load_plan(tmp_path / "plan.json").tasks):
        task()
    plan.finish()
    job = Job(source, tmp_path / f"batch/b{suffix}")
    (outcome,) = run_batch([job], options).outcomes
    assert outcome.status is Status.DONE, outcome.message
    with open_reader(one) as reader:
        levels = len(reader.info.levels)
    assert levels > 1
    for other in (parts, job.output):
        for level in range(levels):
            assert stored(other, level) == stored(one, level)
    assert (stored(one) == stored(source)) is not anew
