"""What readers of others can't open of an output, in words, from the table of codecs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ziggurat.readers.model.codec import Codec

if TYPE_CHECKING:  # the table asks for these notes itself
    from ziggurat.writers.formats.registry import Output


def reader_notes(output: "Output", codecs: Iterable[str]) -> list[str]:
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
