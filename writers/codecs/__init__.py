"""Pixels to one encoded tile or chunk. A codec is a row in ``readers.model.codec``."""
