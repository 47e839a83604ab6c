"""Bytes of a place, local or remote, and lock files; no pixels.

To add a kind of place: one file here and one branch in ``location``.
"""
