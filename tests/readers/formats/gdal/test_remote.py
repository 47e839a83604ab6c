"""GeoTIFFs behind URLs: read by ranges, and kept from leading elsewhere."""

import http.server
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.serving import serving
from ziggurat.readers.errors import UnsupportedFormatError, ZigguratError
from ziggurat.readers.formats.gdal.reader import GdalReader
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.geo.gdal_access import Handles, gdal_name


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.server.folder / self.path.lstrip("/")
        data = path.read_bytes() if path.is_file() else b""
        status, start, size = (200 if data else 404), 0, len(data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if data and asked:
            status, start = 206, int(asked[1])
            data = data[start : int(asked[2] or size) + 1]
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(data) - 1}/{size}")
        self.end_headers()
        if body:
            self.server.sent.append((self.path, len(data)))
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.folder, served.sent = tmp_path, []
    with serving(served):
        yield served


def test_a_tile_of_a_remote_geotiff_costs_little(
    server: http.server.ThreadingHTTPServer,
    tmp_path: Path,
    make_raster: Callable[..., Path],
    rng: np.random.Generator,
) -> None:
    values = rng.integers(0, 256, (2048, 2048, 3), np.uint8)
    options = ("TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256")
    make_raster(
        tmp_path / "big.tif", values, crs="EPSG:3857", transform=(0, 10, 0, 20_480, 0, -10),
        options=options,
    )  # fmt: skip
    url = f"http://127.0.0.1:{server.server_port}/big.tif"
    with open_reader(url) as reader:
        assert isinstance(reader, GdalReader)
    source = ziggurat.open(url)
    array, _ = source.getRegion(
        region={"left": 512, "top": 1024, "width": 256, "height": 256}, format="numpy"
    )
    np.testing.assert_array_equal(array, values[1024:1280, 512:768])
    assert sum(size for _, size in server.sent) < 2_000_000 < values.nbytes
    view = ziggurat.open(url, projection="EPSG:3857")
    assert view.getBounds()["xmax"] == pytest.approx(20_480)


def test_a_remote_virtual_raster_is_refused(
    server: http.server.ThreadingHTTPServer, tmp_path: Path, make_raster: Callable[..., Path]
) -> None:
    make_raster(tmp_path / "p.tif", np.zeros((8, 8, 1), np.uint8))
    (tmp_path / "v.vrt").write_text(
        '<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="Byte" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">p.tif</SourceFilename></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    url = f"http://127.0.0.1:{server.server_port}/v.vrt"
    with pytest.raises(ZigguratError):
        open_reader(url)
    with pytest.raises(UnsupportedFormatError, match="GDAL knows no raster format"):
        Handles(gdal_name(url)).dataset()
    assert not any(path == "/p.tif" for path, _ in server.sent)


def test_other_schemes_are_refused() -> None:
    with pytest.raises(UnsupportedFormatError, match="not gopher://"):
        gdal_name("gopher://127.0.0.1/x.tif")
