"""An opened image as the pixels' functions take it: its reader, and where its tiles may live."""

from collections.abc import Hashable
from copy import copy
from dataclasses import dataclass, field

from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.pixels.cache import ByteCache


@dataclass(frozen=True, slots=True)
class Image:
    """An opened image and the cache its tiles may live in.

    ``identity`` is None for images that may change while they are read. ``keep`` False: what is
    read will not be asked for again, so that the cache is looked into but not filled. ``path`` is
    what was opened, where there is such: nothing may be written there.
    """

    reader: Reader
    cache: ByteCache | None = None
    identity: Hashable = None
    keep: bool = True
    path: str | None = None
    info: ImageInfo = field(init=False)  # a field: it is asked for several times a call
    pyramid: Pyramid = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "info", self.reader.info)
        object.__setattr__(self, "pyramid", Pyramid(self.info))

    def keeping(self, keep: bool) -> "Image":
        """Return the same image, with what is read kept or not."""
        if keep == self.keep:
            return self
        other = copy(self)
        object.__setattr__(other, "keep", keep)
        return other
