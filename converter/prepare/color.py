"""The same image with its ICC profile applied: sRGB pixels, and no profile any more."""

import dataclasses

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.style.icc import to_srgb
from ziggurat.readers.style.parse import Intent
from ziggurat.readers.views.views import View


class SrgbReader(View):
    """Pixels converted to sRGB as they are read, so that none can be copied."""

    def __init__(self, reader: Reader) -> None:
        info = reader.info
        if info.dtype != np.uint8 or info.bands - info.alpha != 3:
            raise OptionError(
                f"a profile is applied to three colours of 8 bits, not {info.bands} bands of "
                f"{info.dtype}; keep it instead"
            )
        super().__init__(reader, dataclasses.replace(info, icc_profile=None))

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return sRGB pixels; alpha stays."""
        pixels = self.source.read(level, frame, rect)
        return to_srgb(pixels, self.source.info, Intent.PERCEPTUAL)

    def encoded(self, level: int, frame: int) -> EncodedLevel | None:
        """Return None: the stored tiles are not sRGB."""
        del level, frame
        return None


def in_srgb(reader: Reader) -> Reader:
    """Return an image as sRGB; one without a profile is taken to be that."""
    return reader if reader.info.icc_profile is None else SrgbReader(reader)
