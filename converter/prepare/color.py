"""The same image with its ICC profile applied: sRGB pixels, and no profile any more."""

import dataclasses

import numpy as np

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.style.icc import to_srgb
from ziggurat.readers.style.parse import Intent
from ziggurat.readers.views.views import OtherPixels, View


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

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane as sRGB; alpha stays."""
        return _SrgbPlane(self.source.plane(level, frame), self.source.info)


class _SrgbPlane(OtherPixels):
    __slots__ = ("_info",)

    def __init__(self, source: Plane, info: ImageInfo) -> None:
        super().__init__(source)
        self._info = info

    def read(self, rect: Rect) -> Pixels:
        """Return sRGB pixels."""
        return to_srgb(self.source.read(rect), self._info, Intent.PERCEPTUAL)
