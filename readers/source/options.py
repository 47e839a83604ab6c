"""How an image is opened: one frozen record, checked when it is made."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ziggurat.readers.constants import TileOutputMimeTypes
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import whole_number

_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_default_encoding = "JPEG"


def set_default_encoding(encoding: str) -> None:
    """Set how tiles of images that are opened from now on are encoded, where nobody says it.

    Raises
    ------
    OptionError
        There is no such encoding.
    """
    global _default_encoding
    _default_encoding = check_encoding(encoding)


@dataclass(frozen=True)
class OpenOptions:
    """What :func:`ziggurat.open` takes beside the path.

    ``style`` is kept as canonical JSON where it can be, so that equal styles compare equal; a
    style with live objects in it stays as it is and is compared by identity.
    """

    encoding: str = field(default_factory=lambda: _default_encoding)
    jpegQuality: int = 95
    jpegSubsampling: int = 0
    tiffCompression: str = "raw"
    edge: bool | str | None = False
    style: Any = None
    projection: str | None = None
    unitsPerPixel: float | None = None
    warp: str = "near"
    noCache: bool = False

    def __post_init__(self) -> None:
        check_encoding(self.encoding)
        quality, subsampling = check_jpeg(self.jpegQuality, self.jpegSubsampling)
        object.__setattr__(self, "jpegQuality", quality)
        object.__setattr__(self, "jpegSubsampling", subsampling)
        if isinstance(self.style, Mapping):
            object.__setattr__(self, "style", _canonical(self.style))
        edge = self.edge
        crop = edge is None or isinstance(edge, bool) or edge == "crop"
        if not crop and not (isinstance(edge, str) and _COLOR.fullmatch(edge)):
            raise OptionError(f"edge must be None, False, True, 'crop' or '#rrggbb', not {edge!r}")

    @property
    def crop_edges(self) -> bool:
        """True where tiles at the edge end with the image instead of being padded."""
        return self.edge is True or self.edge == "crop"

    @property
    def edge_color(self) -> str | None:
        """The colour that pads tiles at the edge, as ``#rgb`` or ``#rrggbb``."""
        return self.edge if isinstance(self.edge, str) and self.edge != "crop" else None


def check_encoding(encoding: str) -> str:
    """Return the encoding in its own spelling.

    Raises
    ------
    OptionError
        It is none of those in :data:`ziggurat.constants.TileOutputMimeTypes`.
    """
    if not isinstance(encoding, str) or encoding not in TileOutputMimeTypes:
        raise OptionError(
            f"encoding {encoding!r} is unsupported; there are {', '.join(TileOutputMimeTypes)}"
        )
    return encoding


def check_jpeg(quality: object, subsampling: object) -> tuple[int, int]:
    """Return a JPEG quality from 0 to 100, and a subsampling of 0, 1 or 2, as numbers.

    Raises
    ------
    OptionError
        They are none.
    """
    number = whole_number("jpegQuality", quality, 0)
    if number > 100:
        raise OptionError(f"jpegQuality must be a whole number from 0 to 100, not {quality!r}")
    shrunk = whole_number("jpegSubsampling", subsampling)
    if shrunk not in (0, 1, 2):
        raise OptionError(
            f"jpegSubsampling must be 0 (4:4:4), 1 (4:2:2) or 2 (4:2:0), not {subsampling!r}"
        )
    return number, shrunk


def _canonical(style: Mapping[str, object]) -> Any:
    try:
        return json.dumps(style, sort_keys=True)
    except (TypeError, ValueError):  # functions, arrays: legal in a style given by code
        return dict(style)
