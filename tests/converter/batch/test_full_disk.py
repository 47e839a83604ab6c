"""What a full disk, or a kill, tears of a batch's own files costs one line at most, and is told."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.faults import file_size_limit
from ziggurat.converter.batch.append import append_line
from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.ledger import NAME, Ledger
from ziggurat.converter.batch.record import Records
from ziggurat.converter.batch.run import Outcome, Status, run_batch
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import WriteError

pytestmark = pytest.mark.usefixtures("quick_workers")

OPTIONS = ConvertOptions(format="tiff")


def job(folder: Path, name: str) -> Job:
    source = folder / f"{name}.tif"
    tifffile.imwrite(source, np.zeros((64, 64), np.uint8))
    output = folder / "out" / f"{name}.tiff"
    output.parent.mkdir(exist_ok=True)
    output.write_bytes(b"made")
    return Job(source, output)


def test_a_line_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_line(path, "first")
    with file_size_limit(20), pytest.raises(OSError, match="large"):
        append_line(path, "x" * 100)
    append_line(path, "third")
    assert path.read_text() == "first\nthird\n"


def test_behind_a_torn_line_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text('{"output": "a.tif')
    append_line(path, "next")
    assert path.read_text() == '{"output": "a.tif\nnext\n'


def test_a_ledger_goes_on_behind_a_torn_line(tmp_path: Path) -> None:
    one, two, three = (job(tmp_path, name) for name in ("a", "b", "c"))
    ledger = Ledger(tmp_path / "out", OPTIONS)
    ledger.add(one)
    ledger.add(two)
    path = tmp_path / "out" / NAME
    path.write_bytes(path.read_bytes()[:-30] + b"\xff\xfe")  # a kill, and what the disk made of it
    again = Ledger(tmp_path / "out", OPTIONS)
    assert again.knows(one)
    assert not again.knows(two)
    again.add(three)
    last = Ledger(tmp_path / "out", OPTIONS)
    assert [last.knows(each) for each in (one, two, three)] == [True, False, True]


def test_a_ledger_without_room_says_what_comes_of_it(tmp_path: Path) -> None:
    one, two = job(tmp_path, "a"), job(tmp_path, "b")
    ledger = Ledger(tmp_path / "out", OPTIONS)
    ledger.add(one)
    before = (tmp_path / "out" / NAME).read_bytes()
    with file_size_limit(len(before) + 10), pytest.raises(WriteError, match="--resume"):
        ledger.add(two)
    assert (tmp_path / "out" / NAME).read_bytes() == before


def test_a_batch_whose_ledger_can_not_be_written_makes_its_outputs(tmp_path: Path) -> None:
    one = job(tmp_path, "a")
    one.output.unlink()
    (tmp_path / "out" / NAME).mkdir()  # nothing can be noted
    (outcome,) = run_batch([one], OPTIONS).outcomes
    assert outcome.status is Status.DONE
    assert "could not be noted" in outcome.message
    assert one.output.exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_report_keeps_whole_lines_and_its_end_tells_of_the_others(
    tmp_path: Path, suffix: str
) -> None:
    report, log = tmp_path / f"r{suffix}", tmp_path / "log"
    outcomes = [
        Outcome(Job(tmp_path / f"{n}  {n}.svs", tmp_path / "o"), Status.FAILED, "two\nlines")
        for n in range(3)
    ]
    kept = Records(str(report), str(log))
    kept.__enter__()
    kept.add(outcomes[0])
    with file_size_limit(report.stat().st_size + 40):
        kept.add(outcomes[1])
    kept.add(outcomes[2])
    with pytest.raises(WriteError, match="lacks 1 lines"):
        kept.__exit__(None, None, None)
    text = report.read_text()
    found = (
        [json.loads(line)["source"] for line in text.splitlines()]
        if suffix == ".jsonl"
        else [row["source"] for row in csv.DictReader(text.splitlines(keepends=True))]
    )
    assert found == [str(outcome.job.source) for outcome in (outcomes[0], outcomes[2])]
    assert log.read_text().count("two lines\n") >= 2
