"""Every fact and option that a plan turns on, one at a time: what it decides, and what not."""

import dataclasses
import itertools
import json
from typing import Any

import pytest

from tests.converter.plan.deciding import (
    COG,
    DEEP,
    DZI,
    FORM,
    JPG,
    RAW,
    SVS,
    TIFF,
    ZARR,
    facts,
    level,
    options,
)
from tests.each import each
from ziggurat.converter.plan.encoding import (
    SourceFacts,
    StoredTiles,
    copy_refusal,
    encode_codec,
    encode_quality,
    encode_tile_size,
)
from ziggurat.converter.plan.levels import LevelSpec, full_levels, halvings_between
from ziggurat.converter.plan.pictures import PictureFacts, picture_steps
from ziggurat.converter.plan.plan import make_plan
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import TileFormat
from ziggurat.readers.model.image import Interpretation, Level
from ziggurat.writers.model.levels import Cascade, Copy, Scaled

J2K = dataclasses.replace(FORM, codec=Codec.JPEG2000, tiff_compression=33005)
CHUNK = dataclasses.replace(
    RAW, codec=Codec.OTHER, planar=True, zarr=json.dumps({"name": "blosc"}), tiff_compression=None
)


@each("form, info, target, given, words", [
        (FORM, {}, TIFF, {}, None),
        (FORM, {}, TIFF, {"reencode": True}, "all is to be encoded anew"),
        (FORM, DEEP, TIFF, {}, "its samples are not those"),
        (RAW, {}, TIFF, {}, "its samples are not those"),
        (RAW, DEEP, TIFF, {}, None),
        (RAW, {**DEEP, "bands": 4}, TIFF, {}, "its samples are not those"),
        (dataclasses.replace(RAW, dtype="int16"), DEEP, TIFF, {}, "its samples are not those"),
        (FORM, {}, TIFF, {"compression": "jpeg"}, None),
        (FORM, {}, TIFF, {"compression": "lzw"}, "lzw was asked for, the source has jpeg"),
        (FORM, {}, TIFF, {"tile_size": 512}, None),
        (dataclasses.replace(FORM, planar=True), {}, TIFF, {}, "bands are stored apart"),
        (J2K, {}, TIFF, {}, "private number 33005"),
        (J2K, {}, SVS, {}, None),
        (J2K, {}, TIFF, {"compression": "keep"}, None),
        (dataclasses.replace(FORM, codec=Codec.JPEGXL, tiff_compression=None), {}, TIFF, {},
         "few readers know jpegxl"),
        (CHUNK, DEEP, ZARR, {}, None),
        (CHUNK, DEEP, ZARR, {"tile_size": 240}, None),
        (CHUNK, DEEP, ZARR, {"tile_size": 256}, "chunks of 256 pixels were asked for"),
        (CHUNK, DEEP, ZARR, {"compression": "blosc"}, None),
        (CHUNK, DEEP, ZARR, {"compression": "zstd"}, "zstd was asked for, the source has blosc"),
        (dataclasses.replace(CHUNK, zarr="null"), DEEP, ZARR, {"compression": "zstd"}, "has none"),
        (CHUNK, DEEP, TIFF, {}, "not one of TIFF"),
    ])  # fmt: skip
def test_why_tiles_are_not_copied(
    form: TileFormat, info: dict[str, Any], target: Any, given: dict[str, Any], words: str | None
) -> None:
    made = facts(form, **info)
    refusal = copy_refusal(made.tiles[0], made.info, target, options(**given))
    assert (refusal is None) is (words is None), refusal
    assert words is None or words in (refusal or "")


@pytest.mark.parametrize("tile", [(240, 128), (128, 240), (128, 128), (240, 240)])
def test_chunks_of_the_size_that_is_asked_for_alone_are_copied(tile: tuple[int, int]) -> None:
    """Both sides count: what is asked for is square."""
    made = facts(CHUNK, tile, **DEEP)
    assert copy_refusal(made.tiles[0], made.info, ZARR, options()) is None
    for size in (240, 128):
        refusal = copy_refusal(made.tiles[0], made.info, ZARR, options(tile_size=size))
        assert (refusal is None) is (tile == (size, size)), size


