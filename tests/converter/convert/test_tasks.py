"""A conversion as tasks gives what a conversion in one gives, from Python and from a shell."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.cli.app import main
from ziggurat.converter.convert import convert, load_plan, plan_tasks
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.recipe import ConversionRecipe
from ziggurat.readers.errors import (
    ConversionError,
    OptionError,
    SourceNotFoundError,
    TargetExistsError,
    VerificationError,
    WriteError,
)
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.io import objects

SMALL = 15_000


def _slide(path: Path, compression: str, *, levels: int = 1, side: int = 32, zoom: int = 5) -> Path:
    """Write a tiled TIFF of 250 x 210 pixels, or more of them, with some of its levels."""
    rng = np.random.default_rng(3)
    image = np.kron(rng.integers(0, 255, (42, 50, 3), np.uint8), np.ones((zoom, zoom, 1), np.uint8))
    with tifffile.TiffWriter(path) as tiff:
        for level in range(levels):
            step = 4**level
            tiff.write(
                image[::step, ::step], tile=(side, side), compression=compression,
                photometric="rgb", subfiletype=int(level > 0), resolution=(1e4, 1e4),
                resolutionunit="CENTIMETER",
            )  # fmt: skip
    return path


def _assert_same(one: Path, other: Path) -> None:
    with ziggurat.open(one) as a, ziggurat.open(other) as b:
        assert a.getMetadata() == b.getMetadata()
        ours, theirs = a._image().reader, b._image().reader
        assert ours.info.levels == theirs.info.levels
        for level, facts in enumerate(ours.info.levels):
            np.testing.assert_array_equal(
                ours.plane(level, 0).read(facts.rect), theirs.plane(level, 0).read(facts.rect)
            )


OPTIONS = [
    ConvertOptions(),
    ConvertOptions(reencode=True, tile_size=16, compression="deflate"),
    ConvertOptions(region={"left": 20, "top": 6, "right": 200, "bottom": 195}),
    ConvertOptions(mm_per_pixel=0.0023),
    ConvertOptions(resample="lanczos3"),
]


@pytest.mark.parametrize(
    ("number", "compression", "suffix"),
    [
        # each two of them together; all three where there is time
        pytest.param(n, codec, suffix, marks=() if (n + a + b) % 2 == 0 else pytest.mark.slow)
        for n in range(len(OPTIONS))
        for a, codec in enumerate(["jpeg", "zlib"])
        for b, suffix in enumerate([".tiff", ".zarr"])
    ],
)
def test_tasks_convert_what_one_converts(
    tmp_path: Path, compression: str, suffix: str, number: int
) -> None:
    options = OPTIONS[number]
    if suffix == ".zarr" and options.compression == "deflate":
        pytest.skip("deflate is not one of zarr's")
    if options.reencode and suffix == ".zarr":
        options = ConvertOptions(reencode=True, tile_size=16)
    slide = _slide(tmp_path / "slide.tiff", compression, levels=2)
    report = convert(slide, tmp_path / f"a{suffix}", options)
    plan = plan_tasks(slide, tmp_path / f"b{suffix}", options, part_bytes=SMALL)
    plan.save(tmp_path / "plan.json")
    tasks = [*load_plan(tmp_path / "plan.json").tasks, *plan.tasks]
    random.Random(number).shuffle(tasks)
    for task in tasks:
        task()
    ended = load_plan(tmp_path / "plan.json").finish()
    assert ended.levels == len(report.plan.steps)
    _assert_same(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}")


def test_tasks_of_a_scaled_level_begin_where_tiles_of_the_source_do(tmp_path: Path) -> None:
    """Tiles of 48 decoded at half scale are cells of 24 pixels, and no multiple of 32 is one."""
    slide = _slide(tmp_path / "slide.tiff", "jpeg", side=48, zoom=10)
    options = ConvertOptions(tile_size=32)
    report = convert(slide, tmp_path / "a.tiff", options)
    assert any("half scale" in step.reason for step in report.plan.steps)
    plan = plan_tasks(slide, tmp_path / "b.tiff", options, part_bytes=9_000)
    assert plan.count > 4
    for task in plan.tasks:
        task()
    plan.finish()
    _assert_same(tmp_path / "a.tiff", tmp_path / "b.tiff")


def test_an_executor_converts_and_the_output_is_checked(tmp_path: Path) -> None:
    slide = _slide(tmp_path / "slide.tiff", "zlib")
    options = ConvertOptions(verify="full", deidentify=True)
    with ThreadPoolExecutor(2) as pool:
        report = convert(slide, tmp_path / "a.zarr", options, executor=pool)
    assert report.verification is not None
    assert report.verification.ok
    assert report.verification.path == str(tmp_path / "a.zarr")  # not where it was staged
    assert report.bytes_written > 0
    other = convert(slide, tmp_path / "b.zarr", options)
    _assert_same(tmp_path / "a.zarr", tmp_path / "b.zarr")
    assert report.removed == other.removed != ()
    assert (report.losses, report.searched) == (other.losses, other.searched)


@pytest.mark.parametrize(
    ("given", "looked"),
    [({}, False), ({"verify": "sample"}, True), ({"verify": "full"}, True),
     ({"deidentify": True}, True), ({"deidentify": True, "verify": "sample"}, True)],
)  # fmt: skip
def test_whoever_finishes_a_plan_looks_at_the_output_as_asked(
    tmp_path: Path, given: dict[str, Any], looked: bool
) -> None:
    slide = _slide(tmp_path / "slide.tiff", "zlib")
    opened = ConversionRecipe(str(slide), "a.tiff", ConvertOptions(**given)).open()
    assert (opened.check is not None) is looked
    opened.reader.close()


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_an_output_that_fails_its_check_is_never_seen(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ziggurat.converter import recipe

    slide = _slide(tmp_path / "slide.tiff", "zlib")

    def wrong(*_: object) -> list[str]:
        return ["a name"]

    monkeypatch.setattr(recipe, "find_leaks", wrong)
    plan = plan_tasks(slide, tmp_path / f"a{suffix}", ConvertOptions(deidentify=True))
    for task in plan.tasks:
        task()
    with pytest.raises(VerificationError, match="not de-identified"):
        plan.finish()
    assert not (tmp_path / f"a{suffix}").exists()
    plan.cancel()
    assert [path.name for path in tmp_path.iterdir()] == ["slide.tiff"]


def test_a_shell_does_it_in_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slide, file = _slide(tmp_path / "slide.tiff", "zlib"), str(tmp_path / "plan.json")

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(str(ended.value.code))

    output = tmp_path / "a.ome.tiff"
    assert run("convert", str(slide), str(output), "--reencode", "--plan", file) == 0
    assert "1 tasks: ziggurat emit" in capsys.readouterr().out
    assert json.loads(Path(file).read_text())["kind"] == "conversion"
    assert run("emit", file, "--finish") == 1
    assert "1 of 1 tasks" in capsys.readouterr().err
    for part in ("1", "0"):
        assert run("emit", file, "--part", part, "--of", "2") == 0
    assert run("emit", file, "--finish") == 0
    assert "a.ome.tiff: " in capsys.readouterr().out
    convert(slide, tmp_path / "b.ome.tiff", ConvertOptions(reencode=True))
    _assert_same(output, tmp_path / "b.ome.tiff")
    assert run("emit", file, "--part", "2", "--of", "2") == 1
    assert run("emit", file, "--part", "0") == 1
    assert run("emit", str(slide)) == 1


def test_a_plan_of_names_without_a_folder_is_carried_out_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers have working folders of their own."""
    _slide(tmp_path / "slide.tiff", "zlib")
    monkeypatch.chdir(tmp_path)
    made = plan_tasks("slide.tiff", "a.tiff")
    made.save("plan.json")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    from ziggurat.writers.tasks import plan as plans

    plans._forget(made.name)  # what another process has not
    plan = load_plan(tmp_path / "plan.json")
    for task in plan.tasks:
        task()
    assert Path(plan.finish().path) == tmp_path / "a.tiff"


