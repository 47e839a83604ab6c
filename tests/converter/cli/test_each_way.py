"""Which way a command goes by what it is given, how it ends, and what it prints of a batch."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.run import BatchReport, Outcome, Status
from ziggurat.converter.cli import app, commands
from ziggurat.converter.cli.app import command_parser
from ziggurat.converter.cli.looking import Show
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, SourceError
from ziggurat.writers.model.progress import Progress


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what was to be done, in a folder of files, folders and images that are folders."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.svs", "b.svs", "slides/c.svs", "slides/notes.txt", "o.zarr/zarr.json"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"x")
    for name in ("there", "there.d", "o.tiff", "none"):
        Path(name).mkdir()
    heard: list[Any] = []

    def one(source: Any, output: Any, options: Any, show: Show, *, dry_run: bool) -> None:
        heard.append((f"{source} {output}", dry_run))

    def run(work: Any, folder: Any, options: Any, show: Any, *, jobs: int, resume: bool,
            records: Any, unread: Any) -> int:  # fmt: skip
        named = " ".join(f"{job.source} {job.output}" for job in work)
        heard.append((named, str(folder), jobs, resume, records.wanted, dict(unread)))
        return 0

    monkeypatch.setattr(commands, "convert_one", one)
    monkeypatch.setattr(commands, "_run_jobs", run)
    return heard


def run(line: str) -> int:
    given = command_parser("convert").parse_intermixed_args(line.split())
    options = ConvertOptions(format=given.format)
    return commands.convert_paths(given, options)


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("a.svs out.tiff", ("a.svs out.tiff", False)),
        ("a.svs out.tiff --dry-run", ("a.svs out.tiff", True)),
        ("a.svs out.tiff --dry-run --report r.csv", ("a.svs out.tiff", True)),
        ("a.svs o.zarr", ("a.svs o.zarr", False)),
        ("o.zarr out.tiff", ("o.zarr out.tiff", False)),
        ("a.svs out.unknown", ("a.svs out.unknown", False)),
        ("https://h/a.svs out.tiff", ("https://h/a.svs out.tiff", False)),
        ("a.svs there/x.tiff", ("a.svs there/x.tiff", False)),
        ("a.svs there --format tiff", ("a.svs there/a.tiff", "there", 1, False, False, {})),
        ("a.svs there.d --format tiff", ("a.svs there.d/a.tiff", "there.d", 1, False, False, {})),
        ("a.svs o.tiff --format tiff", ("a.svs o.tiff/a.tiff", "o.tiff", 1, False, False, {})),
        ("a.svs new --format tiff", ("a.svs new/a.tiff", "new", 1, False, False, {})),
        ("a.svs there/*.tiff -j 3", ("a.svs there/a.tiff", "there", 3, False, False, {})),
        ("a.svs b.svs there/*.tiff --resume",
         ("a.svs there/a.tiff b.svs there/b.tiff", "there", 1, True, False, {})),
        ("slides there/*.tiff --log l", ("slides/c.svs there/c.tiff", "there", 1, False, False,
                                        {".txt": 1})),
        ("slides new.tiff --format tiff", ("slides/c.svs new.tiff/c.tiff", "new.tiff", 1, False,
                                           False, {".txt": 1})),
        ("a.svs sub.tiff --report r.csv", ("a.svs sub.tiff", ".", 1, False, True, {})),
        ("a.svs there/x.tiff --log l", ("a.svs there/x.tiff", "there", 1, False, False, {})),
        ("a.svs there/x.tiff --resume", ("a.svs there/x.tiff", "there", 1, True, False, {})),
    ],
)  # fmt: skip
def test_one_slide_or_many(asked: list[Any], line: str, done: Any) -> None:
    assert run(line) == 0
    assert asked == [done]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.svs", "name a source and an output"),
        ("a.svs out.tiff -j 2", "--jobs must be given with several slides"),
        ("a.svs b.svs there", "say --format, or there/"),
        ("none there/*.tiff", "there are no slides in none"),
        ("a.svs there/*.tiff --format svs", "tiff"),
        ("https://h/a.svs out.tiff --log l", "must be given with files, not a URL"),
        ("https://h/a.svs out.tiff --report r.csv", "must be given with files, not a URL"),
        ("https://h/a.svs out.tiff --resume", "must be given with files, not a URL"),
        ("a.svs out.tiff --plan p --dry-run", "--plan converts nothing"),
        ("a.svs out.tiff --plan p --dask tcp://h:1", "--plan converts nothing"),
        ("a.svs out.tiff --plan p --report r.csv", "--plan converts nothing"),
        ("a.svs out.tiff --plan p --log l", "--plan converts nothing"),
        ("a.svs out.tiff --plan p --resume", "--plan converts nothing"),
        ("a.svs out.tiff --plan p -j 2", "--plan converts nothing"),
        ("a.svs b.svs out.tiff --plan p", "slides must be converted one by one"),
        ("slides out.tiff --plan p", "slides must be converted one by one"),
    ],
)
def test_what_is_no_way(asked: list[Any], line: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        run(line)
    assert asked == []
    assert not Path("p").exists()


def test_what_is_left_out_is_told_where_nothing_else_is(
    asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("slides/c.svs").unlink()
    with pytest.raises(OptionError, match=r"there are no slides in slides; left out: 1 \.txt"):
        run("slides there/*.tiff")
    Path("slides/c.svs").write_bytes(b"x")
    for line, out, err in (
        ("", "", "left out, as no slides that are read: 1 .txt\n"),
        (" -q", "", ""),
        (" --dry-run", "", "left out, as no slides that are read: 1 .txt\n"),
        (" --dry-run --json", {"left_out": {".txt": 1}}, None),
        (" --dry-run -q", "", ""),
    ):
        run(f"slides new/*.tiff{line}")
        found = capsys.readouterr()
        assert (json.loads(found.out) if isinstance(out, dict) else found.out) == out, line
        assert err is None or found.err == err, line
        assert Path("new").exists() is ("dry" not in line)
        if Path("new").exists():
            Path("new").rmdir()


JOBS = [Job(Path(f"{name}.svs"), Path(f"o/{name}.tiff")) for name in "abcd"]
OUTCOMES = (
    Outcome(JOBS[0], Status.DONE, "", 2_500_000, 1.25),
    Outcome(JOBS[1], Status.FAILED, "it is torn"),
    Outcome(JOBS[2], Status.SKIPPED, "done before"),
    Outcome(JOBS[3], Status.DONE, "not noted", 500_000, 61.0),
)
LINES = [
    "done: a.svs -> o/a.tiff: 2.5 MB in 1.2 s", "failed: b.svs: it is torn",
    "skipped: c.svs: done before", "done: d.svs -> o/d.tiff: 500.0 kB in 61.0 s; not noted",
]  # fmt: skip


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("failed", [False, True])
def test_what_is_printed_of_a_batch(
    capsys: pytest.CaptureFixture[str], quiet: bool, as_json: bool, failed: bool
) -> None:
    """A line a slide as it ends, on stderr what failed, which an exit code tells of, too."""
    outcomes = OUTCOMES if failed else (OUTCOMES[0], *OUTCOMES[2:])
    kept: list[Any] = []

    class Kept:
        add = kept.append

    show = Show(quiet=quiet, json=as_json)
    with commands.telling(len(outcomes), show) as tell:
        on_event = commands.noting(Kept, tell)
        for outcome in outcomes:
            on_event(outcome.job, Progress("written", 1, 2))
            on_event(outcome.job, outcome)
    assert kept == list(outcomes)
    said = [line for line in LINES if failed or not line.startswith("failed")]
    talks = not (quiet or as_json)
    found = capsys.readouterr()
    assert found.out.splitlines() == [line for line in said if line != LINES[1]] * talks
    assert found.err == ""
    code = commands.show_batch(BatchReport(outcomes, 70.5), show, {"left_out": {".txt": 2}})
    assert code == int(failed)
    found = capsys.readouterr()
    if as_json:
        facts = json.loads(found.out)
        assert facts["left_out"] == {".txt": 2}
        assert [one["status"] for one in facts["outcomes"]] == [str(o.status) for o in outcomes]
        assert found.err == ""
        return
    last = f"{len(outcomes)} slides: 2 done, 1 skipped, {int(failed)} failed; 3.0 MB in 70.5 s"
    assert found.out.splitlines() == ([] if quiet else [last])
    assert found.err.splitlines() == LINES[1:2] * failed


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OptionError("not so"), 1, "ziggurat: not so\n"),
        (SourceError("it is torn"), 1, "ziggurat: it is torn\n"),
        (OSError(28, "No space left on device", "f"), 1, "ziggurat: f: No space left on device\n"),
        (MemoryError("too much"), 1, "ziggurat: too much\n"),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(143), 143, ""),
        (None, 0, ""),
        (7, 7, ""),
    ],
)
def test_how_a_command_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Any, code: int,
    words: str,
) -> None:  # fmt: skip
    before = signal.getsignal(signal.SIGTERM)

    def end(arguments: list[str]) -> int:
        assert arguments == ["info", "x"]
        assert signal.getsignal(signal.SIGTERM) is app._stop
        if isinstance(error, BaseException):
            raise error
        return error or 0

    monkeypatch.setattr(app, "_run", end)
    with pytest.raises(SystemExit) as ended:
        app.main(["info", "x"])
    assert ended.value.code == code
    assert capsys.readouterr().err == words
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(SystemExit) as stopped:
        app._stop(15, None)
    assert stopped.value.code == 143


@pytest.mark.parametrize("ours", [False, True])
@pytest.mark.parametrize("given", [None, "8"])
def test_threads_of_numpy_are_left_to_who_owns_the_process(
    monkeypatch: pytest.MonkeyPatch, ours: bool, given: str | None
) -> None:
    name = "OPENBLAS_NUM_THREADS"
    monkeypatch.setenv(name, given or "")
    if given is None:
        monkeypatch.delenv(name)
    monkeypatch.setattr(app, "_run", lambda _: 0)
    monkeypatch.setattr("sys.argv", ["ziggurat", "info"])
    with pytest.raises(SystemExit):
        app.main(None if ours else ["info"])
    assert os.environ.get(name) == (given or ("1" if ours else None))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [([], 2, "usage: ziggurat COMMAND"), (["--version"], 0, "ziggurat "),
     (["--version", "--verbose"], 0, "kernel")],
)  # fmt: skip
def test_what_no_command_does(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert app._run(arguments) == code
    assert words in capsys.readouterr().out


def test_whoever_reads_our_lines_may_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error it is all the same, as not all was said; nothing more is said of it."""
    turned: list[int] = []

    def end(_: list[str]) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def turn(new: int, old: int) -> None:
        os.close(new)
        turned.append(old)

    monkeypatch.setattr(app, "_run", end)
    monkeypatch.setattr(os, "dup2", turn)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(fileno=lambda: 77))
    with pytest.raises(SystemExit) as ended:
        app.main(["info", "x"])
    monkeypatch.undo()
    assert (ended.value.code, turned, capsys.readouterr().err) == (1, [77], "")
