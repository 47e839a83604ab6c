"""OME-Zarr outputs, read by zarr-python and checked by ome-zarr-models, not by our own reader."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tests.hooked import HookedArray
from tests.writers.formats.zarr.made import (
    VERSIONS,
    halved,
    hold,
    ome,
    opened,
    out,
    picture,
    with_associated,
)
from ziggurat.readers.errors import OptionError, SourceError, TargetExistsError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.ngff.attributes import level_factor
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.readers.views.views import CropReader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.reducers import Reducer


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ozx"])
def test_an_rgb_pyramid_is_valid_and_right(
    tmp_path: Path, version: OmeVersion, suffix: str
) -> None:
    if suffix == ".ozx" and version is OmeVersion.V04:
        pytest.skip("ozx is 0.5 alone")
    pixels = picture((301, 419, 3))
    reader = array_reader(pixels)
    reader.info = replace(reader.info, mm_x=0.0005, mm_y=0.00025)
    options = WriteOptions(tile_size=64, ome_version=version)
    report = write(reader, out(tmp_path, suffix), options)
    group = opened(report.path)
    hold(group, version)
    multiscale = ome(group)["multiscales"][0]
    assert [a["name"] for a in multiscale["axes"]] == ["c", "y", "x"]
    assert [a.get("unit") for a in multiscale["axes"]] == [None, "micrometer", "micrometer"]
    expected = pixels
    assert len(multiscale["datasets"]) == 4
    for number, dataset in enumerate(multiscale["datasets"]):
        level = group[dataset["path"]]
        np.testing.assert_array_equal(level[:].transpose(1, 2, 0), expected)
        assert level.chunks[0] == 3
        scale, *shift = dataset["coordinateTransformations"]
        assert scale["scale"] == pytest.approx([1, 0.25 * 2**number, 0.5 * 2**number])
        if number:
            half = (2**number - 1) / 2
            assert shift[0]["translation"] == pytest.approx([0, 0.25 * half, 0.5 * half])
        expected = halved(expected)
    channels = ome(group)["omero"]["channels"]
    assert [c["color"] for c in channels] == ["FF0000", "00FF00", "0000FF"]
    assert channels[0]["window"] == {"min": 0, "max": 255, "start": 0, "end": 255}
    assert ome(group)["omero"]["rdefs"]["model"] == "color"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "dtype",
    ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"],
)
def test_every_dtype_stays_what_it_is(tmp_path: Path, dtype: str, version: OmeVersion) -> None:
    pixels = picture((70, 90, 1), dtype)
    if dtype in ("u8", "i8", "u4", "i4"):
        pixels[0, 0] = np.iinfo(dtype).max
    options = WriteOptions(tile_size=32, ome_version=version, reducer=Reducer.NEAREST)
    group = opened(write(array_reader(pixels), out(tmp_path), options).path)
    hold(group, version)
    expected = pixels[..., 0]
    for number in range(3):
        level = group[str(number)][:]
        assert level.dtype == pixels.dtype
        np.testing.assert_array_equal(level, expected)
        expected = expected[::2, ::2]


def by_turns() -> Iterator[object]:
    """Each codec with each dtype in one version of two; in the other where there is time."""
    codecs, dtypes = ["none", "blosc", "zstd", "gzip"], [np.uint8, np.uint16, np.float32]
    for (a, dtype), (b, codec), (c, version) in product(
        enumerate(dtypes), enumerate(codecs), enumerate(VERSIONS)
    ):
        marks = () if (a + b + c) % 2 else pytest.mark.slow
        yield pytest.param(dtype, codec, version, marks=marks)


@pytest.mark.parametrize(("dtype", "compression", "version"), list(by_turns()))
def test_every_codec_is_zarr_s_own(
    tmp_path: Path, compression: str, dtype: Any, version: OmeVersion
) -> None:
    pixels = picture((70, 90, 5), dtype)
    for level in (None, 7 if compression != "none" else None):
        options = WriteOptions(
            tile_size=32,
            compression=Codec(compression),
            ome_version=version,
            overwrite=True,
            level=level,
        )
        group = opened(write(array_reader(pixels), out(tmp_path), options).path)
        np.testing.assert_array_equal(group["0"][:].transpose(1, 2, 0), pixels)
        np.testing.assert_allclose(group["1"][:].transpose(1, 2, 0), halved(pixels), rtol=1e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_associated_images_are_kept_beside_the_multiscale(
    tmp_path: Path, version: OmeVersion
) -> None:
    reader = with_associated(array_reader(picture((64, 64, 3))), {"gone": np.zeros((0, 0, 3))})
    report = write(reader, out(tmp_path), WriteOptions(ome_version=version))
    assert report.lost == ("associated image 'gone' can't be read: it is gone",)
    group = opened(report.path)
    hold(group, version)
    paths = group.attrs.asdict()["ziggurat"]["associated"]
    assert set(paths) == {"label", "macro", "über/all.."}
    for name, path in paths.items():
        hold(group[path], version)
        stored = group[path]["0"][:]
        shown = stored.transpose(1, 2, 0) if stored.ndim == 3 else stored[..., np.newaxis]
        np.testing.assert_array_equal(shown, reader.images[name])


def test_no_metadata_says_that_pixels_have_no_size(tmp_path: Path) -> None:
    """The reference writes a scale of 0 where it doesn't know one."""
    group = opened(write(array_reader(picture((700, 600, 3))), out(tmp_path)).path)
    multiscale = ome(group)["multiscales"][0]
    scales = [d["coordinateTransformations"][0]["scale"] for d in multiscale["datasets"]]
    assert scales == [[1, 1, 1], [1, 2, 2]]
    assert all("unit" not in axis for axis in multiscale["axes"])
    assert ome(group)["version"] == "0.5"
    assert {c["label"] for c in ome(group)["omero"]["channels"]} == {"red", "green", "blue"}


