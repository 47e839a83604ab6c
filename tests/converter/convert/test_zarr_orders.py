"""OME-Zarr whose samples lie in any order: chunks are copied where they mean the same alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.formats.registry import open_reader

KINDS = {"x": "space", "y": "space", "z": "space", "t": "time"}
Array = np.ndarray[Any, np.dtype[Any]]


def image_of(axes: str, **scale: float) -> dict[str, Any]:
    """Return NGFF's entry of an image of one array."""
    transform = {"type": "scale", "scale": [scale.get(a, 1.0) for a in axes]}
    return {
        "axes": [{"name": a, "type": KINDS.get(a, "channel")} for a in axes],
        "datasets": [{"path": "0", "coordinateTransformations": [transform]}],
    }


def made(path: Path, axes: str, pixels: Array, chunks: tuple[int, ...], **options: Any) -> Path:
    """Let zarr-python write an OME-Zarr 0.5, or 0.4 on zarr v2."""
    form = options.pop("zarr_format", 3)
    group = zarr.open_group(path, mode="w", zarr_format=form)
    array = group.create_array(
        "0", shape=pixels.shape, dtype=pixels.dtype, chunks=chunks, **options
    )
    array[...] = pixels
    if form == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **image_of(axes)}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image_of(axes)]}
    return path


def frames_of(axes: str, pixels: Array, bands: str) -> Array:
    """Return pixels as (frame, y, x, band), channels fastest, then z, then t."""
    order = [a for a in "tzc" if a in axes and a != bands] + ["y", "x"] + list(bands)
    moved = pixels.transpose([axes.index(a) for a in order])
    height, width = (pixels.shape[axes.index(a)] for a in "yx")
    return moved.reshape(-1, height, width, pixels.shape[axes.index(bands)] if bands else 1)


def read_frames(path: Path) -> Array:
    with open_reader(path) as reader:
        rect = reader.info.levels[0].rect
        return np.stack([reader.plane(0, frame).read(rect) for frame in range(reader.info.frames)])


ORDERS: list[tuple[str, tuple[int, ...], tuple[int, ...], str, str]] = [
    ("yxs", (100, 130, 3), (32, 32, 3), "u1", "s"),  # what large_image's sink writes
    ("yxc", (100, 130, 3), (32, 32, 3), "u1", "c"),
    ("yxs", (100, 130, 7), (32, 48, 7), "f4", "s"),
    ("xy", (130, 100), (32, 32), "u2", ""),
    ("xyz", (130, 100, 4), (32, 32, 1), "u2", ""),
    ("zyxc", (2, 100, 130, 3), (1, 32, 32, 3), "u1", "c"),
    ("ycx", (100, 3, 130), (32, 3, 32), "u1", "c"),
    ("cxy", (3, 130, 100), (3, 32, 32), "u1", "c"),
]


@pytest.mark.parametrize(
    ("case", "zarr_format"),
    [
        pytest.param(
            case, form, id=f"{case[0]}-{case[3]}-{form}",
            marks=() if n % 2 == form % 2 else pytest.mark.slow,
        )
        for n, case in enumerate(ORDERS)
        for form in (2, 3)
    ],
)  # fmt: skip
def test_pixels_stay_where_they_are_whatever_the_order(
    tmp_path: Path, rng: np.random.Generator, case: Any, zarr_format: int
) -> None:
    axes, shape, chunks, dtype, bands = case
    pixels = rng.integers(0, 250, shape).astype(dtype)
    source = made(tmp_path / "in.zarr", axes, pixels, chunks, zarr_format=zarr_format)
    report = convert(source, tmp_path / "out.zarr", ConvertOptions(verify="full"))
    assert report.plan.copied_tiles == 0
    assert np.array_equal(read_frames(tmp_path / "out.zarr"), frames_of(axes, pixels, bands))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    ("axes", "shape", "chunks"),
    [("cyx", (3, 100, 130), (3, 32, 32)), ("zyx", (4, 100, 130), (1, 32, 32))],
)
def test_chunks_in_the_usual_order_are_still_copied(
    tmp_path: Path, rng: np.random.Generator, axes: str, shape: Any, chunks: Any, zarr_format: int
) -> None:
    pixels = rng.integers(1, 250, shape).astype("u1")
    source = made(tmp_path / "in.zarr", axes, pixels, chunks, zarr_format=zarr_format)
    report = convert(source, tmp_path / "out.zarr", ConvertOptions(verify="full"))
    assert report.tiles_encoded == 0
    assert {check.compared for check in report.verification.levels} == {"bytes"}
    bands = "c" if "c" in axes else ""
    assert np.array_equal(read_frames(tmp_path / "out.zarr"), frames_of(axes, pixels, bands))


def test_other_memory_orders_and_byte_orders_are_decoded(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 60000, (90, 70)).astype("u2")
    ways: list[dict[str, Any]] = [
        {"zarr_format": 2, "order": "F"},
        {"zarr_format": 3, "serializer": zarr.codecs.BytesCodec(endian="big")},
        {"zarr_format": 3, "filters": zarr.codecs.TransposeCodec(order=(1, 0))},
        {"zarr_format": 3, "compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    ]
    for number, way in enumerate(ways):
        source = made(tmp_path / f"{number}.zarr", "yx", pixels, (32, 32), **way)
        report = convert(source, tmp_path / f"out{number}.zarr", ConvertOptions(verify="full"))
        assert report.plan.copied_tiles == 0, way
        assert np.array_equal(read_frames(tmp_path / f"out{number}.zarr")[0, ..., 0], pixels)


@pytest.mark.parametrize("fill", [7.0, float("nan"), float("inf")])
def test_what_is_not_stored_keeps_its_value(tmp_path: Path, fill: float) -> None:
    pixels = np.full((64, 96), fill, "f4")
    pixels[:32, :32] = 3
    source = made(tmp_path / "in.zarr", "yx", pixels, (32, 32), fill_value=fill)
    assert len(list((source / "0").rglob("[0-9]"))) < 6  # some chunks are left out
    for name in ("out.zarr", "out.zarr.zip", "out.tiff"):
        convert(source, tmp_path / name, ConvertOptions(verify="full"))
        assert np.array_equal(read_frames(tmp_path / name)[0, ..., 0], pixels, equal_nan=True)


def test_equal_bytes_in_another_order_are_no_equal_pixels(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 250, (96, 96)).astype("u2")
    one = made(tmp_path / "one.zarr", "yx", pixels, (32, 32))
    two = tmp_path / "two.zarr"
    shutil.copytree(one, two)
    for row in range(3):  # each chunk at the place of its mirror image: tile by tile the same bytes
        for column in range(row):
            here, there = two / f"0/c/{row}/{column}", two / f"0/c/{column}/{row}"
            first, second = here.read_bytes(), there.read_bytes()
            here.write_bytes(second)
            there.write_bytes(first)
    node = json.loads((two / "zarr.json").read_text())
    node["attributes"]["ome"]["multiscales"] = [image_of("xy")]
    (two / "zarr.json").write_text(json.dumps(node))
    assert not verify(two, one, full=True).ok
    assert verify(one, one, full=True).ok


def test_nothing_stored_is_equal_only_where_it_means_the_same(tmp_path: Path) -> None:
    blank = np.zeros((64, 64), "u1")
    one = made(tmp_path / "one.zarr", "yx", blank, (32, 32), fill_value=0)
    two = made(tmp_path / "two.zarr", "yx", blank + 5, (32, 32), fill_value=5)
    assert not verify(two, one, full=True).ok
    assert verify(one, one, full=True).ok
