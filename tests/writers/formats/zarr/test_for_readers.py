"""What xarray and GDAL look for in an array's attributes."""

import json
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation, Level
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import ArrayReader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

_PLACE = GeoReference("EPSG:32633", (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))


def written(path: Path, version: OmeVersion, geo: GeoReference | None) -> Path:
    pixels = np.zeros((40, 50, 1), np.uint16)
    info = ImageInfo(
        format="made up", levels=(Level(50, 40, 32, 32),), bands=1, dtype=pixels.dtype,
        interpretation=Interpretation.GRAY, geo=geo,
    )  # fmt: skip
    write(ArrayReader(pixels, info), path, WriteOptions(ome_version=version))
    return path


def test_arrays_of_0_4_name_their_dimensions(tmp_path: Path) -> None:
    path = written(tmp_path / "a.zarr", OmeVersion.V04, None)
    said = json.loads((path / "0" / ".zattrs").read_text())
    assert said == {"_ARRAY_DIMENSIONS": ["y", "x"]}


@pytest.mark.parametrize("version", list(OmeVersion))
def test_arrays_of_maps_say_their_projection(version: OmeVersion, tmp_path: Path) -> None:
    from osgeo import osr

    osr.UseExceptions()
    path = written(tmp_path / "a.zarr", version, _PLACE)
    name = "zarr.json" if version is OmeVersion.V05 else ".zattrs"
    said = json.loads((path / "0" / name).read_text())
    wkt = said.get("attributes", said)["_CRS"]["wkt"]
    reference = osr.SpatialReference()
    reference.ImportFromWkt(wkt)
    assert reference.GetAuthorityCode(None) == "32633"
    with ziggurat.open(path) as source:
        assert source.getMetadata()["sizeX"] == 50
