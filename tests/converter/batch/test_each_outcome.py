"""What a batch asks of its workers, what becomes of each slide, and what its notes tell later."""

import dataclasses
import hashlib
import json
import os
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.converter.batch.test_each_slide import OPTIONS, touched
from ziggurat.converter.batch import run as batch
from ziggurat.converter.batch.check import verify_folders
from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.ledger import NAME, Ledger
from ziggurat.converter.batch.run import Outcome, Status, run_batch
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import ConversionReport, VerificationReport


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("hashes", [False, True])
def test_what_the_workers_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool, resume: bool, hashes: bool
) -> None:
    """What is asked of a batch, and no more: only a resumed one replaces what was looked at."""
    asked: list[Any] = []

    def work(todo: Any, options: ConvertOptions, count: int, do: Any, *, hashes: bool) -> Any:
        asked.append((options, count, do, hashes))
        for job in list(todo):
            yield job, "half of it"
            yield job, Outcome(job, Status.DONE if job.source.name == "a" else Status.FAILED)

    monkeypatch.setattr(batch, "work", work)
    given = dataclasses.replace(OPTIONS, overwrite=overwrite, threads=5, quality=70)
    jobs = [Job(tmp_path / n, touched(tmp_path / "o" / n)) for n in "ba"]
    heard: list[Any] = []
    report = run_batch(
        jobs, given, workers=3, resume=resume, folder=tmp_path, hashes=hashes,
        on_event=lambda *event: heard.append(event),
    )  # fmt: skip
    wanted = dataclasses.replace(given, overwrite=overwrite or resume)
    assert asked == [(wanted, 3, batch._convert, hashes)]
    assert [(job, event if isinstance(event, str) else event.status) for job, event in heard] == [
        (jobs[0], "half of it"), (jobs[0], Status.FAILED),
        (jobs[1], "half of it"), (jobs[1], Status.DONE),
    ]  # fmt: skip
    assert (report.count(Status.DONE), report.count(Status.FAILED)) == (1, 1)
    (line,) = (tmp_path / NAME).read_text().splitlines()  # what failed is not noted as done
    assert json.loads(line)["output"] == "o/a"
    assert not (tmp_path / "o" / NAME).exists()


@pytest.mark.parametrize("deidentify", [False, True])
@pytest.mark.parametrize("hashes", [False, True])
def test_what_is_known_of_a_slide_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deidentify: bool, hashes: bool
) -> None:
    """Its hash where it is wanted, or a proof holds it; and the proof where one is due."""
    made: Any = ConversionReport("s", "o", Any, 17, 2.5, (), ())

    def convert(source: Path, output: Path, options: Any, *, on_progress: Any) -> Any:
        assert (source, output, options) == (job.source, job.output, given)
        on_progress("half of it")
        touched(output, b"pixels")
        return made

    heard: list[Any] = []
    monkeypatch.setattr(batch, "convert", convert)
    given = dataclasses.replace(OPTIONS, deidentify=deidentify)
    job = Job(touched(tmp_path / "a.svs", b"source"), tmp_path / "o.tiff")
    found = batch._convert(job, given, heard.append, hashes)
    assert (found.status, found.bytes_written, found.seconds) == (Status.DONE, 17, 2.5)
    assert (found.report, found.job, heard) == (made, job, ["half of it"])
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert found.sha256 == (digest if hashes or deidentify else None)
    proof = tmp_path / "o.tiff.proof.json"
    assert proof.exists() is deidentify
    assert not deidentify or json.loads(proof.read_text())["output_sha256"] == digest


def test_an_output_that_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    """Whatever runs it: no source of them can be read, so that nothing of use takes its place."""
    sources = [touched(tmp_path / f"{name}.svs") for name in "ab"]
    jobs = [Job(source, touched(tmp_path / f"{source.stem}.tiff", b"mine")) for source in sources]
    for job in jobs:
        found = batch._convert(job, OPTIONS, lambda _: None, False)
        assert found.status is Status.FAILED
        assert "exists already; --overwrite" in found.message
        over = dataclasses.replace(OPTIONS, overwrite=True)
        found = batch._convert(job, over, lambda _: None, False)
        assert found.status is Status.FAILED
        assert "exists already" not in found.message
        assert job.output.read_bytes() == b"mine"


