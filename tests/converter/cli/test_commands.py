"""Commands for scripts and for whole archives: pictures, reports, folders, names with brackets."""

import csv
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat
from ziggurat.converter.cli.app import COMMANDS, command_parser, main
from ziggurat.converter.cli.arguments import help_texts, options_from
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import RegionError

pytestmark = pytest.mark.usefixtures("quick_workers")


def opened(picture: Path | BytesIO) -> Image.Image:
    with Image.open(picture) as image:
        image.load()
        return image.copy()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    return call


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Path:
    return make_svs(tmp_path / "a.svs", width=500, height=400)


def test_every_option_is_a_flag_with_a_help_text() -> None:
    helps = help_texts(ConvertOptions)
    said = command_parser("convert").format_help()
    for field in dataclasses.fields(ConvertOptions):
        assert helps[field.name], field.name
        flag = "--mpp" if field.name == "mm_per_pixel" else f"--{field.name.replace('_', '-')}"
        assert flag in said
    assert ":class:" not in said
    given = command_parser("convert").parse_intermixed_args(["a", "--mpp", "0.5", "b", "--verify"])
    assert given.paths == ["a", "b"]
    assert options_from(given) == ConvertOptions(mm_per_pixel=0.0005, verify="sample")


def test_every_way_to_look_is_a_flag(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ziggurat.converter.viewer import command

    seen: list[tuple[list[str], command.ViewOptions]] = []

    def show(sources: list[str], options: command.ViewOptions, tell: object) -> None:
        del tell
        seen.append((sources, options))

    monkeypatch.setattr(command, "view", show)
    flags = (
        "--host h --port 1 --no-browser --map --snapshot x.png --region 1,2,3,4 --width 5 "
        "--opacity 0.5 --look {} --look [] --export f --overwrite"
    )
    assert run("view", "a", *flags.split(), "b")[0] == 0
    assert run("view", "a")[0] == 0
    (given, options), (_, plain) = seen
    assert given == ["a", "b"]
    assert plain == command.ViewOptions()
    assert options.looks == ("{}", "[]")
    assert options.region == {"left": 1.0, "top": 2.0, "width": 3.0, "height": 4.0}
    for field in dataclasses.fields(options):
        assert getattr(options, field.name) != getattr(plain, field.name), field.name


def test_pictures_for_scripts(run: Run, slide: Path, tmp_path: Path) -> None:
    assert run("thumbnail", slide, tmp_path / "t.png", "--width", "100")[0] == 0
    assert opened(tmp_path / "t.png").size == (100, 80)
    place = ("--region", "100,50,200,100")
    assert run("region", slide, tmp_path / "r.jpg", *place)[0] == 0
    with ziggurat.open(slide) as source:
        area = {"left": 100, "top": 50, "width": 200, "height": 100}
        wanted = np.asarray(source.getRegion(region=area, format="numpy")[0], np.int64)
    made = np.asarray(opened(tmp_path / "r.jpg"), np.int64)
    assert np.abs(made - wanted).mean() < 5
    assert run("associated", slide)[1].split() == ["label", "macro", "thumbnail"]
    assert run("associated", slide, "label", tmp_path / "l.png")[0] == 0
    assert opened(tmp_path / "l.png").size == (120, 160)
    code, _, err = run("thumbnail", slide, tmp_path / "t.png")
    assert code == 1
    assert "exists" in err
    assert run("thumbnail", slide, tmp_path / "t.xyz")[0] == 1
    assert "there are: label, macro" in run("associated", slide, "nose", tmp_path / "n.png")[2]


def test_a_picture_on_stdout(slide: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["thumbnail", str(slide), "-", "--width", "50"])
    assert not ended.value.code
    assert opened(BytesIO(capfdbinary.readouterr().out)).size == (50, 40)


def test_a_batch_tells_all_of_each_slide_as_it_finishes(
    run: Run, slide: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    shutil.copy(slide, folder / "case [red] 12.svs")
    (folder / "bad.svs").write_bytes(b"nothing")
    (folder / "x.vsi").write_bytes(b"junk")
    reports = tmp_path / "report.jsonl", tmp_path / "report.csv"
    log = tmp_path / "log.txt"
    for report in reports:
        code, said, err = run(
            "convert", folder, f"{out}/*.ome.tiff", "--report", report, "--log", log, "--verify",
            "--resume", "--jobs", "1",
        )  # fmt: skip
        assert code == 1
        assert "left out, as no slides that are read: 1 .vsi" in err
        assert "case [red] 12.svs" in said
        assert "failed: " in err
    entries = [json.loads(line) for line in reports[0].read_text().splitlines()]
    (done,) = [entry for entry in entries if entry["status"] == "done"]
    assert done["plan"]["steps"][0]["action"] == "copy"
    assert done["verified"] is True
    assert done["peak_memory"] > 1 << 20
    import hashlib

    made = out / "case [red] 12.ome.tiff"
    assert done["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    rows = list(csv.DictReader(reports[1].read_text().splitlines()))
    assert {row["status"] for row in rows} == {"skipped", "failed", "left out"}
    assert log.read_text().count("ERROR failed") == 2
    code, said, _ = run("verify", folder, out)
    assert code == 1, "one slide has no output"
    assert "1 verified, 1 wrong" in said
    (folder / "bad.svs").unlink()
    assert run("verify", out, folder)[0] == 0, "folders are told apart, too"
    assert json.loads(run("verify", folder, out, "--json")[1])["ok"] is True
    assert run("convert", folder, out, "--report", "x.txt")[0] == 1
    assert run("convert", folder, f"{out}/*.xyz")[0] == 1


def test_a_de_identified_batch_lays_a_proof_beside_each_output(
    run: Run, slide: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "doe_jane", tmp_path / "out"
    folder.mkdir()
    shutil.copy(slide, folder / "doe_jane.svs")
    assert run("convert", folder, f"{out}/*.tiff", "--deidentify")[0] == 0
    (proof,) = out.glob("*.proof.json")
    said = json.loads(proof.read_text())
    assert said["looked_for"]["texts"] > 3
    assert said["removed"]["associated images"] == 2
    import hashlib

    whole = {"output": out / "slide-0001.tiff", "source": folder / "doe_jane.svs"}
    for name, path in whole.items():
        assert said[f"{name}_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "jane" not in proof.read_text().lower()
    assert run("verify", folder, out)[0] == 0, "numbered outputs are found by the batch's notes"


def test_channels_by_name(run: Run, tmp_path: Path) -> None:
    source, output = tmp_path / "s.ome.tiff", tmp_path / "o.ome.tiff"
    with ziggurat.new() as sink:
        for c in range(3):
            sink.addTile(np.full((64, 64), 10 * c, np.uint8), c=c)
        sink.channelNames = ["DAPI", "FITC", "Cy5"]
        sink.write(source)
    assert run("convert", source, output, "--frames", "c=cy5,DAPI")[0] == 0
    assert tifffile.imread(output)[:, 0, 0].tolist() == [20, 0]
    with pytest.raises(RegionError, match="no position is named 'GFP'"):
        ziggurat.convert(source, tmp_path / "x.tiff", ConvertOptions(frames={"c": ["GFP"]}))


def test_completion_and_help(run: Run) -> None:
    for shell in ("bash", "zsh"):
        assert "--deidentify" in run("completion", shell)[1]
    assert run()[0] == 2
    code, _, said = run("--quick", "verify", "a", "b")
    assert (code, said.splitlines()[-1]) == (2, "ziggurat: error: unrecognized arguments: --quick")
    for name in COMMANDS:
        code, said, _ = run(name, "--help")
        assert code == 0
        assert "exit codes:" in said


LOADED = """
import json, sys
from ziggurat.converter.cli.app import main
for words in json.loads(sys.argv[1]):
    try: main(words)
    except SystemExit as end: assert not end.code
    print("loaded:", json.dumps(sorted(sys.modules)))
"""
HEAVY = {"rich", "typer", "pydantic", "osgeo", "pyvips", "scipy", "openslide"}
CONVERTING = {"psutil", "subprocess", "cv2", "ziggurat.converter.batch", "ziggurat.converter.plan"}


def loaded_by(commands: list[list[str]]) -> list[set[str]]:
    """Return the modules that a new process has loaded after each command."""
    command = [sys.executable, "-c", LOADED, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [line for line in done.stdout.splitlines() if line.startswith("loaded:")]
    return [set(json.loads(line.removeprefix("loaded:"))) for line in said]


def test_commands_load_what_they_need(slide: Path, tmp_path: Path) -> None:
    """Tables, bars, maps and checks of arguments take longer than a small slide does."""
    # with the oldest libraries that are allowed "ome.tiff" loads 560, "zarr" 663
    most = {"--version": 140, "--help": 150, "info": 390, "tiff": 565, "ome.tiff": 565, "zarr": 665}
    outputs = [["convert", str(slide), str(tmp_path / f"o.{name}")] for name in list(most)[3:]]
    commands = [["--version"], ["--help"], ["info", "--json", str(slide)], *outputs]
    found = dict(zip(most, loaded_by(commands), strict=True))  # one after the other
    for name, limit in most.items():
        assert not found[name] & HEAVY, name
        assert len(found[name]) < limit, name
    assert not found["info"] & CONVERTING
    assert not found["--help"] & {"numpy", "ziggurat.readers.formats"}


def test_tables_of_an_image_load_nothing_that_converts(slide: Path) -> None:
    (found,) = loaded_by([["info", str(slide)]])
    assert not found & CONVERTING
    assert len(found) < 450


def test_one_slide_is_reported_logged_and_skipped_as_many_are(
    run: Run, slide: Path, tmp_path: Path
) -> None:
    output, report, log = tmp_path / "o.tiff", tmp_path / "r.jsonl", tmp_path / "log.txt"
    told = ("--report", report, "--log", log)
    assert run("convert", slide, output, *told)[0] == 0
    (entry,) = [json.loads(line) for line in report.read_text().splitlines()]
    assert (entry["status"], Path(entry["output"])) == ("done", output)
    made = output.stat().st_mtime_ns
    assert run("convert", slide, output, *told, "--resume")[0] == 0
    assert json.loads(report.read_text())["status"] == "skipped"
    assert output.stat().st_mtime_ns == made
    assert len(log.read_text().splitlines()) == 2
    code, _, err = run("convert", slide, output, *told)
    assert (code, "exists already" in err) == (1, True)


def test_a_plan_for_others_does_nothing_else(run: Run, slide: Path, tmp_path: Path) -> None:
    for more in (["--dry-run"], ["--report", tmp_path / "r.csv"], ["--resume"], ["--dask", "x"]):
        command = ["convert", slide, tmp_path / "o.tiff", "--plan", tmp_path / "plan.json"]
        code, _, err = run(*command, *more)
        assert code == 1
        assert "--plan converts nothing" in err
    assert not (tmp_path / "plan.json").exists()


def test_a_dry_run_is_as_strict_as_the_run(run: Run, slide: Path, tmp_path: Path) -> None:
    command = ["convert", slide, tmp_path / "o.png", "--strict"]
    for more in ([], ["--dry-run"]):
        code, _, err = run(*command, *more)
        assert code == 1
        assert "strict, and this would be lost" in err
    assert run("convert", slide, tmp_path / "o.tiff", "--strict", "--dry-run")[0] == 0
