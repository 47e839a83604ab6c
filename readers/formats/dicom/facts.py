"""What the headers of a DICOM slide mean for us: tile format, levels, channels, physical size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from ziggurat.readers.codecs.colors import ycbcr_to_rgb
from ziggurat.readers.codecs.jpeg_stream import parse_header, stream_photometric
from ziggurat.readers.codecs.stream_size import has_component_transform
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.dicom.instance import Instance, Place
from ziggurat.readers.formats.dicom.syntaxes import Syntax, syntax_of
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.image import (
    Axis,
    Channel,
    ImageInfo,
    Interpretation,
    Level,
    ServedLevels,
)
from ziggurat.readers.model.reader import Pixels

_NOT_TEXT = ("SQ", "OB", "OW", "OV", "OF", "OD", "OL", "UN")
_OVERLAYS = range(0x6000, 0x6100)
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_COMPRESSED_COLORS = ("YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")


def tile_format(instance: Instance, stream: bytes) -> TileFormat:
    """Say how frames are encoded; a JPEG stream's own markers win over the header.

    Raises
    ------
    UnsupportedFormatError
        A transfer syntax or photometric interpretation that isn't decoded here.
    CorruptSourceError
        The stream is damaged, or disagrees in bands or bits.
    """
    syntax = check_supported(instance)
    codec = syntax.codec
    photometric = Photometric.RGB
    if instance.photometric in _MONOCHROME:
        photometric = Photometric.GRAY
    elif codec is Codec.JPEG2000:
        full = instance.photometric.startswith("YBR_FULL")
        if full and has_component_transform(stream) is False:
            photometric = Photometric.YCBCR
    elif instance.photometric.startswith("YBR"):
        photometric = Photometric.YCBCR
    subsampling = None
    if codec is Codec.JPEG:
        header = parse_header(stream)
        if header.components != instance.bands or (header.bits > 8) != (instance.bits > 8):
            raise CorruptSourceError(
                f"{instance.path}: JPEG of {header.components} x {header.bits} bits where "
                f"{instance.bands} x {instance.bits} are due"
            )
        photometric = stream_photometric(header, photometric)
        subsampling = header.subsampling if header.components == 3 else None
    return TileFormat(
        codec=codec,
        photometric=photometric,
        bands=instance.bands,
        bits=instance.bits,
        dtype=sample_type(instance).name,
        subsampling=subsampling,
        lossless=syntax.lossless,
    )


def instance_syntax(instance: Instance) -> Syntax:
    """Return how an instance's frames are encoded; not all that is known can be shown."""
    return syntax_of(instance.syntax, instance.planar and instance.bands > 1)


def check_supported(instance: Instance) -> Syntax:
    """Return how frames are encoded.

    Raises
    ------
    UnsupportedFormatError
        A transfer syntax or photometric interpretation that isn't decoded here; it is named.
    """
    syntax = instance_syntax(instance)
    plain = syntax.native or syntax.codec is Codec.NONE
    known = (*_MONOCHROME, "RGB", "YBR_FULL", *(() if plain else _COMPRESSED_COLORS))
    if instance.photometric not in known:
        raise UnsupportedFormatError(
            f"DICOM frames of photometric interpretation {instance.photometric or 'unknown'} "
            f"in {syntax.codec.value} encoding are not supported"
        )
    if instance.high_bit != instance.bits_stored - 1:
        raise UnsupportedFormatError(
            f"DICOM samples of {instance.bits_stored} bits whose highest is {instance.high_bit}, "
            "not the one below, are not supported"
        )
    return syntax


def in_pixels(tile: Pixels, instance: Instance, photometric: Photometric) -> Pixels:
    """Return decoded samples as they are meant: their own bits, white is high, colours are RGB."""
    if instance.spare_bits:  # a shift to the right spreads the sign
        tile = (tile << instance.spare_bits) >> instance.spare_bits
    if instance.photometric == "MONOCHROME1":
        if instance.signed:
            return np.asarray(np.invert(tile))
        full = (1 << min(instance.bits_stored, instance.bits)) - 1
        return np.asarray(tile ^ tile.dtype.type(full))
    own = instance_syntax(instance)
    if photometric is Photometric.YCBCR and (own.decode is not None or own.codec is Codec.NONE):
        return ycbcr_to_rgb(tile)
    return tile


def sample_type(instance: Instance) -> np.dtype:
    """Return the type of the samples.

    Raises
    ------
    UnsupportedFormatError
        Samples that are no whole bytes, or neither gray nor of three bands.
    """
    if instance.bits not in (8, 16) or instance.bands not in (1, 3):
        raise UnsupportedFormatError(
            f"DICOM frames of {instance.bands} bands with {instance.bits} bits"
        )
    return np.dtype(f"{'i' if instance.signed else 'u'}{instance.bits // 8}")


