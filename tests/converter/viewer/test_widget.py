"""The viewer in a notebook: questions and answers over the widget's own channel."""

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import numpy as np
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
        self.comm: object = self

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
    comm.hear(comm, {"id": 5, "path": "tile/0/x/0/0?frame=0"}, [])
    (first, buffers), (second, _), (third, _) = comm.sent
    assert (third["id"], third["status"]) == (5, 400)
    assert "whole number" in third["error"]
    assert (first["id"], first["status"], first["type"]) == (3, 200, "image/jpeg")
    assert buffers == [gallery.answer("tile/0/0/0/0", {}).body]
    assert (second["id"], second["status"]) == (4, 404)
    assert "level" in second["error"]


def test_news_go_out_in_the_context_of_the_question_once_for_all_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels let the shell answer that sent last, which must not be the one that a cell blocks."""
    beats: list[Callable[[], None]] = []

    class Timer:
        daemon = False

        def __init__(self, _seconds: float, run: Callable[[], None]) -> None:
            beats.append(run)

        def start(self) -> None:
            pass

    monkeypatch.setattr(threading, "Timer", Timer)
    shell: ContextVar[str] = ContextVar("shell", default="main")
    heard: list[tuple[str, int]] = []

    class Shells(Comm):
        def send(self, message: dict[str, Any], _buffers: object = None) -> None:
            heard.append((shell.get(), message["news"]["upto"]))

    with ziggurat.new(tmp_path / "s", sizeX=256, sizeY=128, bands=1, dtype="uint8") as sink:
        sink.addTile(np.ones((64, 64), np.uint8), 0, 0)
        gallery, comm = Gallery([Shown(sink.path)]), Shells()
        Channel(gallery, comm)
        page_of_sub = copy_context()
        page_of_sub.run(shell.set, "sub")
        page_of_sub.run(comm.hear, comm, {"listen": True}, [])
        sink.addTile(np.ones((64, 64), np.uint8), 64, 0)
        beats.pop()()
        assert heard == [("sub", 1), ("sub", 2)]
        page_of_sub.run(comm.hear, comm, {"listen": True}, [])  # a second page: no second clock
        assert len(beats) == 1
        beats.pop()()
        assert heard[2:] == [("sub", 2)]
        comm.comm = None  # the widget was closed
        gallery.close()
        beats.pop()()
        assert not beats
    assert len(heard) == 3


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
