"""Objects that are put once, in a folder and through the library for object storage."""

import logging
import pickle
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkError
from ziggurat.readers.io.objects import CloudObjects, FolderObjects, Objects

SECRET = "a-secret-of-this-test"


@pytest.fixture(params=["folder", "library"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    """A folder, by ourselves and through obstore, which takes all clouds alike."""
    return (
        FolderObjects(str(tmp_path))
        if request.param == "folder"
        else CloudObjects(tmp_path.as_uri())
    )


def test_an_object_is_put_once(objects: Objects) -> None:
    assert objects.names("a/") == []
    assert objects.create("a/two", b"first")
    assert not objects.create("a/two", b"other")
    assert objects.create("a/one", b"x")
    assert objects.names("a/") == ["a/one", "a/two"]
    assert objects.read("a/two") == b"first"
    assert objects.read("a/two", 1, 3) == b"irs"
    assert objects.read("a/two", 1, 300) == b"irst"
    objects.replace("a/two", b"new")
    assert objects.read("a/two") == b"new"
    with pytest.raises(FileNotFoundError):
        objects.read("a/none")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket on a server of this process that keeps conditional puts."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    said = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": SECRET}
    for name, value in {
        **said,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
    yield "s3://bucket"
    server.stop()


@pytest.mark.slow
def test_a_sink_on_object_storage(bucket: str, tmp_path: Path) -> None:
    sink = ziggurat.new(f"{bucket}/run", blend="sum", bands=1, dtype="int64", sizeX=64, sizeY=64)
    assert SECRET.encode() not in pickle.dumps(sink)
    handle = pickle.loads(pickle.dumps(sink))
    for one in (sink, handle, handle):
        with one.task("a") as task:
            task.addTile(np.full((30, 30), 3, np.int64))
            task.addTile(np.full((30, 30), 4, np.int64), 20)
        one.addTile(np.full((5, 5), 1, np.int64), 40, key="k")
    sink.mm_x = 0.5
    assert handle.mm_x == 0.5
    with ziggurat.open(f"{bucket}/run") as source:
        found = source.getRegion(format="numpy")[0]
        assert found.shape[:2] == (64, 64)
        assert found[0, [0, 25, 40, 60], 0].tolist() == [3, 7, 5, 0]
    with ziggurat.new(f"{bucket}/run", mode="resume", blend="sum") as again:
        assert [one.key for one in again.tiles()] == ["k", ("a", 0), ("a", 1)]
    with pytest.raises(SinkError, match="mode='join'"):
        ziggurat.new(f"{bucket}/run", blend="sum")
    with pytest.raises(SinkError, match="no sink's store"):
        ziggurat.new(f"{bucket}/none", mode="join")
    sink.write(tmp_path / "out.ome.zarr")
    sink.close()
