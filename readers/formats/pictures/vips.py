"""Ordinary pictures through libvips: PNG, JPEG, WebP, GIF, SVG, AVIF and what else it can.

The loader is chosen here by the first bytes, so that libvips never guesses: its CSV and matrix
loaders take any text for a picture. Images are decoded in sequential mode on the calling thread,
because libvips' worker threads don't survive a fork.

Pictures are turned as their EXIF orientation says. CMYK and Lab become sRGB; everything else
keeps its dtype and profile. A resolution counts as a physical pixel size only where pixels are
10 µm or finer: coarser ones speak of screens and printers.
"""

import contextlib
import dataclasses
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvips

from ziggurat.readers.codecs.jpeg_decode import decode_picture
from ziggurat.readers.codecs.jpeg_stream import parse_header
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.pictures.apart import draw
from ziggurat.readers.formats.pictures.base import (
    DecodedReader,
    Room,
    check_at_once,
    check_proportion,
    check_unchanged,
)
from ziggurat.readers.formats.pictures.drawing import check_drawing
from ziggurat.readers.formats.pictures.vips_fields import text_fields
from ziggurat.readers.formats.pictures.webp import decode_webp
from ziggurat.readers.formats.table import SLIDE_SUFFIXES
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

_TILE = 256
_STRIP_BYTES = 8 * 1024 * 1024
_COARSEST_MM = 0.01
_TAIL_BYTES = 64 * 1024  # scanners and cameras write behind the picture
_END = b"\xff\xd9"
_HEAD_BYTES = 256 * 1024
_ANIMATION = re.compile(rb"(?s)\0\0\0\x08acTL(.{4})")  # PNG 3: its frames are counted
_FURTHER = b"MPF\0"  # CIPA DC-007
_REMOTE_BYTES = 256 * 1024 * 1024
_PLAIN_JPEG = 100  # samples a byte; beyond, it is read row by row, and damage seen less well


@dataclass(frozen=True, slots=True)
class _Loader:
    """A loader of libvips, the bytes it is known by, and how much it can pack into one byte.

    Counted as stored: single bits and indices into palettes are not what they become. Deflate
    packs 1032 bytes into one, GIF's LZW 4096 into a code of 12 bits. A progressive JPEG's
    emptiest block is one bit: 64 samples. The other limits are generous guesses.
    """

    name: str
    magics: tuple[tuple[int, bytes], ...]
    packs: int = 20_000
    pages: str | None = None  # the axis that its pages make


_LOADERS = (
    _Loader("png", ((0, b"\x89PNG\r\n\x1a\n"),), packs=1_100),
    _Loader("jpeg", ((0, b"\xff\xd8\xff"),), packs=1_100),
    _Loader("webp", ((8, b"WEBP"),), packs=200_000, pages="t"),
    _Loader("gif", ((0, b"GIF87a"), (0, b"GIF89a")), packs=2_800, pages="t"),
    _Loader(
        "heif",
        tuple(
            (4, b"ftyp" + brand)
            for brand in (b"avif", b"avis", b"mif1", b"msf1")  # HEVC is left out of its wheels
        ),
        packs=200_000,
        pages="page",
    ),
    _Loader("svg", (), packs=10**9),
)
_INTERPRETATIONS = {
    "b-w": Interpretation.GRAY,
    "grey16": Interpretation.GRAY,
    "srgb": Interpretation.RGB,
    "rgb": Interpretation.RGB,
    "rgb16": Interpretation.RGB,
    "scrgb": Interpretation.RGB,
}
_DTYPES = {
    "uchar": np.uint8,
    "char": np.int8,
    "ushort": np.uint16,
    "short": np.int16,
    "uint": np.uint32,
    "int": np.int32,
    "float": np.float32,
    "double": np.float64,
}


def _is_svg(location: Location) -> bool:
    head = location.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if location.name.endswith(".svg"):
        return head.startswith(b"<")
    return head.startswith((b"<svg", b"<?xml")) and b"<svg" in head


def _loader(location: Location) -> _Loader:
    """Choose by the first bytes alone."""
    if location.name.endswith(SLIDE_SUFFIXES):
        raise UnsupportedFormatError("a slide's file; what pictures it holds are not the slide")
    head = location.head
    for loader in _LOADERS:
        if any(head.startswith(magic, at) for at, magic in loader.magics):
            break
    else:
        if not _is_svg(location):
            raise UnsupportedFormatError("not a picture that libvips is asked to read")
        loader = _LOADERS[-1]
    if not pyvips.type_find("VipsOperation", f"{loader.name}load"):
        raise UnsupportedFormatError(f"this libvips was built without {loader.name.upper()}")
    return loader


