"""Which slides are meant, where each goes, what is noted of it: each by itself, without a run."""

import csv
import dataclasses
import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.each import each
from ziggurat.converter.batch import run as batch
from ziggurat.converter.batch.check import verify_folders
from ziggurat.converter.batch.jobs import (
    Job,
    SharedJob,
    find_sources,
    numbered,
    plan_jobs,
    split_pattern,
)
from ziggurat.converter.batch.ledger import NAME, Ledger, _lasting
from ziggurat.converter.batch.proof import output_hash, tree_hash, write_proof
from ziggurat.converter.batch.record import COLUMNS, Records
from ziggurat.converter.batch.run import Outcome, Status, run_batch
from ziggurat.converter.batch.sets import later_files
from ziggurat.converter.batch.shared import _one, shared_jobs
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import ConversionReport, VerificationReport
from ziggurat.readers.errors import OptionError


def touched(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_is_found_in_folders(tmp_path: Path) -> None:
    good = [touched(tmp_path / name) for name in ("a.svs", "b/c.NDPI", "b/d/e.tif", "f.ome.tiff")]
    for name in (".h.svs", ".hidden/i.svs", "b/.j.tif", "k.txt", "out/l.svs", "m.zarr.txt"):
        touched(tmp_path / name)
    touched(tmp_path / "n.zarr" / "zarr.json")
    touched(tmp_path / "o" / ".zgroup")
    (tmp_path / "linked").symlink_to(tmp_path / "b")
    (tmp_path / "round").symlink_to(tmp_path)
    found = find_sources([tmp_path], tmp_path / "out")
    assert sorted(found) == sorted([*good, tmp_path / "n.zarr", tmp_path / "o"])
    assert find_sources([tmp_path / "*.svs", tmp_path / "a.svs"]) == [tmp_path / "a.svs"]


OPTIONS = ConvertOptions(format="tiff")


def outputs(sources: list[Path], folder: Path, *roots: Path, **options: Any) -> list[str]:
    given = dataclasses.replace(OPTIONS, **options)
    jobs = plan_jobs(sources, folder, given, roots)
    assert [job.source for job in jobs] == sources
    return [str(job.output.relative_to(folder)) for job in jobs]


def test_where_slides_go(tmp_path: Path) -> None:
    names = ["a.svs", "a.ndpi", "b.ome.tif", "x/a.svs", "x/b.zarr", "y/a.svs", "y/c.v1.svs"]
    every = [touched(tmp_path / name) for name in names]
    assert outputs(every, Path("out"), tmp_path) == [
        "a.svs.tiff", "a.ndpi.tiff", "b.tiff", "x/a.tiff", "x/b.tiff", "y/a.tiff", "y/c.v1.tiff",
    ]  # fmt: skip
    assert outputs(every[3:4] + every[6:], Path("out")) == ["a.tiff", "c.v1.tiff"]


@pytest.mark.parametrize(("count", "last"), [(1, "slide-0001"), (10_000, "slide-10000")])
def test_numbers_sort_as_they_count(count: int, last: str) -> None:
    names = numbered(count)
    assert names[-1] == last
    assert names == sorted(names)
    assert len(set(names)) == count


def test_slides_of_urls_are_named_as_files_are(tmp_path: Path) -> None:
    files = [str(touched(tmp_path / name)) for name in ("a.svs", "b.svs", "x/a.ndpi")]
    jobs = shared_jobs([*files, "https://h/c.ome.tif"], "s3://o/p", OPTIONS)
    assert [(job.source, job.output) for job in jobs] == [
        (files[0], "s3://o/p/a.svs.tiff"), (files[1], "s3://o/p/b.tiff"),
        (files[2], "s3://o/p/a.ndpi.tiff"), ("https://h/c.ome.tif", "s3://o/p/c.tiff"),
    ]  # fmt: skip


@each("folder, form, target", [("s3://o/*.tif", None, "s3://o/a.tif"), ("s3://o/*.ome.tif", None, "s3://o/a.ome.tif"),
     ("s3://o/*.tif", "tiff", "s3://o/a.tif"), ("s3://o", "tiff", "s3://o/a.tiff"),
     ("s3://o/*.zarr", "tiff", None), ("s3://o/*.txt", None, None), ("s3://o", None, None)],
)  # fmt: skip
def test_what_all_become_is_said_once(folder: str, form: str | None, target: str | None) -> None:
    """By a suffix, which outputs then have, or by ``--format``: never by two that differ."""
    given = ConvertOptions(format=form)
    if target is None:
        with pytest.raises(OptionError):
            shared_jobs(["https://h/a.svs"], folder, given)
    else:
        assert [job.output for job in shared_jobs(["https://h/a.svs"], folder, given)] == [target]
    if "*" not in folder:
        return
    local = Path("out") / folder.rsplit("/", 1)[-1]
    if target is None:
        with pytest.raises(OptionError):
            split_pattern(local, given)
    else:
        assert split_pattern(local, given)[0] == Path("out")


@pytest.mark.parametrize(
    ("threads", "workers", "each"),
    [(3, 2, 3), (None, 2, 4), (None, 3, 2), (None, 99, 1), (1, 1, 1)],
)
def test_threads_are_those_that_are_asked_for_or_a_share_of_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int | None, workers: int, each: int
) -> None:
    seen: list[int | None] = []

    def work(todo: Any, options: ConvertOptions, *_: Any, **__: Any) -> Any:
        seen.append(options.threads)
        return iter([(job, Outcome(job, Status.FAILED)) for job in todo])

    monkeypatch.setattr(batch, "work", work)
    monkeypatch.setattr("ziggurat.converter.plan.costs.os.cpu_count", lambda: 8)
    given = dataclasses.replace(OPTIONS, threads=threads)
    run_batch([Job(Path("a"), tmp_path / "a.tiff")], given, workers=workers)
    assert seen == [each]


