"""Zarr v2 and v3 hierarchies as images. To add a codec's name: ``compressors``."""
