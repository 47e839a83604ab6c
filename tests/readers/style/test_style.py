"""Styles: parsing of words nobody vouches for, and the colours that come out."""

import json
import resource
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import ImageCms

from tests.each import each
from ziggurat.readers.errors import StyleError
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.style.apply import apply_style
from ziggurat.readers.style.parse import parse_style
from ziggurat.readers.views.array import ArrayReader, array_reader


class Image:
    """A whole small image as what a style looks at."""

    def __init__(self, reader: ArrayReader) -> None:
        self.info = reader.info
        self._reader = reader

    def pixels(self, frame: int) -> np.ndarray:
        return self._reader.plane(0, frame).read(self.info.levels[0].rect)

    overview = pixels


def shown(array: np.ndarray, style: Any, axes: str = "yx", frame: int = 0, **kind: Any) -> Any:
    """Return an array as a style shows it."""
    parsed = parse_style(style)
    assert parsed is not None
    return apply_style(parsed, frame, Image(array_reader(array, axes, **kind)))


RAMP8 = np.arange(256, dtype=np.uint8).reshape(16, 16)
RAMP12 = np.arange(4096, dtype=np.uint16).reshape(64, 64)
RAMP_FLOAT = np.linspace(-2, 3, 4096, dtype=np.float32).reshape(64, 64)


def test_eight_bits_are_shown_as_they_are_and_wider_values_are_stretched() -> None:
    assert np.array_equal(shown(RAMP8, {"min": "auto"})[..., 0], RAMP8)
    stretched = shown(RAMP12, {"min": "auto", "max": "auto"})[..., 0]
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert stretched[32, 32] == pytest.approx(2080 / 4095 * 255, abs=1e-3)


def test_full_means_the_end_of_the_sample_type() -> None:
    full = shown(RAMP12, {"min": "full", "max": "full"})
    assert full.max() == pytest.approx(4095 / 65535 * 255, abs=1e-3)
    unit = shown(np.array([[0.25, 0.5]]), {"min": "full", "max": "full"})
    assert unit[0, :, 0] == pytest.approx([63.75, 127.5])
    for dtype in ("uint8", "int16", "int32", "uint32"):
        found = shown(np.array([[0, 100, 127]], dtype), {"min": "full", "max": "full"})
        assert found[0, :, 0] == pytest.approx([0, 100, 127]), dtype


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [(RAMP8, 5, 251), (RAMP12, 80, 4016), (RAMP_FLOAT, -1.90625, 2.921875)],
)
def test_a_share_of_the_values_is_left_out_at_each_end(
    array: np.ndarray, low: float, high: float
) -> None:
    colors = shown(array, {"min": "min:0.02", "max": "max:0.02", "dtype": "float"})[..., 0]
    expected = ((array.astype(float) - low) / (high - low)).clip(0, 1)
    assert colors == pytest.approx(expected, abs=1e-4)


def test_values_outside_the_range_are_clamped_or_hidden_and_never_wrap() -> None:
    for dtype, top in (("uint8", 255), ("uint16", 65535)):
        clamped = shown(RAMP8, {"min": 50, "max": 200, "dtype": dtype})[..., 0]
        assert clamped.dtype == dtype
        assert (clamped.flat[0], clamped.flat[255]) == (0, top)
        assert (np.diff(clamped.ravel().astype(int)) >= 0).all()
    hidden = shown(RAMP8, {"min": 50, "max": 200, "clamp": False, "palette": "#f00"})
    alpha = hidden[..., 3].ravel()
    assert np.array_equal(alpha > 0, (RAMP8.ravel() >= 50) & (RAMP8.ravel() <= 200))


def test_a_palette_colour_is_a_ramp_from_black_and_a_list_is_interpolated() -> None:
    red = shown(RAMP8, {"palette": "#f00"})
    assert np.array_equal(red[..., 0], RAMP8)
    assert (red[..., 1:3] == 0).all()
    assert (red[..., 3] == 255).all()
    two = shown(RAMP8, {"palette": ["#000", "#f00", "#ff0"]})
    assert two.reshape(-1, 4)[130].tolist() == pytest.approx([255, 5, 0, 255], abs=0.01)
    steps = shown(RAMP8, {"palette": ["#000", "#f00", "#ff0"], "scheme": "discrete"})
    assert steps.reshape(-1, 4)[[84, 86, 171]].tolist() == [
        [0, 0, 0, 255],
        [255, 0, 0, 255],
        [255, 255, 0, 255],
    ]


