"""No name that somebody gave to an axis, a band, a channel, a unit or a colour stays."""

import numpy as np

from tests.converter.deidentify.sources import PLANTED
from tests.each import each
from ziggurat.converter.deidentify.names import clean_facts
from ziggurat.converter.deidentify.policy import Policy
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level

LEVELS = (Level(8, 8, 8, 8),)
SAID = PLANTED.lower()


def info(axis: Axis, channel: Channel, bands: tuple[str, ...] = ()) -> ImageInfo:
    return ImageInfo(
        "made", LEVELS, max(1, len(bands)), np.dtype(np.uint8), Interpretation.MULTIBAND,
        axes=(axis,), channels=(channel,), band_names=bands,
    )  # fmt: skip


@each(
    "facts, gone",
    [
        (info(Axis(SAID, 1), Channel("DAPI")), "axis 0"),
        (info(Axis("z", 1, unit=SAID), Channel("DAPI")), "unit of axis 0"),
        (info(Axis("z", 2, (1, SAID)), Channel("DAPI")), "axis 0, value 0"),
        (info(Axis("z", 2, by_frame=(1, SAID)), Channel("DAPI")), "axis 0, value 0"),
        (info(Axis("z", 1), Channel(SAID)), "channel 0"),
        (info(Axis("z", 1), Channel("DAPI"), ("red", SAID)), "band 1"),
    ],
)
def test_each_place_of_a_name_is_cleaned(facts: ImageInfo, gone: str) -> None:
    assert SAID in repr(facts)
    clean, texts = clean_facts(facts, Policy())
    assert texts == {gone: SAID}
    assert SAID not in repr(clean)


def test_a_colour_that_is_none_goes() -> None:
    clean, _ = clean_facts(info(Axis("z", 1), Channel("DAPI", color=SAID)), Policy())
    assert clean.channels[0].color is None
    kept, _ = clean_facts(info(Axis("z", 1), Channel("DAPI", color="#FF0000")), Policy())
    assert kept.channels[0].color == "#FF0000"


def test_names_that_anybody_has_stay() -> None:
    facts = info(Axis("z", 2, (0.5, 1.5), unit="µm"), Channel("DAPI"), ("red", "green"))
    assert clean_facts(facts, Policy()) == (facts, {})
