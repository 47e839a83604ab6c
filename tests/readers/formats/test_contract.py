"""What every backend must do; the cases are the rows of the table, each with a sample made here."""

import itertools
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import pyvips
from osgeo import gdal, osr
from PIL import Image

import ziggurat
from tests.czi_files import Block, make_czi
from tests.dicom_files import make_dicom
from tests.microscope_files import make_lif, make_nd2
from ziggurat.readers.errors import ZigguratError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.synthetic import synthetic_url
from ziggurat.readers.formats.table import FORMATS, Format
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.model.options import WriteOptions

gdal.UseExceptions()

Make = Callable[[Path, np.ndarray], Path | str]


def _store(folder: Path, pixels: np.ndarray) -> Path:
    with ziggurat.new(folder / "store", tileSize=64) as sink:
        sink.addTile(pixels)
    return folder / "store"


def _written(name: str) -> Make:
    def make(folder: Path, pixels: np.ndarray) -> Path:
        ziggurat.write(pixels, folder / name, options=WriteOptions(tile_size=64))
        return folder / name

    return make


def _pillow(name: str) -> Make:
    def make(folder: Path, pixels: np.ndarray) -> Path:
        Image.fromarray(pixels).save(folder / name)
        return folder / name

    return make


def _encoded(name: str, encode: Callable[[np.ndarray], bytes]) -> Make:
    def make(folder: Path, pixels: np.ndarray) -> Path:
        (folder / name).write_bytes(encode(pixels))
        return folder / name

    return make


def _dicom(folder: Path, pixels: np.ndarray) -> Path:
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % 48), (0, -width % 64), (0, 0)))
    tiles = [
        padded[y : y + 48, x : x + 64].tobytes()
        for y in range(0, height, 48)
        for x in range(0, width, 64)
    ]
    return make_dicom(folder / "dicom" / "a.dcm", tiles, size=(width, height))


def _deepzoom(folder: Path, pixels: np.ndarray) -> Path:
    pyvips.Image.new_from_array(pixels).dzsave(str(folder / "tiles"), suffix=".png", tile_size=64)
    return folder / "tiles.dzi"


def _list(folder: Path, pixels: np.ndarray) -> Path:
    _pillow("one.png")(folder, pixels)
    (folder / "list.yaml").write_text("sources: [{path: one.png}]")
    return folder / "list.yaml"


def _heif(folder: Path, pixels: np.ndarray) -> Path:
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(folder / "a.heic")
    return folder / "a.heic"


def _map(folder: Path, pixels: np.ndarray) -> Path:
    height, width, bands = pixels.shape
    path = folder / "map.tif"
    raster = gdal.GetDriverByName("GTiff").Create(str(path), width, height, bands)
    place = osr.SpatialReference()
    place.ImportFromEPSG(32633)
    raster.SetProjection(place.ExportToWkt())
    raster.SetGeoTransform((500_000, 10, 0, 5_000_000, 0, -10))
    raster.WriteArray(np.moveaxis(pixels, -1, 0))
    raster.Close()
    return path


def _virtual(folder: Path, pixels: np.ndarray) -> Path:
    with gdal.Open(str(_map(folder, pixels))) as raster:
        gdal.GetDriverByName("VRT").CreateCopy(str(folder / "a.vrt"), raster).Close()
    return folder / "a.vrt"


def _netpbm(folder: Path, pixels: np.ndarray) -> Path:
    height, width = pixels.shape[:2]
    head = f"P6 {width} {height} 65535\n".encode()
    (folder / "a.ppm").write_bytes(head + (pixels.astype(">u2") * 257).tobytes())
    return folder / "a.ppm"


def _made(folder: Path, pixels: np.ndarray) -> str:
    del folder
    height, width = pixels.shape[:2]
    return synthetic_url(sizeX=width, sizeY=height, tileWidth=64, tileHeight=48, frames="2,3")


def _nowhere(folder: Path, pixels: np.ndarray) -> Path:
    del folder, pixels
    pytest.skip("no file of these kinds can be made or read here; they have tests of their own")


SAMPLES: dict[str, Make] = {
    "store": _store,
    "ome-zarr": _written("a.zarr"),
    "dicom": _dicom,
    "openslide": _nowhere,
    "deepzoom": _deepzoom,
    "multi": _list,
    "test": _made,
    "czi": lambda folder, pixels: make_czi(folder / "a.czi", [Block(0, 0, pixels)]),
    "lif": lambda folder, pixels: make_lif(folder / "a.lif", {"one": (pixels, "YXS")}),
    "nd2": lambda folder, pixels: make_nd2(folder / "a.nd2", [pixels]),
    "isyntax": _nowhere,
    "geo": _map,
    "tiff": _written("a.tiff"),
    "openslide-tiff": _written("a.tiff"),
    "pdf": _pillow("a.pdf"),
    "jpegxl": _encoded("a.jxl", imagecodecs.jpegxl_encode),
    "heif": _heif,
    "jpeg-kinds": _encoded("a.jls", imagecodecs.jpegls_encode),
    "pnm": _netpbm,
    "vips": _pillow("a.png"),
    "gdal": _virtual,
    "jpeg2000": _encoded("a.jp2", imagecodecs.jpeg2k_encode),
    "pillow": _pillow("a.tga"),
    "bio-formats": _nowhere,
}