@pytest.mark.parametrize("tile", [(240, 241), (241, 240)])
def test_chunks_of_odd_sides_cannot_be_halved(tile: tuple[int, int]) -> None:
    made = facts(CHUNK, tile, **DEEP)
    refusal = copy_refusal(made.tiles[0], made.info, ZARR, options())
    assert refusal is not None
    assert "can't be halved" in refusal
    assert copy_refusal(made.tiles[0], made.info, ZARR, options(levels="source")) is None


@each("form, info, target, given, codec", [
        (FORM, {}, TIFF, {}, "jpeg"),
        (FORM, {"alpha": True, "bands": 4}, TIFF, {}, "deflate"),
        (FORM, {"alpha": True, "bands": 2, "interpretation": Interpretation.GRAY}, TIFF, {},
         "deflate"),
        (FORM, {"bands": 1, "interpretation": Interpretation.GRAY}, TIFF, {}, "jpeg"),
        (FORM, {"interpretation": Interpretation.MULTIBAND}, TIFF, {}, "deflate"),
        (FORM, {"interpretation": Interpretation.LABELS}, TIFF, {}, "deflate"),
        (FORM, DEEP, TIFF, {}, "deflate"),
        (dataclasses.replace(FORM, lossless=True), {}, TIFF, {}, "deflate"),
        (RAW, DEEP, TIFF, {}, "deflate"),
        (None, {}, TIFF, {}, "deflate"),
        (None, {"lossy": True}, TIFF, {}, "jpeg"),
        (FORM, {}, ZARR, {}, "blosc"),
        (FORM, {}, ZARR, {"compression": "keep"}, "jpeg"),
        (FORM, {}, TIFF, {"compression": "zstd"}, "zstd"),
    ])  # fmt: skip
def test_what_tiles_are_encoded_by(
    form: TileFormat | None, info: dict[str, Any], target: Any, given: dict[str, Any], codec: str
) -> None:
    assert encode_codec(facts(form, **info), target, options(**given)) == codec


ANEW = {"reencode": True}


@each("codec, source, info, given, quality", [
        ("jpeg", None, {}, {}, 90), ("jpeg", None, {}, {"quality": 33}, 33),
        ("jpeg", 80, {}, ANEW, 80), ("jpeg", 95, {}, ANEW, 90), ("jpeg", 40, {}, ANEW, 75),
        ("jpeg", 80, {}, {}, 90), ("jpeg", 80, {}, {**ANEW, "quality": 50}, 50),
        ("webp", None, {}, {"quality": 0}, None), ("deflate", None, {}, {"quality": 50}, None),
        ("jpeg2000", None, {}, {}, 90),
        ("jpeg2000", None, {"interpretation": Interpretation.LABELS}, {"quality": 50}, None),
        ("webp", None, {"interpretation": Interpretation.PALETTE}, {"quality": 50}, None),
        ("jpeg", None, {"interpretation": Interpretation.LABELS}, {}, 90),
    ])  # fmt: skip
def test_the_quality(
    codec: str, source: int | None, info: dict[str, Any], given: dict[str, Any], quality: int
) -> None:
    made = facts(quality=source, **info)
    assert encode_quality(Codec.named(codec), made, TIFF, options(**given)) == quality


def test_what_kept_its_values_keeps_them() -> None:
    made = facts(RAW, **DEEP)
    assert encode_quality(Codec.JPEG2000, made, TIFF, options()) is None
    assert encode_quality(Codec.JPEG2000, made, TIFF, options(compression="jpeg2000")) == 90
    with pytest.raises(OptionError, match="quality 0 keeps every value"):
        encode_quality(Codec.JPEG, made, TIFF, options(quality=0))


@each("tile, target, given, size", [
        ((240, 240), TIFF, {}, (240, 240)), ((128, 1024), TIFF, {}, (128, 1024)),
        ((112, 240), TIFF, {}, (256, 256)), ((240, 112), TIFF, {}, (256, 256)),
        ((1040, 240), TIFF, {}, (256, 256)), ((250, 240), TIFF, {}, (256, 256)),
        ((240, 240), TIFF, {"tile_size": 512}, (512, 512)), ((240, 240), ZARR, {}, (512, 512)),
        ((240, 240), JPG, {}, (2000, 1500)),
    ])  # fmt: skip
def test_the_size_of_tiles(
    tile: tuple[int, int], target: Any, given: dict[str, Any], size: tuple[int, int]
) -> None:
    assert encode_tile_size(facts(tile=tile), target, options(**given)) == size


