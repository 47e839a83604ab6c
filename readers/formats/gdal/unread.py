"""What a file is that GDAL is not asked to read: a sentence for its user, who has a sound file."""

from osgeo import gdal

from ziggurat.readers.geo.gdal_access import FENCE, gdal_name, quiet_gdal
from ziggurat.readers.geo.gdal_calls import GDAL_ERRORS
from ziggurat.readers.io.location import Location

# Containers of many variables, levels and times: which of them is the image, only a person knows.
_CONTAINERS = (
    (b"CDF\x01", "NetCDF"),
    (b"CDF\x02", "NetCDF"),
    (b"CDF\x05", "NetCDF"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"\x0e\x03\x13\x01", "HDF4"),
    (b"GRIB", "GRIB"),
)
_NETCDF_SUFFIXES = (".nc", ".nc4", ".cdf")  # NetCDF 4 lies in HDF5
_VECTORS = (
    "GeoJSON",
    "GeoJSONSeq",
    "TopoJSON",
    "ESRI Shapefile",
    "GPKG",
    "FlatGeobuf",
    "GML",
    "KML",
    "GPX",
    "MapInfo File",
    "SQLite",
    "DXF",
    "Parquet",
)


def why_unread(location: Location) -> str:
    """Return what a file is that no raster driver took."""
    for magic, name in _CONTAINERS:
        if location.head.startswith(magic):
            if name == "HDF5" and location.name.endswith(_NETCDF_SUFFIXES):
                name = "NetCDF"
            return (
                f"{name} is not read: it is a container of many variables; take the wanted one "
                f"out with gdal_translate (gdalinfo lists them) and open that GeoTIFF"
            )
    vector = None if location.is_remote else _vector_driver(gdal_name(location.url))
    if vector is not None:
        return (
            f"a file of vectors ({vector}), which has no pixels and is not read; "
            "gdal_rasterize makes a raster of it"
        )
    return "GDAL knows no raster format like this one"


def _vector_driver(name: str) -> str | None:
    known = [driver for driver in _VECTORS if gdal.GetDriverByName(driver) is not None]
    with quiet_gdal(), gdal.config_options(FENCE):
        try:
            driver = gdal.IdentifyDriverEx(name, gdal.OF_VECTOR, known)
        except GDAL_ERRORS:
            return None
    return None if driver is None else str(driver.ShortName)
