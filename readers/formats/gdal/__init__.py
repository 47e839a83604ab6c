"""Rasters through GDAL, and their projected view."""
