"""Names that scripts look for in the reference's ``tilesource``."""

from ziggurat.converter.compat.tilesource import *  # noqa: F403
