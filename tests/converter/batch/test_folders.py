"""What is taken out of a folder, what is one slide there, and what is said of the rest."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.batch.jobs import find_sources, left_out
from ziggurat.converter.cli.app import main
from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.unread import UNREAD

pytestmark = pytest.mark.usefixtures("quick_workers")


def write_set(folder: Path, names: list[str], *, binary_only: bool = False) -> None:
    """Write an OME-TIFF set of one plane a file: each names all, or the first is named by all."""
    schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    planes = "".join(
        f'<TiffData FirstZ="{z}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{z}</UUID>'
        "</TiffData>"
        for z, name in enumerate(names)
    )
    whole = (
        f'<OME xmlns="{schema}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint8" SizeX="32" '
        f'SizeY="32" SizeZ="{len(names)}" SizeC="1" SizeT="1" DimensionOrder="XYZCT">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
    )
    for number, name in enumerate(names):
        text = whole
        if binary_only and number:
            text = f'<OME xmlns="{schema}"><BinaryOnly MetadataFile="{names[0]}" UUID="u"/></OME>'
        pixels = np.full((32, 32), number, np.uint8)
        tifffile.imwrite(folder / name, pixels, description=text, metadata=None)


@pytest.mark.parametrize("binary_only", [False, True])
def test_a_set_of_files_is_one_slide(binary_only: bool, tmp_path: Path) -> None:
    write_set(tmp_path, ["b.ome.tif", "a.ome.tif", "c.ome.tif"], binary_only=binary_only)
    write_set(tmp_path, ["d.ome.tif", "moved away.ome.tif"])
    (tmp_path / "moved away.ome.tif").unlink()
    write_set(tmp_path, ["e.ome.tiff"])
    found = [path.name for path in find_sources([tmp_path])]
    assert found == ["a.ome.tif", "d.ome.tif", "e.ome.tiff"]


def test_files_of_one_companion_are_one_slide(tmp_path: Path) -> None:
    names = ["all.companion.ome", "a.ome.tif", "b.ome.tif"]
    write_set(tmp_path, names, binary_only=True)
    assert [path.name for path in find_sources([tmp_path])] == ["a.ome.tif"]
    assert not left_out([tmp_path])
    (tmp_path / names[0]).unlink()  # nothing says any more that they belong together
    assert len(find_sources([tmp_path])) == 2


def test_what_is_left_out_of_a_folder_is_named(
    tmp_path: Path, make_svs: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    slides, out = tmp_path / "slides", tmp_path / "out"
    (slides / "below").mkdir(parents=True)
    make_svs(slides / "a.svs", width=300, height=200)
    for name in ("a.vsi", "b.VSI", "c.zvi", "below/d.vsi", "README", "e.isyntax", ".hidden.vsi"):
        (slides / name).write_text("junk")
    assert left_out([slides]) == {".vsi": 3, ".zvi": 1, ".isyntax": 1, "without an ending": 1}
    with pytest.raises(SystemExit, match="0"):
        main(["convert", str(slides), str(out), "--format", "tiff", "--json"])
    said = capsys.readouterr()
    assert "left out" in said.err
    assert "3 .vsi" in said.err
    assert "1 .isyntax" in said.err
    report = json.loads(said.out)
    assert report["left_out"] == {".isyntax": 1, ".vsi": 3, ".zvi": 1, "without an ending": 1}


def slides_among_others(folder: Path, make_svs: Callable[..., Path]) -> Path:
    folder.mkdir()
    make_svs(folder / "a.svs", width=300, height=200)
    for name in ("a.vsi", "b.vsi", "e.isyntax"):
        (folder / name).write_text("junk")
    return folder


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_report_and_log_name_what_is_left_out(
    tmp_path: Path, make_svs: Callable[..., Path], suffix: str
) -> None:
    slides = slides_among_others(tmp_path / "slides", make_svs)
    report, log = tmp_path / f"report{suffix}", tmp_path / "log"
    options = ["--format", "tiff", "--report", str(report), "--log", str(log)]
    with pytest.raises(SystemExit, match="0"):
        main(["convert", str(slides), str(tmp_path / "out"), *options])
    with report.open(newline="") as file:
        rows = [*csv.DictReader(file)] if suffix == ".csv" else [*map(json.loads, file)]
    left = {row["source"]: row["message"] for row in rows if row["status"] == "left out"}
    words = "no slides that are read"
    assert left == {".isyntax": f"1 file, {words}", ".vsi": f"2 files, {words}"}
    assert [row["status"] for row in rows].count("done") == 1
    assert len({frozenset(row) for row in rows}) == 1  # all have the same columns
    assert f"INFO left out: .vsi: 2 files, {words}" in log.read_text()


def test_a_plan_in_json_names_what_is_left_out(
    tmp_path: Path, make_svs: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    slides = slides_among_others(tmp_path / "slides", make_svs)
    options = ["--format", "tiff", "--dry-run", "--json"]
    with pytest.raises(SystemExit, match="0"):
        main(["convert", str(slides), str(tmp_path / "out"), *options])
    first, end = json.JSONDecoder().raw_decode(text := capsys.readouterr().out)
    assert first == {"left_out": {".isyntax": 1, ".vsi": 2}}
    assert json.loads(text[end:])["steps"]


@pytest.mark.parametrize("suffix", [suffix for kind in UNREAD for suffix in kind.suffixes])
def test_kinds_that_are_not_read_get_a_sentence(suffix: str, tmp_path: Path) -> None:
    """Also where a preview in them could be shown for the slide."""
    path = tmp_path / f"slide{suffix}"
    tifffile.imwrite(path, np.zeros((32, 32, 3), np.uint8), photometric="rgb")
    with pytest.raises(UnsupportedFormatError, match="is not supported") as caught:
        ziggurat.open(path)
    assert ";" in str(caught.value)
    assert "gdal:" not in str(caught.value)


def test_a_folder_of_two_dicom_slides(tmp_path: Path, data_file: Callable[[str], Path]) -> None:
    """One of them would be shown, and the other lost without a word."""
    for name in ("jcupitt-cmu-1-small-region", "napari-wsi-CMU-1-Small-Region"):
        folder = data_file(f"dicom-wsi/{name}")
        first = min(folder.iterdir(), key=lambda path: path.stat().st_size)
        shutil.copy(first, tmp_path / f"{name}.dcm")
    with pytest.raises(UnsupportedFormatError, match="holds 2 DICOM slides; name one"):
        ziggurat.open(tmp_path)
