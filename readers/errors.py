"""Every error that ziggurat raises on purpose.

Each class is a :class:`ZigguratError` and, where callers already catch a builtin for
the same event, that builtin too. A message says what was asked, what was found and
what to do next.
"""

from collections.abc import Mapping


class ZigguratError(Exception):
    """The root of the family."""


class OptionError(ZigguratError, ValueError):
    """An argument or option that can't be meant: unknown name, impossible value, contradiction."""


class SourceError(ZigguratError):
    """An image that can't be opened or read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is nothing at the path or URL."""


class UnsupportedFormatError(SourceError):
    """No backend knows this kind of file."""


class LeftToOthersError(UnsupportedFormatError):
    """A file of a known kind whose pixels other backends may read: only if they give its own.

    ``due`` is what the file holds, in the words of :func:`ziggurat.readers.formats.registry.given`;
    None where whoever knows the kind is welcome. ``losses`` are in words what those others
    don't heed, and a user must be told.
    """

    def __init__(
        self,
        message: str,
        due: Mapping[str, object] | None = None,
        losses: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.due = due
        self.losses = losses


class CorruptSourceError(SourceError):
    """The file is of a known kind, but truncated, damaged or hostile."""


class InefficientSourceError(SourceError):
    """A file that isn't laid out so that parts of it can be read on their own."""


class EmptySinkError(SourceError):
    """A sink without tiles and without sizes, asked for what only an image has."""


class RegionError(SourceError, ValueError):
    """A region, scale or unit that makes no sense for this image."""


class TileRangeError(SourceError, IndexError):
    """A tile, level or frame outside the image."""


class StyleError(OptionError):
    """A style that can't be understood."""


class ProjectionError(SourceError, ValueError):
    """A projection that is unknown, or not to be had for this image."""


class SinkError(ZigguratError):
    """A sink that refuses: wrong tile, wrong axis, closed or vanished store."""


class SinkInputError(SinkError, ValueError):
    """A tile, mask, position or attribute that the sink can't take; nothing was written."""


class ScratchFullError(SinkError, OSError):
    """No room left for the sink's store; what is in it stays readable."""


class WriteError(ZigguratError, OSError):
    """An output that could not be written; nothing is left under its name."""


class TargetExistsError(WriteError, FileExistsError):
    """The output is already there, and overwriting was not asked for."""


class CancelledError(ZigguratError):
    """Long work was cancelled by its caller."""


class ConversionError(ZigguratError):
    """A conversion that failed, or would lose what ``strict`` forbids to lose."""


class VerificationError(ConversionError):
    """An output that does not hold what it should."""


def message_of(error: BaseException) -> str:
    """Return an error as one line, without Python's decoration of system errors."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    return " ".join((text or type(error).__name__).split())
