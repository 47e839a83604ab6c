"""Every word of a style against a slow model of what it means: pixel by pixel, in plain numbers."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.style.apply import _band_index, _composite, apply_style
from ziggurat.readers.style.auto import auto_style
from ziggurat.readers.style.palette import parse_color
from ziggurat.readers.style.parse import BandStyle, Composite, Scheme, Style, parse_style
from ziggurat.readers.views.array import array_reader

BANDS, FRAMES = 4, 6
FULL = 60_000


class Image:
    """A window of an image that is more than the window: overviews hold other values."""

    def __init__(self, dtype: str = "u2", **facts: Any) -> None:
        rng = np.random.default_rng(5)
        top = 250 if dtype == "u1" else FULL
        shape = (FRAMES, 9, 11, BANDS)
        self._pixels = (rng.random(shape) * top).astype(dtype)
        self._overviews = (rng.random((FRAMES, 5, 6, BANDS)) * top).astype(dtype)
        for frame in range(FRAMES):  # each frame and band has a range of its own
            for band in range(BANDS):
                part = self._overviews[frame, ..., band]
                part[...] = part // (1 + (frame + 2 * band) % 5) + 3 * band
        self._kept = list(self._overviews)  # ranges are remembered by the very array
        made = ImageInfo(
            "made", (Level(100, 100, 64, 64),), BANDS, np.dtype(dtype), Interpretation.MULTIBAND,
            axes=(Axis("t", 2), Axis("c", 3)),
            channels=(Channel("a", "#ff0000"), Channel("b"), Channel("c", "#0000ff")),
        )  # fmt: skip
        self.info = dataclasses.replace(made, **facts)

    def pixels(self, frame: int) -> np.ndarray:
        return self._pixels[frame].copy()

    def overview(self, frame: int) -> np.ndarray:
        return self._kept[frame]


def _nodata(band: dict[str, Any], index: int, info: ImageInfo) -> list[float]:
    own = info.nodata[index] if isinstance(info.nodata, tuple) else info.nodata
    told = band.get("nodata")
    return [value for value in (told if told is not None else own,) if value is not None]


def _index(band: dict[str, Any], info: ImageInfo) -> int:
    named = band.get("band")
    if named is None:
        return 1 if info.bands - info.alpha >= 3 else 0
    if isinstance(named, int):
        return named - 1
    names = [name.lower() for name in info.band_names]
    return names.index(named.lower()) if named.lower() in names else info.bands - 1


def model(style: dict[str, Any], frame: int, image: Image) -> np.ndarray:
    """Return float (y, x, 4) as the documentation of styles has it."""
    info = image.info
    canvas: np.ndarray | None = None
    bands = style["bands"]
    indices = [_index(band, info) for band in bands]
    shaded = info.alpha and info.bands - 1 not in indices
    for band, index in zip(bands, indices, strict=True):
        own = frame + band["framedelta"] if "framedelta" in band else band.get("frame", frame)
        pixels, seen = image.pixels(own), image.overview(own)[..., index]
        gone = _nodata(band, index, info)
        hidden_own = info.nodata[index] if isinstance(info.nodata, tuple) else info.nodata
        valid = [v for v in seen.ravel().tolist() if v not in gone and v != hidden_own]
        low = min(valid) if band.get("min") == "min" else band.get("min", 0)
        high = max(valid) if band.get("max") == "max" else band.get("max", 255)
        colors = [parse_color(color) for color in band.get("palette", ["#000", "#fff"])]
        layer = np.zeros((*pixels.shape[:2], 4))
        for y in range(pixels.shape[0]):
            for x in range(pixels.shape[1]):
                value = float(pixels[y, x, index])
                unit = (value - low) / (high - low)
                if value in gone or (band.get("clamp") is False and not 0 <= unit <= 1):
                    continue
                unit = min(max(unit, 0.0), 1.0)
                if band.get("scheme") == "discrete":
                    color = colors[min(int(unit * len(colors)), len(colors) - 1)]
                else:
                    at = unit * (len(colors) - 1)
                    one = min(int(at), len(colors) - 2)
                    color = tuple(
                        a + (b - a) * (at - one)
                        for a, b in zip(colors[one], colors[one + 1], strict=True)
                    )
                layer[y, x] = color
                if shaded:
                    share = float(pixels[y, x, -1]) / np.iinfo(info.dtype).max
                    layer[y, x, 3] *= share
                    if share <= 0:
                        layer[y, x] = 0
        if band.get("composite") == "multiply":
            canvas = np.zeros_like(layer) if canvas is None else canvas * layer / 255
        else:
            canvas = layer if canvas is None else np.maximum(canvas, layer)
    assert canvas is not None
    return canvas


RED, RAINBOW = ["#000", "#f00"], ["#102030", "#f0a", "#0f08", "#00f"]
STYLES: list[list[dict[str, Any]]] = [
    [{"band": 1, "min": "min", "max": "max"}],
    [{"band": 3, "min": "min", "max": "max"}],
    [{"band": 4, "min": 100, "max": 30_000}],
    [{"min": "min", "max": 40_000}],
    [{"band": 2, "min": 9_000, "max": 30_000, "clamp": False, "palette": RAINBOW}],
    [{"band": 1, "min": 0, "max": FULL, "palette": RAINBOW, "scheme": "discrete"}],
    [{"band": 2, "min": "min", "max": "max", "nodata": 777.0, "palette": RAINBOW}],
    [{"band": 1, "frame": 2, "min": "min", "max": "max"}],
    [{"band": 1, "framedelta": 1, "min": "min", "max": "max"}],
    [{"band": 2, "framedelta": -1, "min": "min", "max": "max", "palette": RED}],
    [{"band": 1, "frame": n, "min": "min", "max": "max", "palette": p}
     for n, p in ((0, RED), (5, RAINBOW), (3, ["#00f", "#ff0"]))],
    [{"band": 1, "min": 0, "max": FULL, "palette": RED},
     {"band": 3, "min": 0, "max": FULL, "palette": RAINBOW, "composite": "multiply"}],
    [{"band": 1, "min": 0, "max": FULL, "composite": "multiply"},
     {"band": 2, "min": 0, "max": FULL, "palette": RED}],
    [{"band": n, "min": "min", "max": "max", "palette": ["#000", c]}
     for n, c in ((1, "#f00"), (2, "#0f0"), (3, "#00f"))],
]  # fmt: skip
IMAGES: dict[str, dict[str, Any]] = {
    "plain": {}, "alpha": {"alpha": True},
    "nodata": {"nodata": (3.0, 9_999.0, None, 12.0)}, "one nodata": {"nodata": 3.0},
}  # fmt: skip


def planted(image: Image) -> Image:
    """Put values that stand for nothing, and alpha of none and of all, into an image."""
    for number, value in enumerate((3, 9_999, 12, 777)):
        image._pixels[:, number, number::BANDS] = value
        image._overviews[:, number % 5, ::2] = value
    image._pixels[:, 5, :4, -1] = 0
    image._pixels[:, 6, :4, -1] = 65535
    return image


@each("kind", IMAGES)
@each("number", range(len(STYLES)))
def test_colours_are_the_models(number: int, kind: str) -> None:
    style, image = {"bands": STYLES[number]}, planted(Image(**IMAGES[kind]))
    parsed = parse_style(json.dumps(style))
    assert parsed is not None
    expected = model(style, 1, image)
    found = apply_style(parsed, 1, image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.02)
    again = apply_style(parsed, 1, image)
    np.testing.assert_array_equal(found, again)
    for axis in range(4):
        one = apply_style(dataclasses.replace(parsed, axis=axis), 1, image)
        np.testing.assert_array_equal(one, found[..., axis : axis + 1])
    shown = apply_style(parsed, 1, image, eight_bit=True)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown, np.floor(found), atol=2)


def test_each_rule_and_band_has_its_own_range() -> None:
    """Ranges are remembered by band, rule and nodata: none is another one's."""
    image = planted(Image())
    for band in (1, 2, 3):
        for nodata in (None, 3.0, 12.0):
            for low in ("min", 0):
                entry = {"band": band, "min": low, "max": "max"}
                entry |= {} if nodata is None else {"nodata": nodata}
                style = {"bands": [entry]}
                parsed = parse_style(style)
                assert parsed is not None
                np.testing.assert_allclose(
                    apply_style(parsed, 0, image),
                    model(style, 0, image),
                    atol=0.02,
                    err_msg=str(entry),
                )


