"""The reference's constants, by their usual home."""

from ziggurat.readers.constants import *  # noqa: F403
