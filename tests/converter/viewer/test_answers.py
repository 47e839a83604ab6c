"""What a page gets for what it asks: stored tiles as they are, colours, values, and refusals."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat
from ziggurat.converter.viewer.answers import Answer, Gallery
from ziggurat.converter.viewer.render import label_colors
from ziggurat.converter.viewer.shown import Shown


def ask(gallery: Gallery, path: str, **query: Any) -> Answer:
    words = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()
    }
    return gallery.answer(path, words)


def picture(answer: Answer) -> np.ndarray:
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body)))


def test_a_stored_jpeg_goes_out_byte_for_byte(gallery: Gallery, slide: Path) -> None:
    facts = json.loads(ask(gallery, "info").body)["images"][0]
    answer = ask(gallery, f"tile/0/{facts['levels'] - 1}/1/1")
    with ziggurat.open(slide) as source:
        stored = source.getTile(1, 1, source.levels - 1)
    assert answer.media_type == "image/jpeg"
    assert answer.body == bytes(stored)
    assert answer.etag == ask(gallery, f"tile/0/{facts['levels'] - 1}/1/1").etag


def test_labels_have_a_colour_each_and_nothing_is_transparent(gallery: Gallery) -> None:
    facts = json.loads(ask(gallery, "info").body)["images"][1]
    assert facts["kind"] == "labels"
    seen = picture(ask(gallery, f"tile/1/{facts['levels'] - 1}/0/0", look={"labels": True}))
    assert (seen[50, 50] == 0).all()  # number 0
    np.testing.assert_array_equal(seen[50, 150], label_colors()[1])
    np.testing.assert_array_equal(seen[150, 50], label_colors()[7])


def test_values_run_through_a_palette_and_a_threshold_hides(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None].repeat(64, axis=0)
    values[5, 5] = np.nan
    with ziggurat.new() as sink:
        sink.addTile(values, 0, 0)
        sink.write(tmp_path / "p.zarr.zip")
    gallery = Gallery([Shown(tmp_path / "p.zarr.zip")])
    look = {"palette": "white", "low": 0, "high": 1, "threshold": 0.5}
    seen = picture(ask(gallery, "tile/0/0/0/0", look=look))
    assert (seen[10, :31, 3] == 0).all()
    assert (seen[10, 33:, 3] == 255).all()
    assert seen[5, 5, 3] == 0
    np.testing.assert_allclose(seen[10, 33:, 0], values[10, 33:, 0] * 255, atol=1)
    gallery.close()


def test_channels_are_mixed_in_the_colours_and_windows_asked_for(tmp_path: Path) -> None:
    stack = np.zeros((2, 64, 64), np.uint16)
    stack[0, :, :32], stack[1, 32:] = 1000, 3000
    tifffile.imwrite(
        tmp_path / "c.ome.tif", stack, tile=(16, 16), ome=True, metadata={"axes": "CYX"}
    )
    gallery = Gallery([Shown(tmp_path / "c.ome.tif")])
    look = {"channels": [[0, "#ff0000", 0, 1000], [1, "#0000ff", 0, 6000]]}
    levels = json.loads(ask(gallery, "info").body)["images"][0]["levels"]
    seen = np.zeros((64, 64, 4), np.uint8)
    size = 16
    for row in range(4):
        for column in range(4):
            tile = picture(ask(gallery, f"tile/0/{levels - 1}/{column}/{row}", look=look))
            seen[row * size : (row + 1) * size, column * size : (column + 1) * size] = tile
    assert seen[0, 0].tolist() == [255, 0, 0, 255]
    assert seen[40, 0, 0] == 255
    assert abs(int(seen[40, 0, 2]) - 127) <= 1
    assert seen[0, 40].tolist() == [0, 0, 0, 255]
    gallery.close()


def test_edge_tiles_end_with_the_image(gallery: Gallery) -> None:
    facts = json.loads(ask(gallery, "info").body)["images"][1]
    tile = facts["tileWidth"]
    column = facts["width"] // tile
    seen = picture(ask(gallery, f"tile/1/{facts['levels'] - 1}/{column}/0"))
    assert seen.shape[1] == facts["width"] - column * tile


def test_values_and_histograms_are_the_stored_ones(gallery: Gallery) -> None:
    assert json.loads(ask(gallery, "value/1", x=650, y=450).body) == {"value": [34]}
    assert json.loads(ask(gallery, "value/1", x=7000, y=450).body) == {"value": []}
    values = json.loads(ask(gallery, "histogram/1").body)
    assert (values["min"], values["max"]) == (0, 34)
    assert sum(values["counts"]) > 0


MANY_CHANNELS = ", ".join(['[0, "red", 0, 1]'] * 65)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("tile/7/0/0/0", {}, 404),
        ("tile/0/99/0/0", {}, 404),
        ("tile/0/0/99/0", {}, 404),
        ("tile/0/0/0/0", {"frame": "9"}, 404),
        ("tile/0/0/0", {}, 400),
        ("tile/0/-1/0/0", {}, 400),
        ("tile/x/0/0/0", {}, 400),
        ("tile/0/0/0/0", {"look": "[]"}, 400),
        ("tile/0/0/0/0", {"look": "{"}, 400),
        ("tile/0/0/0/0", {"look": "[" * 60_000}, 400),
        ("tile/0/0/0/0", {"look": '{"function": "os.system"}'}, 400),
        ("tile/0/0/0/0", {"look": '{"channels": [[0, "no colour", 0, 1]]}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "no palette"}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "white", "low": 1e999}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "white", "low": NaN}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "white", "band": 3}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "white", "band": 0.5}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "white", "band": -1}'}, 400),
        ("tile/0/0/0/0", {"look": '{"palette": "../../etc/passwd"}'}, 400),
        ("tile/0/0/0/0", {"look": '{"channels": [[3, "red", 0, 1]]}'}, 400),
        ("tile/0/0/0/0", {"look": '{"channels": [[0, "hsl(1e999, 1%, 1%)", 0, 1]]}'}, 400),
        ("tile/0/0/0/0", {"look": f'{{"channels": [{MANY_CHANNELS}]}}'}, 400),
        ("tile/0/0/0/0", {"look": '{"labels": "yes"}'}, 400),
        ("tile/1/0/0/0", {"look": '{"labels": true, "band": 1}'}, 400),
        ("tile/0/0/0/0", {"look": f'{{"band": {"[" * 900}{"]" * 900}}}'}, 400),
        ("tile/0/0/0/0", {"look": f'{{"band": {"9" * 4000}}}'}, 400),
        ("tile/0/0/0/0", {"look": f'{{"band": {"9" * 5000}}}'}, 400),
        ("tile/0/0/0/0", {"look": '{"a":' * 20_000}, 400),
        ("tile/0/0/0/0", {"look": "x" * 70_000}, 400),
        ("tile/0/0/0/0", {"look": "{}", "frame": "-1"}, 400),
        ("tile/0/0/0/0", {"frame": "NaN"}, 400),
        ("tile/0/0/0/0", {"frame": "9" * 5000}, 400),
        ("tile/0/0/NaN/0", {}, 400),
        ("tile/0/0/1e5/0", {}, 400),
        ("tile/0/0/²/0", {}, 400),
        ("tile/0/0/9999999999/9999999999", {}, 404),
        (f"tile/0/0/{'9' * 5000}/0", {}, 400),
        ("value/0", {"x": "-1"}, 400),
        ("value/0", {"y": "NaN"}, 400),
        ("value/0", {"x": "9" * 5000}, 400),
        ("value/0", {"frame": "9999999999"}, 404),
        ("value/0/1", {}, 404),
        ("news/0", {"since": "NaN"}, 400),
        ("associated/0/99", {}, 404),
        ("associated/0/-1", {}, 400),
        ("associated/0/label", {}, 400),
        ("associated/0/..%2f..%2fetc%2fpasswd", {}, 400),
        ("associated/0/0/../../../etc/passwd", {}, 404),
        ("histogram/0", {"band": "7"}, 400),
        ("histogram/0", {"band": "9999999999"}, 400),
        ("nothing", {}, 404),
        ("file:///etc/passwd", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    gallery: Gallery, path: str, query: dict[str, str], status: int
) -> None:
    answer = gallery.answer(path, query)
    assert answer.status == status
    why = json.loads(answer.body)["error"]
    assert 0 < len(why) < 300  # not all that was sent comes back


def test_values_far_apart_and_close_together_are_shown(gallery: Gallery) -> None:
    for low, high in ((-1e300, 1e300), (1e-320, 1e-319), (5, 5), (9, 2)):
        look = {"palette": "white", "low": low, "high": high}
        assert picture(ask(gallery, "tile/1/0/0/0", look=look)).shape[2] == 4


@pytest.mark.parametrize(
    "name",
    [
        "static/../app.py",
        "static/..%2fapp.py",
        "static/vendor/../../app.py",
        "static//etc/passwd",
        "static/app.py",
        "static/.hidden.js",
        "static/",
        "static/vendor",
        "static/vendor/",
        "static/vendor/../viewer.js",
        "static/./viewer.js",
        "static//viewer.js",
        "static/..\\app.py",
        "static/viewer.js\0.txt",
        "static/viewer.js\n",
        "static/" + "a" * 5000 + ".js",
        "static/" + "a/" * 2000 + "a.js",
        "../app.py",
    ],
)
def test_no_path_leads_out_of_the_page(gallery: Gallery, name: str) -> None:
    assert gallery.answer(name, {}).status == 404


def test_the_answer_is_json_that_every_browser_takes(gallery: Gallery) -> None:
    json.loads(ask(gallery, "info").body, parse_constant=lambda word: pytest.fail(word))


def test_tiles_are_kept_up_to_a_number_of_bytes(gallery: Gallery) -> None:
    size = len(ask(gallery, "tile/0/0/0/0").body)
    ask(gallery, "tile/0/0/0/0")
    assert gallery._tiles.used == size
    gallery._tiles.limit = 2 * size
    for high in range(100, 105):
        look = json.dumps({"low": 0, "high": high, "palette": "viridis"})
        assert gallery.answer("tile/0/0/0/0", {"look": look}).status == 200
        assert 0 < gallery._tiles.used <= 2 * size
