"""Cloud-optimized GeoTIFF, through GDAL."""
