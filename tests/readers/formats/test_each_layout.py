"""Where tiles of the web, of CZI and of lists lie, and what is told of them, by plain counting."""

import dataclasses
import itertools
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ziggurat
from tests.each import each
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.czi.facts import xml_facts
from ziggurat.readers.formats.czi.layout import _planes
from ziggurat.readers.formats.czi.plane import _stretched
from ziggurat.readers.formats.czi.reader import _axes as czi_axes
from ziggurat.readers.formats.deepzoom.layouts import (
    TileLevel,
    TileSet,
    parse_iiif,
    parse_zoomify,
)
from ziggurat.readers.formats.deepzoom.reader import TileSetReader
from ziggurat.readers.formats.multi.document import Place
from ziggurat.readers.formats.multi.layers import _between, lay, layer_of
from ziggurat.readers.formats.multi.sources import Sources
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Interpretation
from ziggurat.readers.views.array import array_reader


def _zoomify(width: int, height: int, tile: int, up: bool) -> list[list[str]]:
    """Return the keys of each level, the largest first, as its writers count tiles."""
    sizes = [(width, height)]
    while max(sizes[-1]) > tile:
        w, h = sizes[-1]
        sizes.append((max(1, (w + up) // 2), max(1, (h + up) // 2)))
    levels, number = [], 0
    for tier, (w, h) in enumerate(reversed(sizes)):
        keys = []
        for row in range(math.ceil(h / tile)):
            for column in range(math.ceil(w / tile)):
                keys.append(f"z/TileGroup{number // 256}/{tier}-{column}-{row}.jpg")
                number += 1
        levels.append(keys)
    return levels[::-1]


@each("size", [(3001, 1999, 64), (1999, 3001, 64), (257, 1, 256), (256, 256, 256)])
@each("up", [True, False])
def test_zoomify(size: tuple[int, int, int], up: bool) -> None:
    width, height, tile = size
    due = _zoomify(*size, up)
    count = sum(map(len, due))
    said = f'WIDTH="{width}" HEIGHT="{height}" NUMTILES="{count}" TILESIZE="{tile}"'
    said = f"<IMAGE_PROPERTIES {said}/>"
    found = parse_zoomify(said.encode(), "z/")
    fits = [one for one in found if [
        [one.levels[n].keys(c, r)[0] for r in range(math.ceil(one.levels[n].height / tile))
         for c in range(math.ceil(one.levels[n].width / tile))]
        for n in range(len(one.levels))
    ] == due]  # fmt: skip
    assert fits, "one of those that it may mean"
    assert all((one.levels[0].width, one.levels[0].height) == (width, height) for one in found)
    other = said.replace(f'"{count}"', f'"{count + 1}"')
    if sum(map(len, _zoomify(*size, not up))) != count + 1:
        with pytest.raises(CorruptSourceError):
            parse_zoomify(other.encode(), "z/")


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_iiif(factor: int) -> None:
    facts = {
        "protocol": "http://iiif.io/api/image", "width": 1000, "height": 700,
        "tiles": [{"width": 128, "height": 64, "scaleFactors": [1, 2, 4]}],
    }  # fmt: skip
    tiles = parse_iiif(json.dumps(facts).encode(), "i/")
    assert (tiles.tile_width, tiles.tile_height) == (128, 64)
    level = tiles.levels[[1, 2, 4].index(factor)]
    assert (level.width, level.height) == (math.ceil(1000 / factor), math.ceil(700 / factor))
    columns, rows = math.ceil(level.width / 128), math.ceil(level.height / 64)
    area = 0
    for column, row in itertools.product(range(columns), range(rows)):
        key = level.keys(column, row)[0]
        region, size = key.removeprefix("i/").split("/")[:2]
        x, y, w, h = map(int, region.split(","))
        assert (x, y) == (column * 128 * factor, row * 64 * factor)
        assert (w, h) == (min(128 * factor, 1000 - x), min(64 * factor, 700 - y))
        assert size == f"{math.ceil(w / factor)},"
        area += w * h
    assert area == 700_000


@pytest.mark.parametrize("overlap", [0, 1, 5])
def test_tiles_that_hold_a_part_of_their_neighbours(overlap: int) -> None:
    level = TileLevel(100, 77, lambda _, __: [])
    reader: Any = TileSetReader.__new__(TileSetReader)
    reader.tiles = TileSet("x", 32, 16, overlap, (level,), ())
    for column, row in itertools.product(range(4), range(5)):
        left, top = max(0, column * 32 - overlap), max(0, row * 16 - overlap)
        right, bottom = min(100, column * 32 + 32 + overlap), min(77, row * 16 + 16 + overlap)
        assert reader.span(0, column, row) == Rect(left, top, right - left, bottom - top)


@each("due, there", [(10, 10), (10, 9), (9, 10), (12, 6), (6, 12), (9, 4)])
def test_rows_that_are_stored_more_or_less_often(due: int, there: int) -> None:
    stored = np.arange(there)
    for start in range(due):
        for length in range(1, due - start + 1):
            found = stored[_stretched(start, length, due, there)].tolist()
            if abs(due - there) <= 1:
                assert found == list(range(start, min(start + length, there)))
            else:
                assert found == [n * there // due for n in range(start, start + length)]


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_places_of_subblocks_are_counted_from_their_scene(factor: int) -> None:
    origin = Rect(-400, 160, 640, 480)
    blocks: Any = [
        SimpleNamespace(rect=Rect(x, y, 64, 32), width=64 // factor, height=32 // factor,
                        position=(("C", c),))
        for x, y, c in ((-400, 160, 0), (-336, 192, 0), (16, 160, 1))
    ]  # fmt: skip
    found = _planes(blocks, origin, factor, "CZ")
    size = 64 // factor, 32 // factor
    assert found[("C", 0), ("Z", 0)].places == (
        Rect(0, 0, *size), Rect(64 // factor, 32 // factor, *size),
    )  # fmt: skip
    assert found[("C", 1), ("Z", 0)].places == (Rect(416 // factor, 0, *size),)


CZI = """<ImageDocument><Metadata>
<Scaling><Items><Distance Id="X"><Value>1e-6</Value></Distance>
<Distance Id="Y"><Value>2e-6</Value></Distance><Distance Id="Z"><Value>x</Value></Distance>
</Items></Scaling><Information><Instrument><Objectives>
<Objective Id="o1"><NominalMagnification>10</NominalMagnification></Objective>
<Objective Id="o2"><NominalMagnification>40</NominalMagnification></Objective>
</Objectives></Instrument><Image>
<ObjectiveSettings><ObjectiveRef Id="o2"/></ObjectiveSettings>
<Dimensions><Channels>
<Channel Id="c1" Name="A"><Color>#FF112233</Color></Channel>
<Channel Id="c2"><Color>#FF445566</Color></Channel><Channel Id="c3"/></Channels>
<T><Positions><Interval><Increment>1.5</Increment></Interval></Positions></T>
<S><Scenes><Scene Index="0" Name="first"/><Scene Index="1" Name="second"/></Scenes></S>
</Dimensions></Image></Information>
<DisplaySetting><Channels>
<Channel Id="c2" Name="B"><Color>#FF778899</Color><Low>0.25</Low><High>0.5</High></Channel>
<Channel Id="c1" Name="Z"><Low>0</Low><High>1</High></Channel>
</Channels></DisplaySetting></Metadata></ImageDocument>"""


def test_places_of_a_czi_that_are_left_out_keep_the_distance_of_the_others() -> None:
    layout: Any = SimpleNamespace(scenes=(1,), axes=(("T", (0, 1)), ("Z", (0, 2, 5))))
    facts: Any = SimpleNamespace(mm={"Z": 0.004}, seconds=1.5, scene_names=None)
    assert czi_axes(layout, facts) == (
        Axis("t", 2, (0.0, 1.5), "s"), Axis("z", 3, (0.0, 8.0, 20.0), "µm"),
    )  # fmt: skip


def test_what_the_xml_of_a_czi_tells() -> None:
    facts = xml_facts(CZI, 1000.0)
    assert facts.mm == {"X": pytest.approx(0.001), "Y": pytest.approx(0.002)}
    assert facts.magnification == 40
    assert facts.seconds == 1.5
    assert facts.scene_names == {"0": "first", "1": "second"}
    told = [(one.name, one.color, one.window) for one in facts.channels]
    assert told == [
        ("A", "#112233", (0.0, 1000.0)),
        ("B", "#778899", (250.0, 500.0)),
        ("Channel 2", None, None),
    ]  # fmt: skip
    assert all(channel.window is None for channel in xml_facts(CZI, None).channels)
    other = xml_facts(CZI.replace('ObjectiveRef Id="o2"', 'ObjectiveRef Id="none"'), None)
    assert other.magnification == 10


@pytest.mark.parametrize("inside", [False, True])
def test_what_is_laid_over_something(inside: bool) -> None:
    """Colours that let others through, as Porter and Duff have it."""
    rng = np.random.default_rng(3)
    under, over = (rng.integers(0, 256, (9, 8, 4), np.uint8) for _ in range(2))
    under[0, :, 3], over[1, :, 3], over[2, :, 3], under[3, :, 3] = 0, 0, 255, 255
    under[4, :, 3] = over[4, :, 3] = 0
    where = rng.random((9, 8)) > 0.4 if inside else None
    found = under.copy()
    lay(found, over, where, alpha=True, white=255)
    for y, x in itertools.product(range(9), range(8)):
        top = over[y, x, 3] / 255 * (1 if where is None else where[y, x])
        low = under[y, x, 3] / 255 * (1 - top)
        if top + low:
            color = (over[y, x, :3] * top + under[y, x, :3] * low) / (top + low)
            np.testing.assert_allclose(found[y, x, :3], color, atol=0.51)
        assert found[y, x, 3] == pytest.approx((top + low) * 255, abs=0.51)
    opaque = under.copy()
    lay(opaque, over, where, alpha=False, white=255)
    due = over if where is None else np.where(where[..., np.newaxis], over, under)
    np.testing.assert_array_equal(opaque, due)


TURNS = [(0.0, -1.0, 1.0, 0.0), (-1.0, 0.0, 0.0, -1.0), (0.0, 1.0, 1.0, 0.0), (1.0, 0.0, 0.0, -1.0)]


@each("kind", [Interpretation.MULTIBAND, Interpretation.LABELS])
@each("turn", TURNS)
def test_a_source_that_is_turned_keeps_its_pixels(turn: Any, kind: Interpretation) -> None:
    pixels = np.random.default_rng(2).integers(0, 99, (7, 12, 1), np.uint8)
    place = Place(turn, (20.0, 30.0))
    layer = layer_of(array_reader(pixels, interpretation=kind), place, 1)
    found, inside = layer.read(0, layer.rect)
    assert inside is not None
    assert inside.all()
    s11, s12, s21, s22 = turn
    for y, x in itertools.product(range(7), range(12)):
        u = s11 * (x + 0.5) + s12 * (y + 0.5) + 20 - 0.5 - layer.rect.x
        v = s21 * (x + 0.5) + s22 * (y + 0.5) + 30 - 0.5 - layer.rect.y
        assert found[round(v), round(u), 0] == pixels[y, x, 0], (x, y)
    for x, y in ((0, 0), (3, 2)):  # a part is the part of the whole
        rect = Rect(layer.rect.x + x, layer.rect.y + y, 4, 3)
        part, _ = layer.read(0, rect)
        np.testing.assert_array_equal(part, found[y : y + 3, x : x + 4])


def test_any_part_of_a_source_askew_is_that_of_the_whole() -> None:
    pixels = np.random.default_rng(2).integers(0, 250, (17, 22, 1), np.uint8)
    place = Place((0.8, -0.6, 0.6, 0.8), (20.3, 30.7))
    layer = layer_of(array_reader(pixels, interpretation=Interpretation.MULTIBAND), place, 1)
    whole, inside = layer.read(0, layer.rect)
    for y, x in itertools.product(range(0, layer.rect.height, 3), range(0, layer.rect.width, 4)):
        rect = Rect(layer.rect.x + x, layer.rect.y + y, 4, 3).intersect(layer.rect)
        part, there = layer.read(0, rect)
        assert there is not None
        assert inside is not None
        at = np.s_[y : y + rect.height, x : x + rect.width]
        np.testing.assert_array_equal(there, inside[at])
        np.testing.assert_array_equal(part, whole[at], f"{x}, {y}")


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.75])
def test_names_come_from_the_pixel_that_holds_the_place(shift: float) -> None:
    pixels = np.random.default_rng(2).integers(0, 99, (6, 9, 1), np.uint8)
    place = Place((1.0, 0.0, 0.0, -1.0), (shift, 10 + shift))
    layer = layer_of(array_reader(pixels, interpretation=Interpretation.LABELS), place, 1)
    found, inside = layer.read(0, layer.rect)
    assert inside is not None
    for y, x in np.argwhere(inside):
        u = layer.rect.x + x + 0.5 - shift
        v = 10 + shift - (layer.rect.y + y + 0.5)
        assert found[y, x, 0] == pixels[int(v), int(u), 0]


def test_between_pixels_lies_what_is_between_them() -> None:
    pixels = np.arange(12.0).reshape(3, 4, 1)
    x, y = np.array([0.0, 1.5, 3.0, -1.0, 9.0]), np.array([0.0, 0.5, 2.0, 1.0, 9.0])
    np.testing.assert_allclose(_between(pixels, x, y)[:, 0], [0, 3.5, 11, 4, 11])


def test_the_corner_of_a_crop_goes_where_its_matrix_says() -> None:
    sources: Any = Sources.__new__(Sources)
    place = Place((2.0, 3.0, 5.0, 7.0), (11.0, 13.0), crop=(10, 20, 30, 50))
    sources._parts = [SimpleNamespace(place=place, path="x")]
    sources.infos = [array_reader(np.zeros((60, 40, 1), np.uint8)).info]
    assert sources.crop(0) == Rect(10, 20, 20, 30)
    assert sources.place(0).offset == (11 + 20 + 60, 13 + 50 + 140)
    assert dataclasses.replace(sources.place(0), offset=place.offset) == place


def test_facts_of_a_list(tmp_path: Path) -> None:
    for name, mark in (("a", 1), ("b", 2)):
        with ziggurat.new() as sink:
            sink.addTile(np.full((20, 30, 3), 100 * mark, np.uint8))
            for picture in ("label", "macro")[: mark + 1]:
                sink.addAssociatedImage(np.full((4, 5, 3), 10 * mark, np.uint8), picture)
            sink.write(tmp_path / f"{name}.tiff", lossy=False)
    said = {
        "width": 80, "height": 50, "backgroundColor": [7], "scale": {"mm_x": 0.5, "mm_y": 0.25},
        "sources": [{"path": "a.tiff"}, {"path": "b.tiff", "position": {"x": 40, "y": 25}}],
    }  # fmt: skip
    (tmp_path / "l.json").write_text(json.dumps(said))
    with ziggurat.open(tmp_path / "l.json") as source:
        native = source.getNativeMagnification()
        assert (native["mm_x"], native["mm_y"]) == (0.5, 0.25)
        pixels = np.asarray(source.getRegion(format="numpy")[0])
        due = np.full((50, 80, 3), 7, np.uint8)
        due[:20, :30], due[25:45, 40:70] = 100, 200
        if source.frames == 1:
            np.testing.assert_array_equal(pixels, due)
        else:
            np.testing.assert_array_equal(pixels[:20, :30], due[:20, :30])
            assert (pixels[30:, 35:] == 7).all()
        names = source.getAssociatedImagesList()
        assert names == ["label", "label-1", "macro", "macro-1"]
        for name in names:
            found = np.asarray(source.getAssociatedImage(name, format="numpy")[0])
            assert (found == (20 if name.endswith("-1") else 10)).all(), name
