"""Many slides to object storage: each by its tasks; what is there stays unless it is said."""

import hashlib
import json
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import numpy as np
import pytest
import tifffile

import ziggurat
from tests.clouds import s3_environment, s3_server
from ziggurat.converter.batch import shared
from ziggurat.converter.batch.jobs import AnyJob, SharedJob
from ziggurat.converter.batch.run import Doing, Outcome, Status
from ziggurat.converter.batch.shared import run_shared, shared_jobs
from ziggurat.converter.cli.app import main
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.io import objects
from ziggurat.readers.io.objects import CloudObjects
from ziggurat.writers.model.progress import Progress, ProgressCallback


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Object storage as a folder, by the library that is taken for S3."""
    from obstore.store import LocalStore

    place = tmp_path / "storage"

    def connection(root: str) -> LocalStore:
        name = root.split("://", 1)[1]
        folder = place / ("nothing" if name.endswith(".tiff") else name)  # one object: no folder
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)

    def work(
        jobs: Iterable[SharedJob], options: ConvertOptions, count: int, do: Doing, *, hashes: bool
    ) -> Iterator[tuple[SharedJob, Outcome]]:
        del count
        for job in jobs:
            yield job, do(job, options, lambda _: None, hashes)

    monkeypatch.setattr(objects, "connection", connection)
    monkeypatch.setattr(shared, "work", work)  # other processes don't know that folder
    return place / "bucket"


def run(command: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(command)
    return int(ended.value.code or 0)


def slides(folder: Path, count: int = 2) -> list[np.ndarray]:
    folder.mkdir(exist_ok=True)
    made = []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (150, 200, 3), np.uint8)
        tifffile.imwrite(folder / f"slide{number}.tif", pixels, photometric="rgb", tile=(64, 64))
        made.append(pixels)
    return made


@pytest.mark.parametrize("suffix", [".zarr", ".ome.tiff"])
def test_a_folder_of_slides_goes_there(
    suffix: str, tmp_path: Path, bucket: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = slides(tmp_path / "in")
    (tmp_path / "in/broken.tif").write_bytes(b"II*\0" + bytes(40))
    target = f"s3://bucket/out/*{suffix}"
    assert run(["convert", str(tmp_path / "in"), target, "--jobs", "2"]) == 1
    said = capsys.readouterr()
    assert "broken.tif" in said.err
    assert said.err.count("failed") == 1
    for number, pixels in enumerate(made):
        with ziggurat.open(bucket / "out" / f"slide{number}{suffix}") as source:
            assert np.array_equal(source.getRegion(format="numpy")[0], pixels)
    left = {path.name for path in (bucket / "out").iterdir() if "parts" not in path.name}
    assert left == {f"slide0{suffix}", f"slide1{suffix}"}
    assert not list((bucket / "out").glob("*parts*/**/*.*"))


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_what_is_there_is_kept_passed_over_or_replaced(
    suffix: str, tmp_path: Path, bucket: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slides(tmp_path / "in", 1)
    command = ["convert", str(tmp_path / "in"), f"s3://bucket/out/*{suffix}"]
    assert run(command) == 0
    target = bucket / "out" / f"slide0{suffix}"
    (mine,) = slides(tmp_path / "in", 1)
    other = 255 - mine
    tifffile.imwrite(tmp_path / "in/slide0.tif", other, photometric="rgb", tile=(64, 64))
    with pytest.raises(ziggurat.errors.TargetExistsError, match="exists"):
        ziggurat.convert(tmp_path / "in/slide0.tif", f"s3://bucket/out/slide0{suffix}")
    capsys.readouterr()
    for more, code, shown in (([], 1, mine), (["--resume"], 0, mine), (["--overwrite"], 0, other)):
        assert run([*command, "--json", *more]) == code
        report = json.loads(capsys.readouterr().out)
        (outcome,) = report["outcomes"]
        said = {1: "failed"}.get(code, "skipped" if more == ["--resume"] else "done")
        assert outcome["status"] == said
        assert code == 0 or "exists already; --overwrite replaces it" in outcome["message"]
        with ziggurat.open(target) as source:
            assert np.array_equal(source.getRegion(format="numpy")[0], shown)


def test_each_slide_is_reported_as_it_finishes_and_a_bad_one_stops_no_plan(
    tmp_path: Path,
    bucket: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run of days that ends by a power cut has a report of what was done until then."""
    slides(tmp_path / "in")
    (tmp_path / "in/broken.tif").write_bytes(b"II*\0" + bytes(40))
    command = ["convert", str(tmp_path / "in"), "s3://bucket/out/*.tiff"]
    assert run([*command, "--dry-run"]) == 1
    said = capsys.readouterr()
    assert said.err.count("failed: ") == 1
    assert said.out.count("level 0") == 2  # those behind it
    report, lines = tmp_path / "report.jsonl", list[int]()
    plainly = shared.work

    def work(
        jobs: deque[SharedJob], options: ConvertOptions, count: int, do: Doing, *, hashes: bool
    ) -> Iterator[tuple[SharedJob, Progress | Outcome]]:
        for done in plainly(jobs, options, count, do, hashes=hashes):
            lines.append(len(report.read_text().splitlines()))
            yield done

    monkeypatch.setattr(shared, "work", work)
    assert run([*command, "--report", str(report)]) == 1
    assert lines == [0, 1, 2]
    told = [json.loads(line) for line in report.read_text().splitlines()]
    assert [one["status"] for one in told] == ["failed", "done", "done"]


