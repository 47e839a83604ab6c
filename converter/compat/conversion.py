"""The reference's converter: its keywords, its names of outputs, by ziggurat's."""

import logging
import os
import time
from pathlib import Path
from typing import Any

from ziggurat.converter.convert import convert as convert_image
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, TargetExistsError
from ziggurat.readers.source.source import Source
from ziggurat.writers.formats.registry import find_output

# What the reference's converter takes and has no counterpart: results don't depend on it, or values
# are kept anyway.
_WITHOUT_EFFECT = {
    "keepFloat", "predictor", "stats", "level", "geospatial", "subifds", "psnr", "cr",
    "_concurrency",
}  # fmt: skip


def convert(
    inputPath: str | os.PathLike[str],
    outputPath: str | os.PathLike[str] | None = None,
    **keywords: Any,
) -> str:
    """Convert an image as the reference's ``large_image_converter.convert``.

    Parameters
    ----------
    inputPath
        The image.
    outputPath
        The output; a TIFF whatever its name, unless that means another output. Default: the input's
        name with the ending ``.tiff``.
    **keywords
        ``overwrite``, ``compression``, ``quality``, ``level``, ``tileSize``, ``onlyFrame``,
        ``format`` (``'tiff'``, ``'aperio'``), ``subifds``; ``predictor``, ``keepFloat``, ``stats``,
        ``geospatial`` and ``_concurrency`` are taken and change nothing.

    Returns
    -------
    the path of the output.

    Raises
    ------
    OptionError
        A keyword or a value that can't be meant; the message names the known ones.
    TargetExistsError
        The output is there, and ``overwrite`` was not given.
    """
    given = {name: value for name, value in keywords.items() if value is not None}
    form = str(given.pop("format", "tiff")).lower()
    if form not in ("tiff", "aperio"):
        raise OptionError(f"format must be 'tiff' or 'aperio', not {form!r}")
    target = _target(Path(inputPath), outputPath, form)
    overwrite = bool(given.pop("overwrite", False))
    if os.path.exists(target) and not overwrite:
        raise TargetExistsError(f"{target} is there already; give overwrite=True to replace it")
    options = _options(given, inputPath)
    if form == "aperio":
        options["format"] = "svs"
    elif find_output(target) is None:
        options["format"] = "cog" if Source.isGeospatial(inputPath) else "tiff"
    convert_image(inputPath, target, ConvertOptions(overwrite=overwrite, **options))
    return target


def _target(source: Path, output: str | os.PathLike[str] | None, form: str) -> str:
    if output:
        return os.fspath(output)
    suffix = ".svs" if form == "aperio" else ".tiff"
    named = source.with_suffix(suffix)
    if named == source:
        named = source.with_suffix(f".{time.strftime('%Y%m%d-%H%M%S')}{suffix}")
    return str(named)


def _options(given: dict[str, Any], source: str | os.PathLike[str]) -> dict[str, Any]:
    """Return our words for the reference's, values that are None left out."""
    known = {"compression", "quality", "tileSize", "onlyFrame"} | _WITHOUT_EFFECT
    unknown = [name for name in given if name not in known]
    if unknown:
        raise OptionError(f"the converter has no {unknown}; it takes {sorted(known)}")
    found: dict[str, Any] = {}
    if "compression" in given:
        found["compression"] = given["compression"]
    if "quality" in given:
        quality = int(given["quality"])
        if quality == 0 and str(given.get("compression")).lower() == "webp":  # lossless, there
            found["compression"] = "deflate"
        else:
            found["quality"] = max(quality, 1)
    if "tileSize" in given:
        found["tile_size"] = int(given["tileSize"])
    if "onlyFrame" in given:
        with Source(source) as image:
            position = image.frameToAxes(int(given["onlyFrame"]))
        found["frames"] = {axis: (at,) for axis, at in position.items() if axis != "frame"}
    for name in sorted(_WITHOUT_EFFECT & set(given)):
        logging.getLogger("ziggurat").debug("%s=%r changes nothing", name, given[name])
    return found
