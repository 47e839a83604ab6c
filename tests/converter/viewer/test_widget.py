"""The viewer in a notebook: questions and answers over the widget's own channel."""

import json
from pathlib import Path
from typing import Any

import pytest

import ziggurat
from ziggurat.converter.viewer.answers import VENDORED, Gallery, page
from ziggurat.converter.viewer.shown import Shown
from ziggurat.converter.viewer.widget import Channel, script
from ziggurat.readers.source.notebook import place_of


class Comm:
    """What a widget does with messages: keeps them."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.comm = None

    def on_msg(self, hear: Any) -> None:
        self.hear = hear

    def send(self, message: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        self.sent.append((message, buffers or []))


def test_a_tile_is_answered_with_its_bytes(slide: Path) -> None:
    comm = Comm()
    gallery = Gallery([Shown(slide)])
    Channel(gallery, comm)
    comm.hear(comm, {"id": 3, "path": "tile/0/0/0/0?frame=0"}, [])
    comm.hear(comm, {"id": 4, "path": "tile/0/99/0/0?frame=0"}, [])
    (first, buffers), (second, _) = comm.sent
    assert (first["id"], first["status"], first["type"]) == (3, 200, "image/jpeg")
    assert buffers == [gallery.answer("tile/0/0/0/0", {}).body]
    assert (second["id"], second["status"]) == (4, 404)
    assert "level" in second["error"]


@pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")
def test_the_widgets_module_holds_every_module_of_the_page() -> None:
    text = script()
    modules = json.loads(text.split("\n", 1)[0].removeprefix("const MODULES = ").removesuffix(";"))
    for body in modules.values():
        for line in body.splitlines():
            if line.startswith("import"):
                name = line.split('"')[1].removeprefix("./")
                assert name in modules


@pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")
def test_sources_and_sinks_show_themselves(slide: Path, tmp_path: Path) -> None:
    pytest.importorskip("anywidget")
    with ziggurat.open(slide) as source, ziggurat.new(tmp_path / "s") as sink:
        assert type(source.view(sink, slide)).__name__ == "ZigguratView"
        assert type(sink.view()).__name__ == "ZigguratView"


def test_sources_are_shown_by_their_paths(slide: Path, tmp_path: Path) -> None:
    with ziggurat.open(slide) as source, ziggurat.new(tmp_path / "s") as sink:
        assert place_of(source) == str(slide)
        assert place_of(sink) == sink.path
        assert place_of("https://a.example/b.tif") == "https://a.example/b.tif"