def test_writing_changes_nothing_in_the_source(tmp_path: Path) -> None:
    """The reference adds levels to the live sink, and the next output is made from them."""
    pixels = np.stack([np.full((300, 300, 1), 20 * n, np.uint8) for n in range(1, 4)])
    reader = array_reader(pixels, "cyxs")
    options = WriteOptions(tile_size=64, overwrite=True)
    first = write(reader, out(tmp_path, ".ozx"), options).path.read_bytes()
    group = opened(write(reader, out(tmp_path), options).path)
    assert [group["2"][c].mean() for c in range(3)] == [20, 40, 60]
    assert write(reader, out(tmp_path, ".ozx"), options).path.read_bytes() == first


def test_an_output_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = write(array_reader(picture((20, 20, 3))), out(tmp_path)).path
    with pytest.raises(TargetExistsError, match="exists"):
        write(array_reader(picture((30, 30, 3))), path)
    assert opened(path)["0"].shape == (3, 20, 20)
    write(array_reader(picture((30, 30, 3))), path, WriteOptions(overwrite=True))
    assert opened(path)["0"].shape == (3, 30, 30)


@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ozx"])
def test_a_source_that_fails_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    class Failing(HookedArray):
        def read(self, level: int, frame: int, rect: Any) -> Pixels:
            if rect.y > 100:
                raise SourceError("the disk is gone")
            return super().read(level, frame, rect)

    whole = array_reader(picture((1000, 300, 3)))
    reader = Failing(picture((1000, 300, 3)), whole.info)
    with pytest.raises(SourceError, match="the disk is gone"):
        write(reader, out(tmp_path, suffix), WriteOptions(tile_size=128))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (WriteOptions(compression=Codec.WEBP), "webp is not for OME-Zarr, which takes blosc"),
        (
            WriteOptions(compression=Codec.ZSTD, level=99),
            "levels of zstd are 1 to 22, not 99",
        ),
        (WriteOptions(compression=Codec.GZIP, level=0), "levels of gzip are 1 to 9, not 0"),
        (WriteOptions(level=10), "levels of blosc are 0 to 9, not 10"),
    ],
)
def test_what_can_t_be_is_refused_in_a_sentence(
    tmp_path: Path, options: WriteOptions, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        write(array_reader(picture((20, 20, 3))), out(tmp_path), options)
    assert list(tmp_path.iterdir()) == []


def test_full_resolution_alone(tmp_path: Path) -> None:
    options = WriteOptions(tile_size=32, pyramid=PyramidStyle.NONE)
    group = opened(write(array_reader(picture((100, 100, 3))), out(tmp_path), options).path)
    assert sorted(group.array_keys()) == ["0"]


def test_real_tissue_gains_by_zstd(tmp_path: Path, tissue: np.ndarray) -> None:
    plain = write(array_reader(tissue), out(tmp_path, ".ozx"))
    small = write(array_reader(tissue), out(tmp_path), WriteOptions(compression=Codec.ZSTD))
    assert plain.bytes < tissue.nbytes
    assert small.bytes < tissue.nbytes * 0.95


@each(
    "full, small, factor",
    [(301, 151, 2), (301, 150, 2), (301, 76, 4), (301, 75, 4), (1, 1, 1), (100, 33, 100 / 33)],
)
def test_level_factors_are_exact_powers_of_two(full: int, small: int, factor: float) -> None:
    assert level_factor(full, small) == pytest.approx(factor)


Finder = Callable[[str], Path]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_slide(tmp_path: Path, data_file: Finder, version: OmeVersion) -> None:

    with open_reader(data_file("aperio-svs/CMU-1-Small-Region.svs")) as whole:
        slide = CropReader(whole, Rect(700, 900, 900, 800))
        options = WriteOptions(ome_version=version)
        group = opened(write(slide, out(tmp_path, ".zarr.zip"), options).path)
        full = slide.plane(0, 0).read(slide.info.levels[0].rect)
    hold(group, version)
    np.testing.assert_array_equal(group["0"][:].transpose(1, 2, 0), full)
    np.testing.assert_array_equal(group["1"][:].transpose(1, 2, 0), halved(full))
    assert group.attrs.asdict()["ziggurat"]["magnification"] == 20
