"""What a plan foresees: tiles, bytes and seconds of every level, frame and picture; sizes."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.converter.plan.deciding import (
    COG,
    DEEP,
    DZI,
    FORM,
    INFO,
    JPG,
    RAW,
    SVS,
    TIFF,
    ZARR,
    facts,
    level,
    options,
)
from tests.converter.plan.test_each_decision import picture
from tests.each import each
from ziggurat.converter.plan import costs
from ziggurat.converter.plan.encoding import SourceFacts, StoredTiles, encode_codec, is_lossy
from ziggurat.converter.plan.pictures import picture_losses, picture_notes, picture_steps
from ziggurat.converter.plan.plan import make_plan
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import Axis, Interpretation
from ziggurat.writers.formats.registry import OUTPUTS

Z3 = (Axis("z", 3),)
SIZES = ((2000, 1500), (500, 375))


def several(**info: Any) -> SourceFacts:
    """Return two stored levels whose tiles weigh 1000 and 300 bytes."""
    made = facts(sizes=SIZES, **info)
    weights = [
        StoredTiles(level(FORM, *size, (240, 240)), weight)
        for size, weight in zip(SIZES, (1000.0, 300.0), strict=True)
    ]
    return dataclasses.replace(made, tiles=tuple(weights))


@pytest.mark.parametrize("axes", [(), Z3])
def test_tiles_and_bytes_are_of_every_frame(axes: Any) -> None:
    frames = 3 if axes else 1
    made = dataclasses.replace(several(axes=axes), pictures=(picture(), picture(name="map")))
    plan = make_plan(made, TIFF, options())
    weights = {0: 1000, 2: 300}
    for number, step in enumerate(plan.steps):
        tiles = -(-step.width // 240) * -(-step.height // 240) * frames
        assert (step.tiles, step.frames) == (tiles, frames)
        raw = step.width * step.height * 3 * frames
        wanted = tiles * weights[number] if number in weights else raw * Codec.JPEG.row.ratio
        assert step.expected_bytes == pytest.approx(wanted, abs=frames)
    actions = ["copy", "scale", "copy", "scale", "cascade"]
    assert [step.action for step in plan.steps] == actions
    assert plan.copied_tiles == plan.steps[0].tiles + plan.steps[2].tiles
    assert plan.encoded_tiles == sum(plan.steps[n].tiles for n in (1, 3, 4))
    assert plan.expected_bytes == sum(step.expected_bytes for step in plan.steps) + 2 * 5000 + 65536


@pytest.mark.parametrize("axes", [(), Z3])
def test_growth_is_of_the_sources_own_levels(axes: Any) -> None:
    """In all frames of both; levels that it has not are no growth of its tiles."""
    anew = options(reencode=True, compression="none")
    plan = make_plan(several(axes=axes), TIFF, anew)
    stored = 9 * 7 * 1000 + 3 * 2 * 300
    raw = (2000 * 1500 + 500 * 375) * 3
    assert any(note.startswith(f"about {raw / stored:.1f} times") for note in plan.notes)
    some = dataclasses.replace(several(axes=axes), tiles=(several().tiles[0], None))
    plan = make_plan(some, TIFF, anew)
    raw = 2000 * 1500 * 3
    assert any(note.startswith(f"about {raw / (9 * 7 * 1000):.1f} times") for note in plan.notes)


@pytest.mark.parametrize("source", ["jpeg", "zarr", "composed", "other", None])
def test_seconds_are_of_what_is_decoded(source: str | None) -> None:
    """Once for each level that is stored and encoded; what is copied is not decoded at all."""
    made = several()
    chunk = dataclasses.replace(RAW, codec=Codec.OTHER, zarr='{"name": "zstd"}')
    if source == "zarr":
        tiles = tuple(StoredTiles(level(chunk, *size, (240, 240)), 1000.0) for size in SIZES)
        made = dataclasses.replace(made, tiles=tiles)
    elif source in ("composed", "other"):
        info = dataclasses.replace(made.info, composed=source == "composed")
        made = dataclasses.replace(made, tiles=(None, None), info=info)
    asked = options(reencode=source is not None, compression="jpeg", threads=2, levels="source")
    plan = make_plan(made, TIFF, asked)
    raw = [width * height * 3 for width, height in SIZES]
    works = [
        costs.Work("encode" if source else "copy", size, "jpeg", source, copied)
        for size, copied in zip(raw, (63_000, 1800), strict=True)
    ]
    assert plan.expected_seconds == pytest.approx(costs.seconds(works, 2))
    assert costs.seconds(works, 1) >= plan.expected_seconds > 0.03


def test_memory_is_of_the_largest_row_that_is_encoded() -> None:
    asked = options(threads=2, compression="deflate", reencode=True)
    for bands, dtype in ((3, "uint8"), (5, "uint8")):
        made = facts(tile=(240, 480), bands=bands, interpretation=Interpretation.MULTIBAND)
        assert made.info.dtype == dtype
        plan = make_plan(made, TIFF, asked)
        assert plan.expected_memory == costs.memory(2000 * 480 * bands, 2)
    copied = make_plan(facts(), TIFF, options(levels="source", threads=2))
    assert copied.expected_memory == costs.memory(None, 2)
    below = make_plan(facts(), TIFF, options(threads=2))
    assert below.expected_memory == costs.memory(1000 * 240 * 3, 2)


@pytest.mark.parametrize("size", [(2001, 1501), (3, 1025), (100, 90)])
def test_the_levels_of_each_output(size: tuple[int, int]) -> None:
    """Halves are rounded up; GDAL's, where it makes them, down; one level of a flat picture."""
    for target in OUTPUTS:
        made = facts(None, sizes=(size,), lossy=True)
        found = [(step.width, step.height) for step in make_plan(made, target, options()).steps]
        assert found[0] == size
        if target.flat:
            assert len(found) == 1
            continue
        wanted = [size]
        while max(wanted[-1]) > (240 if target.source_tiles else target.tile):
            w, h = wanted[-1]
            down = max(1, w // 2), max(1, h // 2)
            wanted.append(down if target is COG else (-(-w // 2), -(-h // 2)))
        # an SVS has none so small that readers would take it for a label
        wanted = [one for one in wanted if one == size or max(one) > target.smallest]
        assert found == wanted, target.name
        source = make_plan(made, target, options(levels="source")).steps
        assert len(source) == (len(found) if target.uniform else 1)


@each("target", OUTPUTS)
def test_tiles_are_no_larger_than_a_level_where_none_is_padded(target: Any) -> None:
    """Chunks of odd sides could not be halved: they are even, and as large as they need be."""
    plan = make_plan(facts(None, sizes=((301, 75),), lossy=True), target, options())
    for step in plan.steps:
        tile = step.tile_width, step.tile_height
        if target.flat:
            assert tile == (301, 75)
        elif target.padded or target.uniform:
            assert tile == (target.tile, target.tile) or target.source_tiles
        else:
            assert tile == (min(target.tile, step.width + step.width % 2),
                            min(target.tile, step.height + step.height % 2))  # fmt: skip


def test_cut_tiles_are_a_loss_where_they_are_cut() -> None:
    for target in (TIFF, SVS):
        assert not any("edges of" in loss for loss in make_plan(facts(), target, options()).losses)
    plan = make_plan(facts(), DZI, options())
    assert any("edges of level 0: cut there" in loss for loss in plan.losses)


@pytest.mark.parametrize("effort", [9, 10, 22])
def test_an_effort_that_no_codec_has_is_refused_where_it_would_be_used(effort: int) -> None:
    made = facts(RAW, **DEEP)
    asked = options(effort=effort, compression="deflate")
    if effort > 9:
        with pytest.raises(OptionError, match="effort"):
            make_plan(made, TIFF, asked)
    else:
        make_plan(made, TIFF, asked)
    copied = make_plan(made, TIFF, dataclasses.replace(asked, levels="source"))
    assert {step.action for step in copied.steps} == {"copy"}


@each("smaller", [False, True])
@each("compression", ["jpeg", "deflate", "webp"])
@each("name", ["label", "thumbnail"])
def test_pictures_lose_where_the_image_is_a_smaller_jpeg(
    smaller: bool, compression: str, name: str
) -> None:
    """What is told of it is told of those that are not new: a thumbnail is made smaller, too."""
    shown = picture(name=name, made_smaller=name == "thumbnail")
    made = dataclasses.replace(facts(quality=80), smaller=smaller, pictures=(shown,))
    plan = make_plan(made, TIFF, options(reencode=True, compression=compression, quality=60))
    (step,) = plan.pictures
    loses = smaller and compression == "jpeg"
    quality = (60 if name == "thumbnail" else 90) if loses else None
    assert (step.quality, step.action) == (quality, "encode" if loses else "copy")
    told = f"exact values of the associated image {name!r}: encoded as jpeg, quality "
    assert any(loss.startswith(told) for loss in plan.losses) is (loses and name == "label")
    said = f"{name!r} is made smaller with the image: 400 x 300 pixels"
    assert (said in plan.notes) is (name == "thumbnail")
    assert picture_losses([], [shown]) == picture_notes([], [shown]) == ()


@each("target", OUTPUTS)
def test_what_each_output_makes_of_a_picture(target: Any) -> None:
    """It is copied as it is stored where the output has pages for that, or takes the stream."""
    if target.pictures == ():
        assert picture_steps([picture()], target, None) == ()
        return
    jpeg = Codec.JPEG in target.codecs
    page = jpeg and target.padded
    for codec in (Codec.LZW, Codec.JPEG, Codec.DEFLATE):
        (step,) = picture_steps([picture(codec=codec)], target, None)
        if page or (jpeg and codec is Codec.JPEG):
            assert (step.action, step.codec, step.expected_bytes) == ("copy", codec.value, 5000)
            continue
        made = Codec.DEFLATE if page else target.codecs[0]
        assert (step.action, step.codec, step.quality) == ("encode", made.value, None)
        assert step.expected_bytes == round(360_000 * made.row.ratio)
    (lossy,) = picture_steps([picture()], target, 50)
    assert (lossy.codec == "jpeg") is jpeg
    assert not jpeg or lossy.expected_bytes == round(360_000 * 0.12)


@each(
    "codec, lossless, lossy",
    [(Codec.JPEG, False, True), (Codec.WEBP, False, True), (Codec.JPEG2000, True, False),
     (Codec.JPEG2000, False, True), (Codec.DEFLATE, False, False), (Codec.OTHER, False, False)],
)  # fmt: skip
def test_what_has_lost_values_already(codec: Codec, lossless: bool, lossy: bool) -> None:
    made = facts(dataclasses.replace(FORM, codec=codec, lossless=lossless), lossy=not lossy)
    assert is_lossy(made) is lossy, "tiles tell it, where there are any"
    for said in (False, True):
        assert is_lossy(facts(None, lossy=said)) is said


@each("bands", [1, 2, 3, 4, 5])
@each("alpha", [False, True])
@each("kind", list(Interpretation))
def test_only_pictures_of_gray_or_three_colours_become_jpeg(
    bands: int, alpha: bool, kind: Interpretation
) -> None:
    picture_like = kind in (Interpretation.RGB, Interpretation.GRAY) and bands in (1, 3)
    for dtype in ("uint8", "int8", "uint16"):
        info = dataclasses.replace(
            INFO, bands=bands, alpha=alpha, interpretation=kind, dtype=np.dtype(dtype), lossy=True
        )
        made = dataclasses.replace(facts(None), info=info)
        jpeg = picture_like and not alpha and dtype == "uint8"
        for target, other in ((TIFF, "deflate"), (DZI, "png"), (ZARR, "blosc"), (JPG, "jpeg")):
            takes = Codec.JPEG in target.codecs
            assert encode_codec(made, target, options()) == ("jpeg" if jpeg and takes else other)
