"""What a batch remembers: an output is known as long as its source and its options are the same."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.batch.ledger import Ledger
from ziggurat.converter.plan.options import ConvertOptions


@pytest.fixture
def job(tmp_path: Path) -> Job:
    source, output = tmp_path / "a.svs", tmp_path / "a.tiff"
    source.write_bytes(b"slide")
    output.write_bytes(b"output")
    Ledger(tmp_path, ConvertOptions()).add(Job(source, output))
    return Job(source, output)


@pytest.mark.parametrize(
    "options",
    [{"quality": 50}, {"compression": "deflate"}, {"levels": "source"}, {"reencode": True},
     {"deidentify": True}, {"tile_size": 64}],
)  # fmt: skip
def test_an_output_of_other_options_is_not_known(job: Job, options: dict[str, Any]) -> None:
    assert not Ledger(job.output.parent, ConvertOptions(**options)).knows(job)


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"threads": 3}, {"verify": "full"}])
def test_how_it_is_made_does_not_matter(job: Job, options: dict[str, Any]) -> None:
    assert Ledger(job.output.parent, ConvertOptions(**options)).knows(job)


@pytest.mark.parametrize("name", ["source", "output"])
@pytest.mark.parametrize("change", ["size", "time", "gone"])
def test_a_file_that_changed_is_not_known(job: Job, name: str, change: str) -> None:
    path: Path = getattr(job, name)
    if change == "size":
        facts = path.stat()
        path.write_bytes(b"longer than it was")
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    elif change == "time":
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    else:
        path.unlink()
    assert not Ledger(job.output.parent, ConvertOptions()).knows(job)


def test_another_job_is_not_known(job: Job) -> None:
    other = job.output.with_name("b.tiff")
    other.write_bytes(b"output")
    ledger = Ledger(job.output.parent, ConvertOptions())
    assert not ledger.knows(dataclasses.replace(job, output=other))


def test_outputs_of_a_source_are_those_that_are_there(job: Job, tmp_path: Path) -> None:
    other = tmp_path / "b.svs"
    other.write_bytes(b"another slide")
    assert Ledger.outputs_of(tmp_path, [other, job.source]) == {job.source: [job.output]}
    job.output.unlink()
    assert Ledger.outputs_of(tmp_path, [job.source]) == {}
