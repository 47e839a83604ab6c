"""Palettes by name, textures of frames and further names of the reference's utilities."""

import itertools
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import TestCase
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import ImageColor

import ziggurat
from tests.each import each
from ziggurat.converter.compat import cache_util, stylefuncs, tilesource, utilities
from ziggurat.converter.compat.quads import getTileFramesQuadInfo
from ziggurat.readers.errors import OptionError
from ziggurat.readers.style.palette import parse_color


@each(
    "palette, last, count",
    [
        ("#fff", (255, 255, 255, 255), 2),
        ("rgba(128, 128, 128, 128)", (128, 128, 128, 128), 2),
        ("rgba(1, 2, 3, 0.5)", (1, 2, 3, 128), 2),
        ("GREEN", (0, 128, 0, 255), 2),
        ("tab:orange", (255, 127, 14, 255), 2),
        ("viridis", (253, 231, 37, 255), 256),
        ("viridis_r", (68, 1, 84, 255), 256),
        ("matplotlib.Plasma_6", (240, 249, 33, 255), 6),
        ([(0.5, 0.5, 0.5), (0.2, 0.2, 0.2, 0.2)], (51, 51, 51, 51), 2),
    ],
)
def test_palettes_are_arrays_of_colours(palette: Any, last: tuple[int, ...], count: int) -> None:
    colors = utilities.getPaletteColors(palette)
    assert (colors.shape, colors.dtype) == ((count, 4), np.uint8)
    assert tuple(colors[-1]) == last
    assert utilities.isValidPalette(palette)


@each(
    "palette", ["nothing", [0.5, 0.5], ["nothing", "#fff"], "matplotlib.Plasma_128", 7, "xkcd:no"]
)
def test_what_is_no_palette_is_a_value_error(palette: Any) -> None:
    assert not utilities.isValidPalette(palette)
    with pytest.raises(ValueError, match="colour"):
        utilities.getPaletteColors(palette)


@pytest.mark.parametrize("alpha", [2, 64, 255])
def test_alpha_up_to_255_is_pillows(alpha: int) -> None:
    text = f"rgba(10,20,30,{alpha})"
    assert parse_color(text) == ImageColor.getcolor(text, "RGBA")


def test_colours_of_matplotlib_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    colors = ModuleType("matplotlib.colors")
    monkeypatch.setitem(sys.modules, "matplotlib", ModuleType("matplotlib"))
    monkeypatch.setitem(sys.modules, "matplotlib.colors", colors)
    colors.__dict__["to_rgba"] = lambda _: (0.0, 0.2, 1.0, 1.0)
    assert parse_color("xkcd:made up") == (0, 51, 255, 255)


def test_a_name_of_several_palettes_is_matplotlibs_without_a_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with TestCase().assertNoLogs(level="DEBUG"):
        assert len(utilities.getPaletteColors("coolwarm")) == 256
    assert capfd.readouterr().err == ""


def test_names_of_palettes_are_palettes() -> None:
    everything = utilities.getAvailableNamedPalettes()
    palettes = utilities.getAvailableNamedPalettes(False)
    reduced = utilities.getAvailableNamedPalettes(False, True)
    assert set(everything) > set(palettes) > set(reduced)
    assert {"viridis", "viridis_r", "colorbrewer.sequential.YlOrRd_5"} <= set(palettes)
    assert "colorbrewer.sequential.YlOrRd_5" not in reduced
    assert "colorbrewer.sequential.YlOrRd_9" in reduced
    assert all(map(utilities.isValidPalette, palettes[::37]))


