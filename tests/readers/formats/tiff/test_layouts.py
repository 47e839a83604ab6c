"""Made-up TIFFs: pyramids, missing tiles, stacks, and what is left to other readers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect


def opened(path: Path) -> TiffReader:
    return open_reader(locate(path))


def noise(shape: tuple[int, ...], dtype: Any, rng: np.random.Generator) -> np.ndarray:
    limits = np.iinfo(dtype)
    return rng.integers(limits.min // 8, limits.max // 8 + 1, size=shape).astype(dtype)


@pytest.mark.parametrize("below", [True, False], ids=["subifds", "pages"])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_pyramids(tmp_path: Path, rng: np.random.Generator, below: bool, factor: int) -> None:
    full = noise((700, 900, 3), np.uint8, rng)
    levels = [full, full[::factor, ::factor], full[:: factor * factor, :: factor * factor]]
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for index, level in enumerate(levels):
            tif.write(
                level,
                tile=(128, 128),
                photometric="rgb",
                metadata=None,
                subifds=2 if below and index == 0 else None,
                subfiletype=1 if index else 0,
            )
    reader = opened(path)
    sizes = [(level.width, level.height) for level in reader.info.levels]
    assert sizes == [level.shape[1::-1] for level in levels]
    for index, level in enumerate(levels):
        found = reader.plane(index, 0).read(reader.info.levels[index].rect)
        np.testing.assert_array_equal(found, level)


def test_missing_tiles_show_nodata_and_are_blank(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = noise((256, 256, 1), np.int16, rng)
    path = tmp_path / "a.tif"
    tiles = [pixels[:128, :128, 0].tobytes(), b"", b"", pixels[128:, 128:, 0].tobytes()]
    tifffile.imwrite(
        path,
        iter(tiles),
        shape=(256, 256),
        dtype=np.int16,
        tile=(128, 128),
        compression=None,
        photometric="minisblack",
        metadata=None,
        extratags=[(42113, 2, 0, "-32768", True)],
    )
    reader = opened(path)
    expected = np.full_like(pixels, -32768)
    expected[:128, :128], expected[128:, 128:] = pixels[:128, :128], pixels[128:, 128:]
    np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 256, 256)), expected)
    assert reader.info.nodata == -32768
    assert reader.plane(0, 0).is_blank(Rect(128, 0, 128, 128))
    assert not reader.plane(0, 0).is_blank(Rect(127, 0, 128, 128))
    level = reader.plane(0, 0).encoded()
    assert level is not None
    assert level.tile(1, 0) is None
    assert level.format.codec is Codec.NONE


def test_missing_tiles_of_an_aperio_level_come_from_the_one_above(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    path = tmp_path / "a.svs"
    said = "Aperio Image Library v1\n512x512 |AppMag = 20|MPP = 0.5"
    half = np.full((256, 256, 3), 9, np.uint8)
    tiles = [half[:128, :128].tobytes(), b"", half[128:, :128].tobytes(), b""]
    with tifffile.TiffWriter(path) as tif:
        tif.write(tissue, tile=(128, 128), photometric="rgb", description=said, metadata=None)
        tif.write(tissue[::4, ::4], photometric="rgb", metadata=None, rowsperstrip=16)
        tif.write(
            iter(tiles),
            shape=(256, 256, 3),
            dtype=np.uint8,
            tile=(128, 128),
            photometric="rgb",
            metadata=None,
            compression=None,
            description=said,
        )
    reader = opened(path)
    assert [level.width for level in reader.info.levels] == [512, 256]
    small = reader.plane(1, 0).read(Rect(100, 0, 156, 128))
    assert (small[:, :28] == 9).all()
    means = tissue.reshape(256, 2, 256, 2, 3).mean((1, 3))
    assert np.abs(small[:, 28:] - means[:128, 128:]).max() <= 1
    assert reader.info.associated == ("thumbnail",)


def test_contiguous_stacks_of_imagej(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = noise((3, 4, 2, 50, 60), np.uint16, rng)
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        pixels,
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "TZCYX", "spacing": 1.5, "unit": "um", "finterval": 0.25},
    )
    reader = opened(path)
    info = reader.info
    assert [(axis.name, axis.size) for axis in info.axes] == [("t", 3), ("z", 4), ("c", 2)]
    assert info.axes[0].values == (0, 0.25, 0.5)
    assert info.axes[1].values == (0, 1.5, 3, 4.5)
    assert info.mm_x == pytest.approx(0.0005)
    for frame, plane in enumerate(pixels.reshape(-1, 50, 60)):
        np.testing.assert_array_equal(
            reader.plane(0, frame).read(Rect(0, 0, 60, 50))[..., 0], plane
        )


@pytest.mark.parametrize("codec", ["zlib", None])
@pytest.mark.parametrize("rows", [16, 90])
def test_pages_of_one_size_are_frames(
    tmp_path: Path, rng: np.random.Generator, codec: str | None, rows: int
) -> None:
    pixels = noise((5, 90, 100), np.uint8, rng)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for page in pixels:
            tif.write(page, compression=codec, rowsperstrip=rows, metadata=None)
    reader = opened(path)
    assert reader.info.frames == 5
    np.testing.assert_array_equal(reader.plane(0, 3).read(Rect(0, 0, 100, 90))[..., 0], pixels[3])


def test_complex_samples_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((20, 30), np.complex64))
    with pytest.raises(UnsupportedFormatError, match="can't be read"):
        opened(path)


def test_rows_of_one_uncompressed_strip_are_read_alone(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = noise((2000, 500, 3), np.uint8, rng)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, rowsperstrip=2000, photometric="rgb", metadata=None)
    reader = opened(path)
    sizes = []
    original = reader._source.read
    monkeypatch.setattr(
        reader._source, "read", lambda at, size: sizes.append(size) or original(at, size)
    )
    found = reader.plane(0, 0).read(Rect(10, 1000, 20, 7))
    np.testing.assert_array_equal(found, pixels[1000:1007, 10:30])
    assert sizes == [7 * 500 * 3]
