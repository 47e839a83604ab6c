"""How an output shall be written: one frozen object, checked when it is made."""

from dataclasses import dataclass
from enum import Enum

from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.checks import whole_number
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.model.reducers import Reducer


class Subsampling(Enum):
    """Chroma subsampling of JPEG."""

    S444 = "4:4:4"
    S422 = "4:2:2"
    S420 = "4:2:0"

    @property
    def factors(self) -> tuple[int, int]:
        """(horizontal, vertical)."""
        return {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}[self.value]


class PyramidStyle(Enum):
    """Where the lower levels of a TIFF are."""

    PAGES = "pages"  # one page a level, marked as reduced: what most readers see
    SUBIFD = "subifd"  # below their page, as OME-TIFF has it
    NONE = "none"  # full resolution only


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """Everything an output depends on beside the image itself.

    Attributes
    ----------
    lossy
        Allow loss: 8-bit pictures become JPEG, and WebP, JPEG 2000 and JPEG XL are lossy.
    compression
        None chooses what most readers open: JPEG where ``lossy`` allows it, else Deflate
        (zarr: the target's own default).
    quality
        1 to 100, of lossy codecs; None: 90.
    level
        Effort of lossless codecs, WebP and JPEG XL, in the codec's own scale; None: a good one.
    subsampling
        Of the colours of JPEG.
    predictor
        Store differences where the codec gains by it.
    tile_size
        Side of the (square) tiles or chunks in pixels, a multiple of 16; None: the target's own.
    reducer
        How lower levels are made; None: mean for pictures, mode for labels and palettes.
    pyramid
        TIFF: None is pages for one frame, SubIFDs for several and in OME-TIFF.
    ome_version
        Of OME-Zarr.
    associated
        False leaves label, macro, thumbnail and other associated images out.
    overwrite
        Whether an existing output is replaced.
    description
        Verbatim image description of a TIFF instead of the one with our metadata.
    named_after
        The file whose name the image has in OME-XML; None: the output's.
    cog_order
        Directories and small levels of a TIFF first, as in a cloud-optimized GeoTIFF.
    software
        The name that a TIFF says it was written by.
    byteorder
        ``<`` or ``>``, of a TIFF's samples: that of the tiles that are copied beside them.
    threads, max_memory
        Encoders at work and bytes of pixels in flight; None: from the machine's budget.
    """

    lossy: bool = True
    compression: Codec | None = None
    quality: int | None = None
    level: int | None = None
    subsampling: Subsampling = Subsampling.S420
    predictor: bool = True
    tile_size: int | None = None
    reducer: Reducer | None = None
    pyramid: PyramidStyle | None = None
    ome_version: OmeVersion = OmeVersion.V05
    associated: bool = True
    overwrite: bool = False
    description: str | None = None
    named_after: str | None = None
    cog_order: bool = False
    software: str = "ziggurat"
    byteorder: str = "<"
    threads: int | None = None
    max_memory: int | None = None

    def __post_init__(self) -> None:
        if self.quality is not None:
            whole_number("quality", self.quality, 1, most=100)
        if self.level is not None:
            whole_number("level (of effort)", self.level, 0)
        if self.tile_size is not None:
            whole_number("tile_size", self.tile_size, 16, multiple=16)
        if self.threads is not None:
            whole_number("threads", self.threads, 1)
        if self.max_memory is not None:
            whole_number("max_memory (bytes)", self.max_memory, 1 << 20)


RESAMPLE_NAMES = {
    "PIL_NEAREST": Reducer.NEAREST,
    "PIL_LANCZOS": Reducer.LANCZOS3,
    "PIL_BILINEAR": Reducer.MEAN,
    "PIL_BICUBIC": Reducer.CUBIC,
    "PIL_BOX": Reducer.MEAN,
    "PIL_HAMMING": Reducer.MEAN,
    "NP_MEAN": Reducer.MEAN,
    "NP_MEDIAN": Reducer.MEDIAN,
    "NP_MODE": Reducer.MODE,
    "NP_MAX": Reducer.MAX,
    "NP_MIN": Reducer.MIN,
    "NP_NEAREST": Reducer.NEAREST,
    "NP_MAX_COLOR": Reducer.MAX,
    "NP_MIN_COLOR": Reducer.MIN,
}


def reducer_named(name: object) -> Reducer | None:
    """Return the reducer that a caller names: ours, its value, or the reference's name.

    At exactly one half, bilinear and Hamming of a box of two are the mean.
    """
    if name is None or isinstance(name, Reducer):
        return name
    text = str(getattr(name, "name", name))
    if text.upper() in RESAMPLE_NAMES:
        return RESAMPLE_NAMES[text.upper()]
    try:
        return Reducer(text.lower())
    except ValueError:
        names = ", ".join([r.value for r in Reducer] + list(RESAMPLE_NAMES))
        raise OptionError(f"resample must be one of {names}, not {name!r}") from None
