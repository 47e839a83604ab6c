"""What is good to know of a plan before it is carried out, in words; pure."""

from collections.abc import Iterator, Sequence

from ziggurat.converter.plan.options import (
    Compression,
    ConvertOptions,
    Layout,
    Levels,
    LowerLevels,
    Predictor,
)
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.formats.notes import reader_notes
from ziggurat.writers.formats.registry import Output

_GROWTH = 1.5  # times the size of the source's tiles that is worth a word


def quality_text(quality: int | None) -> str:
    """Return a quality for a sentence, nothing where pixels keep their values."""
    return "" if quality is None else f", quality {quality}"


def reencoding_loss(levels: Sequence[int], codec: str, quality: int | None) -> str | None:
    """Return what the source's own levels lose by being encoded anew, None where they don't.

    Levels that the source doesn't have are made by shrinking: there is nothing that they lose.
    """
    if not levels or quality is None:
        return None
    which = ", ".join(map(str, levels))
    return (
        f"exact values of level {which}: encoded anew as {codec}{quality_text(quality)} "
        "(--compression deflate, in OME-Zarr blosc, keeps them)"
    )


def edge_loss(levels: Sequence[int]) -> str | None:
    """Return what copied levels lose where their tiles are cut at the image's edge."""
    if not levels:
        return None
    which = ", ".join(map(str, levels))
    return f"exact values of the tiles at the edges of level {which}: cut there, and encoded anew"


def plan_notes(
    target: Output,
    options: ConvertOptions,
    *,
    copied: Sequence[str],
    made: Sequence[str],
    quality: int | None,
    growth: float | None,
    shrunk: bool,
    source: Codec | None = None,
) -> tuple[str, ...]:
    """Return the notes on a plan.

    Parameters
    ----------
    copied, made
        Codecs of the levels that are copied, and of those that are encoded.
    quality
        Of what is encoded; None where that loses nothing.
    growth
        Bytes of the source's own levels in the output for each byte that they take in the
        source; None where that isn't known.
    shrunk
        Whether a level is made of another one.
    source
        The codec of its largest level's tiles.
    """
    notes = [
        *reader_notes(target, (*copied, *made)),
        *_idle(target, options, copied, made, quality),
        *_idle_in_making(target, options, copied, made, shrunk=shrunk),
    ]
    if options.compression is Compression.KEEP and options.reencode:
        notes.append("--compression keep copies nothing with --reencode")
    if options.layout is Layout.COG:
        notes.append(
            "--layout cog is what it is anyway"
            if target.levels_by_library
            else "laid out as a COG: directories first, small levels before large ones; it is "
            "written twice, and needs room for both"
        )
    if growth is not None and growth > _GROWTH and not target.flat:
        advice = ""
        if Codec.JPEG not in target.codecs:
            advice = "; .tiff and .ome.tiff copy JPEG tiles as they are"
            if source in target.on_request and source.value not in (*copied, *made):
                name = source.value
                advice += f", --compression {name} as {target.tiles} that few programs read"
        elif made and quality is None:
            advice = "; --compression jpeg makes it small, with loss"
        notes.append(f"about {growth:.1f} times the size of the source's tiles{advice}")
    return tuple(notes)


def _idle(
    target: Output,
    options: ConvertOptions,
    copied: Sequence[str],
    made: Sequence[str],
    quality: int | None,
) -> Iterator[str]:
    """Yield a sentence for each option that has no effect."""
    lossy = bool(made) and quality is not None
    again = " (--reencode encodes them anew)" if target.padded else ""
    if options.quality is not None and not lossy:
        why = f"tiles are copied as they are{again}" if copied else f"{made[0]} keeps every value"
        yield f"--quality {options.quality} has no effect: {why}"
    elif options.quality is not None and copied:
        yield f"--quality {options.quality} is for levels that are encoded, not for copied{again}"
    if options.tile_size is not None and target.flat:
        yield f"--tile-size {options.tile_size} has no effect: a {target.name} has no tiles"
    elif options.tile_size is not None and copied:
        yield (
            f"--tile-size {options.tile_size} is for levels that are encoded: "
            f"tiles that are copied keep their size{again}"
        )
    if (target.flat or target.uniform) and options.levels is Levels.SOURCE:
        has = "one level" if target.flat else "all levels"
        yield f"--levels source has no effect: a {target.name} has {has}"
    if options.lower_levels is not LowerLevels.AUTO and target.name != "tiff":
        yield f"--lower-levels {options.lower_levels} has no effect: {target.name} has its own way"
    if options.ome_version is not OmeVersion.V05 and Codec.BLOSC not in target.codecs:
        yield f"--ome-version {options.ome_version} has no effect: {target.name} is no OME-Zarr"


def _idle_in_making(
    target: Output,
    options: ConvertOptions,
    copied: Sequence[str],
    made: Sequence[str],
    *,
    shrunk: bool,
) -> Iterator[str]:
    """Yield a sentence for each option of how levels are made and packed that has no effect."""
    again = " (--reencode encodes them anew)" if target.padded else ""
    codecs = [Codec.named(name) for name in made]
    chosen = [c for c in codecs if c.row.efforts is not None and c not in target.fixed_effort]
    if options.effort is not None and not chosen:
        why = f"{made[0]} has none here" if made else f"tiles are copied as they are{again}"
        yield f"--effort {options.effort} has no effect: {why}"
    packed = [name for name in copied if target.padded and Codec.named(name).row.predicts]
    if options.predictor is Predictor.NONE and packed:
        yield f"--predictor none is for levels that are encoded, not for copied{again}"
    if options.resample is not None and not shrunk:
        why = f"a {target.name} has one level" if target.flat else "no level is missing"
        yield f"--resample {options.resample.value} has no effect: {why}"