def slide_info(
    levels: Sequence[Sequence[Instance]],
    places: Sequence[Place],
    associated: tuple[str, ...],
    left_out: Sequence[str] = (),
) -> ImageInfo:
    """Put the facts of all levels together; the largest level's header speaks for the slide."""
    first = levels[0][0]
    for instances in levels:
        for instance in instances:
            check_supported(instance)
            same = (instance.bands, instance.bits, instance.signed)
            if same != (first.bands, first.bits, first.signed):
                raise UnsupportedFormatError("DICOM levels of different pixels")
            if (instance.tile_width, instance.tile_height) != (
                instances[0].tile_width,
                instances[0].tile_height,
            ):
                raise UnsupportedFormatError("a DICOM level of different tile sizes")
    header = first.header
    mm_x, mm_y = _spacing(header)
    facts: dict[str, Any] = {"instances": [item.path.name for part in levels for item in part]}
    if left_out:
        facts["left out"] = list(left_out)
    color = first.bands == 3
    return ImageInfo(
        format="dicom",
        levels=tuple(
            Level(item.width, item.height, item.tile_width, item.tile_height)
            for item in (instances[0] for instances in levels)
        ),
        bands=first.bands,
        dtype=sample_type(first),
        interpretation=Interpretation.RGB if color else Interpretation.GRAY,
        **_frame_axes(places, levels[0]),
        mm_x=mm_x,
        mm_y=mm_y,
        magnification=_magnification(header),
        icc_profile=_icc_profile(header),
        associated=associated,
        lossy=not instance_syntax(first).lossless,
        background=(255.0, 255.0, 255.0) if color else None,
        properties=_texts(header),
        internal={"dicom": facts},
        losses=_losses(levels),
        served_levels=ServedLevels.FINER,
    )


def _losses(levels: Sequence[Sequence[Instance]]) -> tuple[str, ...]:
    """Return what the headers say of the pixels and is not heeded."""
    told = []
    for instance in (item for instances in levels for item in instances):
        if instance.unplaced:
            told.append(
                f"{instance.unplaced} of {instance.frames} frames of {instance.path.name}, which "
                "are the tile of no place"
            )
    header = levels[0][0].header
    if any(tag.group in _OVERLAYS for tag in header.keys()):  # noqa: SIM118  as in _texts
        told.append("its overlay planes: they are not read")
    scale, shift = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if (scale or 1) != 1 or (shift or 0) != 0:
        told.append(f"its rescaling (x {scale}, then + {shift}): samples are as they are stored")
    return tuple(told)


def _frame_axes(places: Sequence[Place], base: Sequence[Instance]) -> dict[str, Any]:
    paths = list(dict.fromkeys(path for path, _ in places))
    planes = sorted({plane for _, plane in places})
    if len(paths) * len(planes) != len(places):
        raise UnsupportedFormatError("DICOM optical paths with different focal planes")
    axes = []
    if len(paths) > 1:
        axes.append(Axis("c", len(paths)))
    if len(planes) > 1:
        axes.append(Axis("z", len(planes)))
    names = {path: name for instance in base for path, name in instance.names.items()}
    channels = tuple(Channel(names.get(path, path)) for path in paths) if len(paths) > 1 else ()
    return {"axes": tuple(axes), "channels": channels}


def _spacing(header: Dataset) -> tuple[float | None, float | None]:
    """Return millimetres per pixel, (x, y); DICOM says the distance of rows, y, first."""
    for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        try:
            measures = header[group].value[0].PixelMeasuresSequence[0]
            mm_y, mm_x = (float(value) for value in measures.PixelSpacing)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            continue
        if all(0 < value < 1e3 for value in (mm_x, mm_y)):
            return mm_x, mm_y
    return None, None


def _magnification(header: Dataset) -> float | None:
    for item in header.get("OpticalPathSequence", []):
        power = item.get("ObjectiveLensPower")
        if power is not None and 0 < float(power) < 1e4:
            return float(power)
    return None


def _icc_profile(header: Dataset) -> bytes | None:
    for item in header.get("OpticalPathSequence", []):
        profile = item.get("ICCProfile")
        if isinstance(profile, bytes) and profile:
            return profile
    return None


def _texts(header: Dataset) -> Mapping[str, str]:
    """Return the header's plain fields by keyword, ``dicom.`` before them as OpenSlide has it."""
    texts = {}
    for tag in header.keys():  # noqa: SIM118  iterating a data set parses, and may fail
        try:
            element = header[tag]
            if element.keyword and element.VR not in _NOT_TEXT:
                texts[f"dicom.{element.keyword}"] = str(element.value)
        except Exception:  # noqa: BLE001  pydicom raises what it likes; a note less is no harm
            continue
    return texts
