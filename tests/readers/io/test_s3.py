"""s3:// URLs against a store on this machine that answers as S3 does, without signatures."""

import http.server
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import numpy as np
import pytest
import tifffile

import ziggurat
from tests.serving import serving
from ziggurat.readers.errors import SourceError, SourceNotFoundError
from ziggurat.readers.io import remote

pytest.importorskip("s3fs")


class Store(http.server.ThreadingHTTPServer):
    """A folder of buckets; counts bytes, and remembers who signed."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.sent = 0
        self.signed = 0

    def handle_error(self, *_: object) -> None:
        """Clients may hang up: no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server.signed += "Authorization" in self.headers
        asked = urlsplit(self.path)
        query = parse_qs(asked.query, keep_blank_values=True)
        path = self.server.folder / unquote(asked.path).strip("/")
        if body and ("list-type" in query or "delimiter" in query or "prefix" in query):
            self._send(200, self._listing(path, query), body, "application/xml")
        elif path.is_file():
            self._object(path, body)
        else:
            text = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
            self._send(404, text, body, "application/xml")

    def _object(self, path: Path, body: bool) -> None:
        data = path.read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not found:
            self._send(200, data, body)
            return
        start, stop = int(found[1]), int(found[2] or len(data) - 1) + 1
        part = data[start:stop]
        header = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"}
        self._send(206, part, body, **header)

    def _listing(self, bucket: Path, query: dict[str, list[str]]) -> bytes:
        prefix = query.get("prefix", [""])[0]
        keys, folders = [], set()
        for path in sorted(bucket.rglob("*")):
            key = path.relative_to(bucket).as_posix()
            if not path.is_file() or not key.startswith(prefix):
                continue
            rest = key[len(prefix) :]
            if "delimiter" in query and "/" in rest:
                folders.add(prefix + rest.split("/")[0] + "/")
            else:
                keys.append(
                    f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size>"
                    "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>1</ETag>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
        parts = "".join(keys) + "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            for name in sorted(folders)
        )
        return (
            "<?xml version='1.0' encoding='UTF-8'?>"
            "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>"
            f"<Name>{bucket.name}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(keys) + len(folders)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<IsTruncated>false</IsTruncated>{parts}</ListBucketResult>"
        ).encode()

    def _send(
        self, status: int, data: bytes, body: bool, kind: str = "binary/octet-stream", **more: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("ETag", '"1"')
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)
            self.server.sent += len(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    (tmp_path / "bucket").mkdir()
    server = Store(tmp_path)
    with serving(server) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_NO_SIGN_REQUEST", "YES")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        yield server


def test_a_tiff_by_ranges(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (2048, 2048, 3), np.uint8)
    tifffile.imwrite(tmp_path / "bucket" / "slide.tif", pixels, tile=(256, 256), photometric="rgb")
    with ziggurat.open("s3://bucket/slide.tif") as source:
        region = {"left": 700, "top": 900, "width": 200, "height": 100}
        found = source.getRegion(region=region, format="numpy")[0]
    np.testing.assert_array_equal(found, pixels[900:1000, 700:900])
    assert store.sent < 2_000_000 < pixels.nbytes
    assert not store.signed


def test_a_cloud_optimized_geotiff(
    store: Store, tmp_path: Path, make_raster: Callable[..., Path], rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 255, (600, 700, 3), np.uint8)
    place = {"crs": "EPSG:32633", "transform": (500000, 10, 0, 5000000, 0, -10)}
    make_raster(tmp_path / "bucket" / "map.tif", pixels, "COG", **place)
    with ziggurat.open("s3://bucket/map.tif") as source:
        assert source.geospatial
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)
    assert not store.signed


def test_an_ome_zarr(store: Store, tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (600, 700, 3), np.uint8)
    with ziggurat.new() as sink:
        sink.addTile(pixels)
        sink.write(tmp_path / "bucket" / "image.zarr")
        sink.write(tmp_path / "bucket" / "image.zarr.zip")
    for name in ("image.zarr", "image.zarr/", "image.zarr.zip"):
        with ziggurat.open(f"s3://bucket/{name}") as source:
            np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)
    assert not store.signed


def test_what_is_not_there(store: Store) -> None:
    with pytest.raises(SourceNotFoundError):
        ziggurat.open("s3://bucket/nothing.tif")
    with pytest.raises(SourceNotFoundError, match="no zarr hierarchy"):
        ziggurat.open("s3://bucket/nothing.zarr")


def test_keys_of_the_environment_sign(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "bucket" / "grey.tif", np.zeros((64, 64), np.uint8))
    monkeypatch.delenv("AWS_NO_SIGN_REQUEST")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with ziggurat.open("s3://bucket/grey.tif") as source:
        assert source.getRegion(format="numpy")[0].shape == (64, 64, 1)
    assert store.signed


def test_without_keys_the_way_out_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_NO_SIGN_REQUEST")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setattr(remote, "time", None)  # asking again finds no keys: it is told at once
    with pytest.raises(SourceError, match="AWS_NO_SIGN_REQUEST=YES"):
        ziggurat.open("s3://bucket/slide.tif")
