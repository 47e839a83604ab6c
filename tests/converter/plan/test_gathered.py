"""What is gathered of a source before its plan, and what a plan hands to those who carry it out."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.converter.plan.deciding import (
    DEEP,
    INFO,
    RAW,
    TIFF,
    facts,
    level,
    options,
)
from tests.each import each
from ziggurat.converter.emit import _copied_byteorder, options_for_writing
from ziggurat.converter.plan.facts import SAMPLED_TILES, gather_facts
from ziggurat.converter.plan.plan import make_plan
from ziggurat.converter.recipe import ConversionRecipe, _stamp
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.views import View
from ziggurat.writers.model.levels import Copy
from ziggurat.writers.model.options import PyramidStyle
from ziggurat.writers.model.reducers import Reducer


class _Plane(DecodedPlane):
    def __init__(self, tiles: EncodedLevel | None) -> None:
        self._tiles = tiles

    def read(self, rect: Rect) -> Pixels:
        return np.zeros((rect.height, rect.width, 3), np.uint8)

    def encoded(self) -> EncodedLevel | None:
        return self._tiles


class _Frames(Reader):
    """Three frames, of which one may be stored another way."""

    def __init__(self, frame: int = 0, **change: Any) -> None:
        self.info = dataclasses.replace(INFO, axes=(Axis("z", 3),))
        self._tiles = [level(RAW, 2000, 1500, (240, 240)) for _ in range(3)]
        form = dataclasses.replace(
            RAW, **{name: value for name, value in change.items() if hasattr(RAW, name)}
        )
        grid = {name: value for name, value in change.items() if not hasattr(RAW, name)}
        self._tiles[frame] = dataclasses.replace(self._tiles[frame], format=form, **grid)
        self.none: int | None = None

    def plane(self, level: int, frame: int) -> Plane:
        del level
        return _Plane(None if frame == self.none else self._tiles[frame])


@each("frame", [0, 1, 2])
@each(
    "change",
    [{"codec": Codec.LZW}, {"bands": 1}, {"dtype": "int16"}, {"planar": True}, {"byteorder": ">"},
     {"tile_width": 256}, {"tile_height": 256}, {"width": 1999}, {"height": 1499}])  # fmt: skip
def test_frames_that_are_stored_in_more_than_one_way_are_no_grid(
    frame: int, change: dict[str, Any]
) -> None:
    assert gather_facts(_Frames(), "x").tiles[0] is not None
    assert gather_facts(_Frames(frame, **change), "x").tiles == (None,)
    some = _Frames()
    some.none = frame
    assert gather_facts(some, "x").tiles == (None,)


@pytest.mark.parametrize(
    "size", [(2000, 1500), (240, 24_000), (24_000, 240), (240, 240), (480, 700)]
)
def test_the_weight_of_tiles_is_that_of_some_all_over(size: tuple[int, int]) -> None:
    asked: list[tuple[int, int]] = []
    tiles = level(RAW, *size, (240, 240))

    def tile(column: int, row: int) -> bytes:
        assert 0 <= column < tiles.columns
        assert 0 <= row < tiles.rows
        asked.append((column, row))
        return b"x" * (row * tiles.columns + column + 1)

    made = _Frames()
    made.info = dataclasses.replace(INFO, levels=(Level(*size, 240, 240),))
    made._tiles[0] = dataclasses.replace(tiles, tile=tile)
    (found,) = gather_facts(made, "x").tiles
    count = tiles.columns * tiles.rows
    assert found is not None
    assert len(set(asked)) == min(count, SAMPLED_TILES)
    assert found.mean_bytes == pytest.approx((count + 1) / 2, rel=0.05)


@pytest.mark.parametrize("views", [0, 1, 3])
def test_the_quality_of_a_source_is_seen_through_all_views(views: int) -> None:
    """A slide of quality 60 that is cropped and shrunk is not encoded at 90."""

    class Other(View):
        def plane(self, level: int, frame: int) -> Plane:
            del level, frame
            return _Plane(None)

    pixels = np.random.default_rng(1).integers(0, 255, (240, 240, 3), np.uint8)
    data = bytes(imagecodecs.jpeg8_encode(pixels, level=60))
    reader: Reader = _Frames(codec=Codec.JPEG, tile=lambda *_: data)
    for _ in range(views):
        reader = Other(reader)
    quality = gather_facts(reader, "x").quality
    assert quality is not None
    assert abs(quality - 60) <= 1


def test_what_is_asked_of_the_work_itself_is_handed_on() -> None:
    given = options(
        effort=3, tile_size=64, overwrite=True, threads=3, max_memory=1 << 26, quality=44,
        lower_levels="subifd", predictor="none", resample="max", ome_version="0.4", reencode=True,
    )  # fmt: skip
    writing = options_for_writing(make_plan(facts(RAW, **DEEP), TIFF, given), given, _Frames())
    assert (writing.level, writing.tile_size, writing.overwrite) == (3, 64, True)
    assert (writing.threads, writing.max_memory) == (3, 1 << 26)
    assert (writing.pyramid, writing.predictor) == (PyramidStyle.SUBIFD, False)
    assert (writing.reducer, writing.ome_version) == (Reducer.MAX, OmeVersion.V04)


@each("byteorder", ["<", ">"])
@each("codec, bits", [("none", 16), ("deflate", 16), ("zstd", 16), ("none", 8)])
def test_raw_samples_are_copied_in_their_order(byteorder: str, codec: str, bits: int) -> None:
    change = {"codec": Codec.named(codec), "byteorder": byteorder, "bits": bits}
    made = _Frames()
    form = dataclasses.replace(RAW, **change)
    made._tiles = [dataclasses.replace(one, format=form) for one in made._tiles]
    plan = make_plan(facts(RAW, **DEEP), TIFF, options())
    assert isinstance(plan.steps[0].origin, Copy)
    assert _copied_byteorder(made, plan) == (byteorder if bits > 8 else "<")
    anew = make_plan(facts(RAW, **DEEP), TIFF, options(reencode=True))
    assert _copied_byteorder(made, anew) == "<"


def test_a_source_is_named_without_secrets_and_not_at_all_when_de_identified() -> None:
    plan = make_plan(facts(), TIFF, options())
    url = dataclasses.replace(plan, source="https://a/b.svs?key=secret")
    assert options_for_writing(url, options(), _Frames()).named_after == "https://a/b.svs"
    local = dataclasses.replace(plan, source="/a/b?c.svs")
    assert options_for_writing(local, options(), _Frames()).named_after == "/a/b?c.svs"
    assert options_for_writing(local, options(deidentify=True), _Frames()).named_after is None


def test_options_that_imply_and_exclude_each_other(tmp_path: Path) -> None:
    assert options(policy=tmp_path / "p.toml").deidentify
    with pytest.raises(OptionError, match="not both"):
        options(mm_per_pixel=0.001, magnification=10)


def test_a_recipe_is_what_it_was_after_json() -> None:
    given = options(
        bands=(2, 0), region={"left": 1}, frames={"c": (1,)}, compression="jpeg", policy="p.toml",
        resample="max", levels="source", tile_size=64,
    )  # fmt: skip
    recipe = ConversionRecipe("a", "b", given)
    again = ConversionRecipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again.options.bands == (2, 0)
    for field in dataclasses.fields(given):
        if field.name not in ("frames",):
            assert getattr(again.options, field.name) == getattr(given, field.name), field.name
    assert {axis: tuple(p) for axis, p in again.options.frames.items()} == {"c": (1,)}


def test_a_source_that_was_written_again_in_place_is_another(tmp_path: Path) -> None:
    import os

    path = tmp_path / "a.svs"
    path.write_bytes(b"12345")
    os.utime(path, ns=(1, 1_000_000_000))
    stamp = _stamp(str(path))
    os.utime(path, ns=(1, 1_000_000_001))
    assert _stamp(str(path)) != stamp
    assert _stamp("https://a/b") == ""
