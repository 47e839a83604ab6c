"""Each known failure of the sink's reference, and the right answer to it."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import ziggurat
from tests import preloaded
from ziggurat.readers.errors import TargetExistsError, ZigguratError

pytestmark = pytest.mark.usefixtures("kind")
ONE_MACHINE = pytest.mark.parametrize("kind", ["mapped"], indirect=True)  # chunks and their cost


def full(value: float, *shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.full(shape, value, dtype)


def test_bands_grow_and_nothing_is_wiped() -> None:
    with ziggurat.new() as sink:
        sink.addTile(full(50, 600, 600, 3))
        sink.addTile(full(60, 600, 600, 4), 600, 0)
        picture = sink.getRegion(format="numpy")[0]
    assert picture[0, [0, 599, 600]].tolist() == [[50, 50, 50, 255]] * 2 + [[60] * 4]


def test_pyramids_of_all_frames_are_right(tmp_path: Path) -> None:
    path = tmp_path / "frames.zarr"
    with ziggurat.new() as sink:
        for c in range(3):
            sink.addTile(full(50 * (c + 1), 1200, 1200), c=c, z=1)
        sink.write(path)
        sink.write(tmp_path / "frames.tiff", lossy=False)
    for source in (ziggurat.open(path), ziggurat.open(tmp_path / "frames.tiff")):
        for c in range(3):
            frame = source.axesToFrame(c=c, z=1)
            for width in (1200, 600, 300, 150):
                output = {"maxWidth": width}
                found = source.getRegion(output=output, frame=frame, format="numpy")[0]
                assert (found[..., 0] == 50 * (c + 1)).all(), (c, width)


@pytest.mark.parametrize("frames", [1, 3])
def test_one_band_can_be_written(frames: int, tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        for z in range(frames):
            sink.addTile(full(50 + z, 600, 800), z=z)
        sink.write(tmp_path / "gray.zarr")
    source = ziggurat.open(tmp_path / "gray.zarr")
    assert (source.sizeX, source.sizeY, source.frames) == (800, 600, frames)
    for z in range(frames):
        assert (source.getRegion(frame=z, format="numpy")[0] == 50 + z).all()


@ONE_MACHINE
@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"],
)
def test_lossless_is_lossless_for_every_dtype(dtype: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        tile = rng.normal(size=(300, 280)).astype(dtype)
    elif kind.kind == "b":
        tile = rng.random((300, 280)) < 0.5
    else:
        limits = np.iinfo(kind)
        tile = rng.integers(limits.min, limits.max, (300, 280), dtype=dtype, endpoint=True)
    with ziggurat.new() as sink:
        sink.addTile(tile)
        sink.write(tmp_path / "a.tiff", lossy=False)
    found = tifffile.imread(tmp_path / "a.tiff")
    assert np.array_equal(np.squeeze(found).astype(tile.dtype), tile)


def test_crop_keeps_metadata_and_minimum_sizes_are_minimums(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tile = rng.integers(0, 255, (600, 1000, 3), dtype=np.uint8)
    with ziggurat.new() as sink:
        sink.addTile(tile)
        sink.mm_x, sink.mm_y, sink.magnification = 0.0005, 0.00025, 20
        sink.imageDescription = "a description"
        sink.addAssociatedImage(tile[:100, :100], "label")
        sink.minWidth = 300  # the image is wider
        sink.write(tmp_path / "a.tiff", lossy=False)
        sink.crop = (100, 50, 400, 300)
        sink.minWidth, sink.minHeight = 500, 200
        sink.write(tmp_path / "b.tiff", lossy=False)
    assert tifffile.imread(tmp_path / "a.tiff").shape == (600, 1000, 3)
    source = ziggurat.open(tmp_path / "b.tiff")
    picture = source.getRegion(format="numpy")[0]
    assert picture.shape == (300, 500, 3)
    assert np.array_equal(picture[:, :400], tile[50:350, 100:500])
    facts = source.getMetadata()
    assert (facts["mm_x"], facts["mm_y"], facts["magnification"]) == (0.0005, 0.00025, 20)
    assert source.getAssociatedImagesList() == ["label"]


def test_associated_images_of_any_size_survive(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    images = {
        name: rng.integers(0, 255, (*shape, 3), dtype=np.uint8)
        for name, shape in {"label": (100, 100), "macro": (20, 30), "thumbnail": (5, 500)}.items()
    }
    with ziggurat.new() as sink:
        sink.addTile(full(9, 300, 300, 3))
        for name, picture in images.items():
            assert sink.addAssociatedImage(picture, name) == name
        assert sink.addAssociatedImage(images["label"]) == "image_1"
        for name, picture in images.items():
            assert np.array_equal(sink.getAssociatedImage(name, format="numpy")[0], picture)
        for file in ("a.tiff", "a.zarr"):
            sink.write(tmp_path / file, lossy=False)
            source = ziggurat.open(tmp_path / file)
            assert sorted(source.getAssociatedImagesList()) == sorted([*images, "image_1"])
            for name, picture in images.items():
                assert np.array_equal(source.getAssociatedImage(name, format="numpy")[0], picture)


WORKER = """
import sys, numpy as np, ziggurat
if __name__ == "__main__":
    sink = ziggurat.new(sys.argv[1], mode="join")
    sink.addTile(np.full((50, 50, 3), 5, np.uint8), 100, 0)
