"""One encoded tile to pixels; code streams cut and joined without decoding.

To add a codec: its decoder in ``decode``.
"""
