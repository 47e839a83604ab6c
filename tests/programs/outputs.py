"""Every kind of output, small, with the pixels and facts that other programs shall find in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

import ziggurat
from ziggurat.converter.convert import convert

WIDTH, HEIGHT, TILE = 901, 703, 128
MICRONS = 0.5
SVS_LEVELS = ((2403, 1203), (1202, 602))  # those larger than a thumbnail
LEVELS = ((901, 703), (451, 352), (226, 176), (113, 88))


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of output.

    Attributes
    ----------
    truth
        What went in: (y, x[, band]) or (t, z, c, y, x).
    loss
        The mean difference that its codec may make.
    """

    file: str
    make: Callable[[Path, np.ndarray], object]
    truth: Callable[[np.ndarray], np.ndarray]
    loss: float = 0.0
    levels: tuple[tuple[int, int], ...] = LEVELS
    channels: tuple[str, ...] = ()
    microns: float | None = MICRONS
    associated: frozenset[str] = field(default_factory=frozenset)


def picture(tissue: np.ndarray) -> np.ndarray:
    """Return the RGB picture of most outputs."""
    return np.ascontiguousarray(np.tile(tissue, (2, 2, 1))[:HEIGHT, :WIDTH])


def _slide(tissue: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.tile(tissue, (3, 5, 1))[:1203, :2403])


def _gray(tissue: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture(tissue)[..., 1])


def _deep(tissue: np.ndarray) -> np.ndarray:
    return _gray(tissue).astype(np.uint16) * 251


def _floats(tissue: np.ndarray) -> np.ndarray:
    return _gray(tissue).astype(np.float32) / 255