def test_patterns_and_prefixes_of_urls_name_slides(bucket: Path) -> None:
    from ziggurat.converter.batch.shared import shared_jobs
    from ziggurat.converter.plan.options import ConvertOptions

    there = CloudObjects("s3://bucket/in")
    for name in ("b.svs", "a.svs", "a.tif", "notes.txt", "c.zarr/zarr.json", "deep/d.svs"):
        there.create(name, b"x")
    options = ConvertOptions(format="ome-zarr")

    def found(*sources: str) -> list[tuple[str, str]]:
        jobs = shared_jobs(sources, "s3://bucket/out/", options)
        return [(job.name, job.output.removeprefix("s3://bucket/out/")) for job in jobs]

    assert found("s3://bucket/in/*.svs") == [("a.svs", "a.zarr"), ("b.svs", "b.zarr")]
    assert found("s3://bucket/in/") == [
        ("a.svs", "a.svs.zarr"), ("a.tif", "a.tif.zarr"), ("b.svs", "b.zarr"), ("c.zarr", "c.zarr"),
    ]  # fmt: skip
    assert found("s3://bucket/in/x.svs", "https://host/y.svs")[1] == ("y.svs", "y.zarr")
    with pytest.raises(ziggurat.errors.SourceNotFoundError, match="no slides there"):
        found("s3://bucket/in/*.czi")
    with pytest.raises(ziggurat.errors.OptionError, match="two sources of one name"):
        found("s3://bucket/in/a.svs", "s3://bucket/other/a.svs")
    with pytest.raises(ziggurat.errors.OptionError, match="say --format"):
        shared_jobs(["s3://bucket/in/"], "s3://bucket/out/", ConvertOptions())


