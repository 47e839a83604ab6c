"""What the public methods need of whoever has them: an image, and how it was opened."""

from typing import Protocol

from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.options import OpenOptions


class HasImage(Protocol):
    """Whoever has the read API: a source, a sink, a test's made-up image."""

    _options: OpenOptions

    def _image(self) -> Image:
        """Return what one call looks at: a fresh reader, with fresh facts, where it grows."""


def facts_of(opened: HasImage) -> ImageInfo:
    """Return the facts of an opened image."""
    return opened._image().info
