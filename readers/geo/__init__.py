"""Coordinates on earth, and how GDAL is let near a file."""
