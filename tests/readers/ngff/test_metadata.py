"""OME-NGFF metadata both ways, without any file."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.zarr.metadata import parse_v2, parse_v3
from ziggurat.readers.formats.zarr.plain import plain_axes
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import (
    Axis,
    Channel,
    GeoReference,
    GroundControlPoint,
    ImageInfo,
    Interpretation,
    Level,
)
from ziggurat.readers.ngff.attributes import WrittenLevel, image_attributes
from ziggurat.readers.ngff.facts import facts_from_json, facts_to_json
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.readers.ngff.parse import StoredArray, read_image, read_multiscale
from ziggurat.readers.ngff.version import OmeVersion


def stored(*shape: int, dtype: str = "u1") -> StoredArray:
    return StoredArray(shape, shape, np.dtype(dtype))


def attributes(axes: list[Any] | None, version: str, **more: Any) -> dict[str, Any]:
    multiscale: dict[str, Any] = {"datasets": [{"path": "0"}], "version": version}
    if axes is not None:
        multiscale["axes"] = axes
    return {"multiscales": [multiscale], **more}


def read(attributes: dict[str, Any], *arrays: StoredArray) -> ImageInfo:
    multiscale = read_multiscale(attributes)
    assert multiscale is not None
    return read_image(attributes, multiscale, arrays).info


def named(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("axes", "version"),
    [(None, "0.1"), (None, "0.2"), (list("tczyx"), "0.3"), (named(*"tczyx"), "0.4")],
)
def test_every_version_s_axes(axes: list[Any] | None, version: str) -> None:
    info = read(attributes(axes, version), stored(2, 5, 4, 30, 40))
    assert [(a.name, a.size) for a in info.axes] == [("t", 2), ("z", 4), ("c", 5)]
    assert (info.width, info.height, info.bands) == (40, 30, 1)
    assert info.interpretation is Interpretation.GRAY


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5])
def test_values_of_an_axis_are_one_for_each_position(count: int) -> None:
    values = [0.5 * number for number in range(count)]
    axes: list[Any] = [{"name": "z", "values": values}, *named("y", "x")]
    info = read(attributes(axes, "0.4"), stored(4, 30, 40))
    assert info.axes[0].values == (tuple(values) if count == 4 else None)


def test_0_5_is_under_ome() -> None:
    inner = attributes(named("y", "x"), "")
    info = read({"ome": {"version": "0.5", **inner}}, stored(30, 40, dtype="f4"))
    assert (info.width, info.height, info.bands, info.axes) == (40, 30, 1, ())


@pytest.mark.parametrize("labels", [None, ["Channel 0", "Channel 1", "Channel 2"], list("rgb")])
def test_three_channels_without_names_are_colours(labels: list[str] | None) -> None:
    channels = [{"label": name, "color": "FF0000"} for name in labels or ()]
    extra = {"omero": {"channels": channels}} if labels else {}
    info = read(attributes(named(*"tczyx"), "0.4", **extra), stored(1, 3, 1, 30, 40))
    if labels == list("rgb"):
        assert (info.bands, [a.name for a in info.axes]) == (1, ["c"])
        assert info.channels[0] == Channel("r", "#ff0000")
    else:
        assert (info.bands, info.axes) == (3, ())
        assert info.interpretation is Interpretation.RGB


def test_a_sample_axis_is_bands() -> None:
    info = read(attributes(named(*"yxs"), "0.4"), stored(30, 40, 4, dtype="f4"))
    assert (info.bands, info.interpretation) == (4, Interpretation.MULTIBAND)
    assert not info.alpha
    assert read(attributes(named(*"yxs"), "0.4"), stored(30, 40, 4)).alpha


@each(
    "unit, scale, mm",
    [
        ("micrometer", 0.5, 0.0005),
        ("millimeter", 0.5, 0.5),
        ("nanometer", 250.0, 0.00025),
        ("millimeter", 0, None),
        (None, 0.5, None),
        ("kilometer", 0.5, 500_000),
        ("foot", 0.5, 152.4),
        ("pixel", 0.5, None),
    ],
)
def test_the_size_of_a_pixel(unit: str | None, scale: float, mm: float | None) -> None:
    axes: list[Any] = [{"name": n, "unit": unit} for n in "yx"]
    found = attributes(axes, "0.4")
    transform = {"type": "scale", "scale": [1.5 * scale, scale / 2]}
    found["multiscales"][0]["datasets"][0]["coordinateTransformations"] = [transform]
    common = {"type": "scale", "scale": [2, 2]}
    found["multiscales"][0]["coordinateTransformations"] = [common]
    info = read(found, stored(30, 40))
    assert info.mm_x == (pytest.approx(mm) if mm else None)
    assert info.mm_y == (pytest.approx(3 * mm) if mm else None)


def test_levels_of_other_frames_or_samples_are_passed_over() -> None:
    found = attributes(named("z", "y", "x"), "0.4")
    found["multiscales"][0]["datasets"] = [{"path": str(n)} for n in range(5)]
    arrays = [
        stored(4, 64, 64),
        stored(4, 32, 32),
        stored(2, 16, 16),  # z is halved too
        stored(4, 16, 16, dtype="f4"),
        stored(4, 8, 8),
    ]
    assert [level.width for level in read(found, *arrays).levels] == [64, 32, 8]


def test_a_window_that_makes_no_sense_is_passed_over() -> None:
    windows = [{"start": "dark", "end": 3}, {"start": 1}, 5, {"start": 1, "end": 9}]
    channels = [{"label": f"dye {n}", "window": w} for n, w in enumerate(windows)]
    found = attributes(named("c", "y", "x"), "0.4", omero={"channels": channels})
    info = read(found, stored(4, 30, 40))
    assert [c.window for c in info.channels] == [None, None, None, (1, 9)]


def test_labels_are_labels() -> None:
    found = attributes(named("y", "x"), "0.4") | {"image-label": {}}
    assert read(found, stored(3, 4, dtype="u4")).interpretation is Interpretation.LABELS


@each(
    "broken",
    [
        {"multiscales": []},
        {"multiscales": None},
        {"multiscales": [{"datasets": [{}]}]},
        {"multiscales": [{"datasets": 5}]},
        {"multiscales": "no"},
        {"ome": {"multiscales": [[]]}},
        {"multiscales": [{"datasets": [{"path": "0", "coordinateTransformations": [3]}]}]},
    ],
)
def test_broken_multiscales_are_corrupt(broken: dict[str, Any]) -> None:
    with pytest.raises(CorruptSourceError, match="multiscales metadata make no sense"):
        read_multiscale(broken)


@pytest.mark.parametrize("axes", [named("y"), named("x", "x"), named("z", "x"), named(*"tczyx")])
def test_axes_that_don_t_fit_are_corrupt(axes: list[Any]) -> None:
    with pytest.raises(CorruptSourceError, match="axes"):
        read(attributes(axes, "0.4"), stored(30, 40))


def test_the_last_two_axes_are_meant_where_none_is_called_x_or_y() -> None:
    info = read(attributes(named("t", "latitude", "longitude"), "0.4"), stored(5, 30, 40))
    assert [(a.name, a.size) for a in info.axes] == [("t", 5)]
    assert (info.width, info.height, info.bands) == (40, 30, 1)


FULL = ImageInfo(
    format="made",
    levels=(Level(40, 30, 16, 16), Level(20, 15, 16, 16)),
    bands=2,
    dtype=np.dtype("f4"),
    interpretation=Interpretation.MULTIBAND,
    axes=(Axis("c", 2), Axis("angle", 3, (0.0, 1.5, float("nan")), "degree"), Axis("z", 2)),
    channels=(Channel("DAPI", "#0000ff", (1.0, 9.0)), Channel("Cy3")),
    mm_x=0.0005,
    mm_y=0.0004,
    magnification=20.0,
    icc_profile=b"\x00profile\xff",
    description="an image, 画像",
    background=(1.0, 2.0),
    nodata=(None, -9999.0),
    palette=((0, 0, 0, 0), (255, 0, 0, 255)),
    band_names=("one", "two"),
    geo=GeoReference(
        "EPSG:4326", (1.0, 2.0, 0.0, 4.0, 0.0, -2.0), (GroundControlPoint(0.0, 1.0, 2.0, 3.0),)
    ),
    properties={"aperio.AppMag": "20"},
)


def same(a: ImageInfo, b: ImageInfo) -> bool:
    """NaN is not itself: compare what is printed."""
    return repr(a) == repr(b)


@pytest.mark.parametrize("version", list(OmeVersion))
def test_all_facts_come_back(version: OmeVersion) -> None:
    layout = ngff_layout(FULL.axes, FULL.bands)
    levels = [WrittenLevel(str(i), v.width, v.height) for i, v in enumerate(FULL.levels)]
    written = image_attributes(FULL, layout, levels, version, name="made")
    arrays = [
        StoredArray(layout.shape(v.width, v.height), layout.chunk_shape(16, 16), np.dtype("f4"))
        for v in FULL.levels
    ]
    found = read(written, *arrays)
    kept = replace(
        FULL,
        format=found.format,
        served_levels=found.served_levels,
        open_format=found.open_format,
        chunked=found.chunked,
    )
    assert same(found, kept)


def test_facts_that_don_t_fit_the_array_any_more_are_not_believed() -> None:
    layout = ngff_layout((), 3)
    info = replace(FULL, axes=(), bands=3, channels=(), band_names=(), nodata=None)
    level = WrittenLevel("0", 40, 30)
    written = image_attributes(info, layout, [level], OmeVersion.V05, name="made")
    assert read(written, stored(3, 30, 40)).magnification == 20
    assert read(written, stored(4, 30, 40)).magnification is None


@each(
    "facts",
    [
        {},
        {"bands": 1, "interpretation": "nonsense"},
        {"bands": 1, "interpretation": "rgb", "axes": [{"size": 2}]},
        {"bands": 1, "interpretation": "rgb", "icc_profile": "***"},
        {"bands": 1, "interpretation": "rgb", "palette": [[1, 2]]},
        {"bands": 1, "interpretation": "rgb", "geo": {"transform": [1]}},
        {"bands": 1, "interpretation": "rgb", "channels": 3},
        {"bands": 1, "interpretation": "rgb", "channels": [{"name": "a", "color": "reddish"}]},
        {"bands": 1, "interpretation": "rgb", "mm_x": "wide"},
        {"bands": 1, "interpretation": "rgb", "mm_x": 10**400},
        {"bands": 1, "interpretation": "rgb", "magnification": -3},
        {"bands": 1, "interpretation": "rgb", "nodata": ["x"]},
        {"bands": 1, "interpretation": "rgb", "axes": [{"name": "z", "size": 1, "values": [[]]}]},
    ],
)
def test_bad_facts_are_a_value_error(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        facts_from_json(facts)


def test_facts_leave_out_what_is_not_known() -> None:
    info = ImageInfo("x", (Level(1, 1, 1, 1),), 1, np.dtype("u1"), Interpretation.GRAY)
    assert facts_to_json(info) == {
        "version": 1,
        "bands": 1,
        "interpretation": "gray",
        "alpha": False,
    }


names = st.lists(st.sampled_from("tczabf"), unique=True, max_size=6)


@given(names=names, bands=st.integers(1, 4), seed=st.integers(0, 1000))
def test_layouts_put_every_frame_in_a_place_of_its_own(
    names: list[str], bands: int, seed: int
) -> None:
    sizes = np.random.default_rng(seed).integers(1, 4, len(names))
    axes = tuple(Axis(n, int(s)) for n, s in zip(names, sizes, strict=True))
    layout = ngff_layout(axes, bands)
    assert 2 <= len(layout.dimensions) <= 5
    assert [d.name for d in layout.dimensions][-2:] == ["y", "x"]
    info = replace(FULL, axes=axes, bands=bands)
    seen = np.zeros(layout.shape(3, 2), int)
    for frame in range(info.frames):
        box = layout.window(info.frame_position(frame), Rect(1, 0, 2, 2))
        seen[tuple(slice(*span) for span in box)] += 1
    assert (seen[..., 1:] == 1).all()
    assert (seen[..., 0] == 0).all()


@each(
    "shape, axes",
    [
        ((30, 40), "yx"),
        ((30, 40, 3), "yxs"),
        ((30, 40, 4), "yxs"),
        ((3, 30, 40), "syx"),
        ((7, 30, 40), "fyx"),
        ((5, 30, 40, 3), "fyxs"),
        ((2, 5, 30, 40), "czyx"),
        ((2, 3, 5, 30, 40), "tczyx"),
    ],
)
def test_plain_arrays_axes(shape: tuple[int, ...], axes: str) -> None:
    assert "".join(plain_axes(shape)) == axes


def test_plain_arrays_with_names_are_believed() -> None:
    assert plain_axes((9, 8, 7), ("X", "y", "band")) == ["x", "y", "band"]


V3 = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [30, 40],
    "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 16]}},
    "chunk_key_encoding": {"name": "default"},
    "fill_value": 0,
    "codecs": [{"name": "bytes"}],
}
V2 = {"shape": [30, 40], "chunks": [16, 16], "dtype": "<u2", "compressor": None, "fill_value": 0}


@each(
    "change",
    [
        {"shape": [1 << 60, 40]},
        {"shape": [-3, 40]},
        {"shape": [1.5, 40]},
        {"shape": [True, 40]},
        {"shape": None},
        {"shape": [3] * 40},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 16]}}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1 << 17, 1 << 17]}}},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16]}}},
        {"chunk_grid": {"name": "regular"}},
        {"codecs": None},
        {"codecs": [5]},
        {"fill_value": "lots"},
        {"fill_value": [1, 2]},
    ],
)
def test_hostile_v3_arrays_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises((CorruptSourceError, UnsupportedFormatError)):
        parse_v3(V3 | change)


@each(
    "change",
    [
        {"shape": [1 << 60, 40]},
        {"chunks": [1 << 20, 1 << 20]},
        {"chunks": [0, 1]},
        {"dtype": "nonsense"},
        {"dtype": [["a", "<u2"]]},
        {"dtype": "<c8"},
        {"dtype": "|O"},
        {"compressor": 3},
        {"compressor": {}},
        {"dimension_separator": "../"},
    ],
)
def test_hostile_v2_arrays_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises((CorruptSourceError, UnsupportedFormatError)):
        parse_v2(V2 | change)


@each("key", list(V3))
def test_v3_arrays_that_lack_something(key: str) -> None:
    facts = {k: v for k, v in V3.items() if k != key}
    if key in ("shape", "data_type", "chunk_grid", "codecs"):
        with pytest.raises(CorruptSourceError, match=f"make no sense.*{key}"):
            parse_v3(facts)
    else:
        assert parse_v3(facts).shape == (30, 40)


@each(
    "value, dtype, expected",
    [
        ("NaN", "float32", np.nan),
        ("-Infinity", "float64", -np.inf),
        ("0x7fc00000", "float32", np.nan),
        (True, "bool", True),
        (None, "uint8", 0),
        (7, "uint8", 7),
    ],
)
def test_fill_values(value: Any, dtype: str, expected: Any) -> None:
    fill = parse_v3(V3 | {"data_type": dtype, "fill_value": value}).fill
    np.testing.assert_equal(fill, expected)
