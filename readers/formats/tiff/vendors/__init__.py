"""One file a vendor or kind: its structure and its facts.

To add one: one file here and one row in ``kinds``.
"""
