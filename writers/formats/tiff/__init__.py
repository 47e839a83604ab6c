"""TIFF, OME-TIFF and SVS outputs."""
