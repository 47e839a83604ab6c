"""The viewer over HTTP: who is let in, what is cached, and that stranger names are turned away."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import ziggurat
from ziggurat.converter.viewer.app import app
from ziggurat.converter.viewer.shown import Shown


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
        let_in = client.get("/?token=secret")
        assert let_in.status_code == 200
        said = let_in.headers["set-cookie"].lower()
        assert "httponly" in said  # no script reads it
        assert "samesite=strict" in said  # no page of others brings it
        assert client.get("/tile/0/0/0/0").status_code == 200  # by its cookie


def test_viewers_on_other_ports_keep_their_own_tokens(slide: Path) -> None:
    """Cookies know no ports: a host's second viewer must not turn the first one's page away."""
    jar: dict[str, str] = {}
    for token in ("first", "second"):
        with TestClient(app([slide], hosts=None, token=token)) as client:
            jar |= dict(client.get(f"/?token={token}").cookies)
    with TestClient(app([slide], hosts=None, token="first"), cookies=jar) as client:
        assert client.get("/info").status_code == 200
    with TestClient(app([slide], hosts=None, token="third"), cookies=jar) as client:
        assert client.get("/info").status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_can_link_but_get_no_pixels(client: TestClient, site: str) -> None:
    asked = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for path in ("/tile/0/0/0/0", "/info", "/associated/0/0", "/events"):
        answer = client.get(path, headers=asked)
        assert (answer.status_code, list(answer.json())) == (403, ["error"])
    page = client.get("/", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})
    assert page.status_code == 200
    assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
    own = client.get("/tile/0/0/0/0", headers={"Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_reading_is_offered(client: TestClient, method: str) -> None:
    answer = client.request(method, "/info")
    assert (answer.status_code, list(answer.json())) == (405, ["error"])
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/static/%2e%2e/app.py", 404),
        ("/static/%252e%252e%252fapp.py", 404),
        ("/static/index.html%0a.js", 404),
        ("/static/%ff%fe.js", 404),
        ("/static/a%00.js", 404),
        ("/associated/0/..%2f..%2fetc%2fpasswd", 400),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("//etc/passwd", 404),
        ("/tile/0/0/0/0?frame=1&frame=-1", 400),
        ("/events?since=NaN", 400),
        ("/events?since=" + "9" * 5000, 400),
    ],
)
def test_refusals_say_why(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_what_was_opened_for_a_server_is_closed_with_it(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is stopped must not keep a sink's journal; what it was given stays open."""
    closed: list[str] = []
    close = Shown.close

    def noted(image: Shown) -> None:
        closed.append(image.name)
        close(image)

    monkeypatch.setattr(Shown, "close", noted)
    given = Shown(slide)
    with ziggurat.new(tmp_path / "growing") as sink:
        sink.addTile(np.full((64, 64, 3), 90, np.uint8), 0, 0)
        made = app([given, sink.path])
        with TestClient(made, base_url="http://127.0.0.1:9") as client:
            assert client.get("/tile/1/0/0/0").status_code == 200
            assert not closed
        assert closed == [Path(sink.path).name]
        with pytest.raises(ziggurat.exceptions.TileSourceError):
            app([sink.path, tmp_path / "missing.svs", slide])
    assert closed == [Path(sink.path).name] * 2
    given.close()
