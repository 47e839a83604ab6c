"""Outputs that are put onto object storage by tasks, opened there by other libraries."""

import logging
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from ziggurat.readers.errors import TargetExistsError, WriteError
from ziggurat.readers.io.objects import CloudObjects
from ziggurat.writers.tasks.plan import WritePlan

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket on a server of this process that keeps conditional puts."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
    yield "s3://bucket"
    server.stop()


def _sink(root: str) -> ziggurat.Sink:
    """Return a sink; of a name of its own, for a process stays attached to those it knows."""
    rng = np.random.default_rng(3)
    sink = ziggurat.new(root, blend="max")
    for number in range(12):
        tile = rng.integers(0, 250, (100, 100, 3), np.uint8)
        sink.addTile(tile, x=number % 4 * 80, y=number // 4 * 80, key=number)
    return sink


def _twice(plan: WritePlan) -> None:
    for task in (*plan.tasks, *plan.tasks):
        task()


def _others(bucket: str, *mine: str) -> list[str]:
    """Return the names of all objects but those below some prefixes."""
    return [name for name in CloudObjects(bucket).names("") if not name.startswith(mine)]


def test_a_zarr_is_opened_by_other_libraries(bucket: str, tmp_path: Path) -> None:
    with _sink(f"{bucket}/zarrs") as sink:
        sink.write(tmp_path / "a.zarr", tileSize=32)
        plan = sink.plan(f"{bucket}/out.zarr", tileSize=32, partBytes=30_000)
        _twice(plan)
        assert "out.zarr/zarr.json" not in CloudObjects(bucket).names("")
        report = plan.finish()
        assert report.path == f"{bucket}/out.zarr"
        _late(plan)
    assert _others(bucket, "zarrs/", "out.zarr/") == []
    options = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}
    there = zarr.open_group(f"{bucket}/out.zarr", mode="r", storage_options=options)
    here = zarr.open_group(tmp_path / "a.zarr", mode="r")
    levels = sorted(here.array_keys())
    assert sorted(there.array_keys()) == levels
    for level in levels:
        np.testing.assert_array_equal(_array(there, level), _array(here, level))
    tensorstore = pytest.importorskip("tensorstore")
    spec = {
        "driver": "zarr3",
        "kvstore": {
            "driver": "s3", "bucket": "bucket", "path": "out.zarr/0/",
            "endpoint": options["endpoint_url"], "aws_region": "us-east-1",
        },
    }  # fmt: skip
    found = tensorstore.open(spec).result().read().result()
    np.testing.assert_array_equal(found, _array(here, "0"))


def _array(group: Any, name: str) -> Any:
    return group[name][...]


def _late(plan: WritePlan) -> None:
    with pytest.raises(WriteError, match="finished or cancelled"):
        plan.tasks[0]()


def test_a_tiff_is_opened_by_gdal(bucket: str, tmp_path: Path) -> None:
    from osgeo import gdal

    from ziggurat.readers.io.s3 import gdal_options

    with _sink(f"{bucket}/tiffs") as sink:
        sink.write(tmp_path / "a.tiff", tileSize=32, lossy=False)
        plan = sink.plan(f"{bucket}/out.tiff", tileSize=32, lossy=False, partBytes=30_000)
        _twice(plan)
        plan.finish()
    assert _others(bucket, "tiffs/") == ["out.tiff"]
    options = {
        **gdal_options(),
        "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    with gdal.ExceptionMgr(), gdal.config_options(options):
        found = gdal.Open("/vsis3/bucket/out.tiff").ReadAsArray()
    with ziggurat.open(tmp_path / "a.tiff") as source:
        pixels = source.getRegion(format="numpy")[0]
    np.testing.assert_array_equal(found.transpose(1, 2, 0), pixels)


def test_what_is_there_is_never_replaced_and_what_was_left_is_told(bucket: str) -> None:
    with _sink(f"{bucket}/left") as sink:
        sink.write(f"{bucket}/a.zarr", tileSize=64)
        with pytest.raises(TargetExistsError, match="can't be exchanged in one step"):
            sink.write(f"{bucket}/a.zarr")
        plan = sink.plan(f"{bucket}/b.zarr", tileSize=32, partBytes=30_000)
        plan.tasks[0]()
        with pytest.raises(TargetExistsError, match="is under way, or was left"):
            sink.plan(f"{bucket}/b.zarr")
        plan.cancel()
    assert _others(bucket, "left/", "a.zarr/") == []


def test_a_store_is_merged_there(bucket: str) -> None:
    with _sink(f"{bucket}/merged") as sink:
        before = sink.getRegion(format="numpy")[0]
        assert sink.compact() == 12
        with ziggurat.open(f"{bucket}/merged") as source:
            np.testing.assert_array_equal(source.getRegion(format="numpy")[0], before)
        sink.addTile(np.full((100, 100, 3), 255, np.uint8), key=3)
        assert len(list(sink.tiles())) == 12
