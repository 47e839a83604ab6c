"""What an image is shown as by each of its facts, and which colour each value has."""

import dataclasses
import itertools
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from tests.each import each
from ziggurat.converter.viewer.live import Growth
from ziggurat.converter.viewer.looks import ChannelLook, Look
from ziggurat.converter.viewer.pixels import fitted, shrunk
from ziggurat.converter.viewer.render import (
    check_look,
    colorize,
    label_colors,
    shows_as_stored,
    style_of,
)
from ziggurat.converter.viewer.shown import Shown, _seen_growing, kind_of, plain_number
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level

RGB, GRAY, MANY, LABELS, PALETTE = (
    Interpretation.RGB, Interpretation.GRAY, Interpretation.MULTIBAND, Interpretation.LABELS,
    Interpretation.PALETTE,
)  # fmt: skip
C, Z = Axis("c", 3), Axis("z", 2)


def info(kind: Interpretation, bands: int, dtype: str = "u1", **facts: Any) -> ImageInfo:
    made = ImageInfo("made", (Level(70, 40, 16, 16),), bands, np.dtype(dtype), kind)
    return dataclasses.replace(made, **facts)


def mixed(index: int) -> ChannelLook:
    return ChannelLook(index, "#0f0", None, None)


@each("image, kind, stored", [
        (info(RGB, 3), "picture", True), (info(RGB, 4, alpha=True), "picture", True),
        (info(GRAY, 1), "picture", True), (info(GRAY, 2, alpha=True), "picture", True),
        (info(GRAY, 1, axes=(Z,)), "picture", True), (info(RGB, 3, axes=(C,)), "picture", True),
        (info(GRAY, 1, axes=(C,)), "channels", False),
        (info(GRAY, 1, axes=(Axis("c", 1),)), "picture", True),
        (info(GRAY, 1, axes=(Z, C)), "channels", False),
        (info(RGB, 3, "u2"), "channels", False), (info(GRAY, 1, "u2"), "values", False),
        (info(GRAY, 1, "f4"), "values", False), (info(GRAY, 1, "i1"), "values", False),
        (info(GRAY, 2, "u2", alpha=True), "values", False),
        (info(RGB, 4, "u2", alpha=True), "channels", False),
        (info(MANY, 1), "values", False), (info(MANY, 5), "channels", False),
        (info(MANY, 2, alpha=True), "values", False),
        (info(LABELS, 1, "u2"), "labels", False), (info(LABELS, 1, axes=(C,)), "labels", False),
        (info(PALETTE, 1), "picture", False), (info(PALETTE, 1, "u2"), "picture", False),
    ])  # fmt: skip
def test_what_an_image_is_shown_as(image: ImageInfo, kind: str, stored: bool) -> None:
    assert (kind_of(image), shows_as_stored(image)) == (kind, stored)
    assert style_of(Look(), image) == (None if stored else "auto")
    growing = {"labels": Look(labels=True), "values": Look(palette="white")}.get(kind, Look())
    assert _seen_growing(Look(), image) == growing
    for asked in (Look(labels=True), Look(palette="magma"), Look(channels=(mixed(0),))):
        assert _seen_growing(asked, image) == asked  # what somebody asks for is what they see


@each("low", [None, 0.0, 0.5, -3.0, 700.0])
@each("high", [None, 0.0, 1.5, -1.0, 900.0])
def test_windows_are_those_that_are_asked_for(low: float | None, high: float | None) -> None:
    """Nought is a limit as any other; channels are bands, or positions of their axis."""
    channel = ChannelLook(1, "#0f0", low, high)
    limits = {"min": "auto" if low is None else low, "max": "auto" if high is None else high}
    palette = {"palette": ["#000", "#0f0"]}
    look = Look(frame=1, channels=(channel,))
    assert style_of(look, info(MANY, 3, axes=(Z,))) == {
        "bands": [palette | limits | {"band": 2, "frame": 1}]
    }
    zc = info(GRAY, 1, axes=(Z, C))
    for frame, shown in enumerate((1, 1, 1, 4, 4, 4)):
        style = style_of(dataclasses.replace(look, frame=frame), zc)
        assert style == {"bands": [palette | limits | {"frame": shown}]}


@pytest.mark.parametrize(
    ("image", "channels"),
    [(info(MANY, 4), 4), (info(GRAY, 1, axes=(C,)), 3), (info(MANY, 2, axes=(Z, C)), 3)],
)
def test_bands_and_channels_are_those_of_the_image(image: ImageInfo, channels: int) -> None:
    for number in range(6):
        for look, most in (
            (Look(band=number), image.bands),
            (Look(channels=(mixed(0), mixed(number))), channels),
        ):
            if number < most:
                check_look(look, image)
                continue
            with pytest.raises(OptionError, match=rf"must be .*{most - 1}"):
                check_look(look, image)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "u8"])
