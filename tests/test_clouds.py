"""Every cloud takes the same: sinks, outputs in tasks, conversions, and what is put only once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from tests.clouds import azure_server, gcs_environment, s3_environment, s3_server
from ziggurat.converter.demo.slide import make_slide
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import SourceNotFoundError, TargetExistsError
from ziggurat.readers.io import remote
from ziggurat.readers.io.cloud_files import CloudFiles
from ziggurat.readers.io.objects import CloudObjects

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
OPENING = 768 << 10  # bytes that are read of both ends, once in each process or task that opens it


@pytest.fixture(params=["s3", "gs", "az"])
def bucket(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Return the URL of an empty bucket."""
    if request.param == "az":
        with azure_server("bucket", tmp_path) as environment:
            _set(monkeypatch, environment)
            yield "az://bucket"
        return
    environment_of = {"s3": s3_environment, "gs": gcs_environment}[request.param]
    with s3_server("bucket") as (url, _):
        _set(monkeypatch, environment_of(url))
        yield f"{request.param}://bucket"


def _set(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def without_s3fs(monkeypatch: pytest.MonkeyPatch) -> None:
    """``ziggurat[cloud]`` alone: S3 is read as the others are."""
    monkeypatch.setattr(remote, "_installed", lambda _: False)


def test_an_object_is_put_once_and_read_by_range(bucket: str, without_s3fs: None) -> None:
    objects = CloudObjects(f"{bucket}/deep/down")
    assert objects.create("a/two", b"0123456789")
    assert not objects.create("a/two", b"other")
    assert objects.create("a/one", b"x")
    assert objects.names("a/") == ["a/one", "a/two"]
    assert objects.read("a/two", 2, 300) == b"23456789"
    with pytest.raises(FileNotFoundError):
        objects.read("a/none")
    files, path = remote.filesystem(f"{bucket}/deep/down/a/two")
    assert isinstance(files, CloudFiles)
    assert files.cat_file(path) == b"0123456789"
    assert files.cat_file(path, -3) == b"789"
    assert files.cat_file(path, 4) == b"456789"
    told = files.answer(path, 3, 7)
    assert (told.data, told.start, told.size) == (b"3456", 3, 10)
    objects.replace("a/two", b"9876543210")
    assert files.answer(path, 3, 7).state != told.state
    assert files.info(path)["size"] == 10
    there, missing = files.cat_ranges([path, path + "x"], [0, 0], [4, 4], on_error="return")
    assert there == b"9876"
    assert isinstance(missing, FileNotFoundError)
    names = [name.rstrip("/") for name in files.ls("deep/down", detail=False)]
    assert names == ["deep/down/a"]
    objects.delete("a/one")
    objects.delete("a/one")
    assert objects.names("a/") == ["a/two"]


@pytest.mark.parametrize("suffix", [".zarr", ".tiff"])
def test_a_sink_is_laid_written_and_read_back(suffix: str, bucket: str, without_s3fs: None) -> None:
    rng = np.random.default_rng(3)
    with ziggurat.new(f"{bucket}/run-{suffix[1:]}", blend="max") as sink:
        for number in range(6):
            tile = rng.integers(0, 250, (100, 100, 3), np.uint8)
            for _ in range(2):
                sink.addTile(tile, x=number % 3 * 80, y=number // 3 * 80, key=number)
        names = CloudObjects(f"{bucket}/run-{suffix[1:]}").names("")
        assert sum("/segments/" in name for name in names) == 6
        pixels = sink.getRegion(format="numpy")[0]
        plan = sink.plan(f"{bucket}/out{suffix}", tileSize=32, lossy=False, partBytes=30_000)
        for task in (*plan.tasks, *plan.tasks):
            task()
        plan.finish()
        if suffix == ".zarr":  # one object is replaced in one step
            with pytest.raises(TargetExistsError):
                sink.write(f"{bucket}/out{suffix}")
    with ziggurat.open(f"{bucket}/out{suffix}") as source:
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)
    left = [name for name in CloudObjects(bucket).names("") if not name.startswith("run-")]
    assert {name.split("/")[0] for name in left} == {f"out{suffix}"}


def test_a_slide_is_converted_from_there_to_there(
    bucket: str, tmp_path: Path, without_s3fs: None
) -> None:
    make_slide(tmp_path / "slide.svs", 512, 480)
    CloudObjects(bucket).create("slide.svs", (tmp_path / "slide.svs").read_bytes())
    with pytest.raises(SourceNotFoundError):
        ziggurat.open(f"{bucket}/none.svs")
    for suffix in (".tiff", ".zarr"):
        ziggurat.convert(f"{bucket}/slide.svs", f"{bucket}/out{suffix}")
        with pytest.raises(TargetExistsError):
            ziggurat.convert(f"{bucket}/slide.svs", f"{bucket}/out{suffix}")
        with (
            ziggurat.open(tmp_path / "slide.svs") as here,
            ziggurat.open(f"{bucket}/out{suffix}") as there,
        ):
            np.testing.assert_array_equal(
                there.getRegion(format="numpy")[0], here.getRegion(format="numpy")[0]
            )


@pytest.mark.parametrize("suffix", [".tiff", ".zarr"])
def test_copied_tiles_come_by_range_and_go_as_they_are(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read once to be copied, and once to make the levels below it."""
    make_slide(tmp_path / "slide.svs", 2048, 1920)
    size = (tmp_path / "slide.svs").stat().st_size
    options = ConvertOptions(compression="jpeg")
    with s3_server("bucket") as (url, server):
        _set(monkeypatch, s3_environment(url))
        CloudObjects("s3://bucket").create("a.svs", (tmp_path / "slide.svs").read_bytes())
        server.asked.clear()
        ziggurat.convert("s3://bucket/a.svs", f"s3://bucket/out{suffix}", options)
        asked = [one for one in server.asked if one.path == "/bucket/a.svs"]
        assert {one.method for one in asked} == {"GET"}
        ranges = [[int(end) for end in one.range[6:].split("-")] for one in asked]
        read = sum(min(last + 1, size) - first for first, last in ranges)
        assert size < read < 2 * size + 3 * OPENING
        assert len(asked) < 20
        with tifffile.TiffFile(tmp_path / "slide.svs") as file:
            page = file.pages.first
            data = (tmp_path / "slide.svs").read_bytes()
            places = zip(page.dataoffsets, page.databytecounts, strict=True)
            tiles = [data[start : start + length] for start, length in places]
        there = CloudObjects("s3://bucket")
        if suffix == ".tiff":
            written = there.read("out.tiff")
            assert sum(tile in written for tile in tiles) == len(tiles)
            assert len(written) < sum(one.sent for one in server.asked) < 1.6 * len(written)
        else:
            chunks = [there.read(name) for name in there.names("") if "out.zarr/0/c/" in name]
            scans = [tile[tile.rindex(b"\xff\xda") :] for tile in tiles]  # a file has its tables
            assert sum(any(scan in chunk for chunk in chunks) for scan in scans) == len(scans)
