"""What nobody wrote has the sink's own value, also in levels that are made from what parts left."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.io.objects import FolderObjects
from ziggurat.writers.model.levels import EncodedTile
from ziggurat.writers.tasks.parcel import Parcel, Parcels


@pytest.mark.parametrize("resample", ["mean", "lanczos3"])
def test_blank_parts_have_the_value_of_blank_in_lower_levels(tmp_path: Path, resample: str) -> None:
    with ziggurat.new(fill=200, dtype="uint8") as sink:
        sink.addTile(np.full((40, 50), 90, np.uint8), x=100, y=60)
        sink.addTile(np.full((1, 1), 90, np.uint8), x=299, y=259)
        sink.write(tmp_path / "whole.zarr", tileSize=16, resample=resample)
        plan = sink.plan(tmp_path / "parts.zarr", tileSize=16, resample=resample, partBytes=3_000)
        for task in plan.tasks:
            task()
        plan.finish()
    with (
        ziggurat.open(tmp_path / "whole.zarr") as one,
        ziggurat.open(tmp_path / "parts.zarr") as two,
    ):
        ours, theirs = two._image().reader, one._image().reader
        assert ours.info.levels == theirs.info.levels
        assert len(ours.info.levels) > 4
        for level, facts in enumerate(ours.info.levels):
            pixels = ours.plane(level, 0).read(facts.rect)
            np.testing.assert_array_equal(pixels, theirs.plane(level, 0).read(facts.rect))
        assert pixels.min() > 90


def test_a_part_that_is_cut_short_gives_no_tile(tmp_path: Path) -> None:
    objects = FolderObjects(str(tmp_path))
    packed = Parcel(tiles=[EncodedTile(0, 0, 0, 0, b"x" * 100)]).packed()
    objects.create("whole", packed)
    objects.create("short", packed[:-1])
    assert Parcels(objects, ["whole"]).read(Parcels(objects, ["whole"]).tiles[0, 0, 0, 0])
    short = Parcels(objects, ["short"])
    with pytest.raises(EOFError, match="in the middle of a tile"):
        short.read(short.tiles[0, 0, 0, 0])


@pytest.mark.parametrize("name", ["a.tiff", "a.zarr.zip"])
def test_blank_tiles_of_tasks_take_no_more_room_than_those_of_one(
    tmp_path: Path, name: str
) -> None:
    with ziggurat.new(sizeX=1200, sizeY=1000, bands=3, dtype="uint8", tileSize=64) as sink:
        sink.addTile(np.random.default_rng(1).integers(0, 255, (60, 60, 3), np.uint8), 900, 900)
        once = sink.write(tmp_path / f"b{name}", lossy=False, tileSize=64)
        plan = sink.plan(tmp_path / name, lossy=False, tileSize=64, partBytes=1 << 19)
        for task in plan.tasks:
            task()
        assert len(plan.tasks) > 2
        assert plan.finish().bytes <= 1.02 * once.bytes
