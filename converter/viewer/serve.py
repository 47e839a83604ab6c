"""One process, one port: the viewer until Ctrl-C."""

import os
import socket
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ziggurat.converter.viewer.answers import VENDORED, page
from ziggurat.converter.viewer.shown import Shown
from ziggurat.readers.errors import OptionError, UnsupportedFormatError
from ziggurat.readers.model.checks import whole_number

LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Serving:
    """Where the viewer listens. Another address than this machine's own gets a token."""

    host: str = LOCAL
    port: int = 0
    browser: bool = True


def serve(
    sources: Sequence[str | os.PathLike[str]],
    how: Serving,
    tell: Callable[[str], None],
    *,
    on_map: bool = False,
) -> None:
    """Show images in the browser until Ctrl-C.

    Parameters
    ----------
    sources
        Paths or URLs; the first lies at the bottom.
    how
        Where to listen, and whether to open a browser.
    tell
        Hears the address.
    on_map
        Show georeferenced images on the web's map.

    Raises
    ------
    SourceError
        A source can't be opened.
    UnsupportedFormatError
        The server (``ziggurat[view]``) or the page's library is not installed.
    OptionError
        The address can't be listened on.
    """
    try:
        import uvicorn

        from ziggurat.converter.viewer.app import app, new_token
    except ImportError as error:
        raise UnsupportedFormatError(
            f"the viewer needs {error.name}: pip install 'ziggurat[view]'"
        ) from error
    if page(VENDORED).status != 200:
        raise UnsupportedFormatError(
            "the page's library, OpenSeadragon, was not there when ziggurat was built; "
            "build it again: pip install --force-reinstall --no-binary ziggurat 'ziggurat[view]'"
        )
    local = how.host in (LOCAL, "localhost", "::1")
    token = None if local else new_token()
    with ExitStack() as stack:
        images = []
        for source in sources:
            images.append(Shown(source, on_map=on_map))
            stack.callback(images[-1].close)
        application = app(images, token=token) if local else app(images, hosts=None, token=token)
        listener = stack.enter_context(_listen(how.host, how.port))
        port = listener.getsockname()[1]
        address = f"http://{f'[{how.host}]' if ':' in how.host else how.host}:{port}/"
        address += f"?token={token}" if token else ""
        tell(address)
        if how.browser:
            webbrowser.open(address)
        config = uvicorn.Config(
            application, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    whole_number("port", port, 0, most=65535)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # said to be TCP, without which asyncio leaves Nagle's algorithm on: 40 ms a tile
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen()  # a browser that hears the address at once waits for the server
    except (OSError, TypeError, UnicodeError) as error:  # the latter two of no name of a host
        listener.close()
        why = error.strerror if isinstance(error, OSError) else error
        raise OptionError(f"can't listen on {host}, port {port}: {why}") from error
    return listener
