"""What is good to know of an output, in words: who can't read it, which options did nothing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.model.options import PyramidStyle, Subsampling, WriteOptions


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

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """Codecs that it may be written with."""

    @property
    def masked(self) -> tuple[Codec, ...]:
        """Codecs beside which it keeps alpha as a mask."""


def mask_losses(output: Noted, info: ImageInfo, codec: Codec) -> tuple[str, ...]:
    """Return what transparency loses where a codec has no room for it."""
    if not info.alpha or codec not in output.masked:
        return ()
    return (f"alpha: {codec.value} has none, a mask beside it says what is not transparent",)


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


def idle_notes(output: Noted, options: WriteOptions, levels: Sequence[LevelPlan]) -> Iterator[str]:
    """Yield a sentence for each option of a write that had no effect."""
    forms = [plan.format for plan in levels if plan.format is not None]
    codecs = [form.codec for form in forms] or [*output.codecs, *output.on_request]
    loses = any(not form.lossless for form in forms) or (
        not forms and any(codec.row.can_lose for codec in output.codecs)
    )
    is_tiff, name = output.padded and not output.flat, codecs[0].value
    if options.quality is not None and not loses:
        yield f"quality {options.quality} has no effect: {name} keeps every value"
    if options.subsampling is not Subsampling.S420 and Codec.JPEG not in codecs:
        yield f"subsampling {options.subsampling.value} has no effect: {name} has none"
    if not options.predictor and not any(codec.row.predicts for codec in codecs):
        yield f"predictor none has no effect: {name} has none"
    if options.reducer is not None and len(levels) == 1:
        yield f"resample {options.reducer.value} has no effect: there is one level"
    if options.tile_size is not None and output.flat:
        yield f"tile size {options.tile_size} has no effect: this is one picture"
    if options.pyramid in (PyramidStyle.PAGES, PyramidStyle.SUBIFD) and not is_tiff:
        yield f"pyramid {options.pyramid.value} has no effect: only a TIFF has a choice"
    if options.ome_version is not OmeVersion.V05 and Codec.BLOSC not in output.codecs:
        yield f"omeVersion {options.ome_version.value} has no effect: this is no OME-Zarr"
    if options.description is not None and not is_tiff:
        yield "the description has no effect: only a TIFF has one as it is given"
