"""What the command line tells of facts, and whether its flags do what they say: in tables."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat
from tests.each import each
from ziggurat.converter.batch.check import PairCheck
from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.run import BatchReport, Outcome, Status
from ziggurat.converter.cli import checking, commands
from ziggurat.converter.cli.app import command_parser, main
from ziggurat.converter.cli.arguments import options_from
from ziggurat.converter.cli.describe import describe
from ziggurat.converter.cli.looking import Show
from ziggurat.converter.cli.tables import pixel_size_text
from ziggurat.converter.cli.texts import parse_bytes, size_text
from ziggurat.converter.plan.options import ConvertOptions, Verify
from ziggurat.converter.plan.report import LevelCheck, VerificationReport
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import (
    AssociatedImage,
    DecodedImage,
    DecodedPlane,
    Pixels,
    Plane,
    Reader,
)


class _Plane(DecodedPlane):
    def read(self, rect: Rect) -> Pixels:
        return np.zeros((rect.height, rect.width, 3), np.uint8)


class _Image(Reader):
    """No two of its numbers are the same."""

    def __init__(self) -> None:
        levels = (Level(600, 500, 64, 48), Level(150, 125, 32, 16))
        self.info = ImageInfo(
            "made", levels, 3, np.dtype(np.uint8), Interpretation.RGB, mm_x=0.5, mm_y=0.25,
            magnification=7.0, associated=("label",),
        )  # fmt: skip

    def plane(self, level: int, frame: int) -> Plane:
        del level, frame
        return _Plane()

    def associated(self, name: str) -> AssociatedImage:
        del name
        return DecodedImage(lambda: np.zeros((20, 30, 3), np.uint8))


def test_each_fact_is_told_as_it_is() -> None:
    told = describe(_Image(), "x")
    info = _Image().info
    for name in ("width", "height", "bands", "mm_x", "mm_y", "magnification", "frames", "format"):
        assert told[name] == getattr(info, name), name
    for index, level in enumerate(info.levels):
        for name in ("width", "height", "tile_width", "tile_height"):
            assert told["levels"][index][name] == getattr(level, name), name
    assert [level["downsample"] for level in told["levels"]] == [1, 4]
    assert pixel_size_text(info) == "500 × 250 µm"
    assert told["associated"] == [{"name": "label", "width": 30, "height": 20, "codec": None}]


@pytest.mark.parametrize(
    ("flags", "verify"),
    [("", Verify.NONE), ("--verify", Verify.SAMPLE), ("--full", Verify.FULL),
     ("--verify --full", Verify.FULL)],
)  # fmt: skip
def test_how_closely_is_looked(flags: str, verify: Verify) -> None:
    given = command_parser("convert").parse_intermixed_args(["a", "b", *flags.split()])
    assert options_from(given).verify is verify


@each(
    "text, size",
    [("17", 17), ("2k", 2000), ("2KiB", 2048), ("1.5MB", 1_500_000), ("3 gib", 3 << 30),
     ("1T", 10**12), ("1tib", 1 << 40)])  # fmt: skip
def test_sizes_are_of_thousands_unless_they_say_otherwise(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("right", [(True, True), (True, False), (False, True), (False, False), ()])
@pytest.mark.parametrize("json_too", [False, True])
def test_one_output_that_is_wrong_is_an_exit_code(
    right: tuple[bool, ...], json_too: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def folders(*_: Any, **__: Any) -> Iterator[PairCheck]:
        for ok in right:
            report = VerificationReport("o", "s", (), () if ok else ("its colours",))
            yield PairCheck("s", "o", report)

    monkeypatch.setattr("ziggurat.converter.batch.check.verify_folders", folders)
    monkeypatch.setattr(checking, "holds_slides", lambda _: True)
    words = ["verify", str(tmp_path), str(tmp_path), *(["--json"] if json_too else [])]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == (0 if all(right) else 1)
    out = capsys.readouterr().out
    if json_too:
        assert json.loads(out)["ok"] is all(right)
    else:
        assert f"{sum(right)} verified, {len(right) - sum(right)} wrong" in out


@pytest.mark.parametrize(
    ("words", "size"),
    [("--width 30", (30, 20)), ("--height 10", (15, 10)),
     ("--width 30 --height 10", (15, 10)), ("--width 15 --height 40", (15, 10))],
)  # fmt: skip
def test_pictures_are_within_both_sides(words: str, size: tuple[int, int], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((40, 60, 3), 9, np.uint8), tile=(16, 16))
    for command in ("region", "thumbnail"):
        target = tmp_path / f"{command}.png"
        with pytest.raises(SystemExit) as ended:
            main([command, str(tmp_path / "a.tif"), str(target), *words.split()])
        assert not ended.value.code
        with Image.open(target) as picture:
            assert picture.size == size, command


@pytest.mark.parametrize(("count", "of"), [(7, 1), (7, 2), (7, 3), (2, 5), (1, 1)])
def test_parts_of_a_plan_are_all_of_it_and_none_twice(
    count: int, of: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[int] = []
    tasks = tuple(partial(done.append, number) for number in range(count))
    plan = SimpleNamespace(tasks=tasks, count=count)
    monkeypatch.setattr("ziggurat.converter.convert.load_plan", lambda _: plan)
    for part in range(of):
        with pytest.raises(SystemExit) as ended:
            main(["emit", "plan.json", "--part", str(part), "--of", str(of)])
        assert not ended.value.code
    assert sorted(done) == list(range(count))
    assert len(capsys.readouterr().out.splitlines()) == of


@pytest.mark.parametrize(
    ("words", "size"),
    [("--mpp 1", (30, 20)), ("--mpp 0.5", (60, 40)), ("--mpp 2", (15, 10)),
     ("--magnification 10", (30, 20)), ("--magnification 5", (15, 10))],
)  # fmt: skip
def test_regions_are_of_the_pixels_that_are_asked_for(
    words: str, size: tuple[int, int], tmp_path: Path
) -> None:
    """Of an image of half a micrometre a pixel, seen at 20."""
    with ziggurat.new(bands=3, dtype="uint8") as sink:
        sink.addTile(np.full((40, 60, 3), 9, np.uint8), 0, 0)
        sink.mm_x = sink.mm_y = 0.0005
        sink.magnification = 20
        sink.write(tmp_path / "a.tiff")
    with pytest.raises(SystemExit) as ended:
        main(["region", str(tmp_path / "a.tiff"), str(tmp_path / "r.png"), *words.split()])
    assert not ended.value.code
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.size == size


@pytest.mark.parametrize("right", [True, False])
def test_a_quiet_check_says_nothing_and_a_loud_one_how_much_was_looked_at(
    right: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    level = LevelCheck(0, "pixels", 24, 1017, 24, 0, 0.0, 0.0)
    report = VerificationReport("o", "s", (level,), () if right else ("its colours",))
    monkeypatch.setattr(checking, "verify_pair", lambda *_, **__: report)
    for flags in ([], ["--quiet"]):
        with pytest.raises(SystemExit) as ended:
            main(["verify", "s", "o", *flags])
        assert ended.value.code == (0 if right else 1)
        said = capsys.readouterr().out
        assert said == "" if flags else "24 of 1017" in said


def test_pictures_are_of_the_frame_that_is_asked_for(tmp_path: Path) -> None:
    frames = np.stack([np.full((40, 60), 50 * (z + 1), np.uint8) for z in range(3)])
    tifffile.imwrite(
        tmp_path / "z.ome.tif", frames, tile=(16, 16), ome=True, metadata={"axes": "ZYX"}
    )
    for command in ("region", "thumbnail"):
        for frame in (0, 1, 2):
            target = tmp_path / f"{command}{frame}.png"
            words = [command, str(tmp_path / "z.ome.tif"), str(target), "--frame", str(frame)]
            with pytest.raises(SystemExit) as ended:
                main(words)
            assert not ended.value.code
            with Image.open(target) as picture:
                assert np.asarray(picture.convert("L")).mean() == 50 * (frame + 1)


@pytest.mark.parametrize("quiet", [True, False])
def test_slides_that_fail_are_told_however_quiet_it_is_to_be(
    quiet: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [Job(tmp_path / f"{name}.tif", tmp_path / f"{name}.tiff") for name in ("gone", "there")]
    tifffile.imwrite(tmp_path / "there.tif", np.zeros((40, 60, 3), np.uint8), tile=(16, 16))
    show = Show(quiet=quiet, json=False)
    outcomes = (Outcome(jobs[0], Status.FAILED, "why"), Outcome(jobs[1], Status.DONE))
    calls: tuple[tuple[Callable[[], int], str], ...] = (
        (lambda: commands.show_batch(BatchReport(outcomes, 1.0), show, {}), "gone.tif: why"),
        (lambda: commands.plan_many(jobs, ConvertOptions(), show), "gone.tif: no such file"),
    )
    for call, told in calls:
        assert call() == 1
        out, err = capsys.readouterr()
        assert err.startswith("failed: ")
        assert (err.count("\n"), out == "") == (1, quiet)
        assert told in err.replace(f"{tmp_path}/", "").replace("gone.tif: gone.tif", "gone.tif")


@each("size, text", [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"),
     (999_999, "1000.0 kB"), (2e15, "2000.0 TB")])  # fmt: skip
def test_sizes_are_told_by_thousands(size: float, text: str) -> None:
    assert size_text(size) == text


def test_pictures_are_encoded_as_their_names_say(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((40, 60, 3), 9, np.uint8), tile=(16, 16))
    for suffix, form in (("png", "PNG"), ("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP"),
                         ("tif", "TIFF"), ("TIFF", "TIFF")):  # fmt: skip
        target = tmp_path / f"made.{suffix}"
        with pytest.raises(SystemExit):
            main(["region", str(tmp_path / "a.tif"), str(target)])
        with Image.open(target) as picture:
            assert picture.format == form, suffix
