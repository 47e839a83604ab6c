"""Small Leica LIF and Nikon ND2 files for tests, after what liffile and nd2 read of them."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

_DIMENSIONS = {"X": 1, "Y": 2, "Z": 3, "T": 4}
_STEPS = {"X": 5e-7, "Y": 1e-6, "Z": 3e-6, "T": 7e-7}  # metres: no two alike
_COLORS = ("Red", "Green", "Blue")
_DYES = ("Magenta", "Cyan", "Green")  # not in the order of a spectrum, nor of the alphabet


def _lif_image(name: str, pixels: np.ndarray, axes: str, number: int) -> str:
    """Return the XML of an image; axes as of a C-ordered array, ``S`` for red, green, blue."""
    strides = dict(zip(axes, pixels.strides, strict=True))
    sizes = dict(zip(axes, pixels.shape, strict=True))
    bits = 8 * pixels.itemsize
    letter = "S" if "S" in sizes else "C"
    channels = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{k + 1 if letter == "S" else 0}" '
        f'Resolution="{bits}" NameOfMeasuredQuantity="" Min="0" Max="1" Unit="" '
        f'LUTName="{(_DYES if letter == "C" else _COLORS)[k % len(_COLORS)]}" IsLUTInverted="0" '
        f'BytesInc="{k * strides.get(letter, 0)}" BitInc="0"/>'
        for k in range(sizes.get(letter, 1))
    )
    dimensions = "".join(
        f'<DimensionDescription DimID="{_DIMENSIONS[axis]}" NumberOfElements="{sizes[axis]}" '
        f'Origin="-2e-5" Length="{(sizes[axis] - 1) * _STEPS[axis]}" Unit="m" BitInc="0" '
        f'BytesInc="{strides[axis]}"/>'
        for axis in reversed(axes)
        if axis in _DIMENSIONS
    )
    return (
        f'<Element Name="{name}" UniqueID="{number}"><Data><Image><ImageDescription>'
        f"<Channels>{channels}</Channels><Dimensions>{dimensions}</Dimensions>"
        f"</ImageDescription></Image></Data>"
        f'<Memory Size="{pixels.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


def make_lif(path: Path, images: Mapping[str, tuple[np.ndarray, str]]) -> Path:
    """Write a LIF of images by name, each with its axes."""
    inner = "".join(
        _lif_image(name, pixels, axes, number)
        for number, (name, (pixels, axes)) in enumerate(images.items())
    )
    xml = (
        f'<LMSDataContainerHeader Version="2"><Element Name="made"><Data/><Children>{inner}'
        f"</Children></Element></LMSDataContainerHeader>"
    )
    text = xml.encode("utf-16-le")
    out = struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text
    for number, (pixels, _) in enumerate(images.values()):
        name = f"MemBlock_{number}".encode("utf-16-le")
        head = struct.pack("<BQBI", 0x2A, pixels.nbytes, 0x2A, len(name) // 2)
        out += struct.pack("<II", 0x70, len(head) + len(name)) + head + name + pixels.tobytes()
    path.write_bytes(out)
    return path


def _lite(name: str, value: object) -> bytes:
    """Return a fact in ND2's own notation."""
    title = (name + "\0").encode("utf-16-le")
    if isinstance(value, dict):
        head = struct.pack("BB", 11, len(title) // 2) + title
        body = b"".join(_lite(key, one) for key, one in value.items())
        length = len(head) + 12 + len(body)
        return head + struct.pack("<IQ", len(value), length) + body + bytes(8 * len(value))
    if isinstance(value, str):
        return struct.pack("BB", 8, len(title) // 2) + title + (value + "\0").encode("utf-16-le")
    kind, layout = (6, "<d") if isinstance(value, float) else (3, "<I")
    return struct.pack("BB", kind, len(title) // 2) + title + struct.pack(layout, value)


def _chunk(name: bytes, data: bytes, reserve: int = 32) -> bytes:
    """Return a chunk with so much room for its name."""
    return struct.pack("<IIQ", 0x0ABECEDA, reserve, len(data)) + name.ljust(reserve, b"\0") + data


def make_nd2(
    path: Path,
    frames: Sequence[np.ndarray],
    micrometres: float = 0.5,
    depth: float | None = None,
) -> Path:
    """Write an ND2 of frames (y, x, component), one after another in time.

    With ``depth``, that of a step in micrometres, they lie one above another instead.
    """
    height, width, components = frames[0].shape
    item = frames[0].itemsize
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": width * components * item,
        "uiHeight": height,
        "uiComp": components,
        "uiBpcInMemory": 8 * item,
        "uiBpcSignificant": 8 * item,
        "uiSequenceCount": len(frames),
        "eCompression": 2,
    }
    steps: dict[str, float] = {"dPeriod": 1000.0, "dDuration": 1.0, "dStart": 0.0}
    if depth is not None:
        steps = {"dZStep": depth, "dZLow": 0.0, "dZHigh": depth * (len(frames) - 1), "dZHome": 0.0}
    loop = {
        "eType": 1 if depth is None else 4,
        "uiLoopCount": len(frames),
        "uLoopPars": {"uiCount": len(frames), **steps},
        "uiNextLevelCount": 0,
    }
    planes = {
        "uiCount": components,
        "sPlaneNew": {
            f"a{k}": {
                "sDescription": ("Cy5", "DAPI", "FITC")[k % 3],
                "uiColor": (0xC08040, 0x20FF10, 0x3060F0)[k % 3],  # blue, green, red
                "uiCompCount": 1,
                "pFluorescentProbe": {"m_uiColor": 0},
            }
            for k in range(components)
        },
    }
    parts = {
        b"ImageAttributesLV!": _lite("SLxImageAttributes", attributes),
        b"ImageMetadataLV!": _lite("SLxExperiment", loop),
        b"ImageMetadataSeqLV|0!": _lite(
            "SLxPictureMetadata",
            {
                "dCalibration": micrometres,
                "bCalibrated": 1,
                "dObjectiveMag": 63.0,
                "sPicturePlanes": planes,
            },
        ),
    }
    out = bytearray(_chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0")))
    places = {}
    payload = dict(parts)
    for number, frame in enumerate(frames):
        payload[f"ImageDataSeq|{number}!".encode()] = bytes(8) + frame.tobytes()
    for name, data in payload.items():
        places[name] = (len(out), len(data))
        out += _chunk(name, data, reserve=4072)
    at = len(out)
    table = b"".join(name + struct.pack("<QQ", *place) for name, place in places.items())
    table += b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", at)
    out += _chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", table)
    path.write_bytes(out)
    return path
