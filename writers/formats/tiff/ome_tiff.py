"""OME-TIFF: tiles as in TIFF, levels as SubIFDs, every fact in OME-XML on the first page."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.tiff.pages.description import describe_image
from ziggurat.readers.model.encoded import EncodedLevel, TileFormat
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.channels import BandsApart, are_channels
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.formats.registry import output_named
from ziggurat.writers.formats.tiff import tiff
from ziggurat.writers.formats.tiff.associated import page_pixels
from ziggurat.writers.formats.tiff.ome_xml import AssociatedFacts, ome_xml, pixel_type
from ziggurat.writers.model.levels import LevelPlan, TileEncoder
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.progress import Cancellation, ProgressCallback
from ziggurat.writers.pyramid.engine import Builder, build

blank_value = tiff.blank_value


def copy_refusal(tiles: EncodedLevel, info: ImageInfo) -> str | None:
    """Return why tiles of this kind can't be an OME-TIFF's; None where they can."""
    if are_channels(info):
        return "its bands have names, and become channels, each with tiles of its own"
    return tiff.copy_refusal(tiles, info)


def level_encoder(info: ImageInfo, options: WriteOptions) -> tuple[TileEncoder, TileFormat]:
    """Return what encodes tiles, and what they are then: of one band where bands are channels."""
    if are_channels(info):
        info = dataclasses.replace(
            info, bands=1, interpretation=Interpretation.MULTIBAND, band_names=()
        )
    return tiff.level_encoder(info, options)


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
    return tiff.plan_levels(cut_image(reader), options)


def emit(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
    make: Builder = build,
) -> tuple[str, ...]:
    """Write an OME-TIFF; see :func:`ziggurat.writers.formats.registry.write`."""
    described = describe_image(reader.info, bands_apart=are_channels(reader.info))
    reader = cut_image(reader)
    info = reader.info
    if options.pyramid is PyramidStyle.PAGES:
        raise OptionError("levels of an OME-TIFF must be SubIFDs, not pages")
    xml = options.description or ome_xml(
        info,
        [(plan.width, plan.height) for plan in levels],
        [_facts(reader, name) for name in info.associated],
        options.software,
        name=image_name(Path(options.named_after or path)),
        own=described,
    )
    return tiff.write_pages(
        reader,
        path,
        levels,
        options,
        tiff.Pages(PyramidStyle.SUBIFD, [xml] + [None] * (info.frames - 1)),
        on_progress=on_progress,
        cancel=cancel,
        make=make,
    )


def cut_image(reader: Reader) -> Reader:
    """Return an image whose bands have names as one of channels: there names are shown."""
    return BandsApart(reader) if are_channels(reader.info) else reader


def image_name(path: Path) -> str:
    """Return the name of a file without the endings that say what it is."""
    name = path.name
    for suffix in output_named("ome-tiff").suffixes:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)] or name
    return path.stem


def _facts(reader: Reader, name: str) -> AssociatedFacts:
    pixels = page_pixels(reader, name)
    height, width, bands = pixels.shape
    return AssociatedFacts(name, width, height, bands, pixels.dtype.name)
