"""Associated images of an image that is made smaller: a thumbnail, and images as JPEG."""

from collections.abc import Mapping, Sequence

import imagecodecs
import numpy as np

from ziggurat.converter.plan.pictures import PictureStep
from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import (
    AssociatedImage,
    DecodedImage,
    DecodedPlane,
    Pixels,
    Plane,
    Reader,
)
from ziggurat.readers.views.resampled import ResampledReader
from ziggurat.readers.views.views import View

THUMBNAIL = "thumbnail"
_SHARE, _LEAST = 4, 256  # of the image's longer side, pixels: a thumbnail has no more of them


class SmallerThumbnail(View):
    """An image made smaller, its thumbnail too: as large as the image it would be of no use."""

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image, the thumbnail of a quarter of the image's sides at most."""
        image = self.source.associated(name)
        return DecodedImage(lambda: self._smaller(image.read())) if name == THUMBNAIL else image

    def _smaller(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        wanted = thumbnail_size(self.info, width, height)
        small = ResampledReader(_Picture(pixels), *wanted)
        return small.plane(0, 0).read(small.info.levels[0].rect)


def with_smaller_thumbnail(reader: Reader) -> tuple[Reader, tuple[str, ...]]:
    """Return an image that was made smaller with a thumbnail that is still one, and what is new."""
    if THUMBNAIL not in reader.info.associated:
        return reader, ()
    try:
        height, width = reader.associated(THUMBNAIL).read().shape[:2]
    except SourceError:
        return reader, ()  # the writer says it
    if thumbnail_size(reader.info, width, height) == (width, height):
        return reader, ()
    return SmallerThumbnail(reader), (THUMBNAIL,)


def thumbnail_size(info: ImageInfo, width: int, height: int) -> tuple[int, int]:
    """Return the size of a thumbnail beside an image, no larger than it is."""
    most = max(_LEAST, max(info.width, info.height) // _SHARE)
    factor = max(1.0, max(width, height) / most)
    return max(1, round(width / factor)), max(1, round(height / factor))


class _Picture(Reader):
    """Decoded pixels as an image, to be resampled like any other."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        height, width, bands = pixels.shape
        self.info = ImageInfo(
            format="associated",
            levels=(Level(width, height, width, height),),
            bands=bands,
            dtype=pixels.dtype,
            interpretation=Interpretation.MULTIBAND,
        )

    def plane(self, level: int, frame: int) -> Plane:
        """Return the pixels."""
        del level, frame
        return _PicturePlane(self._pixels)


class _PicturePlane(DecodedPlane):
    __slots__ = ("_pixels",)

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def read(self, rect: Rect) -> Pixels:
        """Return a part."""
        return self._pixels[rect.y : rect.bottom, rect.x : rect.right]


class JpegPictures(View):
    """An image of whose associated images some are JPEG, in any container that takes those."""

    def __init__(self, reader: Reader, qualities: Mapping[str, int]) -> None:
        super().__init__(reader)
        self._qualities = qualities

    def associated(self, name: str) -> AssociatedImage:
        """Return an associated image, encoded as planned."""
        image = self.source.associated(name)
        quality = self._qualities.get(name)
        return image if quality is None else _JpegImage(image, quality)


class _JpegImage(AssociatedImage):
    __slots__ = ("_quality", "_source")

    def __init__(self, source: AssociatedImage, quality: int) -> None:
        self._source, self._quality = source, quality

    def read(self) -> Pixels:
        """Return the pixels before they lose anything."""
        return self._source.read()

    def encoded(self) -> EncodedImage:
        """Return one JPEG stream with all of the chroma: labels are coloured letters."""
        pixels = self._source.read()
        height, width, bands = pixels.shape
        samples = np.ascontiguousarray(pixels if bands > 1 else pixels[..., 0])
        data = imagecodecs.jpeg8_encode(samples, level=self._quality, subsampling="444")
        return EncodedImage(Codec.JPEG, width, height, bytes(data))

    def stored(self) -> None:
        """Return None: the source's strips hold other bytes."""


def with_planned_pictures(reader: Reader, steps: Sequence[PictureStep]) -> Reader:
    """Return an image whose associated images are encoded as a plan says."""
    qualities = {step.name: step.quality for step in steps if step.quality is not None}
    return JpegPictures(reader, qualities) if qualities else reader
