"""Many slides: bad ones are named and stop nobody, and a killed run can be resumed."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import preloaded
from ziggurat.converter.batch import run
from ziggurat.converter.batch.jobs import Job, find_sources, plan_jobs
from ziggurat.converter.batch.proof import output_hash
from ziggurat.converter.batch.run import Status, run_batch
from ziggurat.converter.cli.app import main
from ziggurat.converter.cli.commands import convert_many
from ziggurat.converter.cli.looking import Show
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.errors import OptionError, SourceNotFoundError

pytestmark = pytest.mark.usefixtures("quick_workers")

TIFF = ConvertOptions(format="tiff", verify="sample")


@pytest.fixture(scope="module")
def slides(make_svs: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Eight slides, two of them broken."""
    folder = tmp_path_factory.mktemp("slides")
    first = make_svs(folder / "s0.svs", width=700, height=500)
    for number in range(1, 6):
        shutil.copy(first, folder / f"s{number}.svs")
    (folder / "cut.svs").write_bytes(first.read_bytes()[:90_000])
    (folder / "noise.svs").write_bytes(os.urandom(5000))
    (folder / "notes.txt").write_text("not a slide")
    return folder


def test_bad_slides_stop_nobody(slides: Any, tmp_path: Path) -> None:
    jobs = plan_jobs(find_sources([slides]), tmp_path, TIFF)
    assert len(jobs) == 8
    told: list = []
    report = run_batch(jobs, TIFF, workers=2, on_event=lambda *event: told.append(event))
    assert (report.count(Status.DONE), report.count(Status.FAILED)) == (6, 2)
    failed = {o.job.source.name: o.message for o in report.outcomes if o.status is Status.FAILED}
    assert set(failed) == {"cut.svs", "noise.svs"}
    assert all(name in message for name, message in failed.items())
    outputs = sorted(path.name for path in tmp_path.glob("*.tiff"))
    assert outputs == [f"s{n}.tiff" for n in range(6)]
    again = run_batch(jobs, TIFF, workers=1, resume=True)
    assert again.count(Status.SKIPPED) == 6
    assert again.count(Status.FAILED) == 2


