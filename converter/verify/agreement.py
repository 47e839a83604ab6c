"""Whether an output is of one piece: its levels, and what it says in two places."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tifffile

from ziggurat.converter.plan.levels import LevelSpec, halvings_between
from ziggurat.converter.verify.facts import SIZE_TOLERANCE
from ziggurat.converter.verify.roles import OWN_KINDS, is_own
from ziggurat.readers.formats.tiff.info import resolution_mm
from ziggurat.readers.formats.tiff.pages.ome_xml import parse_ome
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.ngff.parse import ome_attributes, pixel_size, read_multiscale
from ziggurat.writers.formats.registry import output_read

_TWICE = 2.5  # times: more than a halving of odd sizes


def level_problems(output: Reader, source: ImageInfo) -> Iterator[str]:
    """Yield levels that are missing, as far as an output without its plan tells.

    A level of the source stays one, halvings follow each other without a gap, and where there
    is one that the source has not, they go on to a size of one tile of those that were made.
    """
    info = output.info
    row = output_read(info)
    if row is not None and (row.levels_by_library or row.uniform):
        return  # they have levels of their own sizes
    if (info.width, info.height) != (source.width, source.height):
        return
    ours, theirs = ([(level.width, level.height) for level in i.levels] for i in (info, source))
    smallest = 0 if row is None else row.smallest
    own = is_own(output)
    if len(ours) > 1 or own:
        for size in theirs[1:]:
            if size not in ours and max(size) > smallest:
                yield f"the source's level of {size[0]} x {size[1]} pixels is missing"
    new = [level for level in info.levels if (level.width, level.height) not in theirs]
    made = own and bool(new)
    for above, below in itertools.pairwise(ours):
        powers = halvings_between(LevelSpec(*above, None), LevelSpec(*below, None))
        gap = powers > 1 or (powers == 0 and not {above, below} <= set(theirs))
        if made and gap and max(above) > _TWICE * max(below):
            yield f"a level between {above} and {below} is missing"
    tile = max((size for level in new for size in (level.tile_width, level.tile_height)), default=0)
    if made and max(ours[-1]) > max(tile, smallest):  # tiles that were copied may be smaller
        yield f"the levels end at {ours[-1]}: smaller ones are missing"


def agreement_problems(path: Path, output: Reader) -> Iterator[str]:
    """Yield what an output of ours says otherwise in the words of its format than in its own.

    Other programs read the one, this one the other.
    """
    info = output.info
    zarr = info.internal.get("zarr", {})
    if zarr.get("written_by"):
        yield from _zarr_problems(zarr.get("base", {}), info)
    elif info.internal.get("kind") in OWN_KINDS and path.is_file():
        with tifffile.TiffFile(path) as tif:
            yield from _tiff_problems(tif, info)


def _zarr_problems(attributes: Any, info: ImageInfo) -> Iterator[str]:
    multiscale = read_multiscale(attributes)
    if multiscale is not None:
        yield from _size_problems("NGFF's scale", pixel_size(multiscale), info)
    omero = ome_attributes(attributes).get("omero")
    if isinstance(omero, dict) and isinstance(omero.get("channels"), list):
        labels = [str(channel.get("label", "")) for channel in omero["channels"]]
        yield from _name_problems("omero", labels, info)


def _tiff_problems(tif: Any, info: ImageInfo) -> Iterator[str]:
    yield from _size_problems("the resolution tags", resolution_mm(tif.pages.first), info)
    if tif.is_ome:
        image = parse_ome(tif.ome_metadata)[0]
        yield from _size_problems("OME-XML", (image.mm_x, image.mm_y), info)
        yield from _name_problems("OME-XML", [channel.name for channel in image.channels], info)


def _size_problems(
    where: str, told: tuple[float | None, float | None], info: ImageInfo
) -> Iterator[str]:
    for name, size, own in zip(("mm_x", "mm_y"), told, (info.mm_x, info.mm_y), strict=True):
        if size is not None and own is not None and abs(size / own - 1) > SIZE_TOLERANCE:
            yield f"{where} says that {name} is {size:g}, its own facts say {own:g}"


def _name_problems(where: str, told: list[str], info: ImageInfo) -> Iterator[str]:
    own = [channel.name for channel in info.channels] or list(info.band_names)
    if len(told) == len(own) and all(own) and told != own:
        yield f"{where} names the channels {told}, its own facts {own}"