def test_numbers_of_things_have_a_colour_each(dtype: str) -> None:
    """Also those that no 32 bits hold; the colours come again after 4096."""
    top = int(np.iinfo(dtype).max) if dtype != "u8" else 2**63 - 1
    numbers = sorted({0, 1, 2, 7, min(4096, top), min(4097, top), top - 1, top})
    pixels = np.array(numbers, dtype).reshape(1, -1, 1)
    found = colorize(np.concatenate([pixels * 0, pixels], 2), Look(labels=True, band=1), (0, 1))
    colors = label_colors()
    for number, color in zip(numbers, found[0], strict=True):
        wanted = colors[(number - 1) % 4096 + 1] if number else (0, 0, 0, 0)
        assert tuple(color) == tuple(wanted), number
    assert len({tuple(color) for color in colors[1:13]}) == 12
    assert (colors[1:, 3] == 255).all()


@each("low, high", [(0.0, 100.0), (100.0, 0.0), (50.0, 50.0), (-50.0, 0.0)])
@each("threshold", [None, 0.0, 40.0])
@each("said", [False, True])
def test_values_run_from_low_to_high(
    low: float, high: float, threshold: float | None, said: bool
) -> None:
    """In this direction, as far as the palette goes; what has no value is not seen."""
    values = [-np.inf, -60.0, 0.0, 39.9, 40.0, 50.0, 100.0, 130.0, np.inf, np.nan]
    limits = {"low": low, "high": high} if said else {}
    look = Look(palette="white", threshold=threshold, **limits)
    found = colorize(np.array(values).reshape(1, -1, 1), look, (-1e9, 1e9) if said else (low, high))
    for value, (red, green, blue, alpha) in zip(values, found[0].astype(int), strict=True):
        seen = not np.isnan(value) and (threshold is None or value >= threshold)
        assert alpha == (255 if seen else 0), value
        if seen and np.isfinite(value):
            share = min(max((value - low) / ((high - low) or 1), 0), 1)
            assert red == green == blue == pytest.approx(255 * share, abs=1), value


def test_what_json_has_no_word_for_is_text() -> None:
    for number in (1, 1.5, -2, True, None, "a"):
        assert plain_number(number) == number
    assert [plain_number(x) for x in (np.inf, -np.inf, np.nan)] == ["inf", "-inf", "nan"]


def test_histograms_are_of_finite_values(tmp_path: Path) -> None:
    values = np.arange(200.0).reshape(10, 20, 1).astype(np.float32)
    values[0, :3, 0] = np.nan, np.inf, -np.inf
    nothing = np.full_like(values, np.nan)
    with ziggurat.new(bands=2, dtype="float32") as sink:
        sink.addTile(np.concatenate([values, nothing], 2), 0, 0)
        sink.write(tmp_path / "in.tiff", lossy=False)
    with closing(Shown(tmp_path / "in.tiff")) as shown:
        found = shown.histogram(0, 0, 197)
        assert (found["min"], found["max"], sum(found["counts"])) == (3, 199, 197)
        assert (found["low"], found["high"]) == tuple(np.percentile(np.arange(3, 200), [1, 99]))
        assert shown.histogram(0, 1) == {"counts": [], "min": 0, "max": 1, "low": 0, "high": 1}
        for band in (-1, 2):
            with pytest.raises(OptionError, match="band must be from 0 to 1"):
                shown.histogram(0, band)
        assert shown.value(1, 0, 0) == {"value": ["inf", "nan"]}
        assert shown.value(20, 0, 0) == shown.value(0, 10, 0) == {"value": []}


@pytest.mark.parametrize(
    ("size", "tiles", "share"),
    [
        ((64, 64), [(0, 0)], 0.0625), ((64, 64), [(48, 48), (0, 0), (0, 0)], 0.125),
        ((16, 512), [(0, 0), (0, 496)], 0.0625), ((5000, 5000), [], 0.0),
        ((2048, 16), [(0, 0)], 1 / 128),
    ],
)  # fmt: skip
def test_shares_of_the_area_count_each_part_once(
    tmp_path: Path, size: tuple[int, int], tiles: list[tuple[int, int]], share: float
) -> None:
    """However small a tile is beside the whole, it counts; tiles upon each other count once."""
    with ziggurat.new(tmp_path / "s", bands=1, dtype="uint8") as sink:
        for place in tiles:
            sink.addTile(np.ones((16, 16, 1), np.uint8), *place)
        with closing(Growth(sink.path)) as growth:
            assert growth.count() == len(tiles)
            assert growth.covered(*size) == pytest.approx(share)


@each(
    "shape, factor, dtype",
    [((1, 1), 8, "u1"), ((5, 8), 4, "i2"), ((9, 7), 2, "f4"), ((16, 16), 8, "u1"),
     ((3, 17), 4, "f4"), ((17, 3), 2, "u1"), ((9, 7), 1, "i2")])  # fmt: skip
