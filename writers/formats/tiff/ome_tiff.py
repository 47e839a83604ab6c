"""OME-TIFF: tiles as in TIFF, levels as SubIFDs, every fact in OME-XML on the first page."""

from collections.abc import Sequence
from pathlib import Path

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.formats.tiff import tiff
from ziggurat.writers.formats.tiff.ome_xml import AssociatedFacts, ome_xml, pixel_type
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback

copy_refusal = tiff.copy_refusal
level_encoder = tiff.level_encoder


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what an OME-TIFF has no place for."""
    return lost_map_facts(info, holds_place=False)


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return a ÷2 pyramid down to one tile, all of it encoded anew.

    Raises
    ------
    OptionError
        Neither OME nor the compression has a place for the image's samples.
    """
    pixel_type(reader.info.dtype)
    return tiff.plan_levels(reader, options)


def emit(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> tuple[str, ...]:
    """Write an OME-TIFF; see :func:`ziggurat.writers.formats.registry.write`."""
    info = reader.info
    if options.pyramid is PyramidStyle.PAGES:
        raise OptionError("levels of an OME-TIFF are SubIFDs, not pages")
    xml = options.description or ome_xml(
        info,
        [(plan.width, plan.height) for plan in levels],
        [_facts(reader, name) for name in info.associated],
        options.software,
    )
    return tiff.write_pages(
        reader,
        path,
        levels,
        options,
        PyramidStyle.SUBIFD,
        [xml] + [None] * (info.frames - 1),
        on_progress=on_progress,
        cancel=cancel,
    )


def _facts(reader: Reader, name: str) -> AssociatedFacts:
    pixels = reader.associated(name).read()
    height, width, bands = pixels.shape
    return AssociatedFacts(name, width, height, bands, pixels.dtype.name)
