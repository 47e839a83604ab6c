"""TIFF mechanics: structure, layout, tile tables, planes; knows no vendor."""
