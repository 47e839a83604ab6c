"""Words of the command line that are invalid or would have no effect: one line, nothing made."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.cli.app import main

LONG = "9" * 5000


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that knows neither its pixels' size nor a magnification."""
    path = tmp_path_factory.mktemp("refused") / "a.tif"
    tifffile.imwrite(path, np.full((40, 60, 3), 7, np.uint8), tile=(16, 16))
    return path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("convert IN OUT.tiff --mpp abc", "must be a number of micrometres"),
        ("convert IN OUT.tiff --mpp nan", "mm_per_pixel must be"),
        ("convert IN OUT.tiff --bands 0-999999999", "positions must be at most"),
        ("convert IN OUT.tiff --bands 0-600000,0-600000", "positions must be at most"),
        ("convert IN OUT.tiff --bands 0-99999999999", "positions must be numbers"),
        ("convert IN OUT.tiff --frames c=0-99999999999999999999", "positions must be numbers"),
        (f"convert IN OUT.tiff --bands {LONG}", "positions must be numbers"),
        ("region IN OUT.png --mpp 1 --magnification 5", "must not be given together"),
        ("region IN OUT.png --mpp 1", "doesn't say how large its pixels are"),
        ("region IN OUT.png --magnification 5", "doesn't say its magnification"),
        ("view IN --port 70000 --no-browser", "port must be"),
        ("view IN --port -1 --no-browser", "port must be"),
        (f"view IN --host {'ä' * 70} --no-browser", "can't listen on"),
        ("view IN --snapshot OUT.png --look {} --look {}", "one an image at most: 2 of 1"),
        ("view IN --snapshot OUT.png --port 80", "--port must be given without --snapshot"),
        ("view IN --export OUT --host 127.0.0.2", "--host must be given without"),
        ("view IN --export OUT --map", "--map must be given without --export"),
        ("view IN --export OUT --region 0,0,9,9", "--region must be given with --snapshot"),
        ("view IN --export OUT --overwrite", "--overwrite must be given with --snapshot"),
        ("view IN --width 9 --opacity 1 --look {}", "--width, --opacity, --look must be given"),
    ],
)
def test_what_is_invalid_or_would_do_nothing_is_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    places = {"IN": str(image), "OUT": str(tmp_path / "out")}
    given = [
        places.get(word, word.replace("OUT", places["OUT"], 1) if word[:3] == "OUT" else word)
        for word in words.split()
    ]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
    assert len(err) < 6000
    assert not list(tmp_path.iterdir())
