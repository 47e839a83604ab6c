"""Streams of every kind that the native kernel decodes, and ways to damage them."""

import dataclasses
import io
from collections.abc import Callable

import imagecodecs
import numpy as np
import simplejpeg
from PIL import Image

from ziggurat.readers.codecs.native.kernel import (
    TileKind,
    decode_tiles,
    kind_of,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.reader import Pixels

YCBCR = TileFormat(Codec.JPEG, Photometric.YCBCR, 3, 8, "uint8")


RGB = dataclasses.replace(YCBCR, photometric=Photometric.RGB)


GRAY = dataclasses.replace(YCBCR, photometric=Photometric.GRAY, bands=1)


WIDTH, HEIGHT = 250, 131  # neither is a multiple of a block


Encode = Callable[[np.ndarray], bytes]


def pillow(**options: object) -> Encode:
    def encode(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=85, **options)
        return file.getvalue()

    return encode


def rgb(pixels: np.ndarray) -> bytes:
    """Encode as Aperio does: RGB samples, and no marker that says so."""
    data = imagecodecs.jpeg8_encode(pixels, 85, colorspace="RGB", outcolorspace="RGB")
    return without_adobe(bytes(data))


def without_adobe(data: bytes) -> bytes:
    at = data.find(b"\xff\xee\0\x0eAdobe")
    return data if at < 0 else data[:at] + data[at + 16 :]


def gray(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[..., 1]), 85))


KINDS: dict[str, tuple[TileFormat, Encode]] = {
    **{
        sampling: (YCBCR, lambda p, s=sampling: simplejpeg.encode_jpeg(p, 85, "RGB", s))
        for sampling in ("444", "422", "420")
    },
    "rgb": (RGB, rgb),
    "gray": (GRAY, gray),
    "progressive": (YCBCR, pillow(progressive=True)),
    "restarts": (YCBCR, pillow(restart_marker_blocks=3)),
    "optimised": (YCBCR, pillow(optimize=True)),
}


def kind(form: TileFormat, width: int = WIDTH, height: int = HEIGHT) -> TileKind:
    found = kind_of(form, width, height)
    assert found is not None
    return found


def whole(data: bytes, form: TileFormat, scale: int = 1) -> tuple[int, Pixels]:
    """Decode a tile of 250 x 131; return its status and its pixels."""
    out = np.zeros((-(-HEIGHT // scale), -(-WIDTH // scale), form.bands), np.uint8)
    (status,) = decode_tiles([(data, out, 0, 0)], kind(form), scale=scale)
    return status, out


def lost(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + data[middle + 300 :]


def repeated(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[: middle + 300] + data[middle:]


def padded(data: bytes) -> bytes:
    return data[:-2] + bytes(9) + data[-2:]


DOUBTFUL: dict[str, Callable[[bytes], bytes]] = {
    "lost": lost,
    "repeated": repeated,
    "padded": padded,
    "cut short": lambda data: data[: len(data) // 2],
    "no end": lambda data: data[:-2],
    "no start": lambda data: b"xx" + data[2:],
    "empty": lambda _: b"",
    "noise": lambda data: bytes(len(data)),
}
