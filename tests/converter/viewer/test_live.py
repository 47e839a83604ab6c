"""A sink while it grows: every tile that is in is seen, far out and near, and read once."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.converter.viewer.answers import Gallery
from ziggurat.converter.viewer.live import Growth
from ziggurat.converter.viewer.overview import Overview
from ziggurat.converter.viewer.shown import Shown
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels


def far_out(gallery: Gallery) -> np.ndarray:
    answer = gallery.answer("tile/0/0/0/0", {})
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body)))


def tile_of(value: int) -> np.ndarray:
    return np.full((512, 512, 3), value, np.uint8)


def test_a_sink_without_tiles_is_waited_for(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s") as sink:
        gallery = Gallery([Shown(sink.path)])
        facts = json.loads(gallery.answer("info", {}).body)["images"][0]
        assert facts["live"]
        assert "waiting" in facts
        assert gallery.answer("tile/0/0/0/0", {}).status == 500
        sink.addTile(tile_of(9), 0, 0)
        assert json.loads(gallery.answer("info", {}).body)["images"][0]["width"] == 512
        gallery.close()


def test_tiles_are_seen_far_out_as_they_come_in(tmp_path: Path) -> None:
    with ziggurat.new(
        tmp_path / "s", sizeX=8192, sizeY=8192, bands=3, dtype="uint8", expectedCoverage=0.01
    ) as sink:
        sink.addTile(tile_of(100), 0, 0)
        gallery = Gallery([Shown(sink.path)])
        before = far_out(gallery)
        scale = 8192 / before.shape[1]
        assert before[0, 0, 0] == 100
        x, y = 4096, 2048
        assert before[int(y / scale), int(x / scale), 0] == 0
        sink.addTile(tile_of(200), x, y)
        after = far_out(gallery)
        assert after[int(y / scale) + 1, int(x / scale) + 1, 0] == 200
        assert after[0, 0, 0] == 100
        gallery.close()


def test_news_name_what_came_in_and_how_much_there_is(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", sizeX=1024, sizeY=1024, bands=3, dtype="uint8") as sink:
        gallery = Gallery([Shown(sink.path)])
        sink.addTile(tile_of(1), 0, 0)
        sink.addTile(tile_of(1), 512, 0)
        news = json.loads(gallery.answer("news/0", {"since": "1"}).body)
        assert news["upto"] == 2
        assert news["tiles"] == [[512, 0, 512, 512]]
        assert news["covered"] == pytest.approx(0.5, abs=0.02)
        assert not json.loads(gallery.answer("news/0", {"since": "2"}).body)["tiles"]
        gallery.close()


def test_a_store_that_another_has_replaced_is_looked_at_anew(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s") as sink:
        sink.addTile(tile_of(50), 0, 0)
        gallery = Gallery([Shown(sink.path)])
        assert far_out(gallery)[0, 0, 0] == 50
    shutil.rmtree(tmp_path / "s")
    with ziggurat.new(tmp_path / "s") as sink:
        sink.addTile(tile_of(60), 0, 0)
        assert far_out(gallery)[0, 0, 0] == 60
        gallery.close()


def test_an_overview_reads_marked_cells_and_each_once() -> None:
    overview = Overview(65_536, 32_768, 1, np.dtype(np.uint8))
    assert overview.factor == 16
    reads: list[Rect] = []

    def read(rect: Rect, size: tuple[int, int]) -> Pixels:
        reads.append(rect)
        return np.full((size[1], size[0], 1), 7, np.uint8)

    tile = Rect(1000, 2000, 512, 512)
    overview.mark([tile])
    whole = Rect(0, 0, 4096, 2048)
    pixels, fresh = overview.look(whole, read)
    assert fresh
    assert sum(rect.width * rect.height for rect in reads) <= (512 + 2 * 256) ** 2
    assert (pixels[2000 // 16 : 2512 // 16, 1000 // 16 : 1512 // 16] == 7).all()
    assert pixels.mean() < 0.01
    reads.clear()
    overview.look(whole, read)
    assert not reads


def test_what_changes_the_structure_is_found_among_new_tiles_alone(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s") as sink:
        sink.addTile(tile_of(1), 512, 512, z=1)
        growth = Growth(sink.path)
        known = [growth.structure()]
        for x, y, z in ((0, 0, 0), (512, 0, 0), (512, 512, 1)):  # within what is there
            sink.addTile(tile_of(2), x, y, z=z)
            assert growth.structure() == known[0]
        for x, y, axes in ((1024, 0, {}), (0, 1024, {}), (0, 0, {"z": 5}), (0, 0, {"t": 1})):
            sink.addTile(tile_of(3), x, y, **axes)
            known.append(growth.structure())
        assert len(set(known)) == 5
        assert growth._looked_at == growth.count()  # and none of them twice
        growth.close()
