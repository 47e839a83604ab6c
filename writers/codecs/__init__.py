"""Pixels to one encoded tile or chunk. To add a codec: its encoder here."""
