"""Every option that takes a value, with one that it can't have: one line, and nothing is made."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.converter.cli.running import EVERY
from ziggurat.converter.cli.app import main

CONVERT = "convert a.tif o.tiff"
MANY = "convert a.tif a.tif out --format tiff"
SHOT = "view a.tif --snapshot o.png"
SERVE = "view a.tif --no-browser"
THUMBNAIL = "thumbnail a.tif o.png"
REGION = "region a.tif o.png"
EMIT = "emit p --part 0 --of 1"
NO_STYLE = "the style is not JSON that can be read"

# By option: a command line, the value, and what is told of it; the exit code is 1.
WRONG = {
    "convert --format": (CONVERT, "bogus", "format must be one of 'ome-tiff', 'cog', 'tiff'"),
    "convert --ome-version": (CONVERT, "9", "ome_version must be one of '0.4', '0.5', not '9'"),
    "convert --levels": (CONVERT, "some", "levels must be one of 'source', 'full', not 'some'"),
    "convert --compression": (CONVERT, "x", "compression must be one of auto, keep, none, jpeg"),
    "convert --quality": (CONVERT, "101", "quality must be a whole number from 0 to 100, not 101"),
    "convert --effort": (CONVERT, "23", "effort must be a whole number from 0 to 22, not 23"),
    "convert --resample": (CONVERT, "sideways", "resample must be one of mean, nearest, mode"),
    "convert --tile-size": (CONVERT, "17", "tile_size must be a multiple of 16 from 16 to 8192"),
    "convert --predictor": (CONVERT, "x", "predictor must be one of 'auto', 'none', not 'x'"),
    "convert --lower-levels": (CONVERT, "x", "lower_levels must be one of 'auto', 'subifd', 'page"),
    "convert --layout": (CONVERT, "x", "layout must be one of 'plain', 'cog', not 'x'"),
    "convert --associated": (CONVERT, "x", "associated must be one of 'keep', 'drop', not 'x'"),
    "convert --region": (CONVERT, "1,2", "a region must be LEFT,TOP,WIDTH,HEIGHT"),
    "convert --mpp": (CONVERT, "x", "--mpp must be a number of micrometres, such as 0.5, not 'x'"),
    "convert --magnification": (CONVERT, "0", "magnification must be a number above 0, not 0.0"),
    "convert --frames": (CONVERT, "c", "frames must be AXIS=POSITIONS, such as c=0,2"),
    "convert --bands": (CONVERT, "x", "positions must be numbers from 0, such as 0,2 or 3-7, not"),
    "convert --color": (CONVERT, "x", "color must be one of 'keep', 'srgb', not 'x'"),
    "convert --policy": (CONVERT, "none.toml", "policy none.toml can't be read"),
    "convert --label": (CONVERT, "x", "label must be one of 'remove', 'blank', not 'x'"),
    "convert --threads": (CONVERT, "0", "threads must be a whole number from 1 to 1024, not 0"),
    "convert --max-memory": (CONVERT, "lots", "a size must be a number with k, M, G or T, such as"),
    "convert --jobs": (MANY, "0", "jobs must be how many slides are in work at a time, not 0"),
    "convert --dask": (f"{CONVERT} --plan p", "x", "--plan converts nothing"),
    "convert --report": (CONVERT, "r.txt", "a report must be .jsonl, .csv or - (stdout), not"),
    "convert --log": (CONVERT, "no/log", "no/log: can't be written: No such file"),
    "convert --plan": (CONVERT, "no/p", "no/p: No such file or directory"),
    "emit --part": (EMIT, "1", "--part must be 0 to 0, not 1"),
    "emit --of": (EMIT, "0", "--of must be a whole number of 1 or more, not 0"),
    "view --host": (SERVE, "ä" * 70, "can't listen on ää"),
    "view --port": (SERVE, "70000", "port must be a whole number from 0 to 65535, not 70000"),
    "view --snapshot": ("view a.tif", "o.txt", "a snapshot must be a .png, not o.txt"),
    "view --region": (SHOT, "1,2,3", "a region must be LEFT,TOP,WIDTH,HEIGHT"),
    "view --width": (SHOT, "0", "width must be from 1 up to some"),
    "view --opacity": (SHOT, "1.01", "opacity from 0 to 1"),
    "view --look": (SHOT, "[]", "look must be a JSON object of band, channels"),
    "view --export": (SERVE, "no/web", "no: there is no such folder; make it first"),
    "thumbnail --width": (THUMBNAIL, "1", "width must be a whole number of 2 or more, not 1"),
    "thumbnail --height": (THUMBNAIL, "1", "height must be a whole number of 2 or more, not 1"),
    "thumbnail --frame": (THUMBNAIL, "9", "there are 1 frames, 0 to 0, not 9"),
    "thumbnail --style": (THUMBNAIL, "{", NO_STYLE),
    "region --width": (REGION, "0", "width must be a whole number of 1 or more, not 0"),
    "region --height": (REGION, "-3", "height must be a whole number of 1 or more, not -3"),
    "region --frame": (REGION, "1", "there are 1 frames, 0 to 0, not 1"),
    "region --style": (REGION, "{", NO_STYLE),
    "region --region": (REGION, "60,0,5,5", "there are no pixels of the image in the region"),
    "region --mpp": (REGION, "1", "the image doesn't say how large its pixels are"),
    "region --magnification": (REGION, "5", "the image doesn't say its magnification"),
    "demo --slide": ("demo out", "gone.svs", "gone.svs: no such file or directory"),
}
# What takes no number or no name at all is told by the parser, with the option: exit code 2.
NUMBERS = [name for name, action in EVERY if action.type in (int, float)]


def test_every_option_that_takes_a_value_has_a_row() -> None:
    valued = {name for name, action in EVERY if action.nargs != 0}
    assert valued == WRONG.keys()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pixels = np.full((40, 60, 3), 7, np.uint8)
    tifffile.imwrite("a.tif", pixels, tile=(16, 16), photometric="rgb")
    return tmp_path


def test_a_wrong_value_is_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (words, value, told) in WRONG.items():
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(words), f"{name.split()[1]}={value}"])
        out, err = capsys.readouterr()
        assert (ended.value.code, out) == (1, ""), name
        assert told in err, name
        assert err.startswith("ziggurat: "), name
        assert err.count("\n") == 1, name
        left = [path.name for path in folder.iterdir() if path.name not in ("out", "p")]
        assert left == ["a.tif"], name


def test_what_is_no_number_is_a_usage_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NUMBERS:
        with pytest.raises(SystemExit) as ended:
            main([*shlex.split(WRONG[name][0]), f"{name.split()[1]}=much"])
        out, err = capsys.readouterr()
        assert (ended.value.code, out) == (2, ""), name
        assert f"{name.split()[1]}: invalid" in err, name
        assert [path.name for path in folder.iterdir()] == ["a.tif"], name


@pytest.mark.parametrize(
    "words",
    [f"{CONVERT} -j 2", f"{CONVERT} -j 2 --resume", f"{CONVERT} -j 2 --plan p",
     "convert a.tif s3://bucket/o.tiff -j 2", f"{CONVERT} --dask tcp://x:1 -j 2"],
)  # fmt: skip
def test_slides_at_a_time_are_of_several_slides(
    words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (1, "")
    assert "--jobs" in err
    assert [path.name for path in folder.iterdir()] == ["a.tif"]
