"""What a plan hands to those who write: every field of theirs, every level, every error."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.converter.plan.deciding import DEEP, FORM, RAW, SVS, TIFF, ZARR, facts, options
from tests.each import each
from ziggurat.converter import emit as emitting
from ziggurat.converter.emit import emit, level_plans, options_for_writing
from ziggurat.converter.plan.plan import ConversionPlan, make_plan
from ziggurat.readers.errors import ConversionError, CorruptSourceError, OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.model.levels import Cascade, Copy, Scaled, Stored
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.reducers import Reducer

SOURCE: Reader = array_reader(np.zeros((4, 4, 3), np.uint8))
# Of each field: target, what is asked for, and what the writer hears. Others stay as they are.
HEARD: dict[str, list[tuple[Any, dict[str, Any], Any]]] = {
    "lossy": [
        (TIFF, {}, True), (TIFF, {"quality": 1}, True), (TIFF, {"compression": "deflate"}, False),
        (TIFF, {"compression": "webp", "quality": 0}, False),
    ],
    "compression": [
        (TIFF, {}, Codec.JPEG), (TIFF, {"compression": "zstd"}, Codec.ZSTD),
        (ZARR, {}, Codec.BLOSC), (ZARR, {"compression": "gzip"}, Codec.GZIP),
    ],
    "quality": [
        (TIFF, {}, 90), (TIFF, {"quality": 1}, 1), (TIFF, {"compression": "lzw"}, None),
        (TIFF, {"compression": "webp", "quality": 0}, None),
    ],
    "level": [(TIFF, {"compression": "deflate", "effort": 9}, 9),
              (TIFF, {"compression": "deflate", "effort": 0}, 0)],
    "predictor": [(TIFF, {"predictor": "none"}, False), (TIFF, {"predictor": "auto"}, True)],
    "tile_size": [(TIFF, {"tile_size": 64}, 64), (ZARR, {"tile_size": 96}, 96)],
    "reducer": [(TIFF, {"resample": "max"}, Reducer.MAX),
                (ZARR, {"resample": "mode"}, Reducer.MODE)],
    "pyramid": [
        (TIFF, {"lower_levels": "pages"}, PyramidStyle.PAGES),
        (TIFF, {"lower_levels": "auto"}, None),
        (TIFF, {"lower_levels": "subifd"}, PyramidStyle.SUBIFD),
        (SVS, {"lower_levels": "subifd"}, None), (ZARR, {"lower_levels": "pages"}, None),
    ],
    "ome_version": [(ZARR, {"ome_version": "0.4"}, OmeVersion.V04)],
    "overwrite": [(TIFF, {"overwrite": True}, True)],
    "named_after": [
        (TIFF, {"deidentify": True}, None), (TIFF, {"policy": "p.toml"}, None),
        (TIFF, {"associated": "drop"}, "in.svs"),
    ],
    "cog_order": [(TIFF, {"layout": "cog"}, True), (TIFF, {"layout": "plain"}, False)],
    "threads": [(TIFF, {"threads": 3}, 3)],
    "max_memory": [(TIFF, {"max_memory": 1 << 25}, 1 << 25)],
}  # fmt: skip
OTHERS = {"subsampling", "associated", "description", "software", "byteorder"}  # the writer's own


def planned(target: Any, **given: Any) -> tuple[ConversionPlan, Any]:
    asked = options(reencode=True, **given)
    return make_plan(facts(lossy=True), target, asked), asked


def test_every_field_of_the_writers_has_a_row() -> None:
    fields = {field.name for field in dataclasses.fields(WriteOptions)}
    assert fields == set(HEARD) | OTHERS
    assert not set(HEARD) & OTHERS


@each("name", HEARD)
def test_each_field_is_what_was_asked_for(name: str) -> None:
    for target, given, heard in HEARD[name]:
        found = options_for_writing(*planned(target, **given), SOURCE)
        assert getattr(found, name) == heard, given
        plain = WriteOptions()
        for other in OTHERS:
            assert getattr(found, other) == getattr(plain, other)


def test_the_codec_is_that_of_the_first_level_that_is_encoded() -> None:
    """Copied levels above it have one of their own."""
    for made, codec in (
        (facts(RAW, **DEEP), Codec.DEFLATE), (facts(), Codec.JPEG),
        (facts(dataclasses.replace(FORM, codec=Codec.WEBP, tiff_compression=50001)), Codec.JPEG),
    ):  # fmt: skip
        plan = make_plan(made, TIFF, options())
        assert isinstance(plan.steps[0].origin, Copy)
        assert options_for_writing(plan, options(), _tiled(made)).compression is codec
    copied = make_plan(facts(RAW, **DEEP), TIFF, options(levels="source"))
    unused = options_for_writing(copied, options(), _tiled(facts(RAW, **DEEP))).compression
    assert unused is TIFF.codecs[0]


def _tiled(made: Any) -> Any:
    class Plane:
        def encoded(self) -> Any:
            return made.tiles[0].tiles

    class Tiled:
        info = made.info

        def plane(self, level: int, frame: int) -> Plane:
            assert (level < len(made.tiles), frame) == (True, 0)
            return Plane()

    return Tiled()


def test_each_level_is_the_plans() -> None:
    """In its size, its tiles, and where it comes from; only what is encoded has an encoder."""
    sizes = ((2000, 1500), (500, 375))
    for made, given, kinds in (
        (facts(sizes=sizes), {}, [Copy, Scaled, Copy, Scaled]),
        (facts(sizes=sizes), {"resample": "max"}, [Copy, Cascade, Copy, Cascade]),
        (facts(sizes=sizes, lossy=True), {"reencode": True}, [Stored, Cascade, Stored, Cascade]),
        (facts(sizes=sizes), {"levels": "source"}, [Copy, Copy]),
        (facts(sizes=sizes, interpretation=Interpretation.LABELS), {}, [Copy, Cascade, Copy]),
    ):
        plan = make_plan(made, TIFF, options(**given))
        levels = level_plans(plan, made.info, options_for_writing(plan, options(), _tiled(made)))
        assert [type(level.origin) for level in levels][: len(kinds)] == kinds
        for level, step in zip(levels, plan.steps, strict=True):
            assert level.origin == step.origin
            assert (level.width, level.height) == (step.width, step.height)
            assert (level.tile_width, level.tile_height) == (step.tile_width, step.tile_height)
            copied = isinstance(step.origin, Copy)
            assert (level.encode is None, level.format is None) == (copied, copied)


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (OptionError("not so"), OptionError, "^not so$"), (OSError(28, "full"), OSError, "full"),
        (CorruptSourceError("torn"), CorruptSourceError, "^torn$"),
        (MemoryError("too much"), MemoryError, "^too much$"),
        (ValueError("odd"), ConversionError, "in.svs can't be written as it says it is: odd"),
        (KeyError("odd"), ConversionError, "as it says it is: 'odd'"),
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "^stop$"),
    ],
)  # fmt: skip
def test_errors_of_ours_and_the_systems_are_told_as_they_are(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: Any, words: str
) -> None:
    def write(*_: Any, **given: Any) -> Any:
        assert given == {"output": TIFF, "on_progress": print, "cancel": None}
        raise error

    monkeypatch.setattr(emitting, "write_levels", write)
    with pytest.raises(raised, match=words):
        emit(SOURCE, *_with_path(*planned(TIFF)), print)


def _with_path(plan: ConversionPlan, asked: Any) -> tuple[ConversionPlan, Path, Any]:
    return plan, Path("out.tiff"), asked
