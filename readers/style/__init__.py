"""Styles: parsed once, applied to windows.

To add a word of the style language: ``parse`` and ``apply``.
"""
