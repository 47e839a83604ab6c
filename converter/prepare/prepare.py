"""Dresses a source up as the image that the output shall hold: views, one over the other."""

from dataclasses import dataclass

from ziggurat.converter.plan.options import Color, ConvertOptions, Pictures
from ziggurat.converter.prepare.blanks import FilledReader
from ziggurat.converter.prepare.cuts import with_cuts
from ziggurat.converter.prepare.frames import frame_numbers
from ziggurat.converter.prepare.pictures import with_smaller_thumbnail
from ziggurat.readers.errors import OptionError, RegionError
from ziggurat.readers.grid.regions import clipped, region_bounds
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.resampled import at_resolution
from ziggurat.readers.views.views import BandsReader, CropReader, select_frames, without_associated

_SMALLER = 1.01  # times: a resolution so near is the source's own


@dataclass(frozen=True, slots=True)
class Prepared:
    """The image to write; what de-identification took from it, in words and as texts."""

    reader: Reader
    removed: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()  # texts that must not occur in the output
    smaller: bool = False  # than the source
    remade: tuple[str, ...] = ()  # associated images that are smaller with it
    notes: tuple[str, ...] = ()  # on options that do nothing to it


def prepare(reader: Reader, name: str, options: ConvertOptions) -> Prepared:
    """Put the views over a source that the options ask for; ``name`` is its path or URL.

    Raises
    ------
    OptionError, RegionError
        A region, resolution, frame or band that the image hasn't.
    """
    if options.frames:
        reader = select_frames(reader, frame_numbers(reader.info, options.frames))
    if options.region:
        reader = CropReader(reader, region_rect(reader, options))
    if options.bands is not None:
        reader = BandsReader(reader, options.bands)
    factor = shrink_factor(reader, options)
    smaller, remade = factor is not None and factor > _SMALLER, tuple[str, ...]()
    if factor is not None:
        reader = at_resolution(reader, factor)
    if reader.plane(0, 0).encoded() is not None:  # no tiles to copy, no blanks among them
        reader = FilledReader(with_cuts(reader))
    if options.associated is Pictures.DROP:
        reader = without_associated(reader)
    elif smaller:
        reader, remade = with_smaller_thumbnail(reader)
    notes: tuple[str, ...] = ()
    if options.color is Color.SRGB and reader.info.icc_profile is None:
        notes = ("--color srgb has no effect: the image has no ICC profile",)
    elif options.color is Color.SRGB:
        from ziggurat.converter.prepare.color import SrgbReader  # styles and their libraries

        reader = SrgbReader(reader)
    if not options.deidentify:
        return Prepared(reader, smaller=smaller, remade=remade, notes=notes)
    from ziggurat.converter.deidentify.policy import Fate, load_policy
    from ziggurat.converter.deidentify.view import DeidentifiedReader, is_telling

    policy, label = load_policy(options.policy), Fate(options.label.value)
    anonymous = DeidentifiedReader(reader, policy, label, cropped=bool(options.region))
    stem = name.rstrip("/").rsplit("/", 1)[-1].split(".")[0]
    secrets = (*anonymous.secrets, *([stem] if is_telling(stem) else []))
    return Prepared(anonymous, anonymous.removed, secrets, smaller, remade, notes)


def region_rect(reader: Reader, options: ConvertOptions) -> Rect:
    """Return the full-resolution rectangle that is asked for.

    Raises
    ------
    RegionError
        Nothing of it is inside the image.
    """
    rect = clipped(reader.info, region_bounds(reader.info, options.region))
    if rect.empty:
        size = f"{reader.info.width} x {reader.info.height} pixels"
        raise RegionError(f"region {dict(options.region or {})} is outside the image of {size}")
    return rect


def shrink_factor(reader: Reader, options: ConvertOptions) -> float | None:
    """Return how many pixels of the image become one, or None where nothing is asked."""
    info = reader.info
    if options.mm_per_pixel is not None:
        if info.mm_x is None:
            raise OptionError(
                "the image doesn't say how large its pixels are, so it can't be scaled to a size"
            )
        return options.mm_per_pixel / info.mm_x
    if options.magnification is not None:
        if info.magnification is None:
            raise OptionError("the image doesn't say its magnification; use a pixel size instead")
        return info.magnification / options.magnification
    return None
