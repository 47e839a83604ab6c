"""A folder for a web server: all tiles are in it, and it appears whole or not at all."""

import json
from pathlib import Path

import pytest

import ziggurat
from ziggurat.converter.viewer.answers import VENDORED, page
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


def test_a_failed_export_leaves_nothing(slide: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export([slide], tmp_path / "web", stop)
    assert not (tmp_path / "web").exists()
    assert not list(tmp_path.glob(".ziggurat-part-*"))
