"""What a call asks for, and how it wants the answer: frozen, so that functions can be handed it."""

from dataclasses import dataclass, field
from typing import TypedDict

from ziggurat.readers.constants import TILE_FORMAT_IMAGE, TILE_FORMAT_NUMPY
from ziggurat.readers.grid.tiles import GridRequest
from ziggurat.readers.model.words import (
    Formats,
    Options,
    Output,
    Region,
    Scale,
    TileOffset,
    TileOverlap,
    TilePosition,
    TileSize,
)
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.output.encode import Encoding, chosen_format, merged_encoding
from ziggurat.readers.style.access import effective_style
from ziggurat.readers.style.parse import Style


class EncodingWords(TypedDict, total=False):
    """How pictures are encoded; what is not given is what ``open`` was told."""

    encoding: str | None
    jpegQuality: int | None
    jpegSubsampling: int | None
    tiffCompression: str | None


class FormatWords(TypedDict, total=False):
    """What comes out: an array, a picture, bytes."""

    format: Formats


class PlaceWords(TypedDict, total=False):
    """Which pixels, and how they look."""

    region: Region | Options | None
    scale: Scale | Options | None
    frame: int | None
    style: Options | str | None


class PixelWords(PlaceWords, EncodingWords, total=False):
    """What all calls that are like ``getRegion`` share."""

    output: Output | Options | None


class RegionWords(PixelWords, total=False):
    """What ``getRegion`` takes beside the format."""

    fill: str | None
    resample: object
    compression: str | None
    tile_size: TileSize | Options | None
    tile_offset: TileOffset | Options | None


class ThumbnailWords(RegionWords, FormatWords, total=False):
    """All that ``getRegion`` takes."""


class GridWords(PixelWords, total=False):
    """What says which tiles there are, beside the format and ``resample``."""

    tile_size: TileSize | Options | None
    tile_overlap: TileOverlap | Options | None
    tile_offset: TileOffset | Options | None
    tile_position: int | TilePosition | Options | None


class CountWords(GridWords, FormatWords, total=False):
    """All that says which tiles there are."""

    resample: object


class IterationWords(GridWords, total=False):
    """What ``tileIterator`` takes, beside the format and ``resample``."""

    prefetch: int
    mask: object
    min_coverage: float


class TileWords(IterationWords, FormatWords, total=False):
    """All that ``tileIterator`` takes."""

    resample: object


@dataclass(frozen=True, slots=True)
class RegionRequest:
    """Which pixels, in the words of a caller; the style is parsed already, None: as stored."""

    region: Options | None = None
    scale: Options | None = None
    output: Options | None = None
    frame: int | None = None
    fill: str | None = None
    resample: object = True
    style: Style | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How pixels come out: the format, of pictures the encoding, of files their compression."""

    format: str = TILE_FORMAT_IMAGE
    encoding: Encoding = field(default_factory=Encoding)
    tiled: str | None = None  # the compression of a TILED file; None: no file is wanted

    @property
    def shown(self) -> bool:
        """True where pixels are for the eye: colours stand for indices, and all is 8 bits."""
        return self.format != TILE_FORMAT_NUMPY and self.encoding.name != "TIFF"


@dataclass(frozen=True, slots=True)
class IterationRequest:
    """Which tiles, in the words of a caller."""

    pixels: RegionRequest
    grid: GridRequest = field(default_factory=GridRequest)
    position: object = None
    prefetch: int = 0
    mask: object = None
    min_coverage: float = 0.0


def called_style(options: OpenOptions, style: Options | str | None) -> Style | None:
    """Return the style of a call: its own, or else the one given to ``open``."""
    return effective_style(options.style if style is None else style)


def region_request(
    options: OpenOptions, words: PixelWords, resample: object = True, fill: str | None = None
) -> RegionRequest:
    """Return what the words of a call ask for."""
    return RegionRequest(
        words.get("region"),
        words.get("scale"),
        words.get("output"),
        words.get("frame"),
        fill,
        resample,
        called_style(options, words.get("style")),
    )


def iteration_request(
    options: OpenOptions, words: GridWords, resample: object = True
) -> IterationRequest:
    """Return which tiles the words of a call ask for."""
    grid = GridRequest(words.get("tile_size"), words.get("tile_overlap"), words.get("tile_offset"))
    pixels = region_request(options, words, resample)
    return IterationRequest(pixels, grid, words.get("tile_position"))


def delivery_of(
    options: OpenOptions,
    words: EncodingWords,
    format: Formats = None,
    default: str = TILE_FORMAT_IMAGE,
) -> Delivery:
    """Return how the words of a call want pixels to come out."""
    encoding = merged_encoding(
        options,
        words.get("encoding"),
        words.get("jpegQuality"),
        words.get("jpegSubsampling"),
        words.get("tiffCompression"),
    )
    return Delivery(chosen_format(format, default), encoding)
