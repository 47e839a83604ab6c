"""A sink that grows in every direction, seen after each tile at every scale, in every look."""

import io
import itertools
import json
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.converter.viewer import export as exporting
from ziggurat.converter.viewer import live, overview
from ziggurat.converter.viewer.answers import VENDORED, Answer, Gallery, Query, page, refusal
from ziggurat.converter.viewer.looks import Look
from ziggurat.converter.viewer.render import colorize
from ziggurat.converter.viewer.shown import Shown
from ziggurat.readers.errors import ConversionError
from ziggurat.readers.model.geometry import Rect

SIDE = 64
# Left, top and frame, each a tile of one value: at once so far out that a small picture is kept;
# within it, down at the same scale and at a smaller one, another frame, to the right, once more.
STEPS = [(960, 0, 0), (0, 0, 0), (64, 448, 0), (64, 1472, 0), (0, 0, 1), (1216, 64, 1), (0, 0, 0)]
LABELS = Look(labels=True)


def seen(gallery: Gallery, z: int, frame: int, query: dict[str, str]) -> np.ndarray:
    """Return a level as its tiles show it."""
    source = gallery.images[0].source()
    factor = 2 ** (source.levels - 1 - z)
    rows = []
    for y in range(-(-source.sizeY // (source.tileHeight * factor))):
        row = []
        for x in range(-(-source.sizeX // (source.tileWidth * factor))):
            answer = gallery.answer(f"tile/0/{z}/{x}/{y}", {"frame": str(frame), **query})
            assert answer.status == 200, answer.body
            row.append(np.asarray(Image.open(io.BytesIO(answer.body)).convert("RGBA")))
        rows.append(np.concatenate(row, axis=1))
    found = np.concatenate(rows)
    assert found.shape[:2] == (-(-source.sizeY // factor), -(-source.sizeX // factor))
    return found


@pytest.mark.parametrize(
    ("bands", "dtype", "named", "query", "look"),
    [
        (3, "uint8", None, {}, None),
        (1, "uint16", "labels", {}, LABELS),
    ],
)
def test_a_sink_is_seen_as_it_is_after_each_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bands: int, dtype: str, named: str | None,
    query: dict[str, str], look: Look | None,
) -> None:  # fmt: skip
    """Also far out, where a small picture is kept of each frame and of each size."""
    monkeypatch.setattr(overview, "LARGEST", 256)
    stored: dict[tuple[int, int, int], int] = {}
    with ziggurat.new(tmp_path / "s", bands=bands, dtype=dtype) as sink:
        if named:
            sink.interpretation = named
        with closing(Gallery([Shown(sink.path)])) as gallery:
            for value, (x, y, frame) in enumerate(STEPS, 40):
                sink.addTile(np.full((SIDE, SIDE, bands), value, dtype), x, y, z=frame)
                stored[x, y, frame] = value
                source = gallery.images[0].source()
                assert (source.sizeX, source.sizeY) == tuple(
                    max(place[n] for place in stored) + SIDE for n in (0, 1)
                )
                shape = -(-source.sizeY // SIDE), -(-source.sizeX // SIDE)
                wanted = np.zeros((source.frames, *shape, bands), dtype)
                for (left, top, one), number in stored.items():
                    wanted[one, top // SIDE, left // SIDE] = number
                near = (0, 1) if look is None else (0,)
                for one, z in itertools.product(range(source.frames), near):
                    found, factor = seen(gallery, z, one, query), 2 ** (source.levels - 1 - z)
                    rows, columns = ((np.arange(n) * SIDE + SIDE // 2) // factor for n in shape)
                    pixels = found[rows[:, np.newaxis], columns].astype(int)
                    there = wanted[one] if look is None else colorize(wanted[one], look, (0, 1))
                    off = np.abs(pixels[..., : there.shape[2]] - there)
                    assert off.max() <= 1, (value, one, z)


def test_an_overview_is_kept_of_some_frames_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_FRAMES", 2)
    with ziggurat.new(tmp_path / "s", bands=1, dtype="uint8") as sink:
        for frame in range(4):
            sink.addTile(np.full((SIDE, SIDE, 1), 10 + frame, np.uint8), 0, 0, z=frame)
        with closing(Gallery([Shown(sink.path)])) as gallery:
            for frame in (0, 1, 2, 3, 0, 1):
                assert seen(gallery, 0, frame, {})[9, 9, 0] == 10 + frame
                growth = gallery.images[0].growth
                assert growth is not None
                assert len(growth._overviews) <= 2


def test_news_are_whole_and_no_more_than_a_page_can_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shares of the area count a tile once, however small it is; the rate is of this moment."""
    moments = iter((10.0, 12.0, 14.0, 16.0))
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    monkeypatch.setattr(live, "MOST_TILES", 2)
    tile = np.ones((16, 16, 1), np.uint8)
    with ziggurat.new(tmp_path / "s", bands=1, dtype="uint8") as sink:
        sink.addTile(tile, 0, 0)
        with closing(live.Growth(sink.path)) as growth:
            assert growth.since(0) == live.News(1, (Rect(0, 0, 16, 16),), False, 0.0)
            for x in (16, 48):
                sink.addTile(tile, x, 32)
            news = growth.since(1)
            assert (news.tiles, news.everything) == ((Rect(16, 32, 16, 16), Rect(48, 32, 16, 16)),
                                                     False)  # fmt: skip
            assert news.rate == 1.0  # two tiles in two seconds; those before were there already
            news = growth.since(0)
            assert (news.tiles, news.everything, news.rate) == ((), True, 0.5)
            assert growth.since(4).everything  # of a store of more tiles, which this one replaced


@pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_folder_without_one_of_its_tiles_does_not_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Whatever a viewer would answer instead of a tile's pixels is no tile."""
    ask = Gallery.answer

    def damaged(self: Gallery, path: str, query: Query) -> Answer:
        last = path.endswith("/0/0") and query == {"frame": "1"}
        return refusal(status, "the tile is damaged") if last else ask(self, path, query)

    monkeypatch.setattr(Gallery, "answer", damaged)
    with ziggurat.new(bands=1, dtype="uint8") as sink:
        for frame in (0, 1):
            sink.addTile(np.ones((SIDE, SIDE, 1), np.uint8), 0, 0, z=frame)
        sink.write(tmp_path / "in.tiff")
    with pytest.raises(ConversionError, match=r"tile 0, 0 of level 0 .*the tile is damaged"):
        exporting.export([tmp_path / "in.tiff"], tmp_path / "web")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tiff"]


def test_a_folder_without_a_module_of_the_page_does_not_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = ""

    def without(wanted: str) -> Answer:
        return refusal(404, "gone") if wanted == gone else Answer(200, "text/plain", b"x")

    monkeypatch.setattr(exporting, "page", without)
    with ziggurat.new(bands=1, dtype="uint8") as sink:
        sink.addTile(np.ones((SIDE, SIDE, 1), np.uint8), 0, 0)
        sink.write(tmp_path / "in.tiff")
    for gone in exporting.MODULES:
        with pytest.raises(ConversionError, match=f"file {gone} is missing"):
            exporting.export([tmp_path / "in.tiff"], tmp_path / "web")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tiff"]


@pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")
def test_how_much_of_a_folder_is_done_is_of_all_images_and_frames(tmp_path: Path) -> None:
    for name, (width, height) in {"a": (300, 40), "b": (40, 600)}.items():
        with ziggurat.new(bands=1, dtype="uint8") as sink:
            for frame in (0, 1):
                sink.addTile(np.ones((height, width, 1), np.uint8), 0, 0, z=frame)
            sink.write(tmp_path / f"{name}.tiff")
    heard: list[tuple[int, int]] = []
    names = [tmp_path / "a.tiff", tmp_path / "b.tiff"]
    count = exporting.export(names, tmp_path / "web", lambda *both: heard.append(both))
    assert count == 2 * (2 + 1) + 2 * (3 + 2 + 1)
    assert heard == [(n, count) for n in range(1, count + 1)]
    found = [path.relative_to(tmp_path / "web/tiles") for path in
             (tmp_path / "web" / "tiles").rglob("*_*")]  # fmt: skip
    assert len(found) == count
    assert {str(path.parent) for path in found} == {
        *(f"0/{frame}/{z}" for frame in (0, 1) for z in (0, 1)),
        *(f"1/{frame}/{z}" for frame in (0, 1) for z in (0, 1, 2)),
    }
    images = json.loads((tmp_path / "web" / "info.json").read_text())["images"]
    assert [(image["width"], image["height"]) for image in images] == [(300, 40), (40, 600)]


@pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")
def test_stored_tiles_of_each_frame_are_where_the_page_asks_for_them(tmp_path: Path) -> None:
    with ziggurat.new(bands=3, dtype="uint8") as sink:
        for frame in (0, 1):
            ramp = np.mgrid[:300, :600].sum(axis=0)[..., np.newaxis] // (4 + frame)
            sink.addTile(np.repeat(ramp, 3, 2).astype(np.uint8), 0, 0, z=frame)
        sink.write(tmp_path / "in.tiff")
    exporting.export([tmp_path / "in.tiff"], tmp_path / "web")
    with ziggurat.open(tmp_path / "in.tiff", encoding="JPEG", edge="crop") as source:
        last = source.levels - 1
        every = set()
        for frame, x, y in itertools.product((0, 1), range(3), range(2)):
            stored = bytes(source.getTile(x, y, last, frame=frame))
            file = tmp_path / "web" / "tiles" / "0" / str(frame) / str(last) / f"{x}_{y}"
            assert file.read_bytes() == stored, (frame, x, y)
            every.add(stored)
        assert len(every) == 12


def test_a_store_that_is_removed_is_gone(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", bands=1, dtype="uint8") as sink:
        sink.addTile(np.ones((16, 16, 1), np.uint8), 0, 0)
        with closing(live.Growth(sink.path)) as growth:
            assert not growth.gone
            (tmp_path / "s").rename(tmp_path / "moved")
            assert growth.gone
            (tmp_path / "moved").rename(tmp_path / "s")
            assert not growth.gone
