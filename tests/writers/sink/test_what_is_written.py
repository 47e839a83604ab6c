"""What of an image an output gets, at once and as tasks: alpha, least sizes, pictures beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat


def written(sink: ziggurat.Sink, path: Path, how: str, **words: Any) -> Any:
    """Write, and return the output's pixels and the names of its pictures."""
    if how == "at once":
        report = sink.write(path, lossy=False, **words)
    else:
        plan = sink.plan(path, lossy=False, partBytes=40_000, **words)
        for task in plan.tasks:
            task()
        report = plan.finish()
    with ziggurat.open(path) as source:
        return source.getRegion(format="numpy")[0], source.getAssociatedImagesList(), report


@pytest.mark.parametrize(
    ("bands", "dtype", "meaning", "left", "how"),
    [
        (1, "uint8", None, 1, "at once"),
        (2, "uint8", None, 1, "at once"),
        (3, "uint8", None, 3, "tasks"),
        (4, "uint8", None, 3, "tasks"),
        (4, "uint16", None, 3, "at once"),
        (4, "uint8", "multiband", 4, "tasks"),
        (2, "float32", None, 2, "at once"),
    ],
)
def test_without_alpha_its_band_goes_and_no_other(
    tmp_path: Path, how: str, bands: int, dtype: str, meaning: str | None, left: int
) -> None:
    pixels = np.random.default_rng(4).integers(1, 200, (20, 30, bands)).astype(dtype)
    with ziggurat.new(tileSize=16) as sink:
        sink.addTile(pixels)
        sink.interpretation = meaning
        found, _, _ = written(sink, tmp_path / "a.tiff", how, alpha=False)
    assert np.array_equal(found, pixels[..., :left])


@pytest.mark.parametrize(
    ("width", "height", "how"),
    [
        (41, None, "at once"),
        (None, 33, "tasks"),
        (41, 5, "tasks"),
        (10, 33, "at once"),
        (41, 33, "at once"),
        (30, 20, "tasks"),
    ],
)
def test_each_least_side_counts_alone(
    tmp_path: Path, how: str, width: int | None, height: int | None
) -> None:
    pixels = np.random.default_rng(4).integers(1, 200, (20, 30, 3), np.uint8)
    with ziggurat.new(tileSize=16) as sink:
        sink.addTile(pixels)
        sink.minWidth, sink.minHeight = width, height
        found, _, _ = written(sink, tmp_path / "a.tiff", how)
    assert found.shape[:2] == (max(20, height or 0), max(30, width or 0))
    assert np.array_equal(found[:20, :30], pixels)
    assert not found[20:].any()
    assert not found[:, 30:].any()


@pytest.mark.parametrize(
    ("name", "how"),
    [("a.tiff", "tasks"), ("a.ome.tiff", "at once"), ("a.zarr", "tasks"), ("a.svs", "at once")],
)
def test_pictures_beside_it_go_along_or_not_as_is_said(tmp_path: Path, how: str, name: str) -> None:
    with ziggurat.new(tileSize=16) as sink:
        sink.addTile(np.full((40, 30, 3), 9, np.uint8))
        sink.addAssociatedImage(np.full((8, 9, 3), 7, np.uint8), "label")
        _, kept, _ = written(sink, tmp_path / name, how)
        _, dropped, _ = written(sink, tmp_path / f"b{name}", how, associated="drop")
    assert "label" in kept
    assert "label" not in dropped


@pytest.mark.parametrize(
    ("name", "how"),
    [(name, "at once") for name in ("a.zarr", "a.dzi", "a.szi")]
    + [(name, "tasks") for name in ("a.zarr", "a.tiff")],
)
def test_a_report_counts_all_bytes_of_an_output(tmp_path: Path, how: str, name: str) -> None:
    (tmp_path / "out").mkdir()
    pixels = np.random.default_rng(4).integers(1, 200, (200, 150, 3), np.uint8)
    with ziggurat.new(tileSize=64) as sink:
        sink.addTile(pixels)
        words = {"tileSize": 64} if name.endswith((".tiff", ".zarr", ".zip")) else {}
        report = written(sink, tmp_path / "out" / name, how, **words)[2]
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    assert report.bytes == size
