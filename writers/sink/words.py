"""The words of a write, as users give them: named and checked here, and nowhere else."""

from enum import Enum
from typing import TypedDict, Unpack

from ziggurat.readers.model.checks import one_of, one_text
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.model.options import PyramidStyle, Subsampling, WriteOptions, reducer_named

_SAMPLED = Subsampling.S420


class EncodingWords(TypedDict, total=False):
    """What :meth:`ziggurat.Sink.write` takes by name only."""

    compression: str | Codec | None
    quality: int | None
    level: int | None
    subsampling: str | Subsampling
    tileSize: int | None
    pyramid: str | PyramidStyle | None
    omeVersion: str | OmeVersion
    description: str | None
    associated: str
    threads: int | None
    maxMemory: int | None
    predictor: bool | str | None
    subifds: bool | None
    layout: str


class WriteWords(EncodingWords, total=False):
    """All that :meth:`ziggurat.Sink.write` and :meth:`ziggurat.Sink.plan` take beside the path."""

    lossy: bool
    overwriteAllowed: bool
    resample: object


def write_options(**words: Unpack[WriteWords]) -> WriteOptions:
    """Return the options of a write, see :meth:`ziggurat.Sink.write`.

    Raises
    ------
    OptionError
        A value is invalid.
    """
    associated = one_text("associated", words.get("associated", "keep"), ("keep", "drop"))
    layout = one_text("layout", words.get("layout", "plain"), ("plain", "cog"))
    pyramid, subifds = words.get("pyramid"), words.get("subifds")
    if pyramid is None and subifds is not None:
        pyramid = PyramidStyle.SUBIFD if subifds else PyramidStyle.PAGES
    return WriteOptions(
        lossy=words.get("lossy", True),
        predictor=wants_predictor(words.get("predictor")),
        compression=Codec.asked(words.get("compression")),
        quality=words.get("quality"),
        level=words.get("level"),
        subsampling=_member("subsampling", Subsampling, words.get("subsampling") or _SAMPLED),
        tile_size=words.get("tileSize"),
        pyramid=None if pyramid is None else _member("pyramid", PyramidStyle, pyramid),
        ome_version=_member("omeVersion", OmeVersion, words.get("omeVersion") or OmeVersion.V05),
        description=words.get("description"),
        associated=associated == "keep",
        cog_order=layout == "cog",
        reducer=reducer_named(words.get("resample")),
        overwrite=words.get("overwriteAllowed", True),
        threads=words.get("threads"),
        max_memory=words.get("maxMemory"),
    )


def wants_predictor(asked: object) -> bool:
    """Return whether differences may be stored; which kind fits, the samples tell."""
    return str(asked).lower() not in ("none", "no", "false", "1") or asked is None


def _member[E: Enum](name: str, kind: type[E], value: str | E) -> E:
    return one_of(name, value.lower() if isinstance(value, str) else value, kind)
