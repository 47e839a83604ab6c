"""What lies beside the tiles of a DeepZoom image: its description, the facts, the other pictures.

Sources: DeepZoom's schema (schemas.microsoft.com/deepzoom/2008); what libvips writes, which names
the facts of a slide as OpenSlide does; Smart In Media's description of SZI.
"""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

import imagecodecs
import numpy as np

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.codecs.tiles import takes

PROPERTIES, SCAN_PROPERTIES = "vips-properties.xml", "scan-properties.xml"
PROFILE = "profile.icc"
ASSOCIATED = "associated_images"
_VIPS, _SZI = "http://www.vips.ecs.soton.ac.uk//dzsave", "http://www.pathozoom.com/szi"
_LONGEST = 200  # bytes of a name; file systems take 255


def description(info: ImageInfo, tile: int, overlap: int, suffix: str) -> bytes:
    """Return the ``.dzi`` of an image whose tiles are files with an ending."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" '
        f'Format="{suffix}" Overlap="{overlap}" TileSize="{tile}">\n'
        f'  <Size Width="{info.width}" Height="{info.height}"/>\n'
        "</Image>\n"
    ).encode()


def properties(info: ImageInfo) -> bytes:
    """Return the facts of an image as libvips lays them beside its tiles."""
    facts = {
        "width": info.width,
        "height": info.height,
        "openslide.mpp-x": _micrometres(info.mm_x),
        "openslide.mpp-y": _micrometres(info.mm_y),
        "openslide.objective-power": info.magnification,
        "image-description": info.description,
    }
    return _document(_VIPS, ({**info.properties, **facts}).items())


def scan_properties(info: ImageInfo) -> bytes:
    """Return the facts of an image as an SZI has them at its root."""
    facts = {
        "Vendor": info.properties.get("openslide.vendor"),
        "ObjectiveMagnification": info.magnification,
        "MicronsPerPixelX": _micrometres(info.mm_x),
        "MicronsPerPixelY": _micrometres(info.mm_y),
        "ImageWidth": info.width,
        "ImageHeight": info.height,
    }
    return _document(_SZI, facts.items())


def _micrometres(size: float | None) -> float | None:
    return None if size is None else float(f"{size * 1e3:.12g}")


def _document(space: str, facts: Iterable[tuple[str, object]]) -> bytes:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<image xmlns="{space}" version="1.0">']
    lines.append("  <properties>")
    for name, value in facts:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            continue
        kind = {int: "gint", float: "gdouble"}.get(type(value), "VipsRefString")
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        lines.append(
            f"    <property><name>{_text(name)}</name>"
            f'<value type="{kind}">{_text(text)}</value></property>'
        )
    return "\n".join([*lines, "  </properties>", "</image>", ""]).encode()


def _text(text: str) -> str:
    """Return a text for XML 1.0, which has no place for control characters."""
    kept = (c if c in "\t\n\r" or " " <= c < "\ud800" or c >= "\ue000" else "\ufffd" for c in text)
    return escape("".join(kept), {"\r": "&#13;"})


def associated(reader: Reader, lost: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield each associated image as (name of a file, its bytes); what can't be is told as lost.

    JPEG streams go over as they are; all else is PNG.
    """
    for number, name in enumerate(reader.info.associated):
        stem = quote(name, safe=" ") or "_"
        if len(stem) > _LONGEST or stem.startswith("."):
            stem = f"image {number}"
        try:
            stored = reader.associated(name).encoded()
            if stored is not None and stored.codec is Codec.JPEG:
                yield f"{stem}.jpg", stored.data
                continue
            pixels = reader.associated(name).read()
        except SourceError as error:
            lost.append(f"associated image {name!r} can't be read: {error}")
            continue
        if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2] > 4:
            lost.append(f"associated image {name!r} has samples that PNG can't hold")
            continue
        yield f"{stem}.png", png(pixels)


def png(pixels: Any, effort: int | None = None) -> bytes:
    """Return pixels (y, x, band) as a PNG, 0 to 9; by default at a level that makes it quickly."""
    plain = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    return bytes(
        imagecodecs.png_encode(np.ascontiguousarray(plain), level=1 if effort is None else effort)
    )


def holds(codec: Codec, info: ImageInfo) -> bool:
    """Return True where a codec's tiles can hold the samples of an image."""
    if codec is Codec.JPEG:
        return takes(codec, info)
    row = codec.row
    return row.takes(info.dtype.kind, info.dtype.itemsize, info.bands)
