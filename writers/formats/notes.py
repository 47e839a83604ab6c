"""What readers of others can't open of an output, in words, from the table of codecs."""

from collections.abc import Iterable
from typing import Protocol

from ziggurat.readers.model.codec import Codec


class Noted(Protocol):
    """What is asked of an output: its row in the table."""

    @property
    def on_request(self) -> tuple[Codec, ...]:
        """Codecs that few know in it."""

    @property
    def padded(self) -> bool:
        """Its tiles are those of a TIFF."""

    @property
    def flat(self) -> bool:
        """It is one picture."""


def reader_notes(output: Noted, codecs: Iterable[str]) -> list[str]:
    """Return which common programs can't read an output of such codecs, a sentence each.

    OME-Zarr's codecs, but for those on request, are those that every zarr library has, and a
    flat picture is its codec.
    """
    notes = []
    for name in dict.fromkeys(codecs):
        codec = Codec.named(name)
        if codec in output.on_request:
            lacking = ", ".join(codec.row.lacking_chunks)
            notes.append(f"{name} chunks in an OME-Zarr are not read by {lacking}")
        elif output.padded and not output.flat and codec.row.lacking:
            lacking = ", ".join(codec.row.lacking)
            notes.append(f"{name} tiles in a TIFF are not read by {lacking}")
    return notes
