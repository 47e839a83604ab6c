"""Where the real files are, and small made-up images for when there are none."""

import atexit
import functools
import gc
import os
import shutil
import signal
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest

from tests.faults import Disk, watch
from tests.range_server import RangeServer
from tests.serving import serving

ROOT = Path(__file__).resolve().parent.parent
# Files with tests of seconds: one of them at the end would let the other processes wait.
LONG = {
    "test_batch", "test_commands", "test_forks", "test_fuzz", "test_interrupts", "test_main_job",
    "test_new_rows", "test_packaging", "test_processes", "test_readme",
}  # fmt: skip
ESCAPED = 70  # what a forked child ends with that would leave its test
JAR = os.environ.get("ZIGGURAT_BIOFORMATS_JAR")
MEMORY, ROOM = Path("/dev/shm"), 8 << 30  # a folder in memory; what tests may need of it, bytes
# The allocator keeps blocks up to this size: else the kernel clears pages anew for each test.
KEPT = dict.fromkeys(("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"), str(256 << 20))
DATA = Path(os.environ.get("ZIGGURAT_DATA", ROOT.parent / "shared" / "data"))


# How long a busy machine takes to think of inputs says nothing about what is tested.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


def pytest_configure(config: pytest.Config) -> None:
    """Let children be interrupted: a test run started in the background ignores SIGINT.

    Thousands of small files are written where there is no disk to wait for, if there is room;
    workers of xdist, which this starts, get an allocator that gives nothing back.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = "TMPDIR" in os.environ or config.getoption("basetemp") is not None
    if not chosen and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    atexit.register(gc.freeze)  # what is left then ends with the process: nobody sorts it again
    if hasattr(config, "workerinput"):  # its own children allocate as those of users do
        for name in KEPT:
            os.environ.pop(name, None)
    elif config.getoption("numprocesses", None):
        os.environ |= KEPT


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let the garbage collector pass by what the collection made: it stays until the end.

    Hypothesis is imported by now: it asks the collector who holds the generators of others.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[object]:
    """Let no forked child of a test out of it: it would go on as a second run of the tests.

    Its error is told among what the test said; its parent sees how it ended.
    """
    process = os.getpid()
    try:
        return (yield)
    except BaseException:
        if os.getpid() != process:
            os.write(2, traceback.format_exc().encode())
        raise
    finally:
        if os.getpid() != process:
            os._exit(ESCAPED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[pytest.TestReport]:
    """Let what passed go to the controller without its key words: nobody there asks for them."""
    report = yield
    if report.passed:
        report.keywords = {}
    return report


def pytest_xdist_auto_num_workers() -> int:
    """Run a worker a core; one more, for tests that wait, costs more than their waiting does."""
    return os.cpu_count() or 1


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Return a function that gives a real file of the data folder, or skips, saying so."""

    def find(relative: str) -> Path:
        path = DATA / relative
        if not path.exists():
            pytest.skip(f"no real data at {path}; set ZIGGURAT_DATA to where it is")
        return path

    return find


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let no nonsense start Java, where it is installed: tests say that they want it.

    A hook, and no fixture, which would cost each of thousands of tests a millisecond.
    """
    wanted = any(item.get_closest_marker(name) for name in ("bioformats", "programs"))
    if wanted and JAR is None:
        os.environ.pop("ZIGGURAT_BIOFORMATS_JAR", None)
    else:
        os.environ["ZIGGURAT_BIOFORMATS_JAR"] = (JAR or "") if wanted else ""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """Return a function that mounts a file system with room for so many MiB, or skips."""
    mounted = []

    def mount(size: int) -> Path:
        # not below tmp_path: what a killed run leaves mounted there, pytest could never remove
        place = Path(tempfile.mkdtemp(prefix="ziggurat-disk-"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            place.rmdir()
            pytest.skip(f"this machine forbids mounting: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long tests go first; refuse ids that differ from process to process.

    Those nobody could run side by side.
    """
    items.sort(key=lambda item: item.path.stem not in LONG)
    fleeting = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if fleeting:
        raise pytest.UsageError(f"the address of an object is in a test's id: {fleeting[0]}")


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """Return an empty folder in memory where there is such: for thousands of small files."""
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="ziggurat-test-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Record the calls that change the disk, and spoil one of them on demand."""
    return watch(monkeypatch)


