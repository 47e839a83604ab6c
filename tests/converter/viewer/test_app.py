"""The viewer over HTTP: who is let in, what is cached, and that stranger names are turned away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ziggurat.converter.viewer.app import app


@pytest.fixture
def client(slide: Path) -> Iterator[TestClient]:
    with TestClient(app([slide]), base_url="http://127.0.0.1:9") as asked:
        yield asked


def test_the_page_and_its_tiles_come(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/static/viewer.js").status_code == 200
    assert client.get("/tile/0/0/0/0").headers["content-type"] == "image/jpeg"


def test_a_tile_that_the_browser_has_is_not_sent_again(client: TestClient) -> None:
    etag = client.get("/tile/0/0/0/0").headers["etag"]
    again = client.get("/tile/0/0/0/0", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", ""])
def test_a_page_of_another_site_is_not_served(client: TestClient, host: str) -> None:
    for path in ("/", "/info", "/tile/0/0/0/0", "/events"):
        assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:1", "[::1]:5"])
def test_this_machines_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/info", headers={"Host": host}).status_code == 200


def test_nothing_is_served_without_the_token(slide: Path) -> None:
    application = app([slide], hosts=None, token="secret")
    with TestClient(application, base_url="http://viewer.example") as client:
        for path in ("/", "/info", "/tile/0/0/0/0", "/events", "/?token=wrong"):
            assert client.get(path).status_code == 403
        assert client.get("/?token=secret").status_code == 200
        assert client.get("/tile/0/0/0/0").status_code == 200  # by its cookie


def test_only_reading_is_offered(client: TestClient) -> None:
    assert client.post("/info").status_code == 405
