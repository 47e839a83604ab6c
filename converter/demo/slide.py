"""A slide made from a real picture of stained tissue, in the shape a scanner would leave it."""

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

from ziggurat.readers.errors import ConversionError
from ziggurat.readers.model.geometry import grid_shape
from ziggurat.readers.model.reader import Pixels
from ziggurat.writers.files.atomic import atomic_file

TILE = 256
_QUALITY = 85
_DESCRIPTION = (
    "Aperio Image Library (made by ziggurat from a stained section)\n"
    "{width}x{height} [0,0 {width}x{height}] ({tile}x{tile}) JPEG/RGB Q={quality}"
    "|AppMag = 20|MPP = 0.5|ScanScope ID = DEMO|Filename = demo"
)


def tissue() -> Pixels:
    """Return the section: uint8 (512, 512, 3), immunohistochemical staining of the colon.

    Raises
    ------
    ConversionError
        scikit-image, whose wheel holds the picture, is not installed.
    """
    try:
        from skimage import data
    except ImportError as error:
        raise ConversionError(
            "the demonstration's tissue comes with scikit-image: pip install 'ziggurat[demo]', "
            "or give a slide of your own with --slide"
        ) from error
    return np.asarray(data.immunohistochemistry())


def _encode(tile: Pixels) -> bytes:
    return bytes(
        imagecodecs.jpeg8_encode(
            np.ascontiguousarray(tile),
            level=_QUALITY,
            colorspace="RGB",
            outcolorspace="YCBCR",
            subsampling="422",
        )
    )


def _quadrants(section: Pixels) -> dict[tuple[int, int], list[list[bytes]]]:
    """Encode the tiles of the four mirror images of the section, by (mirrored y, mirrored x)."""
    encoded = {}
    for flip_y in (0, 1):
        for flip_x in (0, 1):
            image = section[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
            encoded[flip_y, flip_x] = [
                [_encode(image[y : y + TILE, x : x + TILE]) for x in range(0, image.shape[1], TILE)]
                for y in range(0, image.shape[0], TILE)
            ]
    return encoded


def _tiles(width: int, height: int, section: Pixels) -> Iterator[bytes]:
    """Yield the slide's tiles row by row: the section, mirrored at every seam."""
    quadrants = _quadrants(section)
    per_section = section.shape[0] // TILE
    columns, rows = grid_shape(width, height, TILE, TILE)
    for row in range(rows):
        for column in range(columns):
            quadrant = quadrants[row // per_section % 2, column // per_section % 2]
            yield quadrant[row % per_section][column % per_section]


def make_slide(target: Path, width: int = 12_000, height: int = 9_000) -> None:
    """Write a one-level Aperio-like slide with label, macro and thumbnail; replaces ``target``."""
    section = tissue()
    label = np.full((200, 180, 3), (250, 250, 240), np.uint8)
    label[40:60, 20:160] = label[90:110, 20:120] = 30
    macro = np.full((240, 640, 3), 235, np.uint8)
    macro[50:190, 150:450] = section[:140, :300]
    with (
        atomic_file(target, overwrite=True) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=False) as tiff,
    ):
        tiff.write(
            _tiles(width, height, section),
            shape=(height, width, 3),
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="ycbcr",
            subsampling=(2, 1),
            compression="jpeg",
            resolution=(20_000, 20_000),
            resolutionunit="CENTIMETER",
            description=_DESCRIPTION.format(
                width=width, height=height, tile=TILE, quality=_QUALITY
            ),
            metadata=None,
        )
        step = max(1, width // 640)
        repeats = (-(-height // section.shape[0]), -(-width // section.shape[1]), 1)
        thumbnail = np.tile(section[::step, ::step], repeats)[: height // step, : width // step]
        for name, image in (("", thumbnail), ("label", label), ("macro", macro)):
            tiff.write(
                image,
                photometric="rgb",
                compression="jpeg",
                subfiletype={"": 0, "label": 1, "macro": 9}[name],
                description=f"Aperio Image Library\n{name} {image.shape[1]}x{image.shape[0]}",
                metadata=None,
            )
