"""Damaged files: always a picture or one of our errors; never a crash, a hang or a flood.

Every seed is opened undamaged first, so that a seed that opens nowhere can't pass for a success.
A copy is reproduced by its seed and number, which a failure names.
"""

import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.microscope_files import make_lif, make_nd2
from tests.readers.formats import fuzz_crew
from tests.readers.formats.fuzz_crew import Crew, Ledger, Seed, run_all
from tests.readers.formats.fuzz_seeds import (
    FRAMES,
    REAL,
    SLOW,
    czi,
    dicom,
    lists,
    more_tiffs,
    picture_chunks,
    pictures,
    planes,
    rare_pictures,
    stores,
    tiffs,
    tile_sets,
)
from tests.readers.formats.fuzz_worker import forget, resident

OUTPUTS = ("copy.tif", "copy.ome.tif", "copy.zarr.zip", "copy.zarr", "copy.dzi", "copy.szi")


@pytest.fixture
def new_crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """One for all files: a worker needs a second until it has imported everything."""
    crew = Crew()
    yield crew
    crew.close()


def test_the_crew_notices(new_crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that crashes, hangs, leaks an error and takes too much is found out."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "for line in sys.stdin:\n"
        "    job = json.loads(line)\n"
        "    for n in range(job['first'], job['last']):\n"
        "        print('begin', n, flush=True)\n"
        "        if n == 0: os.kill(os.getpid(), 11)\n"
        "        if n == 1: time.sleep(60)\n"
        "        words = {2: '0 0 leaked KeyError', 3: '11 0 opened', 4: '0 2000 opened'}\n"
        "        print('end', n, words.get(n, '0 0 refused'), flush=True)\n"
        "    print('done', flush=True)\n"
    )
    monkeypatch.setattr(fuzz_crew, "WORKER", script)
    monkeypatch.setattr(fuzz_crew, "SILENCE_SECONDS", 1)
    crew = run_all(new_crew, [Seed(tmp_path / "seed", "seed")], 6)
    assert crew.findings == [
        "seed copy -1: the undamaged seed: refused",
        "seed copy 0: ended the process (status -11)",
        "seed copy 1: ended the process (silent for 1 s)",
        "seed copy 2: leaked KeyError",
        "seed copy 3: took 11 s",
        "seed copy 4: took 2000 MB",
    ]


