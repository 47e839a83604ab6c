"""One encoded tile to pixels; code streams cut and joined without decoding.

To add a codec: a file with its functions here and one row in ``readers.model.codec``.
"""
