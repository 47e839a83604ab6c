"""Every cell and line that is printed of a plan, a check and an image, in words of its own."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from tests.converter.plan.deciding import FORM, TIFF, facts, level, options
from tests.converter.plan.test_each_decision import picture
from tests.converter.verify.test_errors import check
from ziggurat.converter.cli import display, tables, texts
from ziggurat.converter.cli.lines import report_lines, tolerance_text
from ziggurat.converter.cli.texts import (
    parse_bytes,
    parse_frames,
    parse_micrometres,
    parse_positions,
    parse_region,
    time_text,
)
from ziggurat.converter.plan.encoding import StoredTiles
from ziggurat.converter.plan.plan import ConversionPlan, make_plan
from ziggurat.converter.plan.report import ConversionReport, VerificationReport
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.image import Axis, Channel
from ziggurat.readers.model.reader import AssociatedImage, DecodedImage
from ziggurat.readers.views.array import array_reader
from ziggurat.readers.views.views import View


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "dumb")


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[list[list[str]], list[str]]:
    """Return the rows of all tables, and the lines outside of them."""
    rows, lines = [], []
    for line in capsys.readouterr().out.splitlines():
        cells = [cell.strip() for cell in re.split("[│┃|]", line)[1:-1]]
        if cells:
            rows.append(cells)
        elif not re.fullmatch(r"[\s─━┏┓┗┛┡┩┳╇┴┌┐└┘├┤┬┼╭╮╰╯+=-]*", line):
            lines.append(line.strip())
    return rows, lines


def planned() -> ConversionPlan:
    sizes = ((2000, 1500), (500, 375))
    made = facts(sizes=sizes, losses=("its [bold]overlays",))
    tiles = [StoredTiles(level(FORM, *size, (240, 240)), 1000.0) for size in sizes]
    pictures = (picture(), picture(name="[map]", width=70, height=50, codec=None, stored=None))
    made = dataclasses.replace(made, tiles=tuple(tiles), pictures=pictures, notes=("a note",))
    plan = make_plan(made, TIFF, options())
    return dataclasses.replace(
        plan, expected_bytes=2_500_000, expected_seconds=130.0, expected_memory=3 * 10**9
    )


def test_a_plan_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    plan = planned()
    display.show_plan(plan)
    rows, lines = printed(capsys)
    assert rows == [
        ["level", "size", "tiles", "action", "about"],
        ["0", "2000 × 1500", "63 of 240 × 240", "copy jpeg", "63.0 kB"],
        ["1", "1000 × 750", "20 of 240 × 240", "scale jpeg",
         tables.size_text(plan.steps[1].expected_bytes)],
        ["2", "500 × 375", "6 of 240 × 240", "copy jpeg", "6.0 kB"],
        ["3", "250 × 188", "2 of 240 × 240", "scale jpeg",
         tables.size_text(plan.steps[3].expected_bytes)],
        ["4", "125 × 94", "1 of 240 × 240", "cascade jpeg",
         tables.size_text(plan.steps[4].expected_bytes)],
        ["label", "400 × 300", "", "copy lzw", "5.0 kB"],
        ["[map]", "70 × 50", "", "encode deflate",
         tables.size_text(plan.pictures[1].expected_bytes)],
    ]  # fmt: skip
    assert lines == [
        "in.svs → tiff",
        f"level 0, 2: {plan.steps[0].reason}", f"level 1, 3: {plan.steps[1].reason}",
        f"level 4: {plan.steps[4].reason}",
        "about 2.5 MB, 2 minutes, 3.0 GB of memory",
        *(f"note: {note}" for note in plan.notes), "lost: its [bold]overlays",
    ]  # fmt: skip
    assert "a note" in plan.notes


@pytest.mark.parametrize(
    ("numbers", "words"),
    [([0], "0"), ([0, 1], "0-1"), ([0, 1, 2, 5], "0-2, 5"), ([1, 3, 4, 6], "1, 3-4, 6"), ([], "")],
)
def test_levels_are_named_in_spans(numbers: list[int], words: str) -> None:
    assert display._spans(numbers) == words


@pytest.mark.parametrize("problems", [(), ("its [red]colours", "its size")])
@pytest.mark.parametrize("source", [None, "s[1].svs"])
def test_a_check_is_told_whole(
    capsys: pytest.CaptureFixture[str], problems: tuple[str, ...], source: str | None
) -> None:
    one = check(level=0, checked=24, total=1017, different=0, max_error=0.0, mean_error=0.0)
    two = check(level=3, compared="level above", checked=7, total=9, different=5, max_error=17.5,
                tail_error=12.34567, mean_error=0.123456)  # fmt: skip
    display.show_verification(VerificationReport("o.tiff", source, (one, two), problems))
    rows, lines = printed(capsys)
    assert rows == [
        ["level", "compared", "tiles", "different", "max", "99.9 %", "mean error"],
        ["0", "pixels", "24 of 1017", "0", "0", "0", "0"],
        ["3", "level above", "7 of 9", "5", "17.5", "12.35", "0.1235"],
    ]
    end = "NOT what it should be" if problems else "verified"
    between = "o.tiff" if source is None else f"o.tiff against {source}"
    assert lines == [
        tolerance_text(two), *(f"wrong: {problem}" for problem in problems), f"{between}: {end}",
    ]  # fmt: skip
    display.show_verification(VerificationReport("o.tiff", source, (), problems))
    assert printed(capsys)[0] == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"checked": 0}, "level 2 was not compared: a mask weighs what it was made of"),
        ({"different": 0}, ""), ({"mean_limit": None}, ""),
        ({"compared": "level above"}, "level 2 halves the level above, which may be off by what "
         "its codec loses: up to 12 in the mean, 64 for 99.9 % of samples; single samples may be "
         "off by more"),
        ({"compared": "shrunk pixels", "tail_limit": None}, "level 2 is compared with the source "
         "shrunk, and no two ways to shrink agree: up to 12 in the mean; single samples may be "
         "off by more"),
        ({"mean_limit": 3084.567, "tail_limit": 16448.5}, "level 2 is of a lossy codec, or made "
         "from another level: up to 3.08e+03 in the mean, 1.64e+04 for 99.9 % of samples; single "
         "samples may be off by more"),
    ],
)  # fmt: skip
def test_why_a_level_may_differ(facts: dict[str, Any], words: str) -> None:
    assert tolerance_text(check(level=2, **facts)) == words


def test_a_conversion_is_told_whole() -> None:
    plan = planned()
    report = ConversionReport(
        "in.svs", "o.tiff", plan, 5_000_000, 2.0, ("one", "two"), ("fields: a", "images: b")
    )
    assert list(report_lines(report)) == [
        "o.tiff: 5.0 MB in 2.00 s (2.5 MB/s), 69 tiles copied, 23 encoded",
        "removed: fields: a", "removed: images: b", *(f"note: {note}" for note in plan.notes),
        "lost: one", "lost: two",
    ]  # fmt: skip
    at_once = dataclasses.replace(report, seconds=0.0, bytes_written=0)
    assert next(report_lines(at_once)).startswith("o.tiff: 0 bytes in 0.00 s (0 bytes/s), ")


class _Pictured(View):
    """An image with pictures beside it."""

    def associated(self, name: str) -> AssociatedImage:
        assert name in self.info.associated
        return DecodedImage(lambda: np.zeros((20, 30, 3), np.uint8))


def test_an_image_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    plain = array_reader(np.zeros((6, 40, 60, 2), np.uint16), axes="zyxs")
    info = dataclasses.replace(
        plain.info, mm_x=0.0005, mm_y=0.00025, magnification=20.5, alpha=True, backend="GDAL",
        axes=(Axis("z", 2, (0.5, 1.5), "[µm]"), Axis("c", 3)), losses=("its overlays", "its map"),
        channels=(Channel("[DAPI]", "#00f"), Channel("FITC"), Channel("Cy5")),
        associated=("label", "[map]"), properties={"aperio.MPP": "0.5", "none": ""},
        declined={"OpenSlide": "no [slide]"}, icc_profile=b"x" * 1500,
    )  # fmt: skip
    made = _Pictured(plain, info)
    tables.show_info("in[1].svs", made)
    rows, lines = printed(capsys)
    assert rows[:11] == [
        ["format", info.format], ["read by", "GDAL"], ["declined by OpenSlide", "no [slide]"],
        ["lost 1", "its overlays"], ["lost 2", "its map"], ["size", "60 × 40 pixels"],
        ["samples", f"2 × uint16, {info.interpretation.value} with alpha"],
        ["pixel size", "0.5 × 0.25 µm"], ["magnification", "20.5×"], ["ICC profile", "1.5 kB"],
        ["aperio.MPP", "0.5"],
    ]  # fmt: skip
    assert rows[11] == ["level", "size", "tiles", "codec", "downsample"]
    assert (rows[12][:2], rows[12][-1]) == (["0", "60 × 40"], "1")
    assert rows[13:] == [
        ["axis", "positions", "values", "unit"], ["z", "2", "0.5, 1.5", "[µm]"], ["c", "3", "", ""],
        ["channel", "name", "colour"], ["0", "[DAPI]", "#00f"], ["1", "FITC", ""], ["2", "Cy5", ""],
        ["name", "size", "codec"], ["label", "30 × 20", ""], ["[map]", "30 × 20", ""],
    ]  # fmt: skip
    assert lines == ["in[1].svs", "Levels", "6 frames", "Channels", "Associated images"]
    for name in ("mm_x", "mm_y"):
        assert tables.pixel_size_text(dataclasses.replace(info, **{name: None})) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a second"), (0.99, "less than a second"), (1, "1 s"), (119.4, "119 s"),
     (120, "2 minutes"), (3600, "60 minutes")],
)  # fmt: skip
def test_times(seconds: float, words: str) -> None:
    assert time_text(seconds) == words


@pytest.mark.parametrize(
    ("text", "size"),
    [(None, None), ("0", 0), ("1000000", 10**6), ("2GB", 2 * 10**9), ("2g", 2 * 10**9),
     ("512 MiB", 512 << 20), ("1.5k", 1500), ("1Ki", 1024), (" 3 TB ", 3 * 10**12), ("7b", 7),
     ("", 0.5), ("GB", 0.5), ("-1", 0.5), ("1 PB", 0.5), ("1e9", 0.5), ("1,5k", 0.5)],
)  # fmt: skip
def test_sizes_as_people_type_them(text: str | None, size: Any) -> None:
    if size == 0.5:
        with pytest.raises(OptionError, match="a size must be"):
            parse_bytes(text)
    else:
        assert parse_bytes(text) == size


def test_parts_as_people_type_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST", 100)
    assert parse_micrometres("0.5") == 0.0005
    assert parse_region(None) is None
    box = {"left": 1.0, "top": -2.5, "width": 3.0, "height": 4.0}
    assert parse_region("1,-2.5,3,4") == box
    assert parse_region("1, -2.5 ,3,4, EPSG:3857,x") == box | {"units": "EPSG:3857,x"}
    for wrong in ("1,2,3", "1,2,3,x", "", "a,b,c,d,mm"):
        with pytest.raises(OptionError, match="a region must be"):
            parse_region(wrong)
    assert parse_frames(["c=0,2", " Z = 3-5", "t=DAPI, 7 ,a-b"]) == {
        "c": (0, 2), "z": (3, 4, 5), "t": ("DAPI", 7, "a-b"),
    }  # fmt: skip
    for wrong in ("c", "=1", "c=", " = ", "c= "):
        with pytest.raises(OptionError, match="frames must be"):
            parse_frames([wrong])
    assert parse_positions("0,2, 5-7 ,5") == (0, 2, 5, 6, 7, 5)
    assert len(parse_positions("0-99")) == 100
    for wrong in ("", "a", "-1", "1-", "1-b", "0-100", "0-99,1", "9999999999", "3-1"):
        with pytest.raises(OptionError, match="position"):
            parse_positions(wrong)
