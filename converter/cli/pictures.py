"""``ziggurat thumbnail | region | associated``: pictures for scripts and for people."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ziggurat.converter.cli.texts import parse_region, size_text
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.model.checks import finite_number, whole_number
from ziggurat.readers.source.open import open as open_source
from ziggurat.readers.source.source import Source
from ziggurat.writers.files.atomic import atomic_file

ENCODINGS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP",
    ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip
_THUMBNAIL = 1024  # pixels of the longer side at most, where no size is asked for


def run(given: argparse.Namespace) -> None:
    """Make the picture that was asked for, or list the names of associated images."""
    if given.command == "associated" and given.name is None:
        with open_source(given.source) as source:
            print("\n".join(source.getAssociatedImagesList()))
        return
    if given.output is None:
        raise OptionError(f"where to? ziggurat associated {given.source} {given.name} OUTPUT.png")
    encoding = encoding_of(given.output)
    style = getattr(given, "style", None)
    with open_source(given.source, style=style) if style else open_source(given.source) as source:
        _put(_picture(source, given, encoding), given.output, overwrite=given.overwrite)


def encoding_of(output: str) -> str:
    """Return the encoding that a name asks for by its suffix; PNG on stdout.

    Raises
    ------
    OptionError
        It is none of those that are known.
    """
    if output == "-":
        return "PNG"
    suffix = Path(output).suffix.lower()
    if suffix not in ENCODINGS:
        raise OptionError(f"{output!r} must end in one of {', '.join(ENCODINGS)}")
    return ENCODINGS[suffix]


def _picture(source: Source, given: argparse.Namespace, encoding: str) -> bytes:
    if given.command == "associated":
        found = source.getAssociatedImage(given.name, encoding=encoding)
        if found is None:
            names = ", ".join(source.getAssociatedImagesList()) or "none"
            raise RegionError(f"there is no associated image {given.name!r}; there are: {names}")
        return bytes(found[0])
    if given.command == "thumbnail":
        width, height = given.width, given.height
        if width is None and height is None:
            # no larger than the image: more pixels would show no more (2 is the least there is)
            width = height = max(2, min(_THUMBNAIL, max(source.sizeX, source.sizeY)))
        picture, _ = source.getThumbnail(width, height, encoding=encoding, frame=given.frame)
        return bytes(picture)
    size: dict[str, int] = {}
    if given.width is not None:
        size["maxWidth"] = whole_number("width", given.width, 1)
    if given.height is not None:
        size["maxHeight"] = whole_number("height", given.height, 1)
    options: dict[str, Any] = {"region": parse_region(given.region), "output": size or None}
    if given.mpp is not None or given.magnification is not None:
        options["scale"] = _scale(source, given)
    picture, _ = source.getRegion(encoding=encoding, frame=given.frame, **options)
    if not picture:
        raise RegionError(f"there are no pixels of the image in the region {given.region!r}")
    return bytes(picture)


def _scale(source: Source, given: argparse.Namespace) -> dict[str, float]:
    """Return the scale that is asked for, which the image must know its own of."""
    if given.mpp is not None and given.magnification is not None:
        raise OptionError("--mpp and --magnification must not be given together")
    own = source.getNativeMagnification()
    if given.mpp is not None:
        if own["mm_x"] is None:
            raise OptionError("the image doesn't say how large its pixels are: --mpp is invalid")
        size = finite_number("mpp", given.mpp, above=0) / 1000
        return {"mm_x": size, "mm_y": size}
    if own["magnification"] is None:
        raise OptionError("the image doesn't say its magnification: --magnification is invalid")
    return {"magnification": finite_number("magnification", given.magnification, above=0)}


def _put(picture: bytes, output: str, *, overwrite: bool) -> None:
    if output == "-":
        sys.stdout.buffer.write(picture)
        return
    with atomic_file(Path(output).expanduser(), overwrite) as staged:
        staged.write_bytes(picture)
    print(f"{output}: {size_text(len(picture))}")
