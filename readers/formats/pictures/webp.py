"""The pixels of WebP pictures, by Pillow: libvips decodes them on threads that no fork survives."""

import io
from typing import BinaryIO

import numpy as np

from ziggurat.readers.formats.pictures.base import Room, check_unchanged
from ziggurat.readers.formats.pictures.pillow import opened
from ziggurat.readers.io.bytes import ByteFile
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.reader import Pixels

_MODES = {3: "RGB", 4: "RGBA"}


def decode_webp(location: Location, data: bytes | None, room: Room, bands: int) -> Pixels:
    """Return (frame, y, x, band) of a picture or an animation, out of its file or its bytes."""
    file: BinaryIO = io.BytesIO(data or b"")
    if data is None:
        file = io.BufferedReader(ByteFile(location.open_bytes()))
    with opened(location, file, ("WEBP",)) as image:
        image.load()  # a forged size fails here, before it costs memory
        out = room()
        count, height, width, _ = out.shape
        found = (getattr(image, "n_frames", 1), *reversed(image.size))
        check_unchanged(location.url, (count, height, width), found)
        for number in range(-(-room.rows // height)):
            image.seek(number)
            out[number] = np.asarray(image.convert(_MODES[bands]))
        return out