"""


def test_workers_see_what_was_said_and_do_not_erase_it(tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s") as sink:
        sink.addTile(full(9, 50, 50, 3), c=1)
        sink.imageDescription = {"a": 1}
        sink.channelNames = ["DAPI", "CD3"]
        done = preloaded.run(preloaded.code, WORKER, sink.path)
        assert done.returncode == 0, done.stderr
        assert len(list(sink.tiles())) == 2
        assert sink.imageDescription == {"a": 1}
        assert sink.channelNames == ["DAPI", "CD3"]
        other = ziggurat.new(sink.path, mode="join")
        assert other.channelNames == ["DAPI", "CD3"]
        other.mm_x = 0.5
        assert (sink.mm_x, sink.imageDescription) == (0.5, {"a": 1})


def test_scratch_goes_with_its_sink() -> None:
    sink = ziggurat.new()
    sink.addTile(full(1, 600, 600, 3))
    path = sink.path
    assert os.path.exists(path)
    del sink
    assert not os.path.exists(path)


OWNER = """
import sys, tempfile, time, numpy as np, ziggurat
tempfile.tempdir = None  # where the environment says
sink = ziggurat.new()
sink.addTile(np.ones((600, 600, 3), np.uint8))
print(sink.path, flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
"""


@ONE_MACHINE
def test_scratch_goes_with_its_owner_even_a_killed_one(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", OWNER]
    here = {"TMPDIR": str(tmp_path)}
    with preloaded.Child(preloaded.code, OWNER, "wait", environment=here) as process:
        path = process.stdout.readline().strip().decode()
        ended = subprocess.run(
            [*command, "end"], env=environment, capture_output=True, text=True, check=True
        )
        assert not os.path.exists(ended.stdout.strip())
        assert os.path.exists(path)  # its owner lives
        process.send_signal(signal.SIGKILL)
        process.end()
    assert os.path.exists(path)
    subprocess.run([*command, "end"], env=environment, check=True, capture_output=True)
    assert not os.path.exists(path)
    assert not list(tmp_path.iterdir())


def test_a_worker_does_not_take_the_scratch_with_it() -> None:
    sink = ziggurat.new(sizeX=100, sizeY=100, bands=3, dtype="uint8")
    child = os.fork()
    if child == 0:
        sink.addTile(full(4, 50, 50, 3))
        del sink
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert sink.getRegion(format="numpy")[0][0, 0].tolist() == [4, 4, 4]
    context = multiprocessing.get_context("fork")
    process = context.Process(target=sink.addTile, args=(full(5, 9, 9, 3),))
    process.start()
    process.join()
    assert sink.getRegion(format="numpy")[0][0, 0].tolist() == [5, 5, 5]


def test_a_failed_write_leaves_the_old_output_and_the_sink(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    path.write_bytes(b"precious")
    with ziggurat.new() as sink:
        sink.addTile(full(9, 300, 300, 3))
        with pytest.raises(TargetExistsError):
            sink.write(path, overwriteAllowed=False)
        with pytest.raises(ZigguratError):
            sink.write(tmp_path / "a.nonsense")
        (tmp_path / "folder.tiff").mkdir()
        (tmp_path / "folder.tiff" / "mine").write_text("mine")
        with pytest.raises(ZigguratError):
            sink.write(tmp_path / "folder.tiff")
        assert path.read_bytes() == b"precious"
        assert (tmp_path / "folder.tiff" / "mine").read_text() == "mine"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tiff", "folder.tiff"]
        sink.write(path, lossy=False)
    assert (tifffile.imread(path) == 9).all()


@ONE_MACHINE
def test_writing_twice_and_going_on_in_between(tmp_path: Path) -> None:
    with ziggurat.new() as sink:
        for z in range(2):
            sink.addTile(full(20 + z, 700, 700), z=z)
        sink.write(tmp_path / "a.zarr")
        sink.write(tmp_path / "a.tiff", lossy=False)
        sink.addTile(full(99, 10, 10), 690, 690, z=1)
        sink.write(tmp_path / "b.tiff", lossy=False)
        chunks = [f"c.{z}.{y}.{x}.0" for z in (0, 1) for y in (0, 1) for x in (0, 1)]
        before = sorted(os.listdir(sink.path))
        assert before == [".ziggurat", *chunks, "zarr.json"]
    first = ziggurat.open(tmp_path / "a.tiff")
    assert [(first.getRegion(frame=z, format="numpy")[0]).max() for z in (0, 1)] == [20, 21]
    second = ziggurat.open(tmp_path / "b.tiff")
    assert [(second.getRegion(frame=z, format="numpy")[0]).max() for z in (0, 1)] == [20, 99]


def test_blank_areas_cost_nothing(tmp_path: Path) -> None:
    with ziggurat.new(sizeX=20_000, sizeY=20_000, bands=3, dtype="uint8") as sink:
        sink.addTile(full(9, 512, 512, 3), 512, 512)
        reader = sink._image().reader
        from ziggurat.readers.model.geometry import Rect

        assert reader.plane(0, 0).is_blank(Rect(1024, 0, 10_000, 10_000))
        assert not reader.plane(0, 0).is_blank(Rect(0, 0, 600, 600))


@ONE_MACHINE
def test_many_frames_cost_no_more_each_than_a_few() -> None:
    def seconds(sink: ziggurat.Sink, frames: range) -> float:
        begin = time.process_time()  # of this process alone, so that a busy machine is no matter
        for t in frames:
            sink.addTile(tile, t=t, t_value=t / 10)
        return time.process_time() - begin

    tile = full(3, 64, 64, 3)
    with ziggurat.new(tileSize=64) as sink:
        sink.addTile(tile, t=0)
        first = seconds(sink, range(1, 100))
        seconds(sink, range(100, 500))
        last = seconds(sink, range(500, 599))
        assert last < 4 * first
        assert sink.frames == 599


ZARR_FRAMES = {"z": 2, "c": 3}


@ONE_MACHINE
def test_the_store_is_valid_zarr_while_it_grows(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tile = rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)
    with ziggurat.new(tmp_path / "s", axes=ZARR_FRAMES, tileSize=128) as sink:
        sink.addTile(tile, 100, 50, z=1, c=2)
        sink.flush()
        array = zarr.open_array(sink.path, mode="r")
        assert array.shape == (2, 3, 350, 500, 3)
        assert array.metadata.dimension_names == ("z", "c", "y", "x", "s")
        assert np.array_equal(array[1, 2, 50:, 100:], tile)
        assert not np.asarray(array[0]).any()
        sink.addTile(tile, 500, 50, z=4)
        time.sleep(0.3)
        sink.addTile(tile, 500, 50, z=5)
        assert zarr.open_array(sink.path, mode="r").shape == (6, 3, 350, 900, 3)
    facts = json.loads((tmp_path / "s" / "zarr.json").read_text())
    assert facts["codecs"] == [{"name": "bytes", "configuration": {"endian": "little"}}]
