"""One room a format. To add a format: one file or room here and one row in ``table``."""
