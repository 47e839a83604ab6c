"""Colour conversion by the image's own ICC profile (lcms, through Pillow)."""

import io
from functools import lru_cache

import numpy as np

from ziggurat.readers.errors import StyleError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.style.parse import Intent


def to_srgb(pixels: Pixels, info: ImageInfo, intent: Intent) -> Pixels:
    """Convert 8-bit colours to sRGB; alpha and images without profile stay as they are.

    Parameters
    ----------
    pixels
        uint8 (y, x, 1, 3 or 4).

    Raises
    ------
    StyleError
        The profile is damaged, or not one for such pixels.
    """
    colors = pixels.shape[2] - info.alpha
    if info.icc_profile is None or pixels.dtype != np.uint8 or colors != 3:
        return pixels
    from PIL import Image, ImageCms

    try:
        transform = _transform(info.icc_profile, intent)
        picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
        converted = np.asarray(ImageCms.applyTransform(picture, transform))
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        raise StyleError(f"the image's ICC profile can't be applied: {error}") from error
    return converted if not info.alpha else np.concatenate([converted, pixels[..., 3:]], axis=2)


@lru_cache(maxsize=16)
def _transform(profile: bytes, intent: Intent):  # type: ignore[no-untyped-def]
    from PIL import ImageCms

    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        "RGB",
        "RGB",
        renderingIntent=ImageCms.Intent(intent.value),
    )