def test_the_notes_of_a_batch_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slide is told whose output is gone, or was never made, though others are noted."""
    sources, made = tmp_path / "s", tmp_path / "o"
    for name in ("kept.svs", "gone.svs", "never.svs", "changed.svs", "torn.svs", "two.svs"):
        touched(sources / name)
    ledger = Ledger(made, OPTIONS)
    for name, output in (
        ("kept", "slide-1.tiff"), ("gone", "slide-2.tiff"), ("changed", "slide-3.tiff"),
        ("torn", "slide-4.tiff"), ("two", "slide-5.tiff"), ("two", "slide-6.tiff"),
    ):  # fmt: skip
        ledger.add(Job(sources / f"{name}.svs", touched(made / output)))
    (made / "slide-2.tiff").unlink()
    touched(sources / "changed.svs", b"another slide of this name")

    def pair(source: Path, output: Path, *, full: bool) -> VerificationReport:
        assert not full
        if source.name == "torn.svs":
            raise PermissionError(13, "Permission denied", str(output))
        problems = ("its size is another", "so are its bands") if output.stem[-1] == "6" else ()
        return VerificationReport(str(output), str(source), (), problems)

    monkeypatch.setattr("ziggurat.converter.batch.check.verify_pair", pair)
    for one, two in ((sources, made), (made, sources)):  # whichever is named first
        lines = {check.line: check.ok for check in verify_folders(one, two, full=False)}
        assert lines == {
            f"verified: {made}/slide-1.tiff against {sources}/kept.svs": True,
            f"wrong: {sources}/gone.svs: there is no output of it in {made}": False,
            f"wrong: {sources}/never.svs: there is no output of it in {made}": False,
            f"wrong: {sources}/changed.svs: there is no output of it in {made}": False,
            f"wrong: {made}/slide-3.tiff: there is no source of it in {sources}": False,
            f"wrong: {made}/slide-4.tiff: {made}/slide-4.tiff: Permission denied": False,
            f"verified: {made}/slide-5.tiff against {sources}/two.svs": True,
            f"wrong: {made}/slide-6.tiff: its size is another; so are its bands": False,
        }
    touched(sources / NAME, b"")  # notes in both: outputs of outputs
    assert {check.ok for check in verify_folders(sources, made, full=False)} == {True, False}
    assert all(check.source == "" or check.source.startswith(str(sources))
               for check in verify_folders(sources, made, full=False))  # fmt: skip


def test_a_resumed_run_tells_of_what_it_passes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slide is told once, whether it was done before, now, or could not be noted."""
    jobs = [Job(touched(tmp_path / f"{n}.svs"), touched(tmp_path / "o" / n)) for n in "abc"]
    ledger = Ledger(tmp_path / "o", OPTIONS)
    ledger.add(jobs[1])
    for job in (jobs[0], jobs[2]):
        job.output.unlink()

    def work(todo: Any, options: Any, count: int, *_: Any, **__: Any) -> Any:
        assert (list(todo), options.overwrite) == ([jobs[0], jobs[2]], True)
        for job in todo:
            yield job, Outcome(job, Status.DONE, bytes_written=5)

    def append(path: Path, line: str) -> None:
        if json.loads(line)["output"] == "c":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch, "work", work)
    monkeypatch.setattr("ziggurat.converter.batch.ledger.append_line", append)
    heard: list[Any] = []
    report = run_batch(
        jobs,
        OPTIONS,
        resume=True,
        folder=tmp_path / "o",
        on_event=lambda _, event: heard.append(event),
    )
    assert sorted(heard, key=lambda event: event.job.name) == list(report.outcomes)
    assert [outcome.status for outcome in report.outcomes] == [
        Status.DONE, Status.SKIPPED, Status.DONE,
    ]  # fmt: skip
    assert [outcome.message for outcome in report.outcomes][:2] == ["", "done before"]
    assert "it is done, but that could not be noted" in report.outcomes[2].message
    assert "No space left on device" in report.outcomes[2].message
    assert report.outcomes[2].bytes_written == 5