@pytest.mark.parametrize("anew", [False, True])
def test_a_source_that_changed_is_told(tmp_path: Path, anew: bool) -> None:
    """To the process that made the plan and has the source open, too."""
    slide = _slide(tmp_path / "slide.tiff", "zlib")
    plan = plan_tasks(slide, tmp_path / "a.zarr")
    plan.save(tmp_path / "plan.json")
    from ziggurat.writers.tasks import plan as plans

    if anew:
        plans._forget(plan.name)  # what another process has not
    _slide(slide, "jpeg")
    for _ in range(2):
        with pytest.raises(WriteError, match="has changed since the plan was made"):
            load_plan(tmp_path / "plan.json").tasks[0]()
    plan.cancel()


def test_on_object_storage_nothing_is_removed_for_what_is_refused(
    folder_bucket: str, tmp_path: Path
) -> None:
    slide = _slide(tmp_path / "slide.tiff", "zlib")
    there, other = f"{folder_bucket}/a.zarr", f"{folder_bucket}/notes.zarr"
    convert(slide, there)
    objects.CloudObjects(folder_bucket).create("notes.zarr/notes.txt", b"mine")
    names = objects.CloudObjects(folder_bucket).names("")
    anew = ConvertOptions(overwrite=True, reencode=True, tile_size=128)
    with pytest.raises(SourceNotFoundError):
        plan_tasks(tmp_path / "none.tiff", there, anew)
    with pytest.raises(WriteError, match="the source itself"):
        plan_tasks(there, there, anew)
    with pytest.raises(WriteError, match="or holds it"):
        plan_tasks(f"{there}/a.svs", there, anew)
    with pytest.raises(TargetExistsError, match="no zarr hierarchy"):
        plan_tasks(slide, other, anew)
    assert objects.CloudObjects(folder_bucket).names("") == names
    convert(slide, there, anew)
    assert len(objects.CloudObjects(folder_bucket).names("")) > len(names)  # of smaller tiles


