"""One file a vendor or kind: how it is recognised, its structure and its facts.

To add one: one file here that makes a ``TiffKind`` (``kind.py``), and one row in ``kinds``.
"""