def test_a_long_run_is_taken_up_where_it_was_broken_off(
    tmp_path: Path, tissue: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Costly seeds get fewer copies, none twice, and what was found is kept."""
    seeds = [Seed(path, path.name) for path in pictures(tmp_path, tissue)][:2]
    path = tmp_path / "ledger.json"
    Ledger(path, after={seeds[0].path.name: 20}, findings=["something"]).keep()
    script = tmp_path / "worker.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(fuzz_crew.WORKER.parent)!r})\n"
        "import fuzz_worker\n"
        "fuzz_worker.attempt = lambda *_: 'opened'\n"
        "fuzz_worker.main()\n"
    )
    monkeypatch.setattr(fuzz_crew, "WORKER", script)
    monkeypatch.setattr(fuzz_crew, "ROUND_SECONDS", 1e-9)
    for _ in range(2):
        Ledger.of(path).round(seeds, first=7)
    ledger = Ledger.of(path)
    assert ledger.after == {seeds[0].path.name: 30, seeds[1].path.name: 17}
    assert ledger.tried == {seed.path.name: 10 for seed in seeds}
    assert ledger.outcomes.total() == 20
    assert ledger.findings == ["something"]


def test_memory_that_one_copy_took_hides_no_other() -> None:
    """The peak is each copy's own."""
    forget()
    before = resident("VmRSS")
    with mmap.mmap(-1, 40 << 20) as block:  # an allocator might keep what was given back
        block[:: mmap.PAGESIZE] = bytes(len(block) // mmap.PAGESIZE)
        assert resident("VmHWM") - before > 30 << 10
    forget()
    assert resident("VmHWM") - before < 30 << 10


@pytest.fixture(scope="session")
def made_seeds(
    tmp_path_factory: pytest.TempPathFactory,
    tissue: np.ndarray,
    make_svs: Callable[..., Path],
    make_raster: Callable[..., Path],
) -> list[Seed]:
    """Small made-up files of every kind that can be made here."""
    folder = tmp_path_factory.mktemp("seeds")
    paths = [*pictures(folder, tissue), *rare_pictures(folder, tissue), *tiffs(folder, tissue)]
    paths.append(make_svs(folder / "made.svs"))
    paths += [dicom(folder, tissue, codec) for codec in FRAMES]
    paths.append(
        make_raster(
            folder / "made.tif",
            np.ascontiguousarray(tissue[:100, :120]),
            crs="EPSG:4326",
            transform=(10.0, 0.001, 0.0, 50.0, 0.0, -0.001),
        )
    )
    with ziggurat.new(folder / "store", sizeX=300, sizeY=200, dtype="uint8", bands=3) as sink:
        sink.addTile(tissue[:200, :300], x=0, y=0)
        for name in ("image.zarr", "image.zarr.zip"):
            sink.write(folder / name)
            paths.append(folder / name)
    paths.append(folder / "store")
    paths.append(czi(folder, tissue))
    gray = np.ascontiguousarray(tissue[:64, :80, :2])
    paths.append(make_nd2(folder / "made.nd2", [gray, gray[::-1]]))
    images = {"one": (gray[..., 0].copy(), "YX"), "two": (tissue[:40, :50].copy(), "YXS")}
    paths.append(make_lif(folder / "made.lif", images))
    paths += [*more_tiffs(folder, tissue), *stores(folder, tissue)]
    paths += [*picture_chunks(folder, tissue, make_svs), planes(folder, tissue)]
    seeds = [Seed(path, path.name) for path in paths]
    return [*seeds, *tile_sets(folder, tissue, make_svs), *lists(folder, tissue)]


@pytest.fixture(scope="session")
def real_seeds(data_file: Callable[[str], Path]) -> list[Seed]:
    seeds = []
    for relative, inside in REAL:
        path = data_file(relative)
        seeds.append(Seed(path, f"{path.name}/{inside}" if inside else path.name))
    return seeds


def test_damaged_made_up_files(crew: Crew, made_seeds: list[Seed]) -> None:
    run_all(crew, made_seeds, copies=1)
    assert not crew.findings, "\n".join(crew.findings)
    assert crew.outcomes["opened"] > len(made_seeds)
    assert crew.outcomes["refused"] > len(made_seeds) // 4


def test_damaged_real_files(crew: Crew, real_seeds: list[Seed]) -> None:
    quick = [seed for seed in real_seeds if seed.path.name not in SLOW]
    run_all(crew, quick, copies=1)
    assert not crew.findings, "\n".join(crew.findings)
    assert crew.outcomes["opened"] > len(quick)


def test_damaged_files_are_converted_whole_or_not_at_all(
    crew: Crew, made_seeds: list[Seed]
) -> None:
    """Every third seed, to each kind of output in turn; all of them in the long run below."""
    run_all(crew, made_seeds[::3], 1, OUTPUTS, first=0)
    assert not crew.findings, "\n".join(crew.findings)
    assert crew.outcomes["opened"]
    assert crew.outcomes["refused"]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_damaged_files_are_converted_whole_or_not_at_all(
    crew: Crew, made_seeds: list[Seed], real_seeds: list[Seed]
) -> None:
    run_all(crew, [*made_seeds, *real_seeds], 20, OUTPUTS, first=0)
    assert not crew.findings, "\n".join(crew.findings)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_thousand_damaged_files(
    made_seeds: list[Seed],
    real_seeds: list[Seed],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In rounds over all seeds, so that what has run by any time is a fair part of it.

    ``ZIGGURAT_FUZZ_FILES`` says how many, ``ZIGGURAT_FUZZ_FIRST`` which copy of a seed is the
    first, ``ZIGGURAT_FUZZ_LEDGER`` the file of a run that was broken off and is taken up again.
    """
    seeds = [*made_seeds, *real_seeds]
    ledger = Ledger.of(Path(os.environ.get("ZIGGURAT_FUZZ_LEDGER", tmp_path / "ledger.json")))
    first = int(os.environ.get("ZIGGURAT_FUZZ_FIRST", "-1"))
    told = 0
    while ledger.outcomes.total() < int(os.environ.get("ZIGGURAT_FUZZ_FILES", "10000")):
        ledger.round(seeds, first)
        with capsys.disabled():
            said = "".join(f"\n  {finding}" for finding in ledger.findings[told:])
            print(f"\n{ledger.outcomes.total()} files: {ledger.outcomes}{said}", flush=True)
        told = len(ledger.findings)
    assert not ledger.findings, "\n".join(ledger.findings)
