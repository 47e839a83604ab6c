"""Real files of other kinds: what can be copied is, and other programs read the same pixels."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import pyvips
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.formats.registry import open_reader

COPIED = [
    ("dicom-wsi/napari-wsi-CMU-1-Small-Region", "jpeg"),
    ("dicom-wsi/wsi2dcm-jpeg2000", "jpeg2000"),
    ("hamamatsu-ndpi/test3-DAPI.ndpi", "jpeg"),
    ("ome-tiff/OS-2-ndpi.ome.tif", "jpeg"),
    ("ome-tiff/2048x2048_ome6_tiled.ome.tif", "deflate"),  # big-endian, 16 bits, three channels
    ("ome-tiff/nyxus-dim5_pyramid.ome.tif", "none"),
    ("tiff/wsic-CMU-1-Small-Region.webp.tiff", "webp"),
    ("tiff/wsic-CMU-1-Small-Region.jp2.tiff", "jpeg2000"),
    ("tiff/boxes.tiff", "deflate"),
]
ENCODED = [
    "akoya-qptiff/small_vectra.qptiff",  # strips
    "ome-zarr/ngio-v05-tczyx.zarr",
    "ome-zarr/tiledb-CMU-1-Small-Region.ome.zarr",
    "ome-tiff/multi-channel-z-series.ome.tif",
]
EXACT = ConvertOptions(levels="source", verify="full")


@pytest.mark.parametrize(
    ("name", "codec", "target"),
    [
        pytest.param(*case, target, marks=() if n % 2 == m else pytest.mark.slow)
        for n, case in enumerate(COPIED)
        for m, target in enumerate(["out.tiff", "out.ome.tiff"])
    ],
)
def test_stored_tiles_go_over_as_they_are(
    data_file: Callable[[str], Path], tmp_path: Path, name: str, codec: str, target: Any
) -> None:
    report = convert(data_file(name), tmp_path / target, EXACT)
    assert {step.codec for step in report.plan.steps} == {codec}
    assert report.tiles_encoded == 0
    assert report.verification is not None
    assert {check.compared for check in report.verification.levels} == {"bytes"}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        *(
            pytest.param(name, target, marks=() if (n - m) % 3 == 1 else pytest.mark.slow)
            for n, name in enumerate(ENCODED)
            for m, target in enumerate(["out.tiff", "out.ome.tiff", "out.zarr.zip"])
        ),
        ("hamamatsu-vms/test3-DAPI.vms", "out.zarr.zip"),  # large: a part of it
    ],
)
def test_the_rest_is_encoded_without_loss(
    data_file: Callable[[str], Path], tmp_path: Path, name: str, target: Any
) -> None:
    # lossy slides become JPEG unless another codec is asked for
    options = EXACT if target.endswith("zip") else dataclasses.replace(EXACT, compression="deflate")
    if name.endswith(".vms") or "CMU" in name:
        region = {"left": 500, "top": 300, "width": 900, "height": 700}
        options = dataclasses.replace(options, region=region)
    report = convert(data_file(name), tmp_path / target, options)
    assert report.verification is not None
    assert all(check.max_error == 0 for check in report.verification.levels)
    with open_reader(data_file(name)) as theirs, open_reader(tmp_path / target) as ours:
        assert ours.info.frames == theirs.info.frames
        assert [c.name for c in ours.info.channels] == [c.name for c in theirs.info.channels]


def test_ndpi_in_other_programs(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    source, output = data_file("hamamatsu-ndpi/test3-DAPI.ndpi"), tmp_path / "out.tiff"
    convert(source, output, ConvertOptions(levels="source"))
    with openslide.OpenSlide(source) as theirs:
        expected = np.asarray(theirs.read_region((1000, 1000), 0, (800, 900)))[..., :3]
    with tifffile.TiffFile(output) as tif:
        assert np.array_equal(tif.pages[0].asarray()[1000:1900, 1000:1800], expected)
    picture = pyvips.Image.new_from_file(str(output)).crop(1000, 1000, 800, 900).numpy()
    assert np.array_equal(picture[..., :3], expected)


def test_a_raster_on_earth_becomes_a_cog(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    from osgeo import gdal

    source, output = data_file("geotiff/rio-tiler/cog.tif"), tmp_path / "out.tif"
    report = convert(source, output, ConvertOptions(verify="full"))
    assert report.plan.target.name == "cog"
    with gdal.ExceptionMgr(useExceptions=True):
        ours, theirs = gdal.Open(str(output)), gdal.Open(str(source))
        assert ours.GetGeoTransform() == theirs.GetGeoTransform()
        assert ours.GetProjection() == theirs.GetProjection()
        assert ours.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE") == "COG"
        assert np.array_equal(ours.ReadAsArray(), theirs.ReadAsArray())


def test_a_mask_of_gdal_comes_along(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    from osgeo import gdal

    source, output = data_file("geotiff/rio-tiler/cog_rgb_mask.tif"), tmp_path / "out.tif"
    convert(source, output, ConvertOptions(compression="deflate"))
    with gdal.ExceptionMgr(useExceptions=True):
        datasets = [gdal.Open(str(p)) for p in (source, output)]
        masks = [dataset.GetRasterBand(1).GetMaskBand().ReadAsArray() for dataset in datasets]
        assert np.array_equal(masks[0], masks[1])
        assert (masks[0] == 0).any()
