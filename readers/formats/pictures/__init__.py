"""Ordinary pictures, each by its library.

To add one: one file here and one row in the formats' ``registry``.
"""
