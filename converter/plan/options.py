"""What a conversion is asked to do: one frozen object, checked when it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import finite_number, one_of, whole_number
from ziggurat.readers.model.codec import WRITTEN_CODECS, Codec, names_of
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.formats.registry import Output, output_for, output_named
from ziggurat.writers.model.options import PyramidStyle, reducer_named
from ziggurat.writers.model.reducers import Reducer

DEFAULT_QUALITY = 90  # of lossy codecs, as when a sink is written


class Levels(StrEnum):
    """Which levels come out: those that the source has, or every halving."""

    SOURCE = "source"
    FULL = "full"


class Compression(StrEnum):
    """How tiles are compressed where no codec is named.

    ``auto`` copies what common readers know and encodes the rest (JPEG for lossy pictures,
    Deflate for what was lossless); ``keep`` copies every codec the target can hold. A codec's
    name copies only tiles that already are in it.
    """

    AUTO = "auto"
    KEEP = "keep"


class Color(StrEnum):
    """What becomes of an ICC profile: kept beside the pixels, or applied to give sRGB."""

    KEEP = "keep"
    SRGB = "srgb"


class Layout(StrEnum):
    """The order of what lies in a TIFF: as it is written, or as servers want it.

    ``cog``: directories first, small levels before large ones, so that a viewer over HTTP or S3
    asks once for all places, as in a cloud-optimized GeoTIFF.
    """

    PLAIN = "plain"
    COG = "cog"


class Predictor(StrEnum):
    """Whether lossless codecs store the differences of samples where they gain by it."""

    AUTO = "auto"
    NONE = "none"


class LowerLevels(StrEnum):
    """Where the lower levels of a plain TIFF are: readers differ in what they see."""

    AUTO = "auto"
    SUBIFD = "subifd"
    PAGES = "pages"

    @property
    def pyramid(self) -> PyramidStyle | None:
        """As the writer of a TIFF takes it."""
        return None if self is LowerLevels.AUTO else PyramidStyle(self.value)


class Verify(StrEnum):
    """How closely an output is looked at before it appears under its name."""

    NONE = "none"
    SAMPLE = "sample"
    FULL = "full"


class AssociatedFate(StrEnum):
    """What a de-identified output holds in place of its label and macro images."""

    REMOVE = "remove"
    BLANK = "blank"


class Pictures(StrEnum):
    """Whether label, macro, thumbnail and other associated images go along."""

    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertOptions:
    """How to convert. Every field has a default that loses nothing.

    Text is taken for every enumeration: ``ConvertOptions(levels="source")``.

    Parameters
    ----------
    format
        What comes out; default: what the output's name says.
    ome_version
        Of OME-Zarr outputs; 0.4 is zarr v2 (default 0.5).
    levels
        ``full`` adds the missing ÷2 levels (default), ``source`` makes none.
    compression
        Of tiles that can't be copied: ``auto`` chooses, ``keep`` copies what the output can hold.
    quality
        1 to 100, of lossy codecs (default 90); 0 keeps every value with WebP, JPEG 2000, JPEG XL.
    effort
        Of codecs, in their own scale: Deflate 0 to 9, Zstandard 1 to 22, WebP 0 to 6 (2 is twice
        as fast as the default 4, for 3 % more bytes), JPEG XL 1 to 9.
    resample
        How levels that are missing are made; default: the mean, of labels the most frequent value.
    reencode
        Copy no tile: ``quality``, ``tile_size`` and ``compression`` hold for all of them.
    tile_size
        Of tiles that are encoded, a multiple of 16; default: the source's, where that can be.
    predictor
        Whether lossless codecs store differences where they gain by it, or values as they are.
    lower_levels
        Of a .tiff, where lower levels are: below their page, or pages behind it; ``auto`` has pages
        for one frame, SubIFDs for several.
    layout
        Of a .tiff: ``cog`` has its directories and small levels first, for viewers over HTTP.
    associated
        Whether label, macro and the like go along; some programs refuse files of several pictures.
    overwrite
        Replace an output that is there.
    region
        Left, top, width and height of a part, as in ``getRegion``, in pixels or UNITS such as mm.
    mm_per_pixel
        Shrink to pixels of this size (millimetres; ``--mpp`` takes micrometres).
    magnification
        Shrink to this magnification.
    frames
        Positions to keep of an axis, or their names: c=0,2 or z=3-7 or c=DAPI.
    bands
        Bands to keep, 0 is the first: 0,2.
    color
        What becomes of an ICC profile: it is kept (default), or applied to give sRGB.
    deidentify
        Drop who and when: labels, texts, dates, comments in tiles.
    policy
        A file (TOML) of a site's own rules of de-identifying, which it implies.
    label
        What de-identifying leaves of label and macro: nothing, or white.
    verify
        How closely the output is looked at before it appears, see :class:`Verify`.
    strict
        Refuse where anything would be lost.
    threads
        How many work at a time, a slide; default: one a core.
    max_memory
        Bytes a slide, such as 2GB; default: a share of what is free.
    """

    format: str | None = None
    ome_version: OmeVersion = OmeVersion.V05
    levels: Levels = Levels.FULL
    compression: Compression | Codec = Compression.AUTO
    quality: int | None = None
    effort: int | None = None
    resample: Reducer | None = None
    reencode: bool = False
    tile_size: int | None = None
    predictor: Predictor = Predictor.AUTO
    lower_levels: LowerLevels = LowerLevels.AUTO
    layout: Layout = Layout.PLAIN
    associated: Pictures = Pictures.KEEP
    overwrite: bool = False
    region: Mapping[str, Any] | None = None
    mm_per_pixel: float | None = None
    magnification: float | None = None
    frames: Mapping[str, Sequence[int | str]] = field(default_factory=dict)
    bands: tuple[int, ...] | None = None
    color: Color = Color.KEEP
    deidentify: bool = False
    policy: Path | None = None
    label: AssociatedFate = AssociatedFate.REMOVE
    verify: Verify = Verify.NONE
    strict: bool = False
    threads: int | None = None
    max_memory: int | None = None

    def __post_init__(self) -> None:
        kinds: dict[str, type[StrEnum]] = {
            "ome_version": OmeVersion,
            "levels": Levels,
            "color": Color,
            "label": AssociatedFate,
            "associated": Pictures,
            "verify": Verify,
            "layout": Layout,
            "predictor": Predictor,
            "lower_levels": LowerLevels,
        }
        for name, kind in kinds.items():
            object.__setattr__(self, name, one_of(name, getattr(self, name), kind))
        if self.format is not None:
            output_named(self.format)
        object.__setattr__(self, "compression", compression_named(self.compression))
        object.__setattr__(self, "resample", reducer_named(self.resample))
        if self.policy is not None:
            object.__setattr__(self, "policy", Path(self.policy))
            object.__setattr__(self, "deidentify", True)
        self._check_label()
        self._check_numbers()

    def _check_label(self) -> None:
        """Refuse what would let a label through that was to be blank, or has none to blank."""
        if self.label is AssociatedFate.REMOVE:
            return
        if not self.deidentify:
            raise OptionError(
                f"label={self.label.value!r} (--label) is what de-identifying leaves of it: it "
                "must be given with deidentify (--deidentify) or policy"
            )
        if self.associated is Pictures.DROP:
            raise OptionError(
                f"label={self.label.value!r} and associated='drop' contradict each other: give one"
            )

    def _check_numbers(self) -> None:
        for name, least, most in (
            ("quality", 0, 100),
            ("effort", 0, 22),
            ("threads", 1, 1024),
            ("max_memory", 1 << 24, None),
        ):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), least, most=most)
        if self.tile_size is not None:
            whole_number("tile_size", self.tile_size, 16, most=8192, multiple=16)
        for name in ("mm_per_pixel", "magnification"):
            if getattr(self, name) is not None:
                finite_number(name, getattr(self, name), above=0)
        if self.mm_per_pixel is not None and self.magnification is not None:
            raise OptionError("give mm_per_pixel or magnification, not both")

    def output_for(self, path: Path, *, placed: bool = False) -> Output:
        """Return what an output of this name will be; a TIFF of a map is a COG.

        Raises
        ------
        OptionError
            Neither ``format`` nor the name says it.
        """
        if self.format is not None:
            return output_named(self.format)
        return output_for(path.name, placed=placed)


def compression_named(value: object) -> Compression | Codec:
    """Return what a caller means by a name: a rule, or a codec."""
    if isinstance(value, (Compression, Codec)):
        return value
    text = str(value).lower()
    if text in list(Compression):
        return Compression(text)
    try:
        return Codec.named(text)
    except OptionError:
        known = f"{', '.join(Compression)}, {names_of(WRITTEN_CODECS)}"
        raise OptionError(f"compression must be one of {known}, not {value!r}") from None