def image(frames: int, c: int = 1, size: tuple[int, int] = (1000, 800)) -> dict[str, Any]:
    return {
        "sizeX": size[0], "sizeY": size[1], "tileWidth": 256, "tileHeight": 256,
        "frames": [{}] * frames, "IndexRange": {"IndexC": c, "IndexZ": frames // c},
    }  # fmt: skip


@each(
    "textures, side, group, alignment",
    list(itertools.product((1, 3, 8), (1024, 4096), (1, 5), (8, 16))),
)
def test_textures_hold_every_frame_once(
    textures: int, side: int, group: int, alignment: int
) -> None:
    options = {
        "maxTextures": textures, "maxTextureSize": side, "frameGroup": group,
        "alignment": alignment,
    }  # fmt: skip
    found = getTileFramesQuadInfo(image(60, 5), options)
    assert found["frames"] == list(range(60))
    assert len(found["quads"]) == len(found["quadsToIdx"]) == 60
    assert len(found["src"]) <= textures
    told = [frame for call in found["src"] for frame in call.get("frameList", range(60))]
    assert told == found["frames"]
    places = set()
    for quad, texture in zip(found["quads"], found["quadsToIdx"], strict=True):
        crop, call = quad["crop"], found["src"][texture]
        assert call["width"] % alignment == call["height"] % alignment == 0
        assert call["width"] * call["framesAcross"] <= side
        assert 0 <= crop["left"] < crop["right"] <= side
        assert 0 <= crop["top"] < crop["bottom"] <= side
        places.add((texture, crop["left"], crop["top"]))
    assert len(places) == 60


def test_frames_are_chosen_by_the_lengths_of_axes() -> None:
    by_channel = getTileFramesQuadInfo(image(60, 5), {"frameBase": "c", "frameStride": "c"})
    assert [call["frameList"] for call in by_channel["src"]] == [
        list(range(base, 60, 5)) for base in range(5)
    ]
    ordered = getTileFramesQuadInfo(
        image(60, 5), {"frameGroup": 10, "frameGroupStride": "auto", "frameStride": 5}
    )
    assert ordered["frames"] == [*range(0, 60, 10), *range(5, 60, 10)]


@pytest.mark.parametrize(
    "options", [{"frameBase": 60}, {"maxTextureSize": 64}, {"maxFrameSize": 8}]
)
def test_what_does_not_fit_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="frames"):
        getTileFramesQuadInfo(image(60), options)


def test_a_mosaic_has_the_frames_where_they_are_told(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        for t in range(7):
            sink.addTile(np.full((80, 100, 3), 30 * t + 20, np.uint8), t=t)
        words = {"maxTextureSize": 256, "format": {"encoding": "PNG"}}
        found = utilities.getTileFramesQuadInfo(sink.metadata, words)
        for quad, texture, frame in zip(
            found["quads"], found["quadsToIdx"], found["frames"], strict=True
        ):
            call = dict(found["src"][texture])
            size = {"maxWidth": call.pop("width"), "maxHeight": call.pop("height")}
            call.pop("exact")
            data, _ = sink.tileFrames(format="numpy", output=size, **call)
            crop = quad["crop"]
            rows = range(data.shape[0] - crop["bottom"], data.shape[0] - crop["top"])
            seen = data[rows.start + 2 : rows.stop - 2, crop["left"] + 2 : crop["right"] - 2]
            assert (seen[..., 0] == 30 * frame + 20).all(), frame


def test_what_came_first_goes_first_from_a_cache() -> None:
    cache, _ = cache_util.CacheFactory().getCache(2)
    cache["a"], cache["b"] = 1, 2
    cache["a"] = 3  # it comes anew
    cache["c"] = 4
    assert dict(cache) == {"a": 3, "c": 4}
    assert cache.currsize == 2


def test_trees_are_without_namespaces() -> None:
    text = (
        '<a xmlns="http://u" xmlns:x="http://v" x:id="1" n="2"><b x:k="3">t</b><b/><b>u</b>'
        "<x:c>4</x:c></a>"
    )
    tree = utilities.etreeToDict(ElementTree.fromstring(text))
    assert tree == {"a": {"id": "1", "n": "2", "b": [{"k": "3", "text": "t"}, "", "u"], "c": "4"}}


def test_names_are_where_scripts_look_for_them() -> None:
    assert tilesource.utilities.ImageBytes is ziggurat.tilesource.ImageBytes
    assert tilesource.tiledict.LazyTileDict is tilesource.LazyTileDict
    assert set(stylefuncs.__all__) == {"maskPixelValues", "medianFilter"}
    assert [method.name for method in tilesource.resample.ResampleMethod][:2] == [
        "PIL_NEAREST", "PIL_LANCZOS",
    ]  # fmt: skip
    with ziggurat.new() as sink:
        sink.addTile(np.tile(np.uint8([[0, 200], [0, 200]]), (400, 400)))
        assert sink.metadata["levels"] == 2


def test_ways_to_make_levels_are_taken_by_name(tmp_path: Path) -> None:
    method = tilesource.resample.ResampleMethod.NP_MAX
    with ziggurat.new() as sink:
        sink.addTile(np.tile(np.uint8([[0, 200], [0, 200]]), (400, 400)))
        sink.write(tmp_path / "a.tiff", lossy=False, resample=method)
    with ziggurat.open(tmp_path / "a.tiff") as source:
        assert source.getRegion(format="numpy", output={"maxWidth": 400})[0].min() == 200
