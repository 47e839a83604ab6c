"""Which outputs may be laid out as a cloud-optimized TIFF: directories, then small levels."""

from typing import Protocol

from ziggurat.readers.errors import OptionError
from ziggurat.writers.model.options import PyramidStyle


class Ordered(Protocol):
    """What is asked of an output: its row in the table."""

    @property
    def name(self) -> str:
        """As ``--format`` takes it."""

    @property
    def cog_order(self) -> bool:
        """It can be laid out so."""


def check_cog_order(output: Ordered, frames: int, pyramid: PyramidStyle | None = None) -> None:
    """Refuse the layout of a COG where there are no pages of levels to put in order.

    Raises
    ------
    OptionError
        The output is no plain TIFF, there are several frames, or levels are no pages.
    """
    if not output.cog_order:
        raise OptionError(f"--layout cog is invalid for {output.name}: it is for .tif and .tiff")
    if frames > 1:
        raise OptionError(
            f"--layout cog must be for one frame, not {frames}: choose one (--frames), or .ome.tiff"
        )
    if pyramid is PyramidStyle.SUBIFD:
        raise OptionError("layout='cog' puts levels into pages, pyramid='subifd' below their page")
