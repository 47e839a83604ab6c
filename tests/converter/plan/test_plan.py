"""The plan is a pure function: facts and options in, one step a level out."""

from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.plan.encoding import SourceFacts, StoredTiles
from ziggurat.converter.plan.levels import LevelSpec, full_levels, halvings_between
from ziggurat.converter.plan.options import Compression, ConvertOptions, Levels
from ziggurat.converter.plan.plan import make_plan
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.model.levels import Cascade, Copy, Scaled, Stored

TIFF = output_named("tiff")


def facts(
    *sizes: Any,
    codec: Any = Codec.JPEG,
    tile: int = 240,
    stored: bool = True,
    dtype: str = "uint8",
    bands: int = 3,
    compression: int = 7,
) -> SourceFacts:
    lossless = codec in (Codec.DEFLATE, Codec.NONE)
    form = TileFormat(
        codec, Photometric.RGB, bands, 8 * np.dtype(dtype).itemsize, dtype,
        lossless=lossless, tiff_compression=compression,
    )  # fmt: skip
    levels = tuple(Level(w, h, tile, tile) for w, h in sizes)
    info = ImageInfo(
        "x", levels, bands, np.dtype(dtype),
        Interpretation.RGB if bands == 3 else Interpretation.MULTIBAND,
    )  # fmt: skip
    tiles = [
        StoredTiles(
            EncodedLevel(
                form, lv.width, lv.height, tile, tile, -(-lv.width // tile), -(-lv.height // tile),
                lambda *_: b"",
            ),
            1000.0,
        )
        for lv in levels
    ]  # fmt: skip
    return SourceFacts("in.svs", info, tuple(tiles) if stored else (None,) * len(levels))


def origins(plan: Any) -> Any:
    return [step.origin for step in plan.steps]


def test_every_stored_level_is_copied_and_every_missing_one_made() -> None:
    plan = make_plan(facts((8000, 6000), (2000, 1500), (500, 375)), TIFF, ConvertOptions())
    assert origins(plan) == [
        Copy(0), Scaled(0, 2), Copy(1), Scaled(1, 2), Copy(2), Scaled(2, 2), Cascade(),
    ]  # fmt: skip
    sizes = [(step.width, step.height) for step in plan.steps]
    assert sizes[:4] == [(8000, 6000), (4000, 3000), (2000, 1500), (1000, 750)]
    assert all(step.reason for step in plan.steps)


def test_source_levels_only() -> None:
    options = ConvertOptions(levels=Levels.SOURCE)
    plan = make_plan(facts((8000, 6000), (2000, 1500)), TIFF, options)
    assert origins(plan) == [Copy(0), Copy(1)]
    assert plan.encoded_tiles == 0
    assert plan.copied_tiles == 34 * 25 + 9 * 7


def test_sizes_rounded_down_by_a_vendor_are_taken() -> None:
    specs = full_levels((Level(4443, 3567, 256, 256), Level(1110, 891, 256, 256)), 256)
    assert [(r.width, r.height, r.stored) for r in specs] == [
        (4443, 3567, 0), (2222, 1784, None), (1110, 891, 1), (555, 446, None), (278, 223, None),
        (139, 112, None),
    ]  # fmt: skip


def test_levels_three_apart_get_nothing_between() -> None:
    assert halvings_between(LevelSpec(9000, 6000, 0), LevelSpec(3000, 2000, 1)) == 0
    specs = full_levels((Level(900, 600, 256, 256), Level(300, 200, 256, 256)), 256)
    assert [r.stored for r in specs] == [0, 1, None]


def test_what_cannot_be_decoded_small_is_halved() -> None:
    plan = make_plan(facts((1000, 1000), codec=Codec.DEFLATE), TIFF, ConvertOptions())
    assert origins(plan) == [Copy(0), Cascade(), Cascade(), Cascade()]
    assert {step.codec for step in plan.steps} == {"deflate"}


@each(
    "given, options, reason",
    [
        ({"stored": False}, {}, "no plain grid"),
        ({"tile": 250}, {}, "multiples of 16"),
        ({"codec": Codec.JPEG2000, "compression": 33005}, {}, "private number 33005"),
        ({"codec": Codec.OTHER, "compression": None}, {}, "not one of TIFF"),
        ({}, {"compression": Codec.LZW}, "lzw was asked for"),
        ({"codec": Codec.JPEGXL, "compression": None}, {}, "few readers"),
    ],
)
def test_why_a_level_is_not_copied(given: Any, options: Any, reason: Any) -> None:
    plan = make_plan(facts((1000, 800), **given), TIFF, ConvertOptions(**options))
    assert plan.steps[0].origin == Stored(0)
    assert reason in plan.steps[0].reason


def test_keep_copies_aperios_jpeg_2000() -> None:
    given = facts((1000, 800), codec=Codec.JPEG2000, compression=33005)
    plan = make_plan(given, TIFF, ConvertOptions(compression=Compression.KEEP))
    assert plan.steps[0].origin == Copy(0)


def test_other_targets_take_no_tiles_of_tiff() -> None:
    plan = make_plan(facts((1000, 800)), output_named("ome-zarr"), ConvertOptions())
    assert plan.copied_tiles == 0
    assert "chunks" in plan.steps[0].reason


@pytest.mark.parametrize(
    ("given", "codec"),
    [
        ({"tile": 250}, Codec.JPEG),  # was lossy already
        ({"codec": Codec.DEFLATE, "tile": 250}, Codec.DEFLATE),
        ({"stored": False}, Codec.DEFLATE),
        ({"codec": Codec.JPEG, "tile": 250, "dtype": "uint16"}, Codec.DEFLATE),
        ({"codec": Codec.JPEG, "tile": 250, "bands": 5}, Codec.DEFLATE),
    ],
)
def test_only_what_was_lossy_is_encoded_with_loss(given: Any, codec: str) -> None:
    plan = make_plan(facts((1000, 800), **given), TIFF, ConvertOptions())
    assert plan.steps[0].codec == codec.value


def test_the_plan_tells_what_it_costs_and_loses() -> None:
    plan = make_plan(facts((8000, 6000), (2000, 1500)), output_named("svs"), ConvertOptions())
    assert plan.expected_bytes > 850 * 1000
    assert plan.expected_seconds > 0
    assert plan.expected_memory > 0
    assert plan.losses == ()


def test_chunks_of_zarr() -> None:
    plan = make_plan(facts((1000, 801)), output_named("ome-zarr-zip"), ConvertOptions())
    assert [step.codec for step in plan.steps] == ["blosc"] * 2
    assert [(s.tile_width, s.tile_height) for s in plan.steps] == [(512, 512), (500, 402)]
    with pytest.raises(OptionError, match="webp is not for ome-zarr"):
        make_plan(facts((1000, 800)), output_named("ome-zarr"), ConvertOptions(compression="webp"))
    with pytest.raises(OptionError, match="blosc is not for tiff"):
        make_plan(facts((1000, 800)), TIFF, ConvertOptions(compression="blosc"))