@each("dtype, source, found, scale", [
        ("uint8", "u2", np.uint8, 1), ("uint16", "u1", np.uint16, 257),
        ("float", "u2", np.float32, 1 / 255), ("source", "u2", np.uint16, 257),
        ("source", "u1", np.float32, 1), ("source", "f4", np.float32, 1 / 255),
    ])  # fmt: skip
def test_types_of_the_result(dtype: str, source: str, found: Any, scale: float) -> None:
    image = Image(source)
    style: dict[str, Any] = {"bands": [{"band": 1, "min": 0, "max": 200, "palette": RAINBOW}]}
    parsed, plain = parse_style(style | {"dtype": dtype}), parse_style(style)
    assert parsed is not None
    assert plain is not None
    shown = apply_style(parsed, 0, image)
    assert shown.dtype == found
    expected = apply_style(plain, 0, image) * scale
    np.testing.assert_allclose(shown, expected, atol=1 if found != np.float32 else 1e-6)


def test_indexed_colours_repeat_but_for_the_first() -> None:
    image = Image("u1")
    image._pixels[0, ..., 0] = np.arange(99).reshape(9, 11)
    palette = tuple(parse_color(c) for c in ("#000", "#f00", "#0f0", "#00f"))
    style = Style(bands=(BandStyle(band=1, palette=palette, scheme=Scheme.INDEXED),))
    found = apply_style(style, 0, image)
    for value in range(99):
        due = palette[value] if value < 4 else palette[1 + (value - 1) % 3]
        np.testing.assert_array_equal(found[value // 11, value % 11], due, str(value))


@each("frame", range(FRAMES))
def test_auto_lays_the_channels_of_the_same_time(frame: int) -> None:
    info = dataclasses.replace(Image().info, bands=1)
    style = auto_style(Style(preset=True), frame, info)
    assert [band.frame for band in style.bands] == [frame // 3 * 3 + c for c in range(3)]
    image = Image(bands=1)
    image._pixels = image._pixels[..., :1]
    image._kept = [kept[..., :1] for kept in image._kept]
    entries = [
        {"frame": f, "band": 1, "min": "auto:0.01", "max": "auto:0.01", "palette": "auto"}
        for f in range(frame // 3 * 3, frame // 3 * 3 + 3)
    ]
    parsed = parse_style({"bands": entries})
    assert parsed is not None
    np.testing.assert_array_equal(
        apply_style(style, frame, image), apply_style(parsed, frame, image)
    )
    alone = [parse_style({"bands": [entry]}) for entry in entries]
    layers = [apply_style(one, frame, image) for one in alone if one is not None]
    assert not layers[0][..., 1:3].any(), "the first channel is red"
    assert not layers[2][..., :2].any(), "the third one blue"


@pytest.mark.parametrize(
    ("names", "alpha", "picked"),
    [((), False, [1, 2, 3]), (("Blue", "GREEN", "nir", "red"), False, [4, 2, 1]),
     (("a", "b", "c", "d"), True, [1, 2, 3])],
)  # fmt: skip
def test_auto_picks_colours_by_their_names(
    names: tuple[str, ...], alpha: bool, picked: list[int]
) -> None:
    info = dataclasses.replace(Image().info, axes=(), channels=(), band_names=names, alpha=alpha)
    style = auto_style(Style(preset=True), 0, info)
    assert [band.band for band in style.bands] == picked
    tops = [band.palette[-1][:3] for band in style.bands if isinstance(band.palette, tuple)]
    assert tops == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


@pytest.mark.parametrize(("bands", "alpha"), [(1, False), (2, True)])
def test_auto_gives_labels_colours_with_and_without_alpha(bands: int, alpha: bool) -> None:
    made = Image().info
    info = dataclasses.replace(
        made, axes=(), channels=(), bands=bands, alpha=alpha, interpretation=Interpretation.LABELS
    )
    (band,) = auto_style(Style(preset=True), 0, info).bands
    assert band.scheme is Scheme.INDEXED
    assert len(set(band.palette or ())) > 200


@each(
    "text, alpha",
    [("rgba(1, 2, 3, 0)", 0), ("rgba(1, 2, 3, 1)", 255), ("rgba(1, 2, 3, 0.5)", 127.5),
     ("rgba(1, 2, 3, 2)", 2), ("rgba(1, 2, 3, 128)", 128), ("rgba(1, 2, 3, 255)", 255),
     ("#01020380", 128), ("#0003", 51), ("#010203", 255), ("rgb(1, 2, 3)", 255)])  # fmt: skip
def test_how_opaque_a_colour_is(text: str, alpha: float) -> None:
    assert parse_color(text)[3] == pytest.approx(alpha, abs=0.6)
    if text.startswith("rgb"):
        assert parse_color(text)[:3] == pytest.approx((1, 2, 3))


@pytest.mark.parametrize("share", [0.02, 0.2])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_share_of_the_values_is_left_out(dtype: str, share: float) -> None:
    """Of a histogram of 256 bins over the whole numbers around the values, at either end."""
    image = Image(dtype)
    entry = {"band": 1, "min": f"min:{share}", "max": f"max:{share}"}
    parsed = parse_style({"bands": [entry]})
    assert parsed is not None
    found = apply_style(parsed, 0, image)[..., 0]
    seen = image.overview(0)[..., 0].astype(float)
    least, most = np.floor(seen.min()), np.floor(seen.max()) + 1
    edges = np.linspace(least, most, 257)
    low = max(edge for edge in edges[:-1] if (seen < edge).mean() <= share)
    high = min(edge for edge in edges[1:] if (seen >= edge).mean() <= share)
    due = np.clip((image.pixels(0)[..., 0] - low) / (high - low), 0, 1) * 255
    np.testing.assert_allclose(found, due, atol=0.02)


def test_values_at_the_very_ends_are_within_a_range() -> None:
    image = Image("u2")
    image._pixels[0, 0, :4, 0] = 9_999, 10_000, 20_000, 20_001
    style = {"bands": [{"band": 1, "min": 10_000, "max": 20_000, "clamp": False}]}
    parsed = parse_style(style)
    assert parsed is not None
    found = apply_style(parsed, 0, image)
    assert found[0, :4, 3].tolist() == [0, 255, 255, 0]


def test_colours_of_a_profile_are_converted_before_bands_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ziggurat.readers.style import apply

    monkeypatch.setattr(apply, "to_srgb", lambda pixels, *_: pixels // 2)
    image = Image("u1")
    bands = [{"band": n, "min": 0, "max": 255, "palette": ["#000", c]}
             for n, c in ((1, "#f00"), (2, "#0f0"))]  # fmt: skip
    parsed = parse_style({"bands": bands, "icc": True})
    assert parsed is not None
    found = apply_style(parsed, 0, image)
    np.testing.assert_allclose(found[..., :2], image.pixels(0)[..., :2] // 2, atol=0.02)


@each(
    "bands, alpha, index",
    [(1, False, 0), (2, True, 0), (2, False, 0), (3, False, 1), (3, True, 0), (4, True, 1),
     (4, False, 1)])  # fmt: skip
def test_grey_is_the_green_of_colours_alone(bands: int, alpha: bool, index: int) -> None:
    pixels = np.arange(bands, dtype=np.uint8)[np.newaxis, np.newaxis].repeat(2, axis=1) * 9
    info = dataclasses.replace(array_reader(pixels).info, alpha=alpha)
    assert _band_index(BandStyle(), info) == index


def test_channels_of_colours_are_not_laid_over_each_other() -> None:
    info = array_reader(np.zeros((2, 4, 5, 3), np.uint16), "cyxs").info
    bands = auto_style(Style(preset=True), 1, info).bands
    assert [(band.band, band.frame) for band in bands] == [(1, None), (2, None), (3, None)]


@pytest.mark.parametrize("name", ["alpha", "Alpha", "ALPHA"])
def test_alpha_makes_what_lies_below_transparent_however_it_is_spelt(name: str) -> None:
    assert _composite(BandStyle(band=name)) is Composite.MULTIPLY
    assert _composite(BandStyle(band=name, composite=Composite.LIGHTEN)) is Composite.LIGHTEN
    assert _composite(BandStyle(band="red")) is Composite.LIGHTEN
