"""Textures of many frames for viewers: which mosaics to ask for, and what is where in them.

A viewer that pages through frames loads them beforehand, small, many to a texture: this says how
large a frame may be, how many lie in a texture, and where each of them is cut out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ziggurat.readers.errors import OptionError

_DEFAULTS: dict[str, Any] = {
    "format": {"encoding": "JPEG", "jpegQuality": 85, "jpegSubsampling": 1},
    "query": {},
    "frameBase": 0,
    "frameStride": 1,
    "frameGroup": 1,
    "frameGroupFactor": 4,
    "frameGroupStride": 1,
    "maxTextureSize": 8192,
    "maxTextures": 1,
    "maxTotalTexturePixels": 1 << 30,
    "alignment": 16,
    "maxFrameSize": None,
}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Frames of one size in textures: how many across one, in one, and of how many textures."""

    width: int
    height: int
    across: int
    each: int
    textures: int


def getTileFramesQuadInfo(
    metadata: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the calls of ``tileFrames`` that give all frames of an image in textures.

    Parameters
    ----------
    metadata
        An image's ``getMetadata()``: sizes, tile sizes, ``frames`` and ``IndexRange``.
    options
        ``format`` and ``query``: further words of each call. ``frameBase``, ``frameStride``: the
        first frame and the step; the name of an axis means its length (as ``frameBase``: one result
        for each of its positions). ``frameGroup``: textures hold a multiple of so many frames,
        where that shrinks none of them by more than ``frameGroupFactor``; ``frameGroupStride``
        orders them. ``maxTextureSize`` (pixels a side), ``maxTextures``,
        ``maxTotalTexturePixels`` and ``maxFrameSize`` are limits, ``alignment`` what sizes of
        frames are multiples of.

    Returns
    -------
    ``src``: the words of each call; ``quads``: where each frame is shown and cut out (pixels);
    ``quadsToIdx``: the call that it comes with; ``frames``, ``framesToIdx``: which frame it is.

    Raises
    ------
    OptionError
        No frame is left, or they don't fit into the textures.
    """
    chosen = _DEFAULTS | dict(options or {})
    lengths = metadata.get("IndexRange", {})

    def number(name: str) -> int:
        text = str(chosen[name])
        return int(text) if text.isdigit() else int(lengths.get(f"Index{text.upper()}", 1))

    stride, group = number("frameStride"), number("frameGroup")
    step = chosen["frameGroupStride"]
    step = max(1, group // stride) if step == "auto" else int(step)
    chosen |= {"frameStride": stride, "frameGroup": group, "frameGroupStride": step}
    if not str(chosen["frameBase"]).isdigit():
        parts = [
            getTileFramesQuadInfo(metadata, {**chosen, "frameBase": base})
            for base in range(number("frameBase"))
        ]
        calls = [call for part in parts for call in part["src"]]
        return {"metadata": metadata, "options": chosen, "src": calls}
    chosen["frameBase"] = base = int(chosen["frameBase"])
    total = len(metadata.get("frames", ())) or 1
    frames = [n for s in range(step) for n in range(base + s * stride, total, stride * step)]
    if not frames:
        raise OptionError(f"frameBase {base} is past the last of {total} frames")
    return _textures(metadata, chosen, frames)


def _textures(
    metadata: Mapping[str, Any], options: dict[str, Any], frames: Sequence[int]
) -> dict[str, Any]:
    width, height = metadata["sizeX"], metadata["sizeY"]
    layout = _layout(options, len(frames), width, height)
    shrink = max(width / layout.width, height / layout.height)
    used = math.floor(width / shrink), math.floor(height / shrink)
    found: dict[str, Any] = {
        "metadata": metadata, "options": options, "src": [], "quads": [], "quadsToIdx": [],
        "frames": list(frames), "framesToIdx": {frame: n for n, frame in enumerate(frames)},
    }  # fmt: skip
    if metadata.get("tileWidth") and metadata.get("tileHeight"):
        least = min(used[0] / metadata["tileWidth"], used[1] / metadata["tileHeight"])
        found["minLevel"] = math.ceil(math.log2(least))  # tiles of lower levels aren't needed
    for texture in range(layout.textures):
        part = list(frames[texture * layout.each : (texture + 1) * layout.each])
        call = {
            "framesAcross": layout.across, "width": layout.width, "height": layout.height,
            "fill": "corner:black", "exact": False,
        }  # fmt: skip
        if len(part) != len(metadata.get("frames", ())):
            call["frameList"] = part
        found["src"].append(call | options["format"] | options["query"])
        columns, rows = min(len(part), layout.across), math.ceil(len(part) / layout.across)
        for place in range(len(part)):
            row, column = divmod(place, columns)
            left, bottom = column * layout.width, (rows - row) * layout.height
            found["quads"].append(
                {
                    "ul": {"x": 0, "y": 0, "z": -1},  # below other layers
                    "lr": {"x": width, "y": -height, "z": -1},
                    "crop": {
                        "x": width, "y": height, "left": left, "right": left + used[0],
                        "top": bottom - used[1], "bottom": bottom,
                    },
                }
            )  # fmt: skip
            found["quadsToIdx"].append(texture)
    return found


def _layout(options: Mapping[str, Any], count: int, width: int, height: int) -> _Layout:
    """Return the largest frames that fit into few and small textures."""
    pixels = options["maxTotalTexturePixels"]
    side, textures = options["maxTextureSize"], options["maxTextures"] or 1
    while side**2 > pixels:
        side //= 2
    while textures > 1 and side**2 * textures > pixels:
        textures -= 1
    while True:
        each = math.ceil(count / textures)
        whole = math.ceil(each / options["frameGroup"]) * options["frameGroup"]
        if whole <= each * options["frameGroupFactor"]:
            each = whole
        layout = _fitted(options, (count, each, textures), side, (width, height))
        if textures > 1 and count <= layout.each * (textures - 1):
            textures -= 1
        elif layout.across >= 2 and math.ceil(each / (layout.across // 2)) * layout.height <= (
            side / 2
        ):
            side //= 2
        else:
            return layout


def _fitted(
    options: Mapping[str, Any], counts: tuple[int, int, int], side: int, size: tuple[int, int]
) -> _Layout:
    """Return frames of one size in textures of a side; ``counts``: all, in one, textures."""
    count, each, textures = counts
    unit, (width, height) = options["alignment"] or 16, size

    def up(length: float) -> int:
        return math.ceil(length / unit) * unit

    scale = math.sqrt(side**2 / each / width / height)
    across = math.ceil(side / up(width * scale))
    fit_x = math.floor(side / across / unit) * unit
    down = max(math.ceil(each / (side // (fit_x or side))), math.ceil(side / up(height * scale)))
    fit_y = math.floor(side / down / unit) * unit
    if options["maxFrameSize"]:
        most = options["maxFrameSize"] // unit * unit
        fit_x, fit_y = min(fit_x, most), min(fit_y, most)
    if not (fit_x and fit_y):
        raise OptionError(
            f"{each} frames of {unit} pixels or more don't fit into a texture of {side}; allow "
            "more or larger ones, or choose fewer frames"
        )
    fit_x, fit_y = min(fit_x, up(width)), min(fit_y, up(height))
    fit_x = min(up(fit_y * width / height), fit_x)
    fit_y = min(up(fit_x * height / width), fit_y)
    across = side // fit_x
    down = min(side // fit_y, math.ceil(count / across))
    held, group = across * down, options["frameGroup"]
    if textures > 1 and group > 1:
        even = held // group * group
        held = held if textures * even < count <= held * textures else even
    return _Layout(fit_x, fit_y, across, held, textures)