def test_means_of_blocks_are_of_what_is_there(
    shape: tuple[int, int], factor: int, dtype: str
) -> None:
    pixels = np.random.default_rng(1).integers(0, 250, (*shape, 2)).astype(dtype)
    sizes = [-(-side // factor) for side in shape]
    wanted = np.zeros((*sizes, 2))
    for y, x in itertools.product(*map(range, sizes)):
        block = pixels[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
        wanted[y, x] = block.astype(float).mean(axis=(0, 1))
    means, chosen = (shrunk(pixels, factor, nearest=nearest) for nearest in (False, True))
    assert (means.dtype, chosen.dtype) == (pixels.dtype, pixels.dtype)
    assert np.abs(means - wanted).max() <= (1e-3 if dtype == "f4" else 0.5)
    assert (chosen == pixels[::factor, ::factor]).all()
    for width, height in itertools.product((1, 4, 20), repeat=2):
        found = fitted(pixels, (width, height))
        rows, columns = (np.minimum(np.arange(n), side - 1) for n, side in
                         zip((height, width), shape, strict=True))  # fmt: skip
        assert (found == pixels[np.ix_(rows, columns)]).all()


def test_a_viewer_lets_go_of_what_it_opened(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", bands=1, dtype="uint8") as sink:
        sink.addTile(np.ones((16, 16, 1), np.uint8), 0, 0)
        shown = Shown(sink.path)
        closed: list[str] = []
        growth, source = shown.growth, shown.source()
        assert growth is not None
        ends = {"growth": growth.close, "source": source.close}
        growth.close = lambda: (closed.append("growth"), ends["growth"]())
        source.close = lambda: (closed.append("source"), ends["source"]())
        shown.close()
        assert sorted(closed) == ["growth", "source"]


def test_names_are_never_mixed_whatever_they_are_coloured_by(tmp_path: Path) -> None:
    numbers = ((np.arange(64)[:, None] + np.arange(64)) % 2 * 200).astype(np.uint8)
    for named in ("labels", None):
        with ziggurat.new(bands=1, dtype="uint8") as sink:
            sink.addTile(numbers[..., None], 0, 0)
            if named:
                sink.interpretation = named
            sink.write(tmp_path / f"{named}.tiff", lossy=False)
        with closing(Shown(tmp_path / f"{named}.tiff")) as shown:
            for look in (Look(palette="white", low=0, high=200), Look(labels=True)):
                found = shown.region(Rect(0, 0, 64, 63), (21, 21), look)
                mixed = {tuple(color) for color in found.reshape(-1, 4)}
                ends = colorize(np.array([[[0], [200]]], np.uint8), look, (0, 1))[0]
                whole = mixed <= {tuple(color) for color in ends}
                assert whole or (named is None), look
                assert not whole or named == "labels" or look.labels


def test_axes_and_channels_are_told_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = (Axis("z", 2, (0.5, 1.5), "µm"), Axis("t", 3, ("a", "b", "c")), Axis("c", 1))
    channels = (Channel("DAPI", "#00f"), Channel("FITC"))
    with ziggurat.new(bands=3, dtype="uint8") as sink:
        sink.addTile(np.zeros((20, 30, 3), np.uint8), 0, 0)
        sink.write(tmp_path / "in.tiff")
    made = info(MANY, 4, "u2", alpha=True, axes=axes, channels=channels, mm_x=0.5, mm_y=0.25,
                band_names=("one", "two", "three", "a"))  # fmt: skip
    monkeypatch.setattr("ziggurat.converter.viewer.shown.image_of", lambda _: made)
    with closing(Shown(tmp_path / "in.tiff")) as shown:
        facts = shown.facts()
    assert facts["axes"] == [
        {"name": "z", "size": 2, "values": ["0.5", "1.5"], "unit": "µm"},
        {"name": "t", "size": 3, "values": ["a", "b", "c"], "unit": None},
        {"name": "c", "size": 1, "values": [], "unit": None},
    ]
    assert facts["channels"] == [
        {"name": "DAPI", "color": "#00f"}, {"name": "FITC", "color": None},
    ]  # fmt: skip
    told = {key: facts[key] for key in ("bands", "dtype", "kind", "frames", "mm_x", "mm_y", "live")}
    assert told == {"bands": 3, "dtype": "uint16", "kind": "channels", "frames": 6, "mm_x": 0.5,
                    "mm_y": 0.25, "live": False}  # fmt: skip
    assert facts["bandNames"] == ["one", "two", "three", "a"]
    assert (facts["name"], facts["width"], facts["height"]) == ("in.tiff", 30, 20)
    assert (facts["map"], facts["associated"], facts["levels"]) == (None, [], 1)


def test_what_changes_within_the_same_bounds_is_seen(tmp_path: Path) -> None:
    """More bands, wider samples: the image is opened anew though no tile lies farther out."""
    with ziggurat.new(tmp_path / "s") as sink:
        sink.addTile(np.full((32, 32, 3), 9, np.uint8), 0, 0)
        with closing(Shown(sink.path)) as shown:
            assert (shown.facts()["bands"], shown.facts()["dtype"]) == (3, "uint8")
            sink.addTile(np.full((32, 32, 3), 900, np.uint16), 0, 0)
            assert (shown.facts()["bands"], shown.facts()["dtype"]) == (3, "uint16")
            sink.addTile(np.full((32, 32, 5), 900, np.uint16), 0, 0)
            assert shown.facts()["bands"] == 5
            assert shown.value(3, 3, 0)["value"] == [900] * 5
