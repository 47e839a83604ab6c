"""A folder for a web server: all tiles are in it, and it appears whole or not at all."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.converter.viewer.answers import VENDORED, Answer, Gallery, Query, page
from ziggurat.converter.viewer.export import export
from ziggurat.readers.errors import TargetExistsError

pytestmark = pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")


def test_every_tile_is_in_the_folder(slide: Path, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    heard: list[tuple[int, int]] = []
    count = export([slide], folder, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (count, count)
    info = json.loads((folder / "info.json").read_text())["images"][0]
    with ziggurat.open(slide) as source:
        last = source.levels - 1
        stored = bytes(source.getTile(1, 1, last))
    assert (folder / "tiles" / "0" / "0" / str(info["levels"] - 1) / "1_1").read_bytes() == stored
    assert (folder / "index.html").is_file()
    assert (folder / "static" / VENDORED).is_file()
    with pytest.raises(TargetExistsError):
        export([slide], folder)


def test_tiles_of_a_sink_that_are_not_up_to_date_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large sink is read piece by piece: a tile that took too long was "can't be written"."""
    ask, asked = Gallery.answer, Counter[str]()

    def late(self: Gallery, path: str, query: Query) -> Answer:
        answer = ask(self, path, query)
        asked[path] += 1
        early = path.startswith("tile") and asked[path] < 3
        return replace(answer, status=203, body=b"\xff not yet") if early else answer

    monkeypatch.setattr(Gallery, "answer", late)
    with ziggurat.new(tmp_path / "s", bands=3, dtype="uint8") as sink:
        sink.addTile(np.full((300, 300, 3), 9, np.uint8), 0, 0)
        export([sink.path], tmp_path / "web")
    for file in (tmp_path / "web/tiles").rglob("*_*"):
        assert file.read_bytes().startswith(b"\x89PNG")


def test_a_failed_export_leaves_nothing(slide: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export([slide], tmp_path / "web", stop)
    assert not (tmp_path / "web").exists()
    assert not list(tmp_path.glob(".ziggurat-part-*"))
