"""The command line from outside: what it prints, its exit codes, and that nothing is left."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile

import ziggurat
from tests import preloaded
from ziggurat.converter.cli.app import main
from ziggurat.converter.cli.texts import parse_bytes, parse_frames, parse_positions, parse_region
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError
from ziggurat.writers.formats.tiff import tiff


def run(capsys: pytest.CaptureFixture[str], *args: Any) -> Any:
    """Run in this process; return (exit code, stdout, stderr)."""
    try:
        main([str(arg) for arg in args])
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Any:
    return make_svs(tmp_path / "a.svs", width=900, height=700)


def test_convert_and_info(capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path) -> None:
    code, out, err = run(capsys, "convert", slide, tmp_path / "b.tiff")
    assert (code, err) == (0, "")
    assert "17 tiles copied" in out
    code, out, err = run(capsys, "info", tmp_path / "b.tiff")
    assert code == 0
    assert "900 × 700" in out
    assert "0.499 × 0.499 µm" in out
    assert "label" in out
    code, out, _ = run(capsys, "info", slide, "--json")
    facts = json.loads(out)
    assert (facts["width"], facts["height"], facts["magnification"]) == (900, 700, 20)
    assert [level["codec"] for level in facts["levels"]] == ["jpeg", "jpeg"]
    sizes = {image["name"]: (image["width"], image["height"]) for image in facts["associated"]}
    assert sizes["label"] == (120, 160)


def test_quiet_and_json(capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path) -> None:
    assert run(capsys, "convert", slide, tmp_path / "b.tiff", "--quiet") == (0, "", "")
    args = ("convert", slide, tmp_path / "b.tiff", "--overwrite", "--verify", "--json")
    code, out, _ = run(capsys, *args)
    report = json.loads(out)
    assert code == 0
    assert report["plan"]["steps"][0]["action"] == "copy"
    assert report["verification"]["problems"] == []


def test_dry_run(capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "convert", slide, tmp_path / "b.tiff", "--dry-run")
    assert code == 0
    assert "copy" in out
    assert "scale" in out
    code, out, _ = run(capsys, "convert", slide, tmp_path / "b.tiff", "--dry-run", "--json")
    assert json.loads(out)["steps"][0]["codec"] == "jpeg"
    assert not (tmp_path / "b.tiff").exists()


def test_verify(capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path) -> None:
    output = tmp_path / "b.tiff"
    run(capsys, "convert", slide, output)
    assert run(capsys, "verify", output, slide, "--full")[0] == 0
    with tifffile.TiffFile(output) as tif:
        page = tif.pages[0]
        at = page.dataoffsets[1] + page.databytecounts[1] // 2
    with output.open("r+b") as file:  # one byte of one tile
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))
    code, out, _ = run(capsys, "verify", output, slide, "--full", "--json")
    assert code == 1
    assert json.loads(out)["ok"] is False


def test_verify_tells_what_is_damaged(
    capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path
) -> None:
    output = tmp_path / "b.tiff"
    run(capsys, "convert", slide, output, "--levels", "source", "--compression", "deflate")
    assert run(capsys, "verify", output, "--full")[0] == 0
    whole = output.read_bytes()
    with tifffile.TiffFile(output) as tif:
        at = tif.pages[0].dataoffsets[5] + 100
        last = tif.pages[-1].offset
    output.write_bytes(whole[:at] + bytes(400) + whole[at + 400 :])
    assert run(capsys, "verify", output)[0] == 0  # alone, and not all of it
    code, out, _ = run(capsys, "verify", output, "--full")
    assert code == 1
    assert "can't be read" in out
    output.write_bytes(whole[: last + 20])
    code, out, err = run(capsys, "verify", output, slide)
    assert code == 1
    assert "Traceback" not in err


def test_a_block_that_is_off_in_a_lossy_output_is_damage(
    capsys: pytest.CaptureFixture[str], make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    slide = make_svs(tmp_path / "a.svs", width=300, height=340)
    output = tmp_path / "b.tiff"
    options = ("--levels", "source", "--compression", "webp")
    run(capsys, "convert", slide, output, *options)
    assert run(capsys, "verify", output, slide)[0] == 0
    with ziggurat.open(output) as made:
        pixels = made.getRegion(format="numpy")[0]
    pixels[304:320, 192:208] ^= 0x80
    tifffile.imwrite(
        output,
        pixels,
        tile=(256, 256),
        compression="webp",
        photometric="rgb",
        resolution=(1e7 / 499, 1e7 / 499),
        resolutionunit="CENTIMETER",
    )
    code, out, _ = run(capsys, "verify", output, slide, "--full", "--json")
    assert code == 1
    assert "off the source" in json.loads(out)["problems"][0]


def one_line(err: Any) -> Any:
    assert err.startswith("ziggurat: ")
    assert err.count("\n") == 1
    return err


def test_errors_are_one_line(
    capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path
) -> None:
    (tmp_path / "note.tiff").write_text("this is no image " * 50)
    (tmp_path / "cut.svs").write_bytes(slide.read_bytes()[:100_000])
    (tmp_path / "there.tiff").write_text("precious")
    before = sorted(tmp_path.iterdir())
    cases = [
        ("note.tiff", "x.tiff", "note.tiff"),
        ("cut.svs", "x.tiff", "cut.svs"),
        ("gone.svs", "x.tiff", "no such file"),
        ("a.svs", "there.tiff", "overwrite"),
        ("a.svs", "no/where/x.tiff", "folder"),
        ("a.svs", "a.svs", "source itself"),
        ("a.svs", "x.xyz", ".ome.tiff"),
    ]
    for source, output, words in cases:
        code, out, err = run(capsys, "convert", tmp_path / source, tmp_path / output)
        assert (code, out) == (1, "")
        assert words in one_line(err)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.tiff").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(
    capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    code, _, err = run(capsys, "convert", slide, folder / "x.tiff")
    assert code == 1
    assert "can't be written" in one_line(err)


@pytest.mark.parametrize(
    "args",
    [("--quality", "0"), ("--tile-size", "100"), ("--region", "1,2"), ("--frames", "c"),
     ("--bands", "x"), ("--max-memory", "lots"), ("--mpp", "-1"), ("--bands", "7"),
     ("--frames", "t=0"), ("--region", "9999,9999,5,5"), ("--mpp", "0.1"),
     ("--mpp", "inf"), ("--magnification", "inf"), ("--magnification", "nan")],
)  # fmt: skip
def test_options_that_cannot_be_meant(
    capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path, args: Any
) -> None:
    code, out, err = run(capsys, "convert", slide, tmp_path / "x.tiff", *args)
    assert (code, out) == (1, "")
    one_line(err)
    assert not (tmp_path / "x.tiff").exists()


def test_an_unknown_option_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path
) -> None:
    code, _, err = run(capsys, "convert", slide, tmp_path / "x.tiff", "--fast")
    assert code == 2
    assert "--fast" in err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[1].startswith("ziggurat 0.")
    first, second = run(capsys, "--version", "--verbose")[1].splitlines()
    assert first.startswith("ziggurat 0.")
    assert second.startswith("native kernel: ")


def slowly(*words: str) -> None:
    """Do a command that writes one tile after the other, slowly, and says so."""
    real = tiff.made_tiles

    def slow(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for tile in real(*args, **kwargs):
            print("tile", flush=True)
            time.sleep(0.2)
            yield tile

    tiff.made_tiles = slow
    main(list(words))


def test_signal_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_leaves_no_file(slide: Path, tmp_path: Path, number: Any, code: Any) -> None:
    with preloaded.Child(slowly, "convert", str(slide), str(tmp_path / "x.tiff")) as process:
        process.stdout.readline()
        process.send_signal(number)
        done = process.end()
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [slide]


def test_after_sigkill_the_name_is_free_and_the_next_run_sweeps(
    capsys: pytest.CaptureFixture[str], slide: Path, tmp_path: Path
) -> None:
    with preloaded.Child(slowly, "convert", str(slide), str(tmp_path / "x.tiff")) as process:
        process.stdout.readline()
        process.kill()
        assert process.end().returncode == -signal.SIGKILL
    assert not (tmp_path / "x.tiff").exists()
    assert len(list(tmp_path.iterdir())) == 2  # the slide, and a hidden staging folder
    time.sleep(0.1)
    assert run(capsys, "convert", slide, tmp_path / "x.tiff", "--quiet")[0] == 0
    assert sorted(tmp_path.iterdir()) == [slide, tmp_path / "x.tiff"]


def test_texts() -> None:
    assert parse_bytes("2GB") == 2_000_000_000
    assert parse_bytes("1.5 MiB") == 1572864
    assert parse_region("1,2,3,4,mm") == {
        "left": 1, "top": 2, "width": 3, "height": 4, "units": "mm",
    }  # fmt: skip
    assert parse_frames(["c=0,2", "Z=3-5"]) == {"c": (0, 2), "z": (3, 4, 5)}
    assert parse_positions("1,3-4") == (1, 3, 4)
    for bad in ("", "1-", "a", "-1"):
        with pytest.raises(OptionError):
            parse_positions(bad)


def test_options_take_text_and_refuse_nonsense() -> None:
    assert ConvertOptions(levels="source").levels.value == "source"
    with pytest.raises(OptionError, match="levels must be one of 'source', 'full'"):
        ConvertOptions(levels="some")
    with pytest.raises(TypeError):
        ConvertOptions(colour="keep")