@each("upper, lower, steps", [
        ((800, 600), (400, 300), 1), ((800, 600), (200, 150), 2), ((801, 601), (400, 300), 1),
        ((801, 601), (401, 301), 1), ((800, 600), (400, 200), 0), ((600, 800), (200, 400), 0),
        ((800, 600), (300, 200), 0), ((800, 600), (800, 600), 0), ((8000, 6000), (4060, 3000), 1),
        ((8000, 6000), (4100, 3000), 0), ((8000, 6000), (4000, 3100), 0), ((9, 9), (7, 4), 0),
        ((800, 600), (1600, 1200), 0),
    ])  # fmt: skip
def test_how_many_halvings_lead_down(
    upper: tuple[int, int], lower: tuple[int, int], steps: int
) -> None:
    assert halvings_between(LevelSpec(*upper, None), LevelSpec(*lower, None)) == steps


@pytest.mark.parametrize("size", [(1000, 40), (40, 1000), (300, 300), (10, 10)])
def test_halving_goes_on_until_both_sides_are_small(size: tuple[int, int]) -> None:
    specs = full_levels((Level(*size, 64, 64),), 64)
    sizes = [(spec.width, spec.height) for spec in specs]
    for (w, h), below in itertools.pairwise(sizes):
        assert below == (-(-w // 2), -(-h // 2))
        assert max(w, h) > 64
    assert max(sizes[-1]) <= 64


def steps_of(made: SourceFacts, target: Any = TIFF, **given: Any) -> list[Any]:
    return [type(step.origin) for step in make_plan(made, target, options(**given)).steps]


@each("made, given, second", [
        (facts(), {}, Scaled), (facts(), {"resample": "mean"}, Scaled),
        (facts(), {"resample": "max"}, Cascade), (facts(), {"resample": "nearest"}, Cascade),
        (facts(interpretation=Interpretation.LABELS), {}, Cascade),
        (facts(interpretation=Interpretation.PALETTE), {}, Cascade),
        (facts(interpretation=Interpretation.MULTIBAND), {}, Cascade),
        (facts(dataclasses.replace(FORM, codec=Codec.WEBP, tiff_compression=50001)), {}, Cascade),
        (facts(tile=(16, 32)), {}, Scaled),
        (facts(dataclasses.replace(FORM, bits=12, dtype="uint16"), **DEEP), {}, Cascade),
    ])  # fmt: skip
def test_how_a_missing_level_is_made(made: SourceFacts, given: dict[str, Any], second: Any) -> None:
    assert steps_of(made, **given)[:2] == [Copy, second]


@pytest.mark.parametrize(
    ("tile", "second"),
    [((240, 240), Scaled), ((248, 240), Cascade), ((240, 248), Cascade), ((16, 32), Scaled)],
)
def test_tiles_of_half_blocks_are_not_decoded_at_half_scale(
    tile: tuple[int, int], second: Any
) -> None:
    """Their last block of chroma would go over the seam; chunks may be of any size."""
    assert steps_of(facts(tile=tile), ZARR, compression="jpeg")[:2] == [Copy, second]


def test_what_is_lost_is_told() -> None:
    made = facts(RAW, losses=("its overlays",), **DEEP)
    assert "its overlays" in make_plan(made, TIFF, options()).losses
    anew = make_plan(facts(sizes=((2000, 1500), (1000, 750))), TIFF, options(reencode=True))
    assert any("exact values of level 0, 1" in loss for loss in anew.losses)
    assert any("edges of level 0" in loss for loss in make_plan(facts(), DZI, options()).losses)


@pytest.mark.parametrize(
    ("size", "cut"),
    [((2000, 1500), False), ((2000, 1600), True), ((2200, 1500), True), ((2200, 1600), True)],
)
def test_tiles_that_are_cut_at_either_edge_are_told(size: tuple[int, int], cut: bool) -> None:
    plan = make_plan(facts(tile=(500, 500), sizes=(size,)), DZI, options())
    assert plan.steps[0].action == "copy"
    assert any("edges of level 0" in loss for loss in plan.losses) is cut


@pytest.mark.parametrize(
    ("tile", "target", "given"),
    [((240, 240), TIFF, {}), ((480, 240), TIFF, {}), ((240, 480), ZARR, {}),
     ((240, 240), TIFF, {"tile_size": 512})],
)  # fmt: skip
def test_how_much_it_grows_and_what_it_takes_is_foreseen(
    tile: tuple[int, int], target: Any, given: dict[str, Any]
) -> None:
    """Of tiles of 1000 bytes, encoded without loss; and of memory, by rows of tiles."""
    made = options(reencode=True, compression="deflate" if target is TIFF else "blosc",
                   threads=3, **given)  # fmt: skip
    plan = make_plan(facts(tile=tile), target, made)
    tiles = -(-2000 // tile[0]) * -(-1500 // tile[1])
    growth = plan.steps[0].expected_bytes / (1000 * tiles)
    assert growth > 2
    assert any(note.startswith(f"about {growth:.1f} times") for note in plan.notes), plan.notes
    sizes = [make_plan(facts(tile=tile, sizes=((width, 1500),)), target, made).expected_memory
             for width in (2000, 4000, 6000)]  # fmt: skip
    assert 0 < sizes[1] - sizes[0] == sizes[2] - sizes[1]  # rows of tiles: as the width
    assert sizes[1] - sizes[0] < 10 * 2000 * max(*tile, 512) * 3


def test_alpha_that_becomes_a_mask_is_told() -> None:
    made = facts(None, bands=4, alpha=True)
    lost = make_plan(made, COG, options(compression="jpeg")).losses
    assert any("a mask beside it" in loss for loss in lost)
    kept = make_plan(made, COG, options(compression="deflate")).losses
    assert not any("a mask beside it" in loss for loss in kept)


def test_one_size_of_tiles_for_all_levels_where_a_target_has_one() -> None:
    made = facts(sizes=((2000, 1500), (1000, 750)))
    small = StoredTiles(level(FORM, 1000, 750, (128, 128)), 1000.0)
    made = dataclasses.replace(made, tiles=(made.tiles[0], small))
    plan = make_plan(made, DZI, options())
    assert [step.action for step in plan.steps[:2]] == ["copy", "encode"]
    assert "its tiles are 128 x 128, all others 240 wide" in plan.steps[1].reason
    assert {step.tile_width for step in plan.steps} == {240}
    assert [step.action for step in make_plan(made, TIFF, options()).steps[:2]] == ["copy", "copy"]


def test_a_plan_for_a_cog_is_no_refusal_where_it_is_one_anyway() -> None:
    """Of the options' word "layout" the target may be the answer already."""
    notes = make_plan(facts(None), COG, options(layout="cog")).notes
    assert "--layout cog is what it is anyway" in notes
    notes = make_plan(facts(), TIFF, options(layout="cog")).notes
    assert any("laid out as a COG" in note for note in notes)
    for target in (SVS, ZARR, DZI):
        with pytest.raises(OptionError, match="cog is invalid"):
            make_plan(facts(), target, options(layout="cog"))


def picture(**given: Any) -> PictureFacts:
    made: dict[str, Any] = {
        "name": "label", "width": 400, "height": 300, "samples": 360_000, "codec": Codec.LZW,
        "stored": 5000, "plain": True,
    }  # fmt: skip
    return PictureFacts(**(made | given))


@each("given, target, quality, action, codec, chosen", [
        ({}, TIFF, None, "copy", "lzw", None), ({}, TIFF, 70, "encode", "jpeg", 90),
        ({}, TIFF, 95, "encode", "jpeg", 95),
        ({"made_smaller": True}, TIFF, 70, "encode", "jpeg", 70),
        ({"samples": 32_768}, TIFF, 70, "copy", "lzw", None),
        ({"samples": 32_769}, TIFF, 70, "encode", "jpeg", 90),
        ({"plain": False}, TIFF, 70, "copy", "lzw", None),
        ({"codec": Codec.JPEG}, TIFF, 70, "copy", "jpeg", None),
        ({"codec": None, "stored": None}, TIFF, None, "encode", "deflate", None),
        ({}, ZARR, 70, "encode", "blosc", None),
    ])  # fmt: skip
def test_what_becomes_of_a_picture(
    given: dict[str, Any], target: Any, quality: int | None, action: str, codec: str, chosen: Any
) -> None:
    (step,) = picture_steps([picture(**given)], target, quality)
    assert (step.action, step.codec, step.quality) == (action, codec, chosen)
    assert (step.width, step.height) == (400, 300)


def test_only_pictures_that_a_target_has_room_for() -> None:
    every = [picture(name=name) for name in ("label", "macro", "map", "thumbnail")]
    names = [step.name for step in picture_steps(every, SVS, None)]
    assert names == ["label", "macro", "thumbnail"]
    assert picture_steps(every, COG, None) == ()