def test_folders_of_slides_that_failed_are_gone_the_inner_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(todo: Any, *_: Any, **__: Any) -> Any:
        for job in todo:
            if job.source.name == "good":
                touched(job.output)
            yield job, Outcome(job, Status.DONE if job.output.exists() else Status.FAILED)

    monkeypatch.setattr(batch, "work", work)
    jobs = [Job(Path("bad"), tmp_path / "o/x/y/z/a.tiff"), Job(Path("good"), tmp_path / "o/v/a")]
    run_batch(jobs, OPTIONS, folder=tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "o").rglob("*")) == [
        "o/v", "o/v/a",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("there", "resume", "overwrite", "status"),
    [(False, False, False, "made"), (True, False, False, Status.FAILED),
     (True, True, False, Status.SKIPPED), (True, False, True, "made"),
     (True, True, True, Status.SKIPPED), (False, True, False, "made")],
)  # fmt: skip
def test_what_is_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool, resume: bool, overwrite: bool,
    status: Any,
) -> None:  # fmt: skip
    made: list[Any] = []

    def convert(source: Any, output: Any, options: Any, **_: Any) -> Any:
        made.append((source, output, options.overwrite))
        raise MemoryError("stop here")

    monkeypatch.setattr("ziggurat.converter.batch.shared.convert", convert)
    output = tmp_path / "o.tiff"
    if there:
        touched(output)
    options = dataclasses.replace(OPTIONS, overwrite=overwrite)
    job = SharedJob("a.svs", str(output))
    found = _one(job, options, None, False, resume=resume)
    assert bool(made) is (status == "made")
    assert found.status is (Status.FAILED if status == "made" else status)


def passing(options: ConvertOptions) -> set[str]:
    return {field.name for field in dataclasses.fields(options)} - set(_lasting(options))


def test_only_what_makes_no_difference_is_passed_over() -> None:
    assert passing(OPTIONS) == {"overwrite", "threads", "max_memory", "verify"}


def test_a_source_of_the_same_name_elsewhere_is_another(tmp_path: Path) -> None:
    one, two = (touched(tmp_path / folder / "a.svs") for folder in "xy")
    for path in (one, two):
        os.utime(path, ns=(5, 5))
    output = touched(tmp_path / "o.tiff")
    Ledger(tmp_path, OPTIONS).add(Job(one, output))
    ledger = Ledger(tmp_path, OPTIONS)
    assert ledger.knows(Job(one, output))
    assert not ledger.knows(Job(two, output))