def test_no_cluster_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slides(tmp_path / "in", 1)
    target = str(tmp_path / "a.zarr")
    command = ["convert", str(tmp_path / "in/slide0.tif"), target, "--dask", "nonsense://x"]
    assert run(command) == 1
    assert "no Dask scheduler answers" in capsys.readouterr().err
    assert dask.config.get("scheduler", None) is None  # what this process computes, it does itself
    assert not Path(target).exists()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server with two buckets."""
    with s3_server("from-here", "to-there") as (url, _):
        for name, value in s3_environment(url).items():
            monkeypatch.setenv(name, value)
        yield


def die_of_the_second(
    job: AnyJob, options: ConvertOptions, tell: ProgressCallback, hashes: bool
) -> Outcome:
    """Do a job, unless it is the second: as a codec that crashes."""
    if "slide1" in job.name:
        os.kill(os.getpid(), signal.SIGSEGV)
    return done_here(job, options, tell, hashes)


done_here = shared._done_here


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_crash_costs_its_slide_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = slides(tmp_path / "in", 3)
    options = ConvertOptions(format="tiff")
    jobs = shared_jobs([str(tmp_path / "in")], "s3://to-there", options)
    monkeypatch.setattr(shared, "_done_here", die_of_the_second)
    report = run_shared(jobs, options, workers=1)
    outcomes = report.outcomes
    assert [one.status for one in outcomes] == [Status.DONE, Status.FAILED, Status.DONE]
    assert outcomes[1].message == "its process was killed by SIGSEGV"
    assert outcomes[2].peak_memory > 1 << 20
    monkeypatch.setattr(shared, "_done_here", done_here)
    again = run_shared(jobs, options, workers=2, resume=True)
    assert [one.status for one in again.outcomes] == [Status.SKIPPED, Status.DONE, Status.SKIPPED]
    for number, pixels in enumerate(made):
        with ziggurat.open(f"s3://to-there/slide{number}.tiff") as source:
            assert np.array_equal(source.getRegion(format="numpy")[0], pixels)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("server")
def test_from_there_to_there_by_workers_of_dask(tmp_path: Path) -> None:
    from dask.distributed import Client, LocalCluster

    made = slides(tmp_path / "slides")
    there = CloudObjects("s3://from-here")
    for path in sorted((tmp_path / "slides").iterdir()):
        there.create(path.name, path.read_bytes())
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        with Client(cluster) as client:
            client.wait_for_workers(2)
        address = cluster.scheduler_address
        for suffix in (".zarr", ".tiff"):
            command = [
                "convert",
                "s3://from-here/*.tif",
                f"s3://to-there/*{suffix}",
                "--dask",
                address,
            ]
            assert run([*command, "--jobs", "2"]) == 0
    for number, pixels in enumerate(made):
        for suffix in (".zarr", ".tiff"):
            with ziggurat.open(f"s3://to-there/slide{number}{suffix}") as source:
                assert np.array_equal(source.getRegion(format="numpy")[0], pixels)
    left = {name.split("/")[0] for name in CloudObjects("s3://to-there").names("")}
    assert left == {f"slide{n}{suffix}" for n in (0, 1) for suffix in (".zarr", ".tiff")}


def test_what_is_to_be_de_identified_is_never_taken_for_done(tmp_path: Path) -> None:
    """What lies there may have been made without it: its pixels and its name don't tell."""
    slides(tmp_path / "in", count=1)
    (tmp_path / "out").mkdir()
    plain, wanted = (ConvertOptions(format="tiff", deidentify=said) for said in (False, True))
    (job,) = shared_jobs([str(tmp_path / "in")], str(tmp_path / "out"), wanted)
    statuses = []
    with ThreadPoolExecutor(1) as pool:
        for options in (plain, plain, wanted, wanted):
            report = run_shared([job], options, workers=1, executor=pool, resume=True)
            statuses.append(report.outcomes[0].status)
    assert statuses == [Status.DONE, Status.SKIPPED, Status.DONE, Status.DONE]
    assert Path(f"{job.output}.proof.json").exists()


def test_de_identified_slides_have_no_names_and_a_proof(tmp_path: Path) -> None:
    """Names of files are names of people, whoever does the tasks."""
    slides(tmp_path / "in", count=1)
    (tmp_path / "in/slide0.tif").rename(tmp_path / "in/doe_jane.tif")
    (tmp_path / "out").mkdir()
    options = ConvertOptions(format="tiff", deidentify=True)
    jobs = shared_jobs([str(tmp_path / "in")], str(tmp_path / "out"), options)
    with ThreadPoolExecutor(1) as pool:
        report = run_shared(jobs, options, workers=1, executor=pool)
    assert report.count(Status.DONE) == 1, report.outcomes
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["slide-0001.tiff", "slide-0001.tiff.proof.json"]
    proof = json.loads((tmp_path / "out" / names[1]).read_text())
    assert proof["output_sha256"] == report.outcomes[0].sha256
    assert (
        hashlib.sha256((tmp_path / "out" / names[0]).read_bytes()).hexdigest()
        == (proof["output_sha256"])
    )
