"""Every route of the viewer and every word it takes: bytes decoded, against numpy; and headers.

A new route, or a new word of a look, fails here until it has a row.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import ziggurat
from ziggurat.converter.viewer import answers
from ziggurat.converter.viewer.answers import Gallery
from ziggurat.converter.viewer.app import app
from ziggurat.converter.viewer.looks import Look
from ziggurat.converter.viewer.render import label_colors
from ziggurat.converter.viewer.shown import Shown

# Lopsided: 5 x 3 tiles of 16, two of which are cut; every sample differs from its neighbours'.
WIDTH, HEIGHT, TILE, FRAMES = 70, 40, 16, 2
_Y, _X = np.mgrid[:HEIGHT, :WIDTH]
PICTURE = np.stack(
    [np.stack([_X * 3, _Y * 5, _X + _Y + 90 * z, np.full_like(_X, 255)], -1) for z in range(FRAMES)]
).astype(np.uint8)
VALUES = np.stack(
    [np.stack([_X * 50 + z + 100, _Y * 7 + _X, _X * 3 + _Y], -1) for z in range(FRAMES)]
).astype(np.uint16)
VALUES[:, 0, 0, 0], VALUES[:, 1, 0, 0] = 60_000, 0  # far out
LABEL = np.stack([_X[:20, :30] * 0 + 40, _X[:20, :30] * 0 + 90, _X[:20, :30] * 0 + 140], -1)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("routes")
    for name, stack in (("picture", PICTURE), ("values", VALUES)):
        with ziggurat.new(bands=stack.shape[-1], dtype=stack.dtype.name) as sink:
            for z in range(FRAMES):
                sink.addTile(stack[z], 0, 0, z=z)
            if name == "picture":
                sink.mm_x, sink.mm_y, sink.magnification = 0.0005, 0.00025, 20
                sink.addAssociatedImage(LABEL.astype(np.uint8), "label")
                sink.addAssociatedImage(LABEL[:, :10].astype(np.uint8), "macro")
            sink.write(folder / f"{name}.tiff", lossy=False, tileSize=TILE)
    return [folder / "picture.tiff", folder / "values.tiff"]


@pytest.fixture(scope="module")
def gallery(paths: list[Path]) -> Iterator[Gallery]:
    made = Gallery([Shown(path) for path in paths])
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(paths: list[Path]) -> Iterator[TestClient]:
    with TestClient(app(paths), base_url="http://127.0.0.1:9") as asked:
        yield asked


def asked(gallery: Gallery, path: str, query: dict[str, str] | None = None) -> Any:
    answer = gallery.answer(path, query or {})
    assert answer.status == 200, answer.body
    if answer.media_type == "application/json":
        return json.loads(answer.body)
    return np.asarray(Image.open(io.BytesIO(answer.body)))


def halved(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares, of what is cut at the edges, too."""
    rows, columns = (range(0, side, factor) for side in pixels.shape[:2])
    return np.array(
        [[pixels[y : y + factor, x : x + factor].mean((0, 1)) for x in columns] for y in rows]
    )


