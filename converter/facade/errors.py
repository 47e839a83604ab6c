"""Every error that ziggurat raises on purpose."""

from ziggurat.readers.errors import *  # noqa: F403
