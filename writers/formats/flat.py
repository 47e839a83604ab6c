"""Small flat pictures (.png, .jpg, .webp): one frame, one level, through libvips."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyvips

from ziggurat.readers.errors import OptionError, WriteError
from ziggurat.readers.model.encoded import EncodedLevel
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Reader
from ziggurat.writers.codecs.tiles import DEFAULT_QUALITY
from ziggurat.writers.files.atomic import atomic_file
from ziggurat.writers.formats.map_facts import lost_map_facts
from ziggurat.writers.model.levels import LevelPlan
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation, Progress, ProgressCallback
from ziggurat.writers.pyramid.budget import free_memory

_SHARE = 4  # of the free memory, one fourth: the picture is in memory as a whole


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one format takes, and whether it keeps every value."""

    name: str
    dtypes: tuple[str, ...]
    bands: tuple[int, ...]
    largest: int  # pixels a side
    lossless: bool


_JPEG = _Kind("JPEG", ("uint8",), (1, 3), 65_500, lossless=False)
_KINDS = {
    ".png": _Kind("PNG", ("uint8", "uint16"), (1, 2, 3, 4), 2**31 - 1, lossless=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _Kind("WebP", ("uint8",), (3, 4), 16_383, lossless=True),
}


def plan_levels(reader: Reader, options: WriteOptions) -> tuple[LevelPlan, ...]:
    """Return no levels: a flat picture has none; what it can't hold is refused in ``emit``."""
    del reader, options
    return ()


def expected_losses(info: ImageInfo) -> tuple[str, ...]:
    """Return what a flat picture has no place for, which is written all the same."""
    lost = [f"associated image {name!r}: there is no place for it" for name in info.associated]
    if info.description:
        lost.append("the description")
    if "additionalMetadata" in info.given:
        lost.append("additional metadata: .tiff, .svs and .zarr hold them")
    if info.magnification:
        lost.append("the magnification")
    lost += lost_map_facts(info, holds_place=False)
    if info.band_names or any(channel.name for channel in info.channels):
        lost.append("the names of the channels")
    return tuple(lost)


def copy_refusal(tiles: EncodedLevel, info: ImageInfo) -> str:
    """Return why no tile is copied."""
    del tiles, info
    return "a flat picture has no tiles"


def level_encoder(info: ImageInfo, options: WriteOptions) -> tuple[None, None]:
    """Return nothing: the picture is encoded as a whole."""
    del info, options
    return None, None


def emit(
    reader: Reader,
    path: Path,
    levels: Sequence[LevelPlan],
    options: WriteOptions,
    *,
    on_progress: ProgressCallback | None = None,
    cancel: Cancellation | None = None,
) -> tuple[str, ...]:
    """Write a flat picture; see :func:`ziggurat.writers.formats.registry.write`."""
    del levels
    info = reader.info
    kind = _KINDS[path.suffix.lower()]
    _check(info, kind, options)
    with atomic_file(path, options.overwrite) as staged:
        if cancel is not None:
            cancel.check()
        pixels = reader.plane(0, 0).read(Rect(0, 0, info.width, info.height))
        picture = _picture(pixels, info)
        try:
            save = getattr(picture, f"{kind.name.lower()}save")
            save(os.fsencode(staged), **_arguments(kind, info, options))  # names need not be UTF-8
        except pyvips.Error as error:
            raise WriteError(f"{path} could not be written: {error}") from error
        if on_progress is not None:
            on_progress(Progress(1, 1, staged.stat().st_size, 0))
    return expected_losses(info)


def _check(info: ImageInfo, kind: _Kind, options: WriteOptions) -> None:
    if info.dtype.name not in kind.dtypes or info.bands not in kind.bands:
        raise OptionError(
            f"{kind.name} holds {'/'.join(map(str, kind.bands))} bands of "
            f"{'/'.join(kind.dtypes)}, not {info.bands} of {info.dtype}; .tif holds those"
        )
    if _exact(info, options) and not kind.lossless:
        raise OptionError(f"{kind.name} can't keep every value; .png and .tif do")
    if max(info.width, info.height) > kind.largest:
        raise OptionError(
            f"{kind.name} goes to {kind.largest} pixels a side, not {info.width} x {info.height}; "
            ".tif and .zarr take any size"
        )
    if info.frames > 1:
        raise OptionError(f"{kind.name} holds one frame, not {info.frames}; choose one, or .tif")
    size = info.width * info.height * info.bands * info.dtype.itemsize
    room = options.max_memory or free_memory() // _SHARE
    if size > room:
        raise OptionError(
            f"a flat picture is made in memory: {size >> 20} MiB, with room for {room >> 20}; "
            ".tif and .zarr are streamed"
        )


def _picture(pixels: object, info: ImageInfo) -> object:
    picture = pyvips.Image.new_from_array(pixels)
    colors = info.bands >= 3
    deep = info.dtype.itemsize == 2
    name = ("rgb16" if deep else "srgb") if colors else ("grey16" if deep else "b-w")
    picture = picture.copy(interpretation=name)
    if info.mm_x and info.mm_y:
        picture = picture.copy(xres=1 / info.mm_x, yres=1 / info.mm_y)  # pixels per mm
    if info.icc_profile:
        picture.set_type(pyvips.GValue.blob_type, "icc-profile-data", info.icc_profile)
    return picture


def _exact(info: ImageInfo, options: WriteOptions) -> bool:
    return not options.lossy or info.interpretation is Interpretation.LABELS


def _arguments(kind: _Kind, info: ImageInfo, options: WriteOptions) -> dict[str, object]:
    quality = options.quality or DEFAULT_QUALITY
    if kind.name == "PNG":
        return {} if options.level is None else {"compression": options.level}
    if kind.name == "JPEG":
        off = options.subsampling.factors == (1, 1)
        return {"Q": quality, "subsample_mode": "off" if off else "on"}
    # exact: colours that nothing shows, below an alpha of zero, are values too
    exact = {"lossless": True, "exact": True}
    chosen: dict[str, object] = {**exact} if _exact(info, options) else {"Q": quality}
    return chosen if options.level is None else chosen | {"effort": options.level}
