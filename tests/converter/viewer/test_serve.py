"""The viewer's process: where it listens."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ziggurat.converter.viewer import app as viewer
from ziggurat.converter.viewer.serve import LOCAL, Serving, _listen, serve


class EndedError(Exception):
    """The server is not to run."""


def test_whoever_hears_the_address_can_connect(slide: Path) -> None:
    """A browser that is started at once would otherwise say that there is nobody."""

    def come(address: str) -> None:
        where = urlsplit(address)
        assert where.hostname == "127.0.0.1"
        assert where.port
        with socket.create_connection((where.hostname, where.port), timeout=10):
            raise EndedError

    with pytest.raises(EndedError):
        serve([slide], Serving(browser=False), come)


@pytest.mark.parametrize(
    ("host", "open_to_all"), [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False)]
)
def test_an_address_that_others_reach_wants_a_token(
    slide: Path, host: str, open_to_all: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in the same network would see the slides."""
    made: list[dict[str, object]] = []

    def application(_: object, **how: object) -> None:
        made.append(how)

    def end(address: str) -> None:
        token = urlsplit(address).query.removeprefix("token=")
        assert bool(token) is open_to_all
        assert (made[0]["token"] or "") == token
        assert len(token) > 30 or not open_to_all
        raise EndedError

    monkeypatch.setattr(viewer, "app", application)
    with pytest.raises(EndedError):
        serve([slide], Serving(host=host, browser=False), end)


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """Headers and body are two packets: with Nagle's algorithm each tile would take 40 ms."""
    with (
        _listen(LOCAL, 0) as listener,
        socket.create_connection(listener.getsockname(), timeout=10),
        listener.accept()[0] as accepted,
    ):
        assert accepted.proto == socket.IPPROTO_TCP  # what asyncio asks for
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
