"""Whether a file is a cloud-optimized GeoTIFF, by GDAL's own check."""

from osgeo_utils.samples import validate_cloud_optimized_geotiff as gdal_check

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.geo.gdal_access import quiet_gdal


def validate_cog(
    name: str, *, check_tiled: bool = True, full_check: bool = False
) -> tuple[list[str], list[str], dict[str, object]]:
    """Return warnings, errors and details (where which directory and tile data lie).

    Parameters
    ----------
    name
        What GDAL calls the file.
    check_tiled
        Count it as an error when the full resolution is in strips.
    full_check
        Look at every tile's place, not only at the first ones.

    Raises
    ------
    UnsupportedFormatError
        It is no TIFF at all.
    """
    with quiet_gdal():
        try:
            found, errors, details = gdal_check.validate(
                name, check_tiled=check_tiled, full_check=full_check
            )
        except gdal_check.ValidateCloudOptimizedGeoTIFFException as error:
            raise UnsupportedFormatError(f"{name} is no GeoTIFF: {error}") from error
    return list(found), list(errors), dict(details)
