"""The reference's names for the cache of tiles."""

from ziggurat.converter.compat.cache_util import *  # noqa: F403