def _load(
    location: Location, loader: _Loader, data: bytes | None, fail_on: str = "error"
) -> "pyvips.Image":
    """Return the picture as a sequential pyvips image, all pages under one another."""
    # revalidate: libvips remembers what it has loaded by name, and the file may be another by now
    options: dict[str, Any] = {"access": "sequential", "fail_on": fail_on, "revalidate": True}
    if loader.pages:
        options["n"] = -1
    try:
        if data is not None:
            image = getattr(pyvips.Image, f"{loader.name}load_buffer")(data, **options)
        else:
            name = os.fsencode(str(location.path))  # as bytes: it need not be UTF-8
            image = getattr(pyvips.Image, f"{loader.name}load")(name, **options)
        if image.interpretation in ("cmyk", "lab", "labq", "labs", "xyz", "lch"):
            if image.get_typeof("icc-profile-data"):
                return image.icc_transform("srgb", embedded=True)
            return image.colourspace("srgb")
    except pyvips.Error as error:
        said = _said(error)
        if "unsupported" in said.lower():
            raise UnsupportedFormatError(f"libvips does not read it: {said}") from error
        raise CorruptSourceError(f"{location.url} is damaged: {said}") from error
    return image


def _said(error: "pyvips.Error") -> str:
    lines = [line.strip() for line in (error.detail or error.message).splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line))


def _decode_jpeg(location: Location, loader: _Loader, data: bytes | None, room: Room) -> Pixels:
    """Decode a JPEG picture; what libjpeg makes up, with a warning, is an error.

    libvips tells but the warnings that come before the last row, so it is not asked first.
    """
    image = _load(location, loader, data, "warning")
    space = {1: "GRAY", 3: "RGB"}.get(image.bands)
    size = location.open_bytes().size if data is None else len(data)
    if space is None or size > _REMOTE_BYTES or room.rows < room.all_rows:
        return _decode(location, image, room)
    stream = location.open_bytes().read(0, size) if data is None else data
    out = room()
    try:
        if decode_picture(stream, space, out[0]):
            return out
    except ValueError as error:
        raise CorruptSourceError(f"{location.url} can't be decoded: {error}") from error
    return _decode(location, image, room)


