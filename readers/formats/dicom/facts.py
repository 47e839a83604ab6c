"""What the headers of a DICOM slide mean for us: tile format, levels, channels, physical size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from ziggurat.readers.codecs.jpeg_stream import parse_header, stream_photometric
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.dicom.instance import Instance, Place
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level

NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
# Transfer syntaxes of PS3.5 A.4 that frames are decoded from here; lossless ones are marked.
_SYNTAXES: dict[str, tuple[Codec, bool]] = {
    **dict.fromkeys(NATIVE, (Codec.NONE, True)),
    "1.2.840.10008.1.2.4.50": (Codec.JPEG, False),
    "1.2.840.10008.1.2.4.51": (Codec.JPEG, False),
    "1.2.840.10008.1.2.4.90": (Codec.JPEG2000, True),
    "1.2.840.10008.1.2.4.91": (Codec.JPEG2000, False),
    "1.2.840.10008.1.2.4.110": (Codec.JPEGXL, True),
    "1.2.840.10008.1.2.4.112": (Codec.JPEGXL, False),
}
_NOT_TEXT = ("SQ", "OB", "OW", "OV", "OF", "OD", "OL", "UN")
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")


def tile_format(instance: Instance, stream: bytes) -> TileFormat:
    """Say how frames are encoded; a JPEG stream's own markers win over the header.

    Raises
    ------
    UnsupportedFormatError
        A transfer syntax that isn't decoded here.
    CorruptSourceError
        The stream is damaged, or disagrees in bands or bits.
    """
    codec, lossless = _codec(instance)
    photometric = Photometric.RGB
    if instance.photometric in _MONOCHROME:
        photometric = Photometric.GRAY
    elif instance.photometric.startswith("YBR") and codec is not Codec.JPEG2000:
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
        dtype=_dtype(instance).name,
        subsampling=subsampling,
        lossless=lossless,
    )


def _codec(instance: Instance) -> tuple[Codec, bool]:
    if instance.syntax not in _SYNTAXES:
        raise UnsupportedFormatError(f"DICOM frames of transfer syntax {instance.syntax}")
    codec, lossless = _SYNTAXES[instance.syntax]
    odd = instance.photometric in ("PALETTE COLOR", "MONOCHROME1") or instance.planar
    if odd or (codec is Codec.NONE and instance.photometric.startswith("YBR")):
        raise UnsupportedFormatError(
            f"DICOM frames of photometric interpretation {instance.photometric}"
        )
    return codec, lossless


def _dtype(instance: Instance) -> np.dtype[Any]:
    if instance.bits not in (8, 16) or instance.bands not in (1, 3):
        raise UnsupportedFormatError(
            f"DICOM frames of {instance.bands} bands with {instance.bits} bits"
        )
    return np.dtype(f"{'i' if instance.signed else 'u'}{instance.bits // 8}")


def slide_info(
    levels: Sequence[Sequence[Instance]], places: Sequence[Place], associated: tuple[str, ...]
) -> ImageInfo:
    """Put the facts of all levels together; the largest level's header speaks for the slide."""
    first = levels[0][0]
    for instances in levels:
        for instance in instances:
            _codec(instance)
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
    color = first.bands == 3
    return ImageInfo(
        format="dicom",
        levels=tuple(
            Level(item.width, item.height, item.tile_width, item.tile_height)
            for item in (instances[0] for instances in levels)
        ),
        bands=first.bands,
        dtype=_dtype(first),
        interpretation=Interpretation.RGB if color else Interpretation.GRAY,
        **_frame_axes(places, header),
        mm_x=mm_x,
        mm_y=mm_y,
        magnification=_magnification(header),
        icc_profile=_icc_profile(header),
        associated=associated,
        background=(255.0, 255.0, 255.0) if color else None,
        properties=_texts(header),
        internal={"dicom": {"instances": [item.path.name for part in levels for item in part]}},
    )


def _frame_axes(places: Sequence[Place], header: Dataset) -> dict[str, Any]:
    paths = list(dict.fromkeys(path for path, _ in places))
    planes = sorted({plane for _, plane in places})
    if len(paths) * len(planes) != len(places):
        raise UnsupportedFormatError("DICOM optical paths with different focal planes")
    axes = []
    if len(paths) > 1:
        axes.append(Axis("c", len(paths)))
    if len(planes) > 1:
        axes.append(Axis("z", len(planes)))
    names = {}
    for item in header.get("OpticalPathSequence", []):
        identifier = str(item.get("OpticalPathIdentifier", ""))
        names[identifier] = str(item.get("OpticalPathDescription", "") or identifier)
    channels = tuple(Channel(names.get(path, path)) for path in paths) if len(paths) > 1 else ()
    return {"axes": tuple(axes), "channels": channels}


def _spacing(header: Dataset) -> tuple[float | None, float | None]:
    """Return millimetres per pixel, (x, y)."""
    try:
        measures = header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        mm_y, mm_x = (float(value) for value in measures.PixelSpacing)
    except (AttributeError, IndexError, TypeError, ValueError):
        return None, None
    good = all(0 < value < 1e3 for value in (mm_x, mm_y))
    return (mm_x, mm_y) if good else (None, None)


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
