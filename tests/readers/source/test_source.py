"""A Source as an object: opening, options, pickling, forks, threads, closing, metadata."""

import gc
import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr

import ziggurat
from ziggurat.readers.errors import OptionError, SourceError, SourceNotFoundError, TileRangeError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.source.options import OpenOptions


@pytest.fixture
def picture(tmp_path: Path, rng: np.random.Generator) -> Any:
    """A tiled TIFF of 500 x 400 random RGB pixels: its path and the pixels."""
    pixels = rng.integers(0, 255, (400, 500, 3)).astype(np.uint8)
    path = tmp_path / "picture.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(128, 128), compression="zlib")
    return path, pixels


@pytest.mark.parametrize("form", [str, Path, lambda path: f"file://{path}"])
def test_paths_of_any_form(picture: Any, form: Any) -> None:
    path, pixels = picture
    with ziggurat.open(form(path)) as source:
        assert source[5, 7].tolist() == pixels[5, 7].tolist()
        assert source.largeImagePath in (str(path), f"file://{path}")


def test_what_is_not_there_is_a_file_not_found_error(tmp_path: Path) -> None:
    for known in (SourceNotFoundError, FileNotFoundError, ziggurat.exceptions.TileSourceError):
        with pytest.raises(known) as caught:
            ziggurat.open(tmp_path / "nothing.tif")
    assert caught.value.errno == 2
    assert not ziggurat.canRead(tmp_path / "nothing.tif")


def test_can_read(picture: Any, tmp_path: Path) -> None:
    path, _ = picture
    assert ziggurat.canRead(path)
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    assert not ziggurat.canRead(text)
    assert ("tiff", True) in ziggurat.canReadList(path)
    assert ziggurat.canReadList(path, availableSources=["tiff"]) == [("tiff", True)]
    assert not any(reads for _, reads in ziggurat.canReadList(text))


