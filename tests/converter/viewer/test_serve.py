"""The viewer's process: where it listens."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ziggurat.converter.viewer.serve import Serving, serve


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
