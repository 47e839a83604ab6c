"""Opening images, and asking what can be opened."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ziggurat.readers.constants import ExtraExtensionsToMimetypes, TileOutputMimeTypes
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.table import FORMATS, SYNTHETIC
from ziggurat.readers.model.keywords import shares_words
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.source import Source

Path = str | os.PathLike[str]


def _with_fields[**P, T](call: Callable[P, T]) -> Callable[P, T]:
    """Let keywords be fields of the URL of the picture that is made without a file."""

    @functools.wraps(call)
    def opened(*arguments: P.args, **words: P.kwargs) -> T:
        path = arguments[0] if arguments else words.get("path")
        if isinstance(path, str) and path.split("?")[0] == SYNTHETIC:
            from ziggurat.readers.formats import synthetic  # few open what is no file

            fields = {name: words.pop(name) for name in synthetic.FIELDS if name in words}
            url = synthetic.synthetic_url(**dict(parse_qsl(urlsplit(path).query)) | fields)
            words.pop("path", None)
            if len(arguments) < 2:
                words.setdefault("encoding", "PNG")  # as there: flat colours and sharp edges
            return call(url, *arguments[1:], **words)  # type: ignore[arg-type]
        return call(*arguments, **words)

    return opened


@_with_fields
@shares_words()
def open(
    path: Path,
    encoding: str | None = None,
    *,
    jpegQuality: int = 95,
    jpegSubsampling: int = 0,
    tiffCompression: str = "raw",
    edge: bool | str | None = False,
    style: Mapping[str, object] | str | None = None,
    projection: str | None = None,
    unitsPerPixel: float | None = None,
    warp: str = "near",
    noCache: bool = False,
) -> Source:
    """Open an image.

    Parameters
    ----------
    path
        A path (``~`` is expanded), or a ``file://``, ``https://`` or ``s3://`` URL. DICOM slides
        and zarr hierarchies are folders; any file of a DICOM slide will do as well.
    encoding, jpegQuality, jpegSubsampling, tiffCompression
        How tiles, and by default regions, are encoded: JPEG where nobody says it. Subsampling 0,
        1, 2 is 4:4:4, 4:2:2, 4:2:0.
    edge
        What ``getTile`` does at the right and the bottom edge: False or None gives full tiles,
        True or ``'crop'`` ends them with the image, ``'#rrggbb'`` fills them up.
    style
        See the README; applied to all pixels that are read.
    projection, unitsPerPixel, warp
        For images that know their place on earth: read them in this projection; ``warp`` is how
        pixels are taken from the source: ``near``, ``bilinear``, ``cubic``, ``average``, ``mode`` …
    noCache
        Keep nothing of this image in the tile cache.

    Raises
    ------
    SourceNotFoundError
        There is nothing at the path (also a ``FileNotFoundError``).
    UnsupportedFormatError, CorruptSourceError, SourceError
        It can't be read; the message says why.
    OptionError, StyleError, ProjectionError
        Options that can't be meant.
    """
    if projection is None and encoding not in TileOutputMimeTypes and _names_projection(encoding):
        encoding, projection = None, encoding  # the second argument of the reference's maps
    named = {} if encoding is None else {"encoding": encoding}
    options = OpenOptions(
        **named,
        jpegQuality=jpegQuality,
        jpegSubsampling=jpegSubsampling,
        tiffCompression=tiffCompression,
        edge=edge,
        style=style,
        projection=projection,
        unitsPerPixel=unitsPerPixel,
        warp=warp,
        noCache=noCache,
    )
    return Source(path, options)


getTileSource = open  # noqa: N816  (the name of the reference)


def _names_projection(text: object) -> bool:
    """Return True for what can only be meant as a coordinate system."""
    return isinstance(text, str) and (":" in text or text.startswith(("+", "PROJ", "GEOG")))


def canRead(path: Path, *arguments: object, mimeType: str | None = None, **options: object) -> bool:
    """Return True where :func:`open` would succeed.

    ``mimeType`` is accepted for compatibility, the file itself is looked at; so are options of
    :func:`open`, which don't change whether a file can be read.
    """
    del arguments, mimeType, options
    try:
        open_reader(path).close()
    except SourceError:
        return False
    return True


def canReadList(
    path: Path, mimeType: str | None = None, availableSources: Sequence[str] | None = None
) -> list[tuple[str, bool]]:
    """Return (format, whether it reads this file), in the order in which they are tried.

    Parameters
    ----------
    path
        The file.
    mimeType
        Accepted for compatibility; the file itself is looked at.
    availableSources
        Names of formats to look at; default all.
    """
    del mimeType
    found = []
    for row in FORMATS:
        if availableSources is not None and row.name not in availableSources:
            continue
        try:
            open_reader(path, (row,)).close()
        except SourceError:
            found.append((row.name, False))
        else:
            found.append((row.name, True))
    return found


def listSources() -> dict[str, Any]:
    """Return the formats in the order in which they are tried, with their file name endings."""
    return {
        "sources": {
            row.name: {
                "priority": number,
                "module": row.module,
                "extensions": [name.lstrip(".") for name in row.endings()],
            }
            for number, row in enumerate(FORMATS)
        },
        "extensions": listExtensions(),
        "mimeTypes": listMimeTypes(),
    }


def listExtensions() -> list[str]:
    """Return the file name endings, without dots, that some format is known by."""
    return sorted({name.lstrip(".") for row in FORMATS for name in row.endings()})


def listMimeTypes() -> list[str]:
    """Return the MIME types of :func:`listExtensions`."""
    import mimetypes

    guesses = (
        ExtraExtensionsToMimetypes.get(name) or mimetypes.guess_type(f"x.{name}")[0]
        for name in listExtensions()
    )
    return sorted({g for g in guesses if g and g.startswith(("image/", "application/", "text/"))})
