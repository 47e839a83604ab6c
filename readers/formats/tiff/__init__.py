"""The TIFF family, from pages to an image.

To add a vendor's TIFF: one file in ``vendors`` and one row in ``kinds``.
"""
