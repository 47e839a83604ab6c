"""Every option that has limits, at both of them and beyond; and options that need each other."""

import dataclasses
import itertools
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from tests.each import each
from ziggurat.converter.plan.options import (
    AssociatedFate,
    Compression,
    ConvertOptions,
    Pictures,
    compression_named,
)
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import WRITTEN_CODECS, Codec

# Values that are taken, and that are not.
LIMITS: dict[str, tuple[list[Any], list[Any]]] = {
    "quality": ([0, 1, 100], [-1, 101, 50.5, "many", True]),
    "effort": ([0, 22], [-1, 23, 4.5]),
    "threads": ([1, 1024], [0, -1, 1025, 2.5]),
    "max_memory": ([1 << 24, 1 << 50], [(1 << 24) - 1, 0, -1, 1e9 + 0.5]),
    "tile_size": ([16, 256, 8192], [0, 8, 15, 24, 250, 8208, -16, 256.5]),
    "mm_per_pixel": ([1e-9, 0.00025, 5], [0, -0.001, float("nan"), float("inf"), "wide"]),
    "magnification": ([1e-3, 20, 40.5], [0, -20, float("nan"), float("inf"), "large"]),
}
FREE = {"format", "compression", "resample", "region", "frames", "bands", "policy"}


def test_every_option_has_limits_or_is_of_a_kind() -> None:
    made = ConvertOptions()
    kinds = {
        field.name
        for field in dataclasses.fields(made)
        if isinstance(getattr(made, field.name), bool | StrEnum)
    }
    assert {field.name for field in dataclasses.fields(made)} == kinds | set(LIMITS) | FREE
    assert not set(LIMITS) & (kinds | FREE)


@each("name", LIMITS)
def test_an_option_within_its_limits(name: str) -> None:
    good, bad = LIMITS[name]
    for value in good:
        assert getattr(ConvertOptions(**{name: value}), name) == value
    for value in bad:
        with pytest.raises(OptionError, match=name):
            ConvertOptions(**{name: value})


def test_words_of_every_kind_are_taken_and_no_others() -> None:
    made = ConvertOptions(deidentify=True)
    for field in dataclasses.fields(made):
        kind = type(getattr(made, field.name))
        if not issubclass(kind, StrEnum):
            continue
        for member in kind:
            given = {"deidentify": field.name == "label", field.name: str(member)}
            assert getattr(ConvertOptions(**given), field.name) is member
        with pytest.raises(OptionError, match="must be"):
            ConvertOptions(**{field.name: "another"})
    for codec in WRITTEN_CODECS:
        assert compression_named(codec.value.upper()) is codec
    assert compression_named("KEEP") is Compression.KEEP
    assert compression_named(Codec.LZW) is Codec.LZW
    for wrong in ("another", "", 7):
        with pytest.raises(OptionError, match="compression must be one of auto, keep, "):
            ConvertOptions(compression=wrong)


@each(
    "label, deidentify, policy, associated",
    list(itertools.product(AssociatedFate, (False, True), (None, "p.toml"), Pictures)),
)
def test_a_label_is_blanked_where_it_is_looked_at_at_all(
    label: AssociatedFate, deidentify: bool, policy: str | None, associated: Pictures
) -> None:
    given: dict[str, Any] = {
        "label": label, "deidentify": deidentify, "policy": policy, "associated": associated,
    }  # fmt: skip
    looked_at = deidentify or policy is not None
    if label is AssociatedFate.BLANK and (not looked_at or associated is Pictures.DROP):
        with pytest.raises(OptionError, match="label='blank'"):
            ConvertOptions(**given)
        return
    made = ConvertOptions(**given)
    assert (made.label, made.deidentify) == (label, looked_at)
    assert made.policy == (None if policy is None else Path(policy))


def test_one_way_to_shrink() -> None:
    for one in ({}, {"mm_per_pixel": 0.001}, {"magnification": 10}):
        ConvertOptions(**one)
    with pytest.raises(OptionError, match="not both"):
        ConvertOptions(mm_per_pixel=0.001, magnification=10)


@pytest.mark.parametrize("placed", [False, True])
def test_what_comes_out_is_what_is_said_else_what_the_name_says(placed: bool) -> None:
    for name, target in (("a.svs", "svs"), ("a.dzi", "dzi"), ("a.tif", "cog" if placed else "tiff"),
                         ("a.ome.tif", "ome-tiff"), ("a.zarr", "ome-zarr")):  # fmt: skip
        assert ConvertOptions().output_for(Path(name), placed=placed).name == target
        made = ConvertOptions(format="jpeg").output_for(Path(name), placed=placed)
        assert made.name == "jpeg"
    with pytest.raises(OptionError):
        ConvertOptions().output_for(Path("a.unknown"), placed=placed)
    with pytest.raises(OptionError):
        ConvertOptions(format="unknown")
