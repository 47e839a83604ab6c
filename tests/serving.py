"""HTTP servers on this machine, for as long as a test wants them."""

import functools
import http.server
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.01  # half a second by default: so long every test would wait for its server's end


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[str]:
    """Serve in a thread until the block ends, yielding the address; then close the server."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the files of a folder, whole, and says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def folder_server(
    folder: Path, handler: type[http.server.SimpleHTTPRequestHandler] = Quiet
) -> http.server.ThreadingHTTPServer:
    """Return a server of a folder's files on a free port, which does not run yet."""
    made = functools.partial(handler, directory=str(folder))
    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