def test_a_source_is_known_by_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the file that it is: a link to it, or its name seen from elsewhere, is the same slide."""
    source, output = touched(tmp_path / "in" / "a.svs"), touched(tmp_path / "o" / "a.tiff")
    Ledger(tmp_path / "o", OPTIONS).add(Job(source, output))
    (tmp_path / "link.svs").symlink_to(source)
    monkeypatch.chdir(tmp_path / "in")
    for name in ("a.svs", "../in/a.svs", "../link.svs"):
        ledger = Ledger(Path("../o"), OPTIONS)
        assert ledger.knows(Job(Path(name), Path("../o/a.tiff"))), name
        assert Ledger.outputs_of(Path("../o"), [Path(name)]) == {Path(name): [Path("../o/a.tiff")]}
    with (tmp_path / "o" / NAME).open("ab") as file:
        file.write(b'\xff\xfe{"output"\n\n[1]\n"a"\n{"output": "a.tiff"')
    assert Ledger(tmp_path / "o", OPTIONS).knows(Job(source, output)), "what is torn says nothing"
    for change in ("utime", "size", "gone"):
        for path in (source, output):
            assert Ledger(tmp_path / "o", OPTIONS).knows(Job(source, output))
            before, stat = path.read_bytes(), path.stat()
            if change == "utime":
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
            elif change == "size":
                path.write_bytes(before + b"more")
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            else:
                path.unlink()
            assert not Ledger(tmp_path / "o", OPTIONS).knows(Job(source, output)), (change, path)
            path.write_bytes(before)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_every_option_that_changes_an_output_is_looked_at(tmp_path: Path) -> None:
    job = Job(touched(tmp_path / "a.svs"), touched(tmp_path / "a.tiff"))
    Ledger(tmp_path, OPTIONS).add(job)
    others: dict[str, Any] = {
        "format": "svs", "ome_version": "0.4", "levels": "source", "compression": "lzw",
        "quality": 80, "effort": 3, "resample": "max", "reencode": True, "tile_size": 64,
        "predictor": "none", "lower_levels": "pages", "layout": "cog", "associated": "drop",
        "region": {"left": 3}, "mm_per_pixel": 0.001, "magnification": 10, "frames": {"z": [1]},
        "bands": (1,), "color": "srgb", "deidentify": True, "policy": Path("p.toml"),
        "strict": True,
    }  # fmt: skip
    same: dict[str, Any] = {"overwrite": True, "threads": 3, "max_memory": 1 << 26,
                            "verify": "full"}  # fmt: skip
    names = {field.name for field in dataclasses.fields(OPTIONS)}
    assert names == {*others, *same, "label"}
    for given in (others, same):
        for name, value in given.items():
            asked = dataclasses.replace(OPTIONS, **{name: value})
            assert Ledger(tmp_path, asked).knows(job) is (given is same), name
    blank = dataclasses.replace(OPTIONS, deidentify=True, label="blank")
    Ledger(tmp_path, blank).add(job)
    assert not Ledger(tmp_path, dataclasses.replace(blank, label="remove")).knows(job)
    assert Ledger(tmp_path, blank).knows(job)


@pytest.mark.parametrize("deidentify", [False, True])
def test_what_is_to_be_de_identified_is_done_where_that_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deidentify: bool
) -> None:
    """By the very rules of now: pixels that are right say nothing of the texts beside them."""
    job = Job(touched(tmp_path / "a.svs"), touched(tmp_path / "a.tiff"))
    policy = touched(tmp_path / "p.toml", b"[fields]")
    rules = {"deidentify": True, "policy": policy} if deidentify else {}
    given = dataclasses.replace(OPTIONS, **rules)
    asked: list[Job] = []

    def work(todo: Any, *_: Any, **__: Any) -> Any:
        asked.extend(todo)
        return iter([(job, Outcome(job, Status.DONE)) for job in todo])

    right = VerificationReport("", "", (), ())
    monkeypatch.setattr(batch, "work", work)
    monkeypatch.setattr(batch, "open_reader", lambda _: nullcontext())
    monkeypatch.setattr(batch, "prepare", lambda *_: SimpleNamespace(reader=None))
    monkeypatch.setattr(batch, "plan_for", lambda *_: None)
    monkeypatch.setattr(batch, "verify_against", lambda *_, **__: right)
    for again, content in (
        (deidentify, b"[fields]"), (False, b"[fields]"), (deidentify, b"[dates]"),
    ):  # fmt: skip
        asked.clear()
        policy.write_bytes(content)
        run_batch([job], given, resume=True, folder=tmp_path)
        assert asked == [job] * again
    policy.rename(tmp_path / "q.toml")
    if deidentify:
        moved = dataclasses.replace(given, policy=tmp_path / "q.toml")
        assert Ledger(tmp_path, moved).knows(job)
        assert not Ledger(tmp_path, given).knows(job)
