"""Lower levels that a caller lays himself: outputs take them until full resolution changes."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import SinkInputError
from ziggurat.writers.sink.given_levels import level_number, with_given_levels

FULL = np.full((500, 402, 3), 10, np.uint8)
HALF = np.full((250, 201, 3), 99, np.uint8)


def means(path: Path) -> list[float]:
    with ziggurat.open(path) as source:
        scales = [2**n for n in range(source.levels)]
        sizes = [{"maxWidth": 402 // n, "maxHeight": 500 // n} for n in scales]
        return [source.getRegion(format="numpy", output=size)[0].mean() for size in sizes[:2]]


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr", "a.zarr.zip", "a.dzi"])
def test_outputs_take_a_level_that_was_laid(tmp_path: Path, name: str) -> None:
    with ziggurat.new() as sink:
        sink.addTile(FULL)
        sink.addTile(HALF[:, :128], level=1)
        sink.addTile(HALF[:, 128:], x=128, level=1)
        assert sink.getRegion(format="numpy", output={"maxWidth": 201})[0].mean() == 99
        report = sink.write(tmp_path / name, lossy=False, tileSize=128)
        plan = sink.plan(tmp_path / "plan.tiff", tileSize=128, lossy=False)
        for task in plan.tasks:
            task()
        plan.finish()
    assert report.lost == ()
    assert means(tmp_path / name) == [10, 99]
    assert means(tmp_path / "plan.tiff") == [10, 99]


@pytest.mark.parametrize("name", [".DS_Store", "x", "copy of 1@{}", "99999999999@{}", "0@{}", "1@"])
def test_what_else_lies_among_the_levels_is_passed_over(tmp_path: Path, name: str) -> None:
    """An odd name was a foreign error, a forged number a walk without end."""
    with ziggurat.new(tmp_path / "store") as sink:
        sink.addTile(FULL)
        sink.addTile(HALF, level=1)
        (folder,) = tmp_path.glob("store/**/levels")
        (laid,) = folder.iterdir()
        (folder / name.format(laid.name.split("@")[1])).mkdir()
        sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
        assert means(tmp_path / "a.tiff") == [10, 99]
        sink.addTile(FULL[:5, :5])
        sink.addTile(HALF, level=1)  # the old one goes


def test_levels_below_one_that_was_laid_are_made_of_it(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(FULL)
        sink.addTile(HALF, level=1)
        sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
    with tifffile.TiffFile(tmp_path / "a.tiff") as tif:
        assert [int(page.asarray().mean()) for page in tif.pages] == [10, 99, 99]


def test_a_level_goes_when_full_resolution_changes(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(FULL)
        sink.addTile(HALF, level=1)
        sink.addTile(FULL[:5, :5])
        sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
        assert means(tmp_path / "a.tiff") == [10, 10]
        sink.addTile(HALF // 3, level=1)
        sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
    assert means(tmp_path / "a.tiff") == [10, 33]


def test_levels_of_frames(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        for c in range(2):
            sink.addTile(FULL + c, c=c)
        for c in range(2):
            sink.addTile(HALF + c, c=c, level=1)
        sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
    with ziggurat.open(tmp_path / "a.tiff") as source:
        half = {"maxWidth": 201, "maxHeight": 250}
        for c in range(2):
            assert source.getRegion(format="numpy", frame=c, output=half)[0].mean() == 99 + c


def test_a_level_of_another_size_is_made_anew_and_told(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        sink.addTile(FULL)
        sink.addTile(HALF[:9, :9], level=1)
        report = sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
    assert "level 1 as it was laid" in report.lost[0]
    assert "201 x 250" in report.lost[0]
    assert means(tmp_path / "a.tiff") == [10, 10]


def test_levels_that_can_not_be_meant(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        with pytest.raises(SinkInputError, match="needs full resolution first"):
            sink.addTile(HALF, level=1)
        sink.addTile(FULL, level=0)
        assert [level_number(level) for level in (None, 0, 1, 30)] == [0, 0, 1, 30]
        for level in (-1, 1.5, "a", 31):
            with pytest.raises(SinkInputError, match="level must be"):
                sink.addTile(HALF, level=level)
    with ziggurat.new(tmp_path / "log", store="log") as sink:
        sink.addTile(FULL)
        with pytest.raises(SinkInputError, match="kind 'log'"):
            sink.addTile(HALF, level=1)


@pytest.mark.parametrize(("crop", "kept"), [((2, 4, 400, 400), True), ((1, 4, 400, 400), False)])
def test_a_level_that_does_not_lie_on_a_crop_is_told(
    tmp_path: Path, crop: tuple[int, int, int, int], kept: bool
) -> None:
    with ziggurat.new() as sink:
        sink.addTile(FULL)
        sink.addTile(HALF, level=1)
        sink.crop = crop
        report = sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
    assert any("crop" in text for text in report.lost) is not kept
    with tifffile.TiffFile(tmp_path / "a.tiff") as tif:
        assert int(tif.pages[1].asarray().mean()) == (99 if kept else 10)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tile": HALF[:, :, :1].astype(np.uint16)},
        {"tile": HALF.astype(np.float32)},
        {"tile": np.concatenate([HALF, HALF[..., :1]], axis=2)},
        {"tile": HALF, "z": 2},  # the image has two planes
        {"tile": HALF, "t": 1},
        {"tile": HALF[:-1]},
        {"tile": FULL},
    ],
    ids=["16 bits", "dtype", "alpha", "planes", "axes", "height", "size"],
)
def test_a_level_of_another_image_is_told_and_not_taken(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with ziggurat.new() as sink:
        sink.addTile(FULL, z=0)
        sink.addTile(FULL, z=1)
        if wrong["tile"].shape == HALF.shape and len(wrong) > 1:
            sink.addTile(HALF, z=0, level=1)
        sink.addTile(**{"z": 0, **wrong}, level=1)
        report = sink.write(tmp_path / "a.tiff", lossy=False, tileSize=128)
    assert [loss for loss in report.lost if loss.startswith("level 1 as it was laid")]
    assert means(tmp_path / "a.tiff") == [10, 10]


@pytest.mark.parametrize(
    ("blend", "kind"),
    [
        ("over", "tile"), ("over", "mask"), ("max", "mask"), ("min", "frames"), ("sum", "mask"),
        ("sum", "frames"), ("mean", "tile"), ("weighted", "frames"),
    ],
)  # fmt: skip
def test_the_last_tile_of_a_level_counts_whatever_full_resolution_does(
    blend: str, kind: str
) -> None:
    """A level is a picture that the caller made: where its tiles overlap nothing is computed."""
    rng = np.random.default_rng(5)
    shape = (2,) if kind == "frames" else ()
    axes = "zyxs" if kind == "frames" else "yxs"
    size: dict[str, Any] = {
        "expectedCoverage": 0.5,
        "fill": 3,
        "dtype": "int64",
        "bands": 2,
        "tileSize": (48, 32),
    }
    with ziggurat.new(blend=blend, **size) as sink:
        sink.addTile(np.full((*shape, 90, 130, 2), 20, np.int64), axes=axes)
        half = np.full((*shape, 45, 65, 2), 3, np.int64)
        for number, (x, y, w, h) in enumerate([(0, 0, 65, 45), (5, 9, 50, 30), (20, 20, 45, 25)]):
            tile = rng.integers(-50, 50, (*shape, h, w, 2))
            mask = rng.random((h, w)) < 0.5 if kind == "mask" and number else None
            sink.addTile(tile, x, y, level=1, axes=axes, mask=mask)
            part = half[..., y : y + h, x : x + w, :]
            part[...] = tile if mask is None else np.where(mask[..., np.newaxis], tile, part)
        for frame in range(sink.frames):
            output = {"maxWidth": 65, "maxHeight": 45}
            found = sink.getRegion(format="numpy", frame=frame, output=output)[0]
            np.testing.assert_array_equal(found, half[frame] if shape else half)
            assert (sink.getRegion(format="numpy", frame=frame)[0] == 20).all()


def test_of_several_levels_each_is_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides that are odd are rounded up; folders list their entries in any order."""
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listed(path), reverse=True))
    sizes = {1: (51, 38), 2: (26, 19), 3: (13, 10)}
    with ziggurat.new() as sink:
        sink.addTile(np.full((75, 101, 3), 10, np.uint8))
        for level in (2, 3, 1):
            width, height = sizes[level]
            sink.addTile(np.full((height, width, 3), 50 * level, np.uint8), level=level)
        store = sink._store
        reader, unfit = with_given_levels(store, store.reader())
        assert unfit == []
        found = {}
        for level, (width, height) in {0: (101, 75), **sizes}.items():
            rect = reader.info.levels[level].rect
            assert (rect.width, rect.height) == (width, height)
            found[level] = np.unique(reader.plane(level, 0).read(rect)).tolist()
        assert found == {0: [10], 1: [50], 2: [100], 3: [150]}
        reader.close()


def test_a_level_of_an_image_that_has_grown_grows_with_nothing(tmp_path: Path) -> None:
    """Its store begins anew, with the axes, bands and type that the image has by now."""
    with ziggurat.new(tmp_path / "s", expectedCoverage=0.5) as sink:
        for z, kind in enumerate(("uint8", "uint16")):
            sink.addTile(np.full((40, 30, 2 + z), 10 + z, kind), z=z)
        for z in range(2):
            sink.addTile(np.full((20, 15, 3), 300 + z, np.uint16), z=z, level=1)
        (place,) = (tmp_path / "s" / ".ziggurat" / "levels").iterdir()
        facts = json.loads((place / ".ziggurat" / "structure.json").read_text())
        assert (facts["axes"], facts["bands"], facts["dtype"]) == (["z"], 3, "uint16")
        assert (facts["generation"], facts["expected"]) == (0, None)
        for z in range(2):
            found = sink.getRegion(format="numpy", frame=z, output={"maxWidth": 15})[0]
            assert (found == 300 + z).all()