DRAWN = {"pdf": 4}  # pages are drawn anew for each part, so that edges of pictures may differ


@pytest.fixture(scope="module")
def samples() -> dict[str, Path | str]:
    """Samples by the name of their row, as far as a test asked for them."""
    return {}


def test_every_row_has_a_sample() -> None:
    assert list(SAMPLES) == [row.name for row in FORMATS]


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
class ReaderContract:
    """Subclassed once: pytest collects no class of this name."""

    @pytest.fixture
    def path(self, row: Format, samples: dict[str, Path | str], request: Any) -> Path | str:
        """A sample that is made once: nobody changes it."""
        if row.name not in samples:
            folder = request.getfixturevalue("tmp_path_factory").mktemp("sample")
            # sides that halve exactly: OpenSlide knows places in whole pixels of level 0 only
            pixels = np.ascontiguousarray(request.getfixturevalue("tissue")[:160, :192])
            samples[row.name] = SAMPLES[row.name](folder, pixels)
        return samples[row.name]

    def test_facts_hold_together(self, row: Format, path: Path | str) -> None:
        with open_reader(path, (row,)) as reader:
            info = reader.info
            assert info.backend == row.name
            assert (info.width, info.height) >= (150, 150)
            sides = [(level.width, level.height) for level in info.levels]
            assert sides == sorted(sides, reverse=True)
            assert len(set(info.associated)) == len(info.associated)
            for name in info.associated:
                assert reader.associated(name).read().ndim == 3
            with pytest.raises(KeyError):
                reader.associated("no such image")

    def test_any_part_of_any_level_is_the_part_of_the_whole(
        self, row: Format, path: Path | str
    ) -> None:
        with open_reader(path, (row,)) as reader:
            for frame in {0, reader.info.frames - 1}:
                for number, level in enumerate(reader.info.levels):
                    plane = reader.plane(number, frame)
                    whole = plane.read(level.rect)
                    assert whole.shape == (level.height, level.width, reader.info.bands)
                    assert whole.dtype == reader.info.dtype
                    for x, y, width, height in (
                        (0, 0, 1, 1),
                        (level.width // 3, level.height // 2, level.width // 2, 1),
                        (level.width // 2, level.height // 3, -1, -1),
                    ):
                        right = level.width if width < 0 else min(x + max(width, 1), level.width)
                        low = level.height if height < 0 else min(y + height, level.height)
                        part = plane.read(Rect(x, y, right - x, low - y))
                        np.testing.assert_allclose(
                            part, whole[y:low, x:right], rtol=0, atol=DRAWN.get(row.name, 0)
                        )
                        plane.release(Rect(x, y, right - x, low - y))
                    np.testing.assert_array_equal(plane.read(level.rect), whole)

    def test_encoded_tiles_cover_the_level(self, row: Format, path: Path | str) -> None:
        with open_reader(path, (row,)) as reader:
            for number, level in enumerate(reader.info.levels):
                plane = reader.plane(number, 0)
                encoded = plane.encoded()
                if encoded is None:
                    assert plane.places() is None
                    continue
                assert encoded.columns == -(-level.width // encoded.tile_width)
                assert encoded.rows == -(-level.height // encoded.tile_height)
                tiles = itertools.product(range(encoded.columns), range(encoded.rows))
                assert all(encoded.tile(column, line) for column, line in tiles)
                places = plane.places()
                if places is not None:
                    assert isinstance(path, Path)
                    stored = path.read_bytes()
                    offset, count = places.offsets[0], places.counts[0]
                    assert encoded.tile(0, 0) == stored[offset : offset + count]

    def test_threads_read_what_one_reads(self, row: Format, path: Path | str) -> None:
        with open_reader(path, (row,)) as reader, ThreadPoolExecutor(4) as pool:
            rects = [Rect(x, y, 50, 50) for y in (0, 50, 100) for x in (0, 50, 100)]
            plane = reader.plane(0, 0)
            alone = [np.array(plane.read(rect)) for rect in rects]
            for found, due in zip(pool.map(plane.read, rects * 3), alone * 3, strict=True):
                np.testing.assert_array_equal(found, due)

    def test_closed_is_closed(self, row: Format, path: Path | str) -> None:
        reader = open_reader(path, (row,))
        reader.close()
        reader.close()

    @pytest.mark.parametrize("share", [0.02, 0.6, 0.95])
    def test_a_file_cut_short_is_an_error_of_ours(
        self, row: Format, path: Path | str, tmp_path: Path, share: float
    ) -> None:
        if isinstance(path, str):
            pytest.skip("there is no file")
        shutil.copytree(path.parent, tmp_path, dirs_exist_ok=True)
        path = tmp_path / path.name
        for file in [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]:
            data = file.read_bytes()
            file.write_bytes(data[: int(len(data) * share)])
        # nothing else may come out of it, and what it can still read, it reads
        with suppress(ZigguratError), open_reader(path, (row,)) as reader:
            everything(reader)


def everything(reader: Reader) -> None:
    """Read all there is."""
    for frame in range(reader.info.frames):
        for number, level in enumerate(reader.info.levels):
            reader.plane(number, frame).read(level.rect)
    for name in reader.info.associated:
        reader.associated(name).read()


class TestReaders(ReaderContract):
    """Every row of the table."""