def _labels(tissue: np.ndarray) -> np.ndarray:
    return (_gray(tissue) // 32).astype(np.uint32) * 70_001


def _classes(tissue: np.ndarray) -> np.ndarray:
    return picture(tissue).astype(np.float32) / 255


def _signed(tissue: np.ndarray) -> np.ndarray:
    return _gray(tissue).astype(np.int16) - 100


def _stack(tissue: np.ndarray) -> np.ndarray:
    """Return (t, z, c, y, x) of 2, 2 and 3."""
    base = _deep(tissue)
    return np.stack([base // (n + 1) for n in range(12)]).reshape(2, 2, 3, HEIGHT, WIDTH)


CHANNELS = ("DAPI", "CD3", "Ki-67")


def _written(
    pixels: Callable[[np.ndarray], np.ndarray],
    *,
    associated: bool = False,
    place: bool = False,
    facts: dict[str, Any] | None = None,
    **options: Any,
) -> Callable[[Path, np.ndarray], object]:
    """Return what writes a picture from a sink."""

    def make(path: Path, tissue: np.ndarray) -> object:
        with ziggurat.new() as sink:
            sink.addTile(pixels(tissue))
            if place:
                sink.projection = "EPSG:32633"
                sink.gcps = [
                    [500_000.0, 5_000_000.0, 0, 0],
                    [500_000.0 + 10 * WIDTH, 5_000_000.0, WIDTH, 0],
                    [500_000.0, 5_000_000.0 - 10 * HEIGHT, 0, HEIGHT],
                ]
            else:
                sink.mm_x = sink.mm_y = MICRONS / 1000
            if associated:
                sink.addAssociatedImage(tissue[:60, :80], "label")
                sink.addAssociatedImage(tissue[:90, :200], "macro")
            for name, value in (facts or {}).items():
                setattr(sink, name, value)
            return sink.write(path, **{"tileSize": TILE, **options})

    return make


def _frames(path: Path, tissue: np.ndarray) -> object:
    stack = _stack(tissue)
    with ziggurat.new() as sink:
        for t in range(2):
            for z in range(2):
                for c in range(3):
                    sink.addTile(stack[t, z, c], t=t, z=z, c=c)
        sink.mm_x = sink.mm_y = MICRONS / 1000
        sink.channelNames = list(CHANNELS)
        return sink.write(path, tileSize=TILE)


def _copied(path: Path, tissue: np.ndarray) -> object:
    """Copy JPEG tiles of full chroma, as Hamamatsu's are."""
    source = path.with_name("copied-source.tif")
    pixels = np.pad(picture(tissue), ((0, -HEIGHT % TILE), (0, -WIDTH % TILE), (0, 0)))
    tiles = [
        imagecodecs.jpeg8_encode(pixels[y : y + TILE, x : x + TILE], level=90, subsampling="444")
        for y in range(0, HEIGHT, TILE)
        for x in range(0, WIDTH, TILE)
    ]
    tifffile.imwrite(
        source, iter(tiles), shape=(HEIGHT, WIDTH, 3), dtype="uint8", photometric="ycbcr",
        tile=(TILE, TILE), compression="jpeg", subsampling=(1, 1), metadata=None,
        resolution=(20_000, 20_000), resolutionunit="CENTIMETER",
    )  # fmt: skip
    report = convert(source, path)
    source.unlink()
    assert report.tiles_copied
    return report


def _rgb(file: str, loss: float = 0.0, **options: Any) -> Kind:
    lossy = {} if loss else {"lossy": False}
    return Kind(file, _written(picture, **lossy, **options), picture, loss)


_BOTH = frozenset({"label", "macro"})
_NAMED = {"channelNames": list(CHANNELS)}

KINDS: dict[str, Kind] = {
    ".tiff JPEG": _rgb("jpeg.tiff", 4, compression="jpeg"),
    ".tiff JPEG 4:4:4": _rgb("jpeg444.tiff", 4, compression="jpeg", subsampling="4:4:4"),
    ".tiff JPEG 4:4:4, copied": Kind("copied.tiff", _copied, picture, 4),
    ".tiff JPEG, label, macro": Kind(
        "associated.tiff", _written(picture, associated=True), picture, 4, associated=_BOTH
    ),
    ".tiff Deflate": _rgb("deflate.tiff", compression="deflate"),
    ".tiff LZW": _rgb("lzw.tiff", compression="lzw"),
    ".tiff ZSTD": _rgb("zstd.tiff", compression="zstd"),
    ".tiff PackBits": _rgb("packbits.tiff", compression="packbits"),
    ".tiff none": _rgb("none.tiff", compression="none"),
    ".tiff WebP": _rgb("webp.tiff", 6, compression="webp"),
    ".tiff JPEG 2000": _rgb("jp2k.tiff", 4, compression="jpeg2000"),
    ".tiff JPEG XL": _rgb("jxl.tiff", 4, compression="jpegxl"),
    ".tiff LZMA": _rgb("lzma.tiff", compression="lzma"),
    ".tiff SubIFDs": _rgb("subifd.tiff", 4, compression="jpeg", pyramid="subifd"),
    ".tiff float32": Kind("floats.tiff", _written(_floats), _floats),
    ".tiff labels uint32": Kind("labels.tiff", _written(_labels), _labels),
    ".svs": Kind("bare.svs", _written(_slide), _slide, 4, SVS_LEVELS),
    ".svs, label, macro": Kind(
        "whole.svs", _written(_slide, associated=True), _slide, 4, SVS_LEVELS, associated=_BOTH
    ),
    ".svs JPEG 4:4:4": Kind(
        "full.svs", _written(_slide, subsampling="4:4:4"), _slide, 4, SVS_LEVELS
    ),
    ".ome.tiff": _rgb("rgb.ome.tiff", 4, compression="jpeg"),
    ".ome.tiff JPEG 4:4:4": _rgb("444.ome.tiff", 4, compression="jpeg", subsampling="4:4:4"),
    ".ome.tiff, label, macro": Kind(
        "whole.ome.tiff", _written(picture, associated=True), picture, 4, associated=_BOTH
    ),
    ".ome.tiff uint16": Kind("deep.ome.tiff", _written(_deep), _deep),
    ".ome.tiff t, z, c": Kind("stack.ome.tiff", _frames, _stack, channels=CHANNELS),
    ".ome.tiff float32": Kind("floats.ome.tiff", _written(_floats), _floats),
    ".ome.tiff named bands": Kind(
        "classes.ome.tiff", _written(_classes, facts=_NAMED), _classes, channels=CHANNELS
    ),
    ".ome.tiff labels uint32": Kind("labels.ome.tiff", _written(_labels), _labels),
    ".tif COG": Kind(
        "map.tif", _written(picture, place=True, lossy=False), picture, levels=(), microns=None
    ),
    ".tif COG int16": Kind(
        "signed.tif", _written(_signed, place=True), _signed, levels=(), microns=None
    ),
    ".zarr": Kind("rgb.zarr", _written(picture), picture),
    ".zarr 0.4": Kind("rgb04.zarr", _written(picture, omeVersion="0.4"), picture),
    ".zarr t, z, c": Kind("stack.zarr", _frames, _stack, channels=CHANNELS),
    ".zarr float32": Kind("floats.zarr", _written(_floats), _floats),
    ".zarr.zip": Kind("rgb.zarr.zip", _written(picture), picture),
    ".png": Kind("flat.png", _written(picture), picture, levels=()),
    ".jpg": Kind("flat.jpg", _written(picture), picture, 4, levels=()),
    ".webp": Kind("flat.webp", _written(picture), picture, 6, levels=()),
}


def make_all(folder: Path, tissue: np.ndarray) -> dict[str, Path]:
    """Write every kind into a folder; what is there from before is taken as it is."""
    made = {}
    for name, kind in KINDS.items():
        made[name] = folder / kind.file
        if not made[name].exists():
            kind.make(made[name], tissue)
    return made