def test_resume_makes_anew_what_was_changed(slides: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.svs"
    shutil.copy(slides / "s0.svs", source)
    jobs = [Job(source, tmp_path / "out" / "in.tiff")]
    jobs[0].output.parent.mkdir()
    run_batch(jobs, TIFF)
    assert run_batch(jobs, TIFF, resume=True).outcomes[0].status is Status.SKIPPED
    # an output that isn't what it should be is noticed and replaced
    data = bytearray(jobs[0].output.read_bytes())
    jobs[0].output.write_bytes(data[: len(data) // 2])
    assert run_batch(jobs, TIFF, resume=True).outcomes[0].status is Status.DONE
    # a right one that nobody wrote down is held against its source and kept
    shutil.copy(jobs[0].output, tmp_path / "copy.tiff")
    shutil.rmtree(jobs[0].output.parent)
    jobs[0].output.parent.mkdir()
    shutil.copy(tmp_path / "copy.tiff", jobs[0].output)
    assert run_batch(jobs, TIFF, resume=True).outcomes[0].status is Status.SKIPPED
    # other options: made anew
    other = ConvertOptions(format="tiff", levels="source")
    assert run_batch(jobs, other, resume=True).outcomes[0].status is Status.DONE


def converting(words: list[str]) -> None:
    """Convert in a group of processes of its own, with workers from the server of the tests."""
    os.setsid()
    contexts = SimpleNamespace(get_context={"spawn": preloaded.CONTEXT}.__getitem__)
    run.multiprocessing = contexts
    main(["convert", *words])


def start(*args: object) -> preloaded.Child:
    words = [str(arg) for arg in args]
    return preloaded.Child(preloaded.below, preloaded.address(), converting, words)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_and_resumed(
    slides: Any, tmp_path: Path, number: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    args = (slides, tmp_path / "out", "--format", "tiff", "--jobs", "2", "--verify")
    with start(*args) as process:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out").glob("s*.tiff")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        ended = process.end()
    assert ended.returncode == (130 if number is signal.SIGINT else -number), ended.stderr
    deadline = time.monotonic() + 20  # orphaned workers notice that their parent is gone
    while list((tmp_path / "out").glob(".ziggurat-part-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    done = len(list((tmp_path / "out").glob("s*.tiff")))
    again = (slides, tmp_path / "out", "--format", "tiff", "--jobs", "1", "--verify")
    with pytest.raises(SystemExit) as stopped:
        main(["convert", *map(str, again), "--resume", "--json"])
    out, err = capsys.readouterr()
    assert stopped.value.code == 1, err
    outcomes = json.loads(out)["outcomes"]
    statuses = [outcome["status"] for outcome in outcomes]
    assert statuses.count("failed") == 2
    assert statuses.count("done") + statuses.count("skipped") == 6
    assert statuses.count("skipped") >= min(done, 1)
    outputs = sorted(p.name for p in (tmp_path / "out").iterdir() if p.name[0] != ".")
    assert outputs == [f"s{n}.tiff" for n in range(6)]


def test_de_identified_slides_are_numbered(slides: Any) -> None:
    options = ConvertOptions(format="ome-tiff", deidentify=True)
    jobs = plan_jobs(find_sources([slides]), Path("out"), options)
    assert [job.output.name for job in jobs[:2]] == ["slide-0001.ome.tiff", "slide-0002.ome.tiff"]


def test_which_slides_are_meant(tmp_path: Path) -> None:
    names = ("a.mrxs", "b.svs", "c.txt", ".hidden.svs", "d.vms", "d-1.jpg", "e.ome.tif")
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "store.zarr").mkdir()
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "1.dcm").touch()
    found = [path.name for path in find_sources([tmp_path])]
    assert found == ["a.mrxs", "b.svs", "d.vms", "dicom", "e.ome.tif", "store.zarr"]
    assert [p.name for p in find_sources([tmp_path / "*.svs"])] == ["b.svs"]
    assert find_sources([tmp_path / "c.txt", tmp_path / "c.txt"]) == [tmp_path / "c.txt"]
    with pytest.raises(SourceNotFoundError):
        find_sources([tmp_path / "nothing*"])


def test_folders_below_are_kept(
    slides: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = tmp_path / "in"
    for name in ("a/s.svs", "a/deep/s.svs", "b/s.svs", "b/.trash/s.svs"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(slides / "s0.svs", top / name)
    (top / "c").mkdir()
    (top / "c" / "bad.svs").write_bytes(b"nothing")
    (top / "back").symlink_to(top)
    out = top / "out"
    args = (top, out, "--format", "tiff", "--resume", "--json", "--jobs", "1")
    for statuses in (["done"] * 3 + ["failed"], ["skipped"] * 3 + ["failed"]):
        with pytest.raises(SystemExit) as ended:
            main(["convert", *map(str, args)])
        said, err = capsys.readouterr()
        assert ended.value.code == 1, err
        assert sorted(o["status"] for o in json.loads(said)["outcomes"]) == sorted(statuses)
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.name[0] != ".")
    assert made == ["a", "a/deep", "a/deep/s.tiff", "a/s.tiff", "b", "b/s.tiff"]
    options = ConvertOptions(format="tiff", deidentify=True)
    jobs = plan_jobs(find_sources([top], out), out, options, [top])
    assert {job.output.parent for job in jobs} == {out}  # names of folders tell, too


@pytest.mark.slow
def test_fifty_slides_three_of_them_broken(slides: Any, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(47):
        shutil.copy(slides / "s0.svs", folder / f"s{number:02}.svs")
    for number, data in enumerate((b"", os.urandom(9999), (slides / "cut.svs").read_bytes())):
        (folder / f"bad{number}.svs").write_bytes(data)
    args = (folder, out, "--format", "ome-tiff", "--jobs", "2", "--verify")
    with start(*args) as process:
        while len(list(out.glob("s*.tiff"))) < 15:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    with start(*args, "--resume", "--json") as process:
        said, _ = process.communicate(timeout=300)
    outcomes = json.loads(said)["outcomes"]
    failed = {Path(o["job"]["source"]).name for o in outcomes if o["status"] == "failed"}
    assert failed == {"bad0.svs", "bad1.svs", "bad2.svs"}
    assert sum(o["status"] == "skipped" for o in outcomes) >= 10
    assert len([o for o in outcomes if o["status"] != "failed"]) == 47
    for number in range(47):
        assert verify(out / f"s{number:02}.ome.tiff", folder / f"s{number:02}.svs", full=True).ok
    deadline = time.monotonic() + 20
    while left := list(out.glob(".ziggurat-part-*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_names_of_outputs(tmp_path: Path) -> None:
    sources = [Path("x/a.svs"), Path("x/a.ndpi"), Path("x/b.ome.tif")]
    jobs = plan_jobs(sources, tmp_path, ConvertOptions(format="ome-zarr"))
    assert [job.output.name for job in jobs] == ["a.svs.zarr", "a.ndpi.zarr", "b.zarr"]
    with pytest.raises(OptionError, match="one name"):
        plan_jobs([Path("x/a.svs"), Path("y/a.svs")], tmp_path, TIFF)
    with pytest.raises(OptionError, match="--format"):
        plan_jobs(sources, tmp_path, ConvertOptions())


@pytest.mark.parametrize("workers", [0, -3])
def test_no_slides_at_a_time_are_refused(slides: Any, tmp_path: Path, workers: Any) -> None:
    work = plan_jobs(find_sources([slides]), tmp_path, TIFF)
    with pytest.raises(OptionError, match="how many slides are in work"):
        run_batch(work, TIFF, workers=workers)


def test_the_plans_of_good_slides_are_printed_beside_bad_ones(
    slides: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show = Show(quiet=False, json=False)
    plan = {"dry_run": True, "jobs": 1, "resume": False}
    assert convert_many([str(slides)], tmp_path / "out", TIFF, show, **plan) == 1
    out, err = capsys.readouterr()
    assert out.count("copy") >= 6
    failed = [line for line in err.splitlines() if line.startswith("failed:")]
    named = [Path(line.split(":")[1].strip()).name for line in failed]
    assert "left out, as no slides that are read: 1 .txt" in err
    assert named == ["cut.svs", "noise.svs"]
    assert not (tmp_path / "out").exists()


def test_the_hash_of_a_folder_is_of_its_names_too(tmp_path: Path) -> None:
    for folder, names in (("a", "xy"), ("b", "xy"), ("c", "xz")):
        for name, text in zip(names, ("first", "second"), strict=True):
            (tmp_path / folder / name).mkdir(parents=True)
            (tmp_path / folder / name / "c").write_text(text)
    one, same, other = (output_hash(tmp_path / name) for name in "abc")
    assert one == same != other
