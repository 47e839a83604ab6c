"""A server of files by ranges, which counts what it sends and fails on demand."""

import http.server
import re
from pathlib import Path


class RangeServer(http.server.ThreadingHTTPServer):
    """Serves a folder by ranges; counts bytes and requests; fails or ignores ranges on demand."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _RangeHandler)
        self.folder = folder
        self.sent = 0
        self.requests: list[str] = []
        self.ranges = True
        self.failures = 0
        self.etag: str | None = None
        self.astray = 0  # how far behind what was asked for its ranges begin

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, *_: object) -> None:
        """Clients may hang up: no news."""


class _RangeHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RangeServer

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        self.server.requests.append(self.command)
        path = self.server.folder / self.path.lstrip("/").split("?")[0]
        status, start, stop = 200, 0, 0
        if not path.is_file():
            status = 404
        elif body and self.server.failures:
            self.server.failures -= 1
            status = 503
        else:
            stop = path.stat().st_size
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked and self.server.ranges:
                away = self.server.astray
                status, start, stop = 206, int(asked[1]) + away, min(stop, int(asked[2]) + 1 + away)
        self.send_response(status)
        self.send_header("Content-Length", str(stop - start))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{path.stat().st_size}")
        self.end_headers()
        if body and stop:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(stop - start)
            self.server.sent += len(data)
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