def test_the_last_word_of_a_ledger_counts(tmp_path: Path) -> None:
    source, output = touched(tmp_path / "a.svs"), touched(tmp_path / "o.tiff")
    job = Job(source, output)
    Ledger(tmp_path, OPTIONS).add(job)
    touched(output, b"made again")
    assert not Ledger(tmp_path, OPTIONS).knows(job)
    ledger = Ledger(tmp_path, OPTIONS)
    ledger.add(job)
    assert ledger.knows(job)
    assert Ledger(tmp_path, OPTIONS).knows(job)
    assert len((tmp_path / NAME).read_text().splitlines()) == 2
    with (tmp_path / NAME).open("a") as file:
        file.write('{"output": "o.tiff", "state"\n[]\n7\n')
    assert Ledger(tmp_path, OPTIONS).knows(job), "what is torn says nothing"


def test_outputs_that_were_looked_at_and_are_wrong_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run notes an output that it finds right, and no other."""
    jobs = [Job(touched(tmp_path / f"{n}.svs"), touched(tmp_path / f"{n}.tiff")) for n in "abc"]
    jobs[2].output.unlink()
    done: list[Any] = []

    class Reader:
        def __enter__(self) -> "Reader":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        reader = None

    def against(output: Path, *_: Any, **__: Any) -> VerificationReport:
        problems = ("wrong",) if output.name == "b.tiff" else ()
        return VerificationReport("", "", (), problems)

    def work(todo: Any, options: Any, *_: Any, **__: Any) -> Any:
        assert options.overwrite
        for job in list(todo)[::-1]:  # they end in any order
            done.append(job)
            yield job, Outcome(job, Status.DONE)

    monkeypatch.setattr(batch, "open_reader", lambda _: Reader())
    monkeypatch.setattr(batch, "prepare", lambda *_: Reader())
    monkeypatch.setattr(batch, "plan_for", lambda *_: None)
    monkeypatch.setattr(batch, "verify_against", against)
    monkeypatch.setattr(batch, "work", work)
    report = run_batch(jobs, OPTIONS, resume=True, folder=tmp_path)
    assert sorted(done, key=lambda job: job.name) == jobs[1:]
    assert [outcome.job for outcome in report.outcomes] == jobs
    assert [o.status for o in report.outcomes] == [Status.SKIPPED, Status.DONE, Status.DONE]
    noted = {json.loads(line)["output"] for line in (tmp_path / NAME).read_text().splitlines()}
    assert noted == {"a.tiff", "b.tiff", "c.tiff"}
    (tmp_path / NAME).unlink()
    monkeypatch.setattr(batch, "work", lambda *_, **__: iter([(job, Outcome(job, Status.FAILED))
                                                              for job in jobs[1:]]))  # fmt: skip
    run_batch(jobs, OPTIONS, resume=True, folder=tmp_path)
    (line,) = (tmp_path / NAME).read_text().splitlines()
    assert json.loads(line)["output"] == "a.tiff"


@pytest.mark.parametrize("error", [OSError("x"), MemoryError("x"), ValueError("x"), KeyError("x")])
def test_whatever_is_wrong_with_a_slide_is_its_own_failure(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def convert(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(batch, "convert", convert)
    found = batch._convert(Job(Path("a"), Path("b")), OPTIONS, lambda _: None, False)
    assert found.status is Status.FAILED
    assert "x" in found.message


def test_a_folder_of_outputs_against_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, made = tmp_path / "s", tmp_path / "o"
    for name in ("a.svs", "a.ndpi", "x/a.svs", "b.svs", "lost.svs"):
        touched(sources / name)
    for name in ("a.svs.tiff", "a.ndpi.tiff", "x/a.tiff", "b.tiff", "b.svs.tiff", "strange.tiff"):
        touched(made / name)
    checked: list[Any] = []

    def pair(source: Path, output: Path, *, full: bool) -> VerificationReport:
        assert full
        checked.append((str(source.relative_to(sources)), str(output.relative_to(made))))
        return VerificationReport(str(output), str(source), (), ())

    monkeypatch.setattr("ziggurat.converter.batch.check.verify_pair", pair)
    found = list(verify_folders(sources, made, full=True))
    assert set(checked) == {
        ("a.svs", "a.svs.tiff"), ("a.ndpi", "a.ndpi.tiff"), ("x/a.svs", "x/a.tiff"),
        ("b.svs", "b.tiff"), ("b.svs", "b.svs.tiff"),
    }  # fmt: skip
    wrong = sorted(check.line for check in found if not check.ok)
    assert [Path(line.split(":")[1].strip()).name for line in wrong] == ["strange.tiff", "lost.svs"]
    checked.clear()
    touched(made / NAME, b"")
    list(verify_folders(made, sources, full=True))
    assert len(checked) == 5, "the notes of a batch tell which folder is which"


def test_hashes_of_folders_are_of_places_too(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in "123")
    for root, names in ((one, ("a/x", "b/y")), (two, ("a/y", "b/x")), (three, ("b/x", "a/y"))):
        for name in names:
            touched(root / name, name[-1].encode())
    assert tree_hash(two) == tree_hash(three)
    assert tree_hash(one) != tree_hash(two)
    file = touched(tmp_path / "f.tiff", b"content")
    assert tree_hash(file) == output_hash(file) == hashlib.sha256(b"content").hexdigest()
    moved = tmp_path / "4"
    for name in ("a/x", "c/y"):
        touched(moved / name, name[-1].encode())
    assert tree_hash(moved) != tree_hash(one)


def test_a_proof_counts_what_went(tmp_path: Path) -> None:
    output = touched(tmp_path / "o.tiff", b"output")
    removed = ("associated images: label, macro", "fields: a.User", "the source's description")
    plan: Any = None
    report = ConversionReport("s", "o", plan, 1, 1.0, ("one",), removed, searched=7)
    path = write_proof(touched(tmp_path / "Jane.svs", b"source"), output, report, "abc")
    facts = json.loads(path.read_text())
    assert facts["removed"] == {
        "associated images": 2, "fields": 1, "the source's description": 1,
    }  # fmt: skip
    assert facts["looked_for"]["texts"] == 7
    assert facts["output_sha256"] == "abc"
    assert facts["source_sha256"] == hashlib.sha256(b"source").hexdigest()
    assert facts["losses"] == ["one"]
    assert "Jane" not in path.read_text()


def test_a_report_begins_anew_and_a_log_goes_on(tmp_path: Path) -> None:
    report, log = tmp_path / "r.csv", tmp_path / "l.log"
    plan: Any = SimpleNamespace(copied_tiles=3, encoded_tiles=4)
    told = ConversionReport("s", "o", plan, 1, 1.0, ("one, two", "three"), ("a", "b", "c"))
    for _ in range(2):
        with Records(str(report), str(log)) as records:
            for name in ("a", 'b, "c"\nd'):
                records.add(Outcome(Job(Path(name), Path("o")), Status.DONE, report=told))
    with report.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == ["a", 'b, "c"\nd']
    assert list(rows[0]) == list(COLUMNS)
    assert (rows[0]["losses"], rows[0]["removed"]) == ("one, two; three", "a; b; c")
    assert (rows[0]["tiles_copied"], rows[0]["tiles_encoded"]) == ("3", "4")
    assert len(log.read_text().splitlines()) == 4


def test_sets_of_files_that_hang_together_in_a_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file names but one other: the set is what hangs together, whatever the order."""
    chain = {"d": ["b"], "c": ["d"], "b": [], "a": ["c"], "y": ["z"], "z": [], "alone": []}
    files = {name: tmp_path / f"{name}.ome.tif" for name in chain}

    def named(file: Path) -> list[str]:
        return [f"{name}.ome.tif" for name in chain[file.name.split(".")[0]]]

    monkeypatch.setattr("ziggurat.converter.batch.sets._named_by", named)
    assert_later(files, {"b", "c", "d", "z", "x"}, tmp_path)
    chain = {"a": ["x"], "b": ["y"], "x": [], "y": [], "z": ["x", "y"]}  # two, and what joins them
    files = {name: tmp_path / f"{name}.ome.tif" for name in chain}
    assert_later(files, {"b", "x", "y", "z"}, tmp_path)


def assert_later(files: dict[str, Path], due: set[str], tmp_path: Path) -> None:
    for order in (list(files.values()), list(files.values())[::-1]):
        later = later_files([*order, tmp_path / "x.companion.ome", tmp_path / "b.svs"])
        assert {path.name.split(".")[0] for path in later} == due | {"x"}
