"""What of an image decides how its OME-Zarr is laid out: sides, labels, place, target."""

import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.model.image import Channel, GeoReference, Interpretation
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.zarr import ome_zarr
from ziggurat.writers.formats.zarr.display_windows import sampled_windows
from ziggurat.writers.model.options import PyramidStyle, WriteOptions

EXACT = WriteOptions(lossy=False, tile_size=64)


def edited(pixels: np.ndarray, names: str = "yx", **facts: Any) -> ArrayReader:
    frames = pixels if names.endswith("s") else pixels[..., np.newaxis]
    return ArrayReader(frames, dataclasses.replace(array_reader(pixels, names).info, **facts))


@pytest.mark.parametrize(
    ("size", "levels"),
    [
        ((101, 31), [(101, 31, 64, 32), (51, 16, 52, 16)]),
        ((31, 101), [(31, 101, 32, 64), (16, 51, 16, 52)]),
        ((64, 64), [(64, 64, 64, 64)]),
        ((5, 3), [(5, 3, 6, 4)]),
        ((65, 1), [(65, 1, 64, 2), (33, 1, 34, 2)]),
    ],
)
def test_chunks_are_no_larger_than_the_image(
    size: tuple[int, int], levels: list[tuple[int, ...]]
) -> None:
    """But of even sides, so that halves begin where chunks do."""
    reader = array_reader(np.zeros(size[::-1], np.uint8), "yx")
    plans = ome_zarr.plan_levels(reader, EXACT)
    assert [(p.width, p.height, p.tile_width, p.tile_height) for p in plans] == levels
    single = ome_zarr.plan_levels(reader, dataclasses.replace(EXACT, pyramid=PyramidStyle.NONE))
    assert [(p.width, p.height, p.tile_width, p.tile_height) for p in single] == levels[:1]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint64", "bool", "float32"])
def test_only_whole_numbers_are_a_map_of_labels(tmp_path: Path, dtype: str) -> None:
    pixels = np.arange(12).reshape(3, 4).astype(dtype)
    write(edited(pixels, interpretation=Interpretation.LABELS), tmp_path / "a.zarr", EXACT)
    labels = dtype not in ("bool", "float32")
    assert (tmp_path / "a.zarr" / "labels").exists() is labels
    assert (tmp_path / "a.zarr" / "0").exists() is not labels
    if labels:
        root = json.loads((tmp_path / "a.zarr" / "zarr.json").read_text())["attributes"]["ome"]
        (level,) = root["multiscales"][0]["datasets"]
        assert level["path"] == "labels/map/0"
        group = tmp_path / "a.zarr" / "labels"
        listed = json.loads((group / "zarr.json").read_text())["attributes"]["ome"]
        assert listed["labels"] == ["map"]
        told = json.loads((group / "map" / "zarr.json").read_text())["attributes"]["ome"]
        assert told["image-label"]["source"] == {"image": "../../"}
        assert told["multiscales"][0]["datasets"][0]["path"] == "0"
        assert (group / "map" / "0" / "zarr.json").exists()


@pytest.mark.parametrize(
    ("geo", "words"),
    [
        (GeoReference("EPSG:32633", (5e5, 10.0, 0.0, 5e6, 0.0, -10.0)), "UTM zone 33N"),
        (GeoReference("", (5e5, 10.0, 0.0, 5e6, 0.0, -10.0)), None),
        (None, None),
    ],
)
def test_each_array_says_in_which_system_it_lies(
    tmp_path: Path, geo: GeoReference | None, words: str | None
) -> None:
    pixels = np.zeros((90, 80), np.uint8)
    write(edited(pixels, geo=geo), tmp_path / "a.zarr", EXACT)
    for level in "01":
        told = json.loads((tmp_path / "a.zarr" / level / "zarr.json").read_text())["attributes"]
        assert (words in told["_CRS"]["wkt"]) if words else "_CRS" not in told


@pytest.mark.parametrize("version", OmeVersion)
@pytest.mark.parametrize("name", ["a.zarr.db", "a.sqlite"])
def test_a_database_is_of_the_version_that_opens_it(
    tmp_path: Path, name: str, version: OmeVersion
) -> None:
    """Only zarr 2 opens one."""
    options = dataclasses.replace(EXACT, ome_version=version)
    write(array_reader(np.ones((9, 8), np.uint8), "yx"), tmp_path / name, options)
    with closing(sqlite3.connect(tmp_path / name)) as database:
        keys = {row[0] for row in database.execute("select k from zarrs")}
    assert {".zgroup", ".zattrs", "0/.zarray"} <= keys
    assert not [key for key in keys if key.endswith("zarr.json")]


@pytest.mark.parametrize("shape", [(700, 40), (40, 700), (300, 300), (9, 5)])
def test_windows_are_of_all_of_an_image_of_any_shape(shape: tuple[int, int]) -> None:
    """A sample of few blocks: both ends and the middle of each side are in it."""
    rng = np.random.default_rng(3)
    for row, column in ((0, 0), (-1, -1), (shape[0] // 2, shape[1] // 2), (shape[0] // 6, 0)):
        pixels = np.full(shape, 1000, np.uint16)
        block = pixels[max(row % shape[0] - 29, 0) :, max(column % shape[1] - 29, 0) :][:60, :60]
        block[...] = rng.integers(3000, 4000, block.shape)
        reader = array_reader(pixels, "yx")
        (window,) = sampled_windows(reader, ngff_layout(reader.info.axes, reader.info.bands))
        assert window is not None
        assert window[1] > 3000
        assert window[0] >= 1000


@each("dtype, facts, count", [
        ("uint16", {}, 3), ("float32", {}, 3), ("uint8", {}, 0), ("bool", {}, 0),
        ("uint16", {"interpretation": Interpretation.LABELS}, 0),
        ("uint16", {"interpretation": Interpretation.PALETTE}, 0),
        ("uint16", {"channels": tuple(Channel(n, window=(0.0, 9.0)) for n in "abc")}, 0),
        ("uint16", {"channels": (Channel("a", window=(0.0, 9.0)), Channel("b"), Channel("c"))}, 3),
    ])  # fmt: skip
def test_which_images_need_windows(dtype: str, facts: dict[str, Any], count: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 2, (3, 20, 30)).astype(dtype)
    reader = edited(pixels, "cyx", **facts)
    windows = sampled_windows(reader, ngff_layout(reader.info.axes, reader.info.bands))
    assert len(windows) == count


@pytest.mark.parametrize(("channels", "count"), [(64, 64), (65, 0)])
def test_so_many_channels_are_looked_at(channels: int, count: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 900, (channels, 4, 6), np.uint16)
    reader = array_reader(pixels, "cyx")
    windows = sampled_windows(reader, ngff_layout(reader.info.axes, reader.info.bands))
    assert len(windows) == count
