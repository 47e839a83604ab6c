"""Formats whose libraries may crash, hang or bring a machine of their own: each in its own process.

To add one: a module here with ``open_reader(location)``, which makes a ``FencedReader``, and
``open_image(path)``, which that calls in the process.
"""