@pytest.mark.parametrize("name", ["viridis", "matplotlib.Viridis_20", "palettable.tableau.Gray_5"])
def test_palettes_are_known_by_name(name: str) -> None:
    assert len(np.unique(shown(RAMP8, {"palette": name}).reshape(-1, 4), axis=0)) > 20


def test_viridis_is_matplotlibs() -> None:
    colors = shown(RAMP8, {"palette": "viridis"}).reshape(-1, 4)
    assert colors[[0, 40, 130, 255], :3].tolist() == [
        pytest.approx(c, abs=0.6)
        for c in ([68, 1, 84], [69, 55, 129], [32, 146, 140], [253, 231, 37])
    ]


def test_frames_are_laid_over_each_other_by_lightening() -> None:
    frames = np.zeros((3, 1, 2), np.uint8)
    frames[0] = [[255, 100]]
    frames[2] = [[0, 200]]
    style = {"bands": [{"frame": 0, "palette": "#f00"}, {"frame": 2, "palette": "#0f0"}]}
    assert shown(frames, style, "cyx")[0].tolist() == [[255, 0, 0, 255], [100, 200, 0, 255]]
    delta = {"bands": [{"framedelta": 0, "palette": "#f00"}, {"framedelta": 2, "palette": "#00f"}]}
    assert shown(frames, delta, "cyx")[0, 1].tolist() == [100, 0, 200, 255]
    with pytest.raises(StyleError, match="asks for frame 3; the image has 3"):
        shown(frames, delta, "cyx", frame=1)


def test_multiply_darkens_and_alpha_multiplies_by_default() -> None:
    style = {"bands": [{"palette": "#fff"}, {"palette": "#f80", "composite": "multiply"}]}
    assert shown(RAMP8, style).reshape(-1, 4)[255].tolist() == [255, 136, 0, 255]
    rgba = np.full((2, 2, 4), 200, np.uint8)
    rgba[..., 3] = 51
    both = shown(rgba, {"bands": [{"band": "red", "palette": "#f00"}, {"band": "alpha"}]}, "yxs")
    assert both[0, 0].tolist() == pytest.approx([200, 0, 0, 51], abs=0.01)


def test_nodata_is_transparent_also_where_it_is_nan() -> None:
    hidden = shown(RAMP8, {"nodata": 100, "palette": ["#f00", "#0f0"]}).reshape(-1, 4)
    assert hidden[100].tolist() == [0, 0, 0, 0]
    assert (hidden[[99, 101], 3] == 255).all()
    with_nan = np.array([[0.0, np.nan, 1.0]])
    assert shown(with_nan, {"palette": "#fff"})[0, :, 3].tolist() == [255, 0, 255]


def test_axis_gives_one_colour_alone() -> None:
    assert shown(RAMP8, {"palette": ["#000", "#0f0"], "axis": 1}).shape == (16, 16, 1)


def test_a_plain_style_changes_nothing() -> None:
    for style in ({}, {"icc": False}):
        parsed = parse_style(style)
        assert parsed is not None
        assert parsed.is_plain
        assert shown(RAMP12, style).dtype == np.uint16


def test_auto_leaves_8_bit_colour_stretches_the_rest_and_tells_labels_apart() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(shown(rgb, "auto", "yxs"), rgb)
    assert shown(RAMP12, "auto").max() == 255
    channels = np.stack([RAMP12, RAMP12[::-1]])
    composed = shown(channels, "auto", "cyx")
    assert composed[-1, -1, :2].tolist() == pytest.approx([255, 0], abs=3)
    labels = np.array([[0, 1, 2, 300, 70000]], np.uint32)
    colors = shown(labels, "auto", interpretation=Interpretation.LABELS)[0]
    assert colors[0].tolist() == [0, 0, 0, 255]
    assert len({tuple(color) for color in colors.tolist()}) == 5