def test_what_can_not_be_meant_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    slide = _slide(tmp_path / "slide.tiff", "zlib")
    (tmp_path / "there.zarr").mkdir()
    with pytest.raises(TargetExistsError):
        plan_tasks(slide, tmp_path / "there.zarr")
    with pytest.raises(OptionError, match="looked at before it is seen"):
        plan_tasks(slide, "s3://bucket/a.zarr", ConvertOptions(deidentify=True))
    with pytest.raises(OptionError, match="no plan"):
        load_plan(slide)
    with pytest.raises((OptionError, ConversionError)):
        plan_tasks(slide, tmp_path / "a.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slide.tiff", "there.zarr"]


@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ome.tiff"])
def test_copied_tiles_of_every_frame_are_that_frames(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(6)
    source = tmp_path / f"source{suffix.replace('.zip', '')}"
    with ziggurat.new() as sink:
        for z in range(3):
            sink.addTile(rng.integers(0, 255, (100, 130, 1), np.uint8), z=z)
        sink.write(source, tileSize=64, lossy=False)
    assert convert(source, tmp_path / f"a{suffix}").tiles_copied
    plan = plan_tasks(source, tmp_path / f"b{suffix}", part_bytes=9_000)
    for task in plan.tasks:
        task()
    plan.finish()
    with open_reader(source) as theirs:
        for output in ("a", "b"):
            with open_reader(tmp_path / f"{output}{suffix}") as ours:
                assert (ours.info.levels, ours.info.frames) == (theirs.info.levels, 3)
                for frame, (level, facts) in product(range(3), enumerate(theirs.info.levels)):
                    one, two = (r.plane(level, frame).read(facts.rect) for r in (theirs, ours))
                    np.testing.assert_array_equal(one, two)