def test_every_tile_of_every_level_and_frame_is_its_slice(gallery: Gallery) -> None:
    levels = asked(gallery, "info")["images"][0]["levels"]
    assert levels == 4
    for z in range(levels):
        factor = 2 ** (levels - 1 - z)
        for frame in range(FRAMES):
            due = halved(PICTURE[frame].astype(float), factor)
            for y in range(0, due.shape[0], TILE):
                for x in range(0, due.shape[1], TILE):
                    path = f"tile/0/{z}/{x // TILE}/{y // TILE}"
                    seen = asked(gallery, path, {"frame": str(frame)}).astype(float)
                    wanted = due[y : y + TILE, x : x + TILE]
                    assert seen.shape == wanted.shape, path
                    off = np.abs(seen - wanted)[: HEIGHT // factor - y, : WIDTH // factor - x]
                    assert off.max() <= (0 if factor == 1 else 3), path
            gone = gallery.answer(f"tile/0/{z}/{-(-due.shape[1] // TILE)}/0", {})
            assert gone.status == 404


def _gray(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255


def _first(frame: int, band: int) -> np.ndarray:
    return VALUES[frame, :TILE, :TILE, band]


Colors = Callable[[np.ndarray], bool]


def _is(wanted: np.ndarray, band: int = 0) -> Colors:
    return lambda seen: bool(np.abs(seen[..., band].astype(float) - wanted).max() <= 1)


WHITE = {"palette": "white", "low": 0, "high": 1000}
# By the field of a look: the look as a page says it, and what the first tile of values then is.
LOOKS: dict[str, tuple[dict[str, Any], int, Colors]] = {
    "frame": (WHITE, 1, _is(_gray(_first(1, 0), 0, 1000))),
    "band": ({**WHITE, "band": 1}, 0, _is(_gray(_first(0, 1), 0, 1000))),
    "channels": (
        {"channels": [[1, "#00ff00", 10, 100], [0, "#0000ff", 0, 800]]}, 0,
        lambda seen: _is(_gray(_first(0, 1), 10, 100), 1)(seen)
        and _is(_gray(_first(0, 0), 0, 800), 2)(seen)
        and not seen[..., 0].any(),
    ),
    "palette": ({**WHITE, "palette": "#00ff00"}, 0, lambda seen: _is(
        _gray(_first(0, 0), 0, 1000), 1)(seen) and not seen[..., 0].any()),
    "low": ({**WHITE, "low": 300}, 0, _is(_gray(_first(0, 0), 300, 1000))),
    "high": ({**WHITE, "high": 500}, 0, _is(_gray(_first(0, 0), 0, 500))),
    "threshold": ({**WHITE, "threshold": 350}, 0, _is((_first(0, 0) >= 350) * 255.0, 3)),
    "labels": (
        {"labels": True, "band": 1}, 0,
        lambda seen: np.array_equal(seen, label_colors()[_first(0, 1)]),
    ),
}  # fmt: skip


def test_every_word_of_a_look_has_a_row() -> None:
    assert {field.name for field in dataclasses.fields(Look)} == LOOKS.keys()


@pytest.mark.parametrize("word", LOOKS)
def test_a_look_is_what_the_stored_values_say(gallery: Gallery, word: str) -> None:
    look, frame, right = LOOKS[word]
    top = asked(gallery, "info")["images"][1]["levels"] - 1
    seen = asked(gallery, f"tile/1/{top}/0/0", {"look": json.dumps(look), "frame": str(frame)})
    assert seen.shape == (TILE, TILE, 4)
    assert right(seen)
    plain = asked(gallery, f"tile/1/{top}/0/0", {"look": json.dumps(WHITE), "frame": "0"})
    assert word == "frame" or not right(plain)  # the frames of the first band differ by one


def test_facts_of_each_image(gallery: Gallery) -> None:
    picture, values = asked(gallery, "info")["images"]
    for facts, due in (
        (picture, {"name": "picture.tiff", "dtype": "uint8", "bands": 3, "kind": "picture",
                   "mm_x": 0.0005, "mm_y": 0.00025, "magnification": 20,
                   "associated": ["label", "macro"]}),
        (values, {"name": "values.tiff", "dtype": "uint16", "bands": 3, "kind": "channels",
                  "mm_x": None, "mm_y": None, "magnification": None, "associated": []}),
    ):  # fmt: skip
        every: dict[str, object] = {
            "width": WIDTH, "height": HEIGHT, "tileWidth": TILE, "tileHeight": TILE, "levels": 4,
            "frames": FRAMES, "live": False, "map": None, "channels": [],
        }  # fmt: skip
        assert {name: facts[name] for name in {**every, **due}} == {**every, **due}
        assert [(axis["name"], axis["size"]) for axis in facts["axes"]] == [("z", 2)]
        assert facts["metadata"]["sizeX"] == WIDTH


def test_values_are_of_each_place_frame_and_image(gallery: Gallery) -> None:
    for x, y, frame in ((0, 0, 0), (69, 0, 0), (0, 39, 1), (69, 39, 1), (33, 7, 0)):
        query = {"x": str(x), "y": str(y), "frame": str(frame)}
        for number, stack in enumerate((PICTURE, VALUES)):
            found = asked(gallery, f"value/{number}", query)
            assert found == {"value": stack[frame, y, x].tolist()}
    for x, y in ((70, 0), (0, 40)):
        assert asked(gallery, "value/0", {"x": str(x), "y": str(y)}) == {"value": []}


def test_histograms_count_each_band_and_frame(gallery: Gallery) -> None:
    for frame in range(FRAMES):
        for band in range(3):
            query = {"band": str(band), "frame": str(frame)}
            found = asked(gallery, "histogram/1", query)
            due = VALUES[frame, ..., band]
            assert found["counts"] == np.histogram(due, 256)[0].tolist()
            assert (found["min"], found["max"]) == (due.min(), due.max())
            cut = np.percentile(due, [1, 99])
            assert (found["low"], found["high"]) == pytest.approx(tuple(cut))


def test_each_associated_image_is_the_one_of_its_number(gallery: Gallery) -> None:
    for number, width in ((0, 30), (1, 10)):
        seen = asked(gallery, f"associated/0/{number}")
        assert seen.shape == (20, width, 3)
        assert np.abs(seen.astype(int) - [40, 90, 140]).max() <= 3
    for path in ("associated/0/2", "associated/0", "associated/1/0", "associated/0/0/0"):
        assert gallery.answer(path, {}).status == 404, path


def test_what_does_not_grow_has_no_news(gallery: Gallery) -> None:
    due = {"upto": 0, "tiles": [], "everything": False, "rate": 0, "covered": 1}
    assert asked(gallery, "news/1", {"since": "3"}) == due


# path: (status, type, whether a browser may keep and ask for it again)
ROUTES = {
    "": (200, "text/html; charset=utf-8", True),
    "index.html": (200, "text/html; charset=utf-8", True),
    "static/viewer.js": (200, "text/javascript; charset=utf-8", True),
    "static/view.css": (200, "text/css; charset=utf-8", True),
    "info": (200, "application/json", False),
    "tile/0/3/0/0": (200, "image/png", True),
    "tile/1/3/0/0": (200, "image/png", True),
    "associated/0/0": (200, "image/jpeg", True),
    "histogram/0": (200, "application/json", False),
    "value/0": (200, "application/json", False),
    "news/0": (200, "application/json", False),
    "events": (200, "text/event-stream; charset=utf-8", None),
    "tile/0/3/99/0": (404, "application/json", False),
    "value/0?x=-1": (400, "application/json", False),
    "info/0": (404, "application/json", False),
}


def test_every_route_has_a_row() -> None:
    known = {path.split("/")[0] for path, row in ROUTES.items() if row[0] == 200}
    assert known == {*answers._ANSWERS, "", "index.html", "static", "info", "events"}


def test_headers_of_each_route(client: TestClient) -> None:
    for path in ROUTES:
        _check_headers(client, path)


def _check_headers(client: TestClient, path: str) -> None:
    status, kind, kept = ROUTES[path]
    answer = client.get(f"/{path}", headers={"Origin": "http://evil.example"})
    head = answer.headers
    assert (answer.status_code, head["content-type"]) == (status, kind), path
    assert head["x-content-type-options"] == "nosniff"
    assert head["referrer-policy"] == "no-referrer"
    assert head["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert [name for name in head if name.startswith("access-control")] == []
    assert "set-cookie" not in head
    if kept is None:
        return
    assert head["cache-control"] == ("private, no-cache" if kept else "no-store"), path
    assert ("etag" in head) is kept
    if kept:
        again = client.get(f"/{path}", headers={"If-None-Match": head["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == head["etag"]
        assert again.headers["content-security-policy"] == head["content-security-policy"]
        other = client.get(f"/{path}", headers={"If-None-Match": '"another"'})
        assert (other.status_code, other.content) == (200, answer.content)


def test_every_route_wants_the_token_and_only_it_brings_the_cookie(paths: list[Path]) -> None:
    token = "t" * 32
    made = app(paths, hosts=None, token=token)
    with TestClient(made, base_url="http://viewer.example") as stranger:
        for path in ROUTES:
            joint = "&" if "?" in path else "?"
            for bad in ("", f"{joint}token=", f"{joint}token={token[1:]}"):
                refused = stranger.get(f"/{path}{bad}")
                assert refused.status_code == 403, path
                assert list(refused.json()) == ["error"]
                assert "set-cookie" not in refused.headers
            let_in = stranger.get(f"/{path}{joint}token={token}")
            assert let_in.status_code == ROUTES[path][0], path
            if path != "events":
                cookie = let_in.headers["set-cookie"]
                assert cookie.split("=")[0].startswith("ziggurat-view-")
                assert "set-cookie" not in stranger.get(f"/{path}").headers
            stranger.cookies.clear()
