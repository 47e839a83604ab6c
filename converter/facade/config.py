"""The reference's configuration, as far as it means something here."""

from ziggurat.converter.compat.config import *  # noqa: F403