def test_functions_given_by_code_run_and_names_never_do() -> None:
    def invert(image: np.ndarray, context: object = None, top: int = 255) -> np.ndarray:
        return top - image

    style = {"min": 0, "max": 255, "function": {"name": invert, "stage": "main"}}
    assert shown(RAMP8, style).ravel()[0] == 255
    for name in ("os.system", "builtins.eval", "__import__('os').getcwd"):
        with pytest.raises(StyleError, match="not a bundled style function"):
            parse_style(json.dumps({"function": {"name": name, "stage": "main"}}))
    masked = shown(
        RAMP8,
        {"function": {"name": "maskPixelValues", "stage": "pre", "parameters": {
            "values": [3], "positive": 255, "negative": 0}}, "min": 0, "max": 255},
    )  # fmt: skip
    assert np.flatnonzero(masked).tolist() == [3]


HOSTILE = {
    "deep nesting": '{"bands":' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep dicts": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "a million colours": {"palette": ["#000"] * 1_000_000},
    "a long colour": {"palette": "#" * 1_000_000},
    "code as a colour": {"palette": "__import__('os').system('true')"},
    "a module as a palette": {"palette": "os.path.join"},
    "code as a range": {"min": "min:__import__('os')"},
    "nan": {"min": float("nan")},
    "infinity": {"max": float("inf")},
    "a huge number": {"max": 10**400},
    "too many bands": {"bands": [{}] * 100_000},
    "an unknown key": {"mni": 3},
    "an unknown band key": {"bands": [{"pallete": "#f00"}]},
    "a number as style": 7,
    "a list as band": {"bands": [[1]]},
    "a share of two": {"min": "min:2"},
    "a boolean band": {"band": True},
    "not JSON": "{'min': 3}",
    "a forged dtype": {"dtype": "object"},
    "a wrong palette entry": {"palette": ["#f00", {"a": 1}]},
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("style", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_style_is_an_error_at_once_and_in_little_memory(style: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(StyleError):
        parse_style(style)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def test_an_error_names_what_is_known() -> None:
    with pytest.raises(StyleError, match=r"unknown style key mni; known are .*min"):
        parse_style({"mni": 3})
    with pytest.raises(StyleError, match="the image has 1"):
        shown(RAMP8, {"band": 2})
    with pytest.raises(StyleError, match="'nir'; the image has red, gray"):
        shown(RAMP8, {"band": "nir"})


@each(
    "style",
    [
        {"min": 20, "max": 200},
        {"palette": "viridis"},
        {"bands": [{"palette": "#f00"}, {"palette": "#8f0", "min": 100}]},
        {"bands": [{"palette": "#f80"}, {"palette": "#08f", "composite": "multiply"}]},
        {"nodata": 7, "palette": "#fff"},
    ],
)
@each("array", [RAMP8, RAMP12, RAMP_FLOAT])
def test_eight_bit_results_are_the_float_ones_truncated(array: np.ndarray, style: Any) -> None:
    parsed = parse_style(style)
    assert parsed is not None
    access = Image(array_reader(array, "yx"))
    fast = apply_style(parsed, 0, access, eight_bit=True)
    full = apply_style(parsed, 0, access)
    assert fast.dtype == np.uint8
    assert np.abs(fast.astype(int) - full.astype(np.uint8)).max() <= 1


def test_colours_are_converted_by_the_images_own_profile() -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    reader = array_reader(rgb)
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    reader.info = replace(reader.info, icc_profile=same)
    style = parse_style({"icc": True})
    assert style is not None
    assert not style.is_plain
    converted = apply_style(style, 0, Image(reader))
    assert converted.dtype == np.uint8
    assert np.abs(converted.astype(int) - rgb).max() <= 1
    for intent in ("perceptual", "absolute_colorimetric"):
        named = parse_style({"icc": intent, "band": 1, "palette": "#f00"})
        assert named is not None
        assert np.abs(apply_style(named, 0, Image(reader))[..., 0] - rgb[..., 0]).max() <= 1
    reader.info = replace(reader.info, icc_profile=b"no profile at all")
    with pytest.raises(StyleError, match="ICC profile can't be applied"):
        apply_style(style, 0, Image(reader))
