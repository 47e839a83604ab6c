"""What a reader answers, be it pixels or an error: for holding two readers against each other."""

from collections.abc import Callable

from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.reader import Pixels


def answer(read: Callable[[], Pixels]) -> Pixels | str:
    """Return the pixels, or an error's kind and words."""
    try:
        return read()
    except SourceError as error:
        return f"{type(error).__name__}: {error}"