def _decode(location: Location, image: "pyvips.Image", room: Room) -> Pixels:
    """Fill (frame, y, x, band) in strips, on this thread, as far down as is asked."""
    try:
        region = pyvips.Region.new(image)
        region.fetch(0, 0, image.width, 1)  # a forged size fails here, before it costs memory
        out = room()
        rows = out.reshape(-1, *out.shape[2:])
        _, width, bands = rows.shape
        step = max(1, _STRIP_BYTES // (width * bands * out.itemsize))
        for top in range(0, room.rows, step):
            count = min(step, room.rows - top)
            data = region.fetch(0, top, width, count)
            strip = np.frombuffer(b"" if data is None else data, out.dtype)
            if strip.size != count * width * bands:
                raise CorruptSourceError(
                    f"{location.url} can't be decoded: {strip.size} samples of "
                    f"{count * width * bands} came for the rows from {top} on"
                )
            rows[top : top + count] = strip.reshape(count, width, bands)
            room.settle()
    except pyvips.Error as error:
        raise CorruptSourceError(f"{location.url} can't be decoded: {_said(error)}") from error
    return out


def _mm(resolution: float) -> float | None:
    """Return millimetres per pixel of pixels per millimetre, where that is a measurement."""
    return 1 / resolution if resolution * _COARSEST_MM >= 1 else None


def _field(image: "pyvips.Image", name: str) -> Any:
    return image.get(name) if image.get_typeof(name) else None


def _info(image: "pyvips.Image", loader: _Loader, frames: int, orientation: int) -> ImageInfo:
    width, height = image.width, image.height // frames
    mm_x, mm_y = _mm(image.xres), _mm(image.yres)
    if orientation >= 5:
        width, height, mm_x, mm_y = height, width, mm_y, mm_x
    texts = text_fields(image)
    return ImageInfo(
        format=loader.name,
        lossy=loader.name == "jpeg",
        levels=(Level(width, height, min(width, _TILE), min(height, _TILE)),),
        bands=image.bands,
        dtype=np.dtype(_DTYPES[image.format]),
        interpretation=_INTERPRETATIONS.get(image.interpretation, Interpretation.MULTIBAND),
        alpha=bool(image.hasalpha()),
        axes=(Axis(loader.pages, frames),) if loader.pages and frames > 1 else (),
        mm_x=mm_x,
        mm_y=mm_y,
        icc_profile=_field(image, "icc-profile-data"),
        description=_field(image, "png-comment-0-Description"),
        properties=texts,
        internal={"vips": texts},
    )


def open_reader(location: Location) -> DecodedReader:
    """Open a picture; its pixels are decoded on the first read.

    Raises
    ------
    UnsupportedFormatError
        Not a picture, or one that this libvips has no loader for.
    CorruptSourceError
        Its header is damaged.
    SourceError
        A remote picture too large to be fetched at once.
    """
    if location.is_directory:
        raise UnsupportedFormatError("a picture is a file, not a folder")
    loader = _loader(location)
    data = _fetch(location) if location.is_remote else None
    if loader.name == "jpeg":
        data = _with_end(location, data)
    image = _load(location, loader, data)
    frames = _frames(image)
    size = len(data) if data is not None else location.open_bytes().size
    decoded = _stored_bytes(image, loader, location.head)
    check_proportion(location.name, decoded, size, loader.packs)
    if loader.name == "svg":
        check_drawing(location, data)
    if loader.name == "heif":
        check_at_once(location.name, decoded, size)
    orientation = int(_field(image, "orientation") or 1)
    start = location.open_bytes().read(0, _HEAD_BYTES) if data is None else data[:_HEAD_BYTES]
    info = dataclasses.replace(
        _info(image, loader, frames, orientation), losses=_losses(loader, start)
    )

    def decode(room: Room) -> Pixels:
        # loaded anew: a sequential image is read once
        again = _load(location, loader, data)
        check_unchanged(location.url, _shape(image), _shape(again))
        if loader.name == "webp":
            return decode_webp(location, data, room, again.bands)
        if loader.name == "svg":
            return draw(location, data, room)
        if loader.name == "jpeg":
            return _decode_jpeg(location, loader, data, room)
        return _decode(location, again, room)

    by_rows = loader.name != "jpeg" or decoded > _PLAIN_JPEG * size
    return DecodedReader(info, decode, orientation, by_rows=by_rows)


def _losses(loader: _Loader, start: bytes) -> tuple[str, ...]:
    """Return what libvips leaves out, or changes, by the beginning of a file."""
    if loader.name == "png":
        frames = _ANIMATION.search(start)
        count = int.from_bytes(frames[1]) if frames else 1
        return (f"an animation of {count} frames: the first one is read",) if count > 1 else ()
    if loader.name != "jpeg":
        return ()
    lost = []
    if _FURTHER in start:
        lost.append("further pictures in the file (MPF: a stereo pair, a gain map, previews)")
    with contextlib.suppress(CorruptSourceError):  # its frame header may come later
        if parse_header(start).components == 4:
            lost.append("its CMYK samples: they are read as sRGB")
    return tuple(lost)


def _with_end(location: Location, data: bytes | None) -> bytes | None:
    """Return a JPEG picture whose end marker is missing with one; its pixels may be all there."""
    if data is None:
        source = location.open_bytes()
        start = max(0, source.size - _TAIL_BYTES)
        if _END in source.read(start, source.size - start) or source.size > _REMOTE_BYTES:
            return None
        data = source.read(0, source.size)
    return data if _END in data[-_TAIL_BYTES:] else data + _END


def _shape(image: "pyvips.Image") -> tuple[object, ...]:
    return image.width, image.height, image.bands, image.format


def _stored_bytes(image: "pyvips.Image", loader: _Loader, head: bytes) -> int:
    """Return how many bytes of samples a file holds: before palettes and single bits grow."""
    samples = int(image.width) * int(image.height)
    if loader.name == "png" and len(head) > 25:
        bits = head[24] * {2: 3, 4: 2, 6: 4}.get(head[25], 1)  # IHDR: bit depth, colour type
        return samples * bits // 8
    if loader.name == "gif":
        return samples
    return samples * int(image.bands) * np.dtype(_DTYPES[image.format]).itemsize


def _frames(image: "pyvips.Image") -> int:
    """Return how many pages of one size the image is made of."""
    height = _field(image, "page-height")
    return image.height // height if height and image.height % height == 0 else 1


def _fetch(location: Location) -> bytes:
    source = location.open_bytes()
    if source.size > _REMOTE_BYTES:
        raise SourceError(
            f"{location.url}: {source.size} bytes of a picture that can't be read by parts; "
            f"download it, or make it a pyramid"
        )
    return source.read(0, source.size)
