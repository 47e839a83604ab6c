"""Quality and effort reach the encoder: of tiles, of chunks, of GDAL."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.codec import CHUNK_CODECS, TILE_CODECS, Codec
from ziggurat.readers.model.image import GeoReference, Interpretation
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.codecs.chunks import chunk_codec
from ziggurat.writers.codecs.tiles import takes, tile_codec
from ziggurat.writers.formats.cog.cog import creation_options
from ziggurat.writers.model.options import WriteOptions


@pytest.fixture(scope="module")
def tile() -> Any:
    """Return smooth shapes with some noise, which every effort makes something else of."""
    y, x = np.mgrid[:128, :128]
    waves = 90 * np.sin(x / 9)[..., None] * np.cos(y / np.array([5, 7, 11])[:, None, None]).T
    noise = np.random.default_rng(3).integers(0, 12, (128, 128, 3))
    return np.clip(120 + waves.swapaxes(0, 1) + noise, 0, 255).astype(np.uint8)


LOSSY = [codec for codec in TILE_CODECS if codec.row.can_lose]


@pytest.mark.parametrize("codec", LOSSY, ids=lambda codec: codec.value)
@pytest.mark.parametrize("bands", [1, 3])
def test_more_quality_takes_more_bytes(codec: Codec, bands: int, tile: Any) -> None:
    pixels = np.ascontiguousarray(tile[..., :bands])
    info = array_reader(pixels).info
    if not takes(codec, info):
        pytest.skip(f"{codec.value} takes no {bands} band(s)")
    sizes = [
        len(tile_codec(info, WriteOptions(compression=codec, quality=quality)).encode(pixels))
        for quality in (30, 60, 95)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.8 * sizes[2]


EFFORTS = [
    (Codec.DEFLATE, 1, 9), (Codec.ZSTD, 1, 19), (Codec.WEBP, 0, 6), (Codec.JPEGXL, 1, 7),
]  # fmt: skip


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize(("codec", "least", "most"), EFFORTS, ids=lambda v: str(v))
def test_effort_makes_other_tiles(
    codec: Codec, least: int, most: int, lossy: bool, tile: Any
) -> None:
    info = array_reader(tile).info
    if lossy and not codec.row.can_lose:
        pytest.skip(f"{codec.value} loses nothing")
    made = [
        tile_codec(info, WriteOptions(compression=codec, level=level, lossy=lossy)).encode(tile)
        for level in (least, most)
    ]
    assert made[0] != made[1]


@pytest.mark.parametrize("codec", CHUNK_CODECS, ids=lambda codec: codec.value)
def test_chunks_say_the_effort_that_was_asked_for(codec: Codec, tile: Any) -> None:
    info = array_reader(tile).info
    if codec is Codec.NONE:
        pytest.skip("there is nothing to choose")
    for level in (0, 1, 5) if codec is Codec.BLOSC else (1, 5):
        made = chunk_codec(info, WriteOptions(compression=codec, level=level))
        assert made.v2 is not None
        assert made.v3 is not None
        said = {made.v2.get("level", made.v2.get("clevel"))}
        facts = made.v3["configuration"]
        said.add(facts.get("level", facts.get("clevel")))
        assert said == {level}


@each(
    "options, interpretation, said",
    [
        ({"compression": Codec.DEFLATE, "level": 9}, "multiband", {"LEVEL=9", "PREDICTOR=YES"}),
        ({"compression": Codec.ZSTD, "level": 7}, "multiband", {"LEVEL=7", "PREDICTOR=YES"}),
        ({"compression": Codec.ZSTD, "predictor": False}, "multiband", {"LEVEL=3"}),
        ({"compression": Codec.JPEG, "quality": 31}, "rgb", {"QUALITY=31"}),
        ({"compression": Codec.WEBP, "quality": 31}, "rgb", {"QUALITY=31"}),
        ({"compression": Codec.WEBP, "lossy": False}, "rgb", {"QUALITY=100"}),
        ({"lossy": False}, "labels", {"COMPRESS=DEFLATE", "RESAMPLING=MODE"}),
    ],
)
def test_gdal_is_told_what_was_asked_for(
    options: dict[str, Any], interpretation: str, said: set[str]
) -> None:
    bands = 1 if interpretation == "labels" else 3
    reader = array_reader(np.zeros((600, 600, bands), np.uint8))
    place = GeoReference("EPSG:32633", (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))
    info = replace(reader.info, geo=place, interpretation=Interpretation(interpretation))
    wanted = creation_options(info, WriteOptions(**options), levels=3, reuse=False)
    assert said <= set(wanted)
    assert {"OVERVIEWS=IGNORE_EXISTING", "OVERVIEW_COUNT=2"} <= set(wanted)
    assert ("PREDICTOR=YES" in wanted) == ("PREDICTOR=YES" in said)
    kept = creation_options(info, WriteOptions(**options), levels=3, reuse=True)
    assert "OVERVIEWS=AUTO" in kept
    assert not [one for one in kept if one.startswith("OVERVIEW_COUNT")]
    assert "OVERVIEWS=NONE" in creation_options(
        info, WriteOptions(**options), levels=1, reuse=False
    )