def test_what_there_is_to_open_with() -> None:
    sources = ziggurat.listSources()
    assert list(sources["sources"])
    assert "mrxs" in ziggurat.listExtensions()
    assert all("/" in name for name in ziggurat.listMimeTypes())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "NOPE"}, "no encoding 'NOPE'"),
        ({"jpegQuality": 200}, "jpegQuality"),
        ({"jpegSubsampling": "4"}, "jpegSubsampling"),
        ({"edge": "blue-ish"}, "edge is None"),
        ({"style": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_options_that_can_not_be_meant(picture: Any, options: Any, message: Any) -> None:
    with pytest.raises(OptionError, match=message):
        ziggurat.open(picture[0], **options)


def test_metadata(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, mm_x=0.00025, mm_y=0.00025)
    assert (
        source.getMetadata()
        == source.metadata
        == {
            "levels": 4,
            "sizeX": 300,
            "sizeY": 200,
            "tileWidth": 64,
            "tileHeight": 64,
            "magnification": 40.0,
            "mm_x": 0.00025,
            "mm_y": 0.00025,
            "dtype": "uint8",
            "bandCount": 3,
        }
    )
    assert source.getNativeMagnification()["magnification"] == 40
    assert (source.levels, source.sizeX, source.sizeY) == (4, 300, 200)
    assert (source.dtype, source.bandCount, source.frames) == (np.uint8, 3, 1)
    assert source.shape == (200, 300, 3)
    assert not source.geospatial
    assert source.getBounds() == {"sizeX": 300, "sizeY": 200}
    assert source.getInternalMetadata() == {"properties": {}}


def test_what_is_not_known_is_none(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    assert source.getNativeMagnification() == {"magnification": None, "mm_x": None, "mm_y": None}
    assert source.getLevelForMagnification(20) == 3
    assert source.getICCProfiles() is None
    assert source.channelNames is None
    assert source.frameToAxes(0) == {"frame": 0}


def test_scales_of_levels(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, levels=1, mm_x=0.0005, mm_y=0.0005, magnification=20.0)
    assert source.getMagnificationForLevel(2) == {
        "magnification": 10.0,
        "mm_x": 0.001,
        "mm_y": 0.001,
        "scale": 2.0,
        "level": 2,
    }
    assert source.getMagnificationForLevel()["level"] == 3
    assert source.getLevelForMagnification(10) == 2
    assert source.getLevelForMagnification(7) == 1
    assert source.getLevelForMagnification(7, rounding="ceil") == 2
    assert source.getLevelForMagnification(7, rounding=None) == pytest.approx(1.4854, abs=1e-9)
    assert source.getLevelForMagnification(7, rounding=False) == pytest.approx(1.4854, abs=1e-9)
    for magnification, rounding, level in (
        (40, False, 3),
        (40, None, 4),
        (0.01, False, 0),
        (0.01, None, pytest.approx(-7.9658)),
    ):
        found = source.getLevelForMagnification(magnification, rounding=rounding)
        assert found == level
    assert source.getLevelForMagnification(mm_x=0.001) == 2
    assert source.getLevelForMagnification(7, exact=True) is None
    assert source.getLevelForMagnification(10, exact=True) == 2
    assert source.getLevelForMagnification(40) == 3
    assert source.getLevelForMagnification(40, rounding="ceil") is None
    assert source.getLevelForMagnification(0.01) == 0
    assert source.getLevelForMagnification() == 3
    assert [source.getPreferredLevel(level) for level in range(4)] == [2, 2, 2, 3]
    with pytest.raises(OptionError, match="rounding is 'round', 'ceil'"):
        source.getLevelForMagnification(7, rounding="floor")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("png", [0, 1, 2, 3, 4]),
        ("tiff", [0, 3, 3, 3, 4]),
        ("ome-tiff", [3, 3, 3, 3, 4]),
        ("aperio", [3, 3, 3, 3, 4]),
    ],
)
def test_the_level_that_serves_another_is_the_reference_s(
    made_source: Callable[..., Any], kind: str, expected: Any
) -> None:
    source = made_source(np.zeros((1024, 1024, 1), np.uint8), levels=1, format=kind)
    assert [source.getPreferredLevel(level) for level in range(-1, 6)] == [
        expected[0],
        *expected,
        expected[-1],
    ]


def test_points_and_regions_at_another_scale(made_source: Callable[..., Any]) -> None:
    source = made_source(
        np.zeros((2967, 2220, 1), np.uint8), mm_x=0.000499, mm_y=0.000499, magnification=20.0
    )
    five, ten = {"magnification": 5}, {"magnification": 10}
    region = {"left": 100.4, "top": -18.3, "width": 300.7}
    assert source.convertRegionScale(region, ten, five) == region
    assert source.convertRegionScale(region, ten, five, "mag_pixels") == {
        "left": 25.0,
        "top": 737.25,
        "width": 75.25,
        "units": "mag_pixels",
    }
    loose = source.convertRegionScale(region, None, five, "mag_pixels", cropToImage=False)
    assert loose["left"] == pytest.approx(25.1)
    assert loose["top"] == pytest.approx(737.175)
    magnified = {**region, "units": "mag_pixels"}
    assert source.convertRegionScale(magnified, ten)["units"] == "base_pixels"
    assert source.convertRegionScale(magnified, ten)["width"] == 601
    assert source.getPointAtAnotherScale((-3, 4)) == (-3, 4)
    assert source.getPointAtAnotherScale((-3, 4), targetUnits="mag_pixels") == (2217, 4)
    assert source.getPointAtAnotherScale((-3, 4), ten, "mag_pixels", five, "mag_pixels") == (
        pytest.approx(553.5),
        pytest.approx(2),
    )
    there = {"left": 16, "top": 16, "width": 64, "height": 32, "units": "mag_pixels"}
    pixels, _ = source.getRegionAtAnotherScale(there, five, ten, format="numpy")
    assert pixels.shape == (64, 128, 1)
    tiles = source.tileIteratorAtAnotherScale(there, five, ten, tile_size={"width": 100})
    assert len(tiles) == source.getTileCount(
        region={"left": 64, "top": 64, "width": 256, "height": 128},
        scale=ten,
        tile_size={"width": 100},
    )
    tile = source.getSingleTileAtAnotherScale(there, five, ten)
    assert tile["gx"] == 64


def test_frames_and_axes(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 255, (2, 3, 2, 20, 30)).astype(np.uint8)
    channels = (Channel("red dye"), Channel("blue dye"))
    axes = (Axis("t", 2, (0.0, 2.5), "s"), Axis("z", 3), Axis("c", 2))
    source = made_source(pixels, "tzcyx", axes=axes, channels=channels)
    meta = source.getMetadata()
    assert meta["IndexRange"] == {"IndexT": 2, "IndexZ": 3, "IndexC": 2}
    assert meta["IndexStride"] == {"IndexT": 6, "IndexZ": 2, "IndexC": 1}
    assert (meta["channels"], meta["channelmap"]) == (
        ["red dye", "blue dye"],
        {"red dye": 0, "blue dye": 1},
    )
    assert meta["frames"][9] == {
        "Frame": 9,
        "IndexT": 1,
        "ValueT": 2.5,
        "IndexZ": 1,
        "IndexC": 1,
        "Index": 4,
        "Channel": "blue dye",
    }
    assert meta["ValueT"] == {
        "values": [0.0, 2.5],
        "uniform": True,
        "units": "s",
        "min": 0.0,
        "max": 2.5,
        "datatype": "float64",
    }
    assert source.frames == 12
    for frame in range(12):
        position = source.frameToAxes(frame)
        assert source.axesToFrame(**position) == frame
        assert source.axesToFrame(**{name.upper(): at for name, at in position.items()}) == frame
        found = source.getRegion(format="numpy", frame=frame)[0][..., 0]
        np.testing.assert_array_equal(found, pixels[position["t"], position["z"], position["c"]])
    assert source.axesToFrame(frame=7) == 7
    for position in ({"t": 2}, {"q": 0}, {"frame": 12}):
        with pytest.raises(TileRangeError):
            source.axesToFrame(**position)


def test_bands(made_source: Callable[..., Any], rng: np.random.Generator) -> None:
    pixels = rng.integers(3, 250, (40, 50, 4)).astype(np.uint8)
    source = made_source(pixels)
    names = [facts["interpretation"] for facts in source.getBandInformation().values()]
    assert names == ["red", "green", "blue", "alpha"]
    facts = source.getOneBandInformation(2)
    band = pixels[..., 1]
    assert (facts["min"], facts["max"]) == (band.min(), band.max())
    assert facts["mean"] == pytest.approx(band.mean())
    assert facts["stdev"] == pytest.approx(band.std())
    with pytest.raises(TileRangeError, match="there are bands 1 to 4, not 5"):
        source.getOneBandInformation(5)
    many = made_source(pixels, interpretation=Interpretation.MULTIBAND, alpha=False)
    assert many.getBandInformation()[1] == {"interpretation": "unknown"}


def test_histograms_agree_with_numpy(
    made_source: Callable[..., Any], rng: np.random.Generator
) -> None:
    pixels = (rng.normal(1000, 200, (120, 130, 2))).clip(0).astype(np.uint16)
    found = made_source(pixels).histogram(bins=50)
    for band, facts in enumerate(found["histogram"]):
        values = pixels[..., band]
        assert (facts["min"], facts["max"]) == (values.min(), values.max())
        assert facts["mean"] == pytest.approx(values.mean())
        assert facts["stdev"] == pytest.approx(values.std())
        expected, edges = np.histogram(values, 50, facts["range"])
        np.testing.assert_array_equal(facts["hist"], expected)
        np.testing.assert_allclose(facts["bin_edges"], edges)
        assert facts["samples"] == values.size
    assert set(made_source(pixels).histogram(onlyMinMax=True)) == {"min", "max", "mean", "stdev"}
    dense = made_source(pixels).histogram(bins=20, density=True)["histogram"][0]
    assert np.sum(dense["hist"]) == pytest.approx(1)


def test_whole_edges_of_a_histogram(made_source: Callable[..., Any]) -> None:
    pixels = np.arange(10, 110, dtype=np.uint8).reshape(10, 10, 1)

    def facts(**arguments: Any) -> Any:
        [found] = made_source(pixels).histogram(**arguments)["histogram"]
        assert found["hist"].sum() == 100
        return found["range"], found["bins"]

    assert facts() == ((10, 110), 256)
    assert facts(bins=30) == ((10, 110), 30)
    assert facts(bins=30, range="round") == ((10, 110), 25)  # of four values each
    assert facts(bins=12, range="round") == ((10, 118), 12)  # of nine
    assert facts(bins=9, range="round") == ((10, 110), 9)  # so few that edges don't matter
    [found] = made_source(pixels > 50).histogram(bins=2)["histogram"]
    np.testing.assert_array_equal(found["hist"], [41, 59])


def test_nan_does_not_count(made_source: Callable[..., Any]) -> None:
    pixels = np.array([[1.0, np.nan], [3.0, np.inf]], np.float32)[..., None]
    found = made_source(pixels).histogram(bins=2, range=(0, 4))
    assert found["mean"][0] == 2
    np.testing.assert_array_equal(found["histogram"][0]["hist"], [1, 1])


def test_single_pixels(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient, mm_x=0.001, mm_y=0.001)
    assert source.getPixel(region={"left": 30, "top": 40}) == {
        "value": [30, 40, 70],
        "r": 30,
        "g": 40,
        "b": 70,
    }
    assert source.getPixel(region={"left": 0.03, "top": 0.04, "units": "mm"})["value"] == [
        30,
        40,
        70,
    ]
    assert source.getPixel(region={"left": 3000, "top": 40}) == {}
    assert source.getPixel(region={"right": 31, "bottom": 41})["value"] == [30, 40, 70]
    found = source.getPixel(region={"left": 30, "top": 40}, includeTileRecord=True)
    assert found["tile"]["x"] == 30
    gray = made_source(np.full((9, 9, 1), 0x8123, np.uint16))
    assert gray.getPixel(region={"left": 1, "top": 1}) == {"value": [0x8123], "l": 0x81}


def test_numpy_indexing(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    cases = [
        np.s_[:],
        np.s_[10:20, 30:60],
        np.s_[10:20, 30:60, 1],
        np.s_[-20:, :-250:3],
        np.s_[::-7, 50],
        np.s_[5],
        np.s_[5, 6, 2],
        np.s_[..., 0],
        np.s_[3:3],
        np.s_[:, :, 1:],
        np.s_[100:20:-3, 9, ::2],
    ]
    for case in cases:
        np.testing.assert_array_equal(source[case], gradient[case])
    np.testing.assert_array_equal(np.asarray(source), gradient)
    with pytest.raises(IndexError, match="outside of an axis of 200"):
        _ = source[200]
    with pytest.raises(OptionError, match="indexed by slices"):
        _ = source[[1, 2]]
    with pytest.raises(OptionError, match="three dimensions"):
        _ = source[1, 2, 0, 0]


def test_levels_as_lazy_arrays_and_dask(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, levels=2)
    arrays = source.level_arrays()
    assert [array.shape for array in arrays] == [(200, 300, 3), (100, 150, 3), (50, 75, 3)]
    assert not source.reader.reads
    np.testing.assert_array_equal(arrays[1][10:20, 5:9], source.reader._levels[1][0, 10:20, 5:9])
    lazy = source.to_dask(1)
    assert (lazy.shape, lazy.dtype) == ((100, 150, 3), np.uint8)
    np.testing.assert_array_equal(
        lazy[3:50, 4:30].compute(), source.reader._levels[1][0, 3:50, 4:30]
    )
    with pytest.raises(OptionError, match="stored levels 0 to 2, not 3"):
        source.to_dask(3)


def test_notebooks(made_source: Callable[..., Any], gradient: np.ndarray) -> None:
    source = made_source(gradient)
    assert source._repr_png_()[:4] == b"\x89PNG"
    assert "300 × 200" in source._repr_html_()
    data, _ = source.getThumbnail(encoding="PNG")
    assert data._repr_png_() == data
    assert data._repr_jpeg_() is None
    assert pickle.loads(pickle.dumps(data)).mimetype == "image/png"


def test_a_source_pickles_as_path_and_options(picture: Any) -> None:
    path, pixels = picture
    with ziggurat.open(path, encoding="PNG", edge="crop") as source:
        data = pickle.dumps(source)
        assert len(data) < 600
        with pickle.loads(data) as again:
            assert again._options == source._options
            np.testing.assert_array_equal(again[:], pixels)


def _sum_of(source: Any) -> Any:
    return os.getpid(), int(source[:].astype(np.int64).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_source_goes_to_other_processes(picture: Any, method: Any) -> None:
    path, pixels = picture
    with ziggurat.open(path) as source:
        source.getRegion(format="numpy")
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            found = pool.map(_sum_of, [source] * 3)
        assert {total for _, total in found} == {int(pixels.astype(np.int64).sum())}
        assert os.getpid() not in {pid for pid, _ in found}


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_reads_through_the_same_object(picture: Any) -> None:
    path, pixels = picture
    source = ziggurat.open(path, noCache=True)
    reader = source._image().reader
    stop = threading.Event()

    def keep_reading() -> None:
        while not stop.is_set():
            source.getRegion(format="numpy")

    thread = threading.Thread(target=keep_reading)
    thread.start()
    try:
        children = []
        for _ in range(3):
            pid = os.fork()
            if not pid:
                good = source._image().reader is not reader and np.array_equal(source[:], pixels)
                os._exit(0 if good else 1)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    finally:
        stop.set()
        thread.join()
        source.close()


def test_what_grows_is_never_cached(rng: np.random.Generator) -> None:
    sink = ziggurat.new()
    sink.addTile(np.full((64, 64, 3), 7, np.uint8), 0, 0)
    with ziggurat.open(sink.path) as source:
        assert source[0, 0].tolist() == [7, 7, 7]
        sink.addTile(np.full((64, 64, 3), 9, np.uint8), 0, 0)
        assert source[0, 0].tolist() == [9, 9, 9]
        assert sink[0, 0].tolist() == [9, 9, 9]


def test_a_closed_source_says_so(picture: Any) -> None:
    with ziggurat.open(picture[0]) as source:
        pass
    source.close()
    with pytest.raises(SourceError, match="was closed; open it again"):
        source.getRegion()


def test_many_threads_read_the_right_pixels(picture: Any) -> None:
    path, pixels = picture
    places = [(x, y) for x in range(0, 400, 37) for y in range(0, 300, 29)]
    with ziggurat.open(path) as source, ThreadPoolExecutor(8) as pool:

        def check(place: Any) -> Any:
            x, y = place
            region = {"left": x, "top": y, "width": 90, "height": 80}
            found = source.getRegion(format="numpy", region=region)[0]
            return np.array_equal(found, pixels[y : y + 80, x : x + 90])

        assert all(pool.map(check, places))


class SlowReads(Reader):
    """Stands for a decoder that lets other threads run, as all of ours do."""

    def __init__(self, reader: Reader) -> None:
        self.info, self._source, self.busy, self.most = reader.info, reader, 0, 0
        self._lock = threading.Lock()

    def plane(self, level: int, frame: int) -> Plane:
        return _SlowPlane(self._source.plane(level, frame), self)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with self._lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        yield
        with self._lock:
            self.busy -= 1


class _SlowPlane(DecodedPlane):
    def __init__(self, source: Plane, slow: SlowReads) -> None:
        self._source, self._slow = source, slow

    def read(self, rect: Rect) -> Pixels:
        with self._slow.at_work():
            time.sleep(0.01)
        return self._source.read(rect)


def test_independent_reads_do_not_wait_for_each_other(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, tile=16, options=OpenOptions(noCache=True))
    source.reader = slow = SlowReads(source.reader)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda x: source.getTile(x, 0, source.levels - 1), range(16)))
    assert slow.most == 4


@pytest.mark.parametrize("limits", [(5, 1), (1,), 3, ("a", "b"), (0, float("nan")), "whole"])
def test_a_histogram_of_no_range_is_refused(
    made_source: Callable[..., Any], gradient: np.ndarray, limits: Any
) -> None:
    with pytest.raises(OptionError, match="range"):
        made_source(gradient).histogram(range=limits)


@pytest.mark.parametrize("dtype", ["nonsense", "U5", 7])
def test_a_histogram_of_no_dtype_is_refused(
    made_source: Callable[..., Any], gradient: np.ndarray, dtype: Any
) -> None:
    with pytest.raises(OptionError, match="dtype"):
        made_source(gradient).histogram(dtype=dtype)


@pytest.mark.parametrize("value", [2.5, np.nan])
def test_the_histogram_of_one_value_or_none_has_edges(
    made_source: Callable[..., Any], value: Any
) -> None:
    pixels = np.full((40, 50, 1), value, np.float32)
    [found] = made_source(pixels).histogram(bins=4, density=True)["histogram"]
    assert (np.diff(found["bin_edges"]) > 0).all()
    counted = 0 if np.isnan(value) else 1
    assert found["hist"].sum() == pytest.approx(counted)


@pytest.mark.parametrize("size", [0, -1, 2.5, "wide"])
def test_associated_images_of_no_size_are_refused(
    data_file: Callable[[str], Path], size: int
) -> None:
    with ziggurat.open(data_file("aperio-svs/CMU-1-Small-Region.svs")) as source:
        for name in ("width", "height"):
            with pytest.raises(OptionError, match=name):
                source.getAssociatedImage("macro", **{name: size})


@pytest.mark.parametrize(
    "position", [np.int64(3), {"position": np.int64(3)}, {"region_x": 1, "region_y": np.uint8(1)}]
)
def test_a_tile_is_named_by_any_kind_of_whole_number(
    made_source: Callable[..., Any], gradient: np.ndarray, position: Any
) -> None:
    source = made_source(gradient)
    size = {"width": -(-gradient.shape[1] // 2), "height": 64}
    assert (
        source.getSingleTile(tile_size=size, tile_position=position)["tile_position"]["position"]
        == 3
    )


@pytest.mark.parametrize("position", [1.5, "first", {"position": "x"}, {"level_x": 0.5}])
def test_a_tile_is_not_named_by_what_is_no_number(
    made_source: Callable[..., Any], gradient: np.ndarray, position: Any
) -> None:
    with pytest.raises(OptionError, match="tile_position"):
        made_source(gradient).getSingleTile(tile_position=position)


def mean(path: Path, frame: int = 0) -> Any:
    with ziggurat.open(path) as source:
        return source.getRegion(format="numpy", frame=frame)[0].mean()


def test_a_zarr_folder_that_was_rewritten_in_place_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "plain.zarr"
    array = zarr.create_array(str(path), shape=(300, 300), chunks=(128, 128), dtype="uint8")
    for value in (10, 77):  # the metadata stays the same, byte for byte
        array[:] = value
        assert mean(path) == value


def test_a_raster_whose_parts_were_rewritten_is_read_anew(tmp_path: Path) -> None:
    part, whole = tmp_path / "part.tif", tmp_path / "whole.vrt"
    for value in (3, 8):
        tifffile.imwrite(part, np.full((300, 300), value, np.uint8))
        if not whole.exists():
            whole.write_text(
                '<VRTDataset rasterXSize="300" rasterYSize="300"><VRTRasterBand dataType="Byte" '
                'band="1"><SimpleSource><SourceFilename relativeToVRT="1">part.tif'
                "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
                "</VRTDataset>"
            )
        assert mean(whole) == value


def test_an_image_of_several_files_is_read_anew_when_another_one_was_rewritten(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"z{number}.ome.tif" for number in range(2)]
    names = [f"urn:uuid:00000000-0000-4000-8000-00000000000{number}" for number in range(2)]
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{paths[z].name}">{names[z]}</UUID></TiffData>'
        for z in range(2)
    )

    def write(z: Any, value: Any) -> None:
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{names[z]}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            'SizeX="64" SizeY="64" SizeZ="2" SizeC="1" SizeT="1">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
        )
        pixels = np.full((64, 64), value, np.uint8)
        tifffile.imwrite(paths[z], pixels, description=xml, metadata=None)

    write(0, 1), write(1, 2)
    assert [mean(paths[0], z) for z in range(2)] == [1, 2]
    write(1, 9)
    assert [mean(paths[0], z) for z in range(2)] == [1, 9]


@pytest.mark.parametrize("name", ["picture.png", "plain.tiff", "place.tif"])
def test_a_relative_path_holds_after_the_working_directory_changed(
    gradient: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name == "picture.png":
        PIL.Image.fromarray(gradient).save(tmp_path / name)
    else:
        metadata = [(33550, "d", 3, (1.0, 1.0, 0.0)), (33922, "d", 6, (0.0,) * 6)]
        tags = metadata if name == "place.tif" else []
        tifffile.imwrite(tmp_path / name, gradient, extratags=[(*tag, True) for tag in tags])
    monkeypatch.chdir(tmp_path)
    source = ziggurat.open(name)
    monkeypatch.chdir("/")
    for opened in (source, pickle.loads(pickle.dumps(source))):
        np.testing.assert_array_equal(opened.getRegion(format="numpy")[0], gradient)
        opened.close()


@pytest.mark.parametrize("path", ["\0", "x" * 5000, "no/such", ""])
def test_no_path_at_all_is_an_error_of_ours(path: Path) -> None:
    with pytest.raises(SourceError):
        ziggurat.open(path)
    assert not ziggurat.canRead(path)


def test_what_is_cached_for_one_opening_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "plain.zarr"
    zarr.create_array(str(path), shape=(300, 300), chunks=(128, 128), dtype="uint8")[:] = 1
    ziggurat.cachesClear()

    def used() -> Any:
        return ziggurat.cachesInfo()["tileCache"]["used"]

    source = ziggurat.open(path)
    source.getRegion(format="numpy")
    assert used() >= 300 * 300
    source.close()
    assert used() == 0
    ziggurat.open(path).getRegion(format="numpy")  # nobody closes it
    gc.collect()
    assert used() == 0