@pytest.fixture
def folder_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a bucket that the library for object storage keeps in a folder."""
    from obstore.store import LocalStore, MemoryStore

    from ziggurat.readers.io import objects

    def connection(root: str) -> object:
        place = tmp_path / root.removeprefix("s3://")
        if place.is_file():
            return MemoryStore()  # an object is no prefix of others
        new = not place.exists()
        store = LocalStore(place, mkdir=new)
        if new:
            place.rmdir()
        return store

    monkeypatch.setattr(objects, "connection", connection)
    return "s3://bucket"


@pytest.fixture
def quick_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch's workers, each a fresh interpreter, come from one that has all loaded."""
    from tests import preloaded
    from ziggurat.converter.batch import run

    contexts = SimpleNamespace(get_context={"spawn": preloaded.ready()}.__getitem__)
    monkeypatch.setattr(run, "multiprocessing", contexts)


@pytest.fixture(scope="session")
def tissue() -> np.ndarray:
    """A real picture of stained tissue, uint8 (512, 512, 3)."""
    from skimage import data

    return np.asarray(data.immunohistochemistry())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RangeServer]:
    server = RangeServer(tmp_path)
    with serving(server):
        yield server


def _split_jpeg(stream: bytes) -> tuple[bytes, bytes]:
    """Return (tables, rest) of a baseline JPEG, as scanners store them; Adobe's marker goes."""
    tables, rest, position = [b"\xff\xd8"], [b"\xff\xd8"], 2
    while stream[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(stream[position + 2 : position + 4])
        if stream[position + 1] in (0xDB, 0xC4):
            tables.append(stream[position:end])
        elif stream[position + 1] != 0xEE:
            rest.append(stream[position:end])
        position = end
    return b"".join([*tables, b"\xff\xd9"]), b"".join([*rest, stream[position:]])


@pytest.fixture(scope="session")
def make_svs(tissue: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a slide as an Aperio scanner does.

    JPEG tiles of 240 x 192 with shared tables, stored as RGB without a marker, or as YCbCr
    (4:2:0); levels 1 and 4; thumbnail, label, macro; a profile; names and dates in the
    descriptions, and a comment with a name in the first tile.
    """
    import imagecodecs
    import tifffile
    from PIL import ImageCms

    def describe(text: str) -> str:
        return (
            f"Aperio Image Library v11.2.1 \r\n{text}|AppMag = 20|MPP = 0.4990|"
            "Filename = DOE_JANE_1950|User = 4711-surgeon|Date = 12/29/09|Time = 09:59:15|"
            "Barcode = S09-12345-A|ScanScope ID = SS-998877|Parmset = Secretparms"
        )

    @functools.cache
    def made(width: int, height: int, ycbcr: bool, tile: int) -> bytes:
        path = tmp_path_factory.mktemp("made") / "made.svs"
        picture = np.tile(tissue, (-(-height // 512), -(-width // 512), 1))[:height, :width]
        space = {"colorspace": "rgb", "outcolorspace": "ycbcr" if ycbcr else "rgb"}
        space["subsampling"] = "420" if ycbcr else "444"
        down = tile * 4 // 5 // 16 * 16  # a tile's height, which no test may take for its width

        def tiles(image: np.ndarray) -> tuple[bytes, list[bytes]]:
            padded = np.pad(
                image,
                ((0, -image.shape[0] % down), (0, -image.shape[1] % tile), (0, 0)),
                "edge",
            )
            found, shared = [], b""
            for y in range(0, padded.shape[0], down):
                for x in range(0, padded.shape[1], tile):
                    part = np.ascontiguousarray(padded[y : y + down, x : x + tile])
                    stream = imagecodecs.jpeg8_encode(part, level=80, optimize=False, **space)
                    shared, short = _split_jpeg(stream)
                    found.append(short)
            return shared, found

        def arguments(image: np.ndarray) -> dict:
            shared, found = tiles(image)
            if image.shape[:2] == (height, width):
                comment = b"scanned for Jane Doe"
                size = (len(comment) + 2).to_bytes(2)
                found[0] = b"\xff\xd8\xff\xfe" + size + comment + found[0][2:]
            return {
                "data": iter(found),
                "shape": image.shape,
                "dtype": "uint8",
                "tile": (down, tile),
                "jpegtables": shared,
                "subsampling": (2, 2) if ycbcr else (1, 1),
                "compressionargs": {"outcolorspace": space["outcolorspace"]},
                "compression": "jpeg",
                "photometric": "rgb",
                "iccprofile": profile,
                "metadata": None,
                "software": False,
            }

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        small = np.ascontiguousarray(picture[::4, ::4])
        rng = np.random.default_rng(7)
        label = rng.integers(0, 255, (160, 120, 3), np.uint8)
        with tifffile.TiffWriter(path) as tif:
            size = f"{width}x{height}"
            tif.write(**arguments(picture), description=describe(f"{size} [0,0 {size}] (240x192)"))
            plain = {"metadata": None, "software": False, "photometric": "rgb"}
            tif.write(
                picture[::8, ::8],
                compression="jpeg",
                description=describe(f"{size} -> 188x138 - "),
                **plain,
            )
            tif.write(**arguments(small), description=describe(f"{size} (240x192) -> 375x275"))
            tif.write(
                label, compression="lzw", subfiletype=1, description=describe("label 120x160"),
                **plain,
            )  # fmt: skip
            tif.write(
                np.ascontiguousarray(picture[:200, :600]), compression="jpeg", subfiletype=9,
                description=describe("macro 600x200"), **plain,
            )  # fmt: skip
        data = path.read_bytes()
        path.unlink()
        return data

    def make(
        path: Path, *, width: int = 1500, height: int = 1100, ycbcr: bool = False, tile: int = 240
    ) -> Path:
        path.write_bytes(made(width, height, ycbcr, tile))
        return path

    return make


@pytest.fixture(scope="session")
def make_raster() -> Callable[..., Path]:
    """Return a function that writes an array (y, x, band) as a raster that GDAL reads."""
    from osgeo import gdal, gdal_array, osr

    gdal.UseExceptions()

    def make(
        path: Path,
        array: np.ndarray,
        driver: str = "GTiff",
        *,
        crs: str | None = None,
        transform: tuple[float, ...] | None = None,
        nodata: float | None = None,
        options: tuple[str, ...] = (),
        overviews: tuple[int, ...] = (),
    ) -> Path:
        height, width, bands = array.shape
        kind = gdal_array.NumericTypeCodeToGDALTypeCode(array.dtype)
        memory = gdal.GetDriverByName("MEM").Create("", width, height, bands, kind)
        for number in range(bands):
            band = memory.GetRasterBand(number + 1)
            band.WriteArray(array[..., number])
            if nodata is not None:
                band.SetNoDataValue(nodata)
            if bands in (3, 4):
                band.SetColorInterpretation(gdal.GCI_RedBand + number)
        if crs is not None:
            system = osr.SpatialReference()
            system.SetFromUserInput(crs)
            memory.SetSpatialRef(system)
        if transform is not None:
            memory.SetGeoTransform(transform)
        gdal.GetDriverByName(driver).CreateCopy(str(path), memory, options=list(options)).Close()
        if overviews:
            with gdal.OpenEx(str(path), gdal.OF_RASTER | gdal.OF_UPDATE) as dataset:
                dataset.BuildOverviews("AVERAGE", list(overviews))
        return path

    return make
