"""The reference's converter: its keywords, its names of outputs, by ziggurat's."""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from ziggurat.converter.convert import convert as convert_image
from ziggurat.converter.plan.options import ConvertOptions, LowerLevels, Predictor
from ziggurat.readers.errors import OptionError, TargetExistsError
from ziggurat.readers.io.system import core_count
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.source.source import Source
from ziggurat.writers.formats.registry import find_output
from ziggurat.writers.sink.words import wants_predictor

__all__ = ["convert", "is_geospatial", "is_vips", "json_serial"]

# Values of floating point are kept anyway, and results don't depend on the rest.
_WITHOUT_EFFECT = ("keepFloat", "stats", "_stats", "geospatial", "verbose")
_APERIO = "aperio"
_TILE = 256  # pixels a side, of tiles that aren't copied


def convert(
    inputPath: str | os.PathLike[str],
    outputPath: str | os.PathLike[str] | None = None,
    **keywords: object,
) -> str:
    """Convert an image as the reference's ``large_image_converter.convert``.

    Parameters
    ----------
    inputPath
        The image.
    outputPath
        The output; a TIFF whatever its name, unless that means another output. Default: the input's
        name with the ending ``.tiff`` (maps: ``.geo.tiff``).
    **keywords
        ``overwrite``, ``tileSize``, ``quality``, ``compression`` (default: what was lossy is kept
        as it is, all else becomes LZW in tiles of 256), ``level``, ``shrinkMode``, ``onlyFrame``,
        ``format`` (``'tiff'``, ``'aperio'``), ``subifds`` (False: lower levels are pages),
        ``predictor`` (``'none'``; all others mean the one that fits), ``_concurrency``,
        ``_keep_associated``, ``_exclude_associated``;
        of JPEG 2000 ``psnr`` (decibels) and ``cr``, a rate that is aimed at roughly.
        ``keepFloat``, ``geospatial`` are taken and change nothing.

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
    given = {name: value for name, value in keywords.items() if value not in (None, "")}
    form = str(given.pop("format", "tiff")).lower()
    if form not in ("tiff", _APERIO):
        raise OptionError(f"format must be 'tiff' or 'aperio', not {form!r}")
    geo = is_geospatial(inputPath)
    suffix = ".svs" if form == _APERIO else ".geo.tiff" if geo else ".tiff"
    target = os.fspath(outputPath) if outputPath else _named(os.fspath(inputPath), suffix)
    overwrite = bool(given.pop("overwrite", False))
    if os.path.exists(target) and not overwrite:
        raise TargetExistsError(f"{target} is there already; give overwrite=True to replace it")
    options = _options(given)
    if form == _APERIO:
        options["format"] = "svs"
    elif find_output(target) is None:
        options["format"] = "cog" if geo else "tiff"
    with Source(inputPath) as image:
        options |= _of_image(given, image)
        if not (options.get("compression") or geo or image._image().reader.info.lossy):
            options["compression"] = Codec.LZW
            options.setdefault("tile_size", _TILE)
    convert_image(inputPath, target, ConvertOptions(overwrite=overwrite, **options))
    return target


def is_geospatial(path: str | os.PathLike[str]) -> bool:
    """Return True for a file that says where on earth it is; False for all others."""
    return Source.isGeospatial(path)


def is_vips(path: str | os.PathLike[str], matchSize: tuple[int, int] | None = None) -> bool:
    """Return True where libvips reads a file, of this width and height if they are given."""
    import pyvips

    try:
        image = pyvips.Image.new_from_file(os.fspath(path))
        image.getpoint(0, 0)
    except pyvips.Error:
        return False
    return matchSize is None or matchSize == (image.width, image.height)


def json_serial(obj: Any) -> str:
    """Return what stands in JSON for an object that it has no word for: ISO dates, or a text."""
    return str(obj.isoformat() if hasattr(obj, "isoformat") else obj)


def _named(source: str, suffix: str) -> str:
    """Return a name beside the source that is another one, with a moment in it if need be."""
    base = os.path.splitext(source)[0]
    base = base.removesuffix(".geo") if suffix.startswith(".geo") else base
    if base + suffix == source:
        base = f"{base}.{time.strftime('%Y%m%d-%H%M%S')}"
    return base + suffix


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return our words for the reference's that hold for any image."""
    of_images = ("onlyFrame", "_keep_associated", "_exclude_associated")
    known = {*_WORDS, *_WITHOUT_EFFECT, *of_images, "compression", "quality", "psnr", "cr"}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise OptionError(f"the converter has no {unknown}; it takes {sorted(known)}")
    for name in sorted(given.keys() & set(_WITHOUT_EFFECT)):
        logging.getLogger("ziggurat").debug("%s=%r changes nothing", name, given[name])
    found: dict[str, Any] = {}
    for name, (ours, meant) in _WORDS.items():
        if name in given:
            found[ours] = meant(given[name])
    codec = Codec.named(str(given["compression"]).lower()) if "compression" in given else None
    if codec is not None:
        found["compression"] = codec
    quality = _quality(given, codec)
    if quality is not None:
        found["quality"] = quality
    if "quality" in given or "tileSize" in given:
        found["reencode"] = True
    return found


def _quality(given: Mapping[str, Any], codec: Codec | None) -> int | None:
    """Return a quality from 1 to 100, 0 for no loss, None for the usual one."""
    if codec is Codec.JPEG2000:
        if "cr" in given and float(given["cr"]) > 1:
            logging.getLogger("ziggurat").warning("cr=%r is aimed at roughly", given["cr"])
            return max(1, 100 - int(float(given["cr"])))
        # our scale of JPEG 2000 starts at 24 decibels, in steps of five to one
        return min(100, max(1, 5 * (int(given["psnr"]) - 24))) if given.get("psnr") else 0
    if "quality" not in given:
        return None
    quality = int(given["quality"])
    return quality if codec is Codec.WEBP else max(1, quality)


def _threads(asked: Any) -> int:
    """Return how many may work; zero and less leave so many processors alone."""
    number = int(asked)
    return number if number > 0 else max(1, core_count() + number)


def _predictor(asked: object) -> Predictor:
    """Return whether there is to be one; which, the samples tell."""
    return Predictor.AUTO if wants_predictor(asked) else Predictor.NONE


_WORDS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "predictor": ("predictor", _predictor),
    "subifds": ("lower_levels", lambda below: LowerLevels.SUBIFD if below else LowerLevels.PAGES),
    "tileSize": ("tile_size", int),
    "level": ("effort", int),
    "shrinkMode": ("resample", lambda mode: None if mode == "default" else mode),
    "_concurrency": ("threads", _threads),
}


def _of_image(given: Mapping[str, Any], image: Source) -> dict[str, Any]:
    """Return our words for those that name a frame or associated images of one image."""
    found: dict[str, Any] = {}
    if "onlyFrame" in given:
        position = image.frameToAxes(int(given["onlyFrame"]))
        found["frames"] = {axis: (at,) for axis, at in position.items() if axis != "frame"}
    names = image.getAssociatedImagesList()
    kept = [name for name in names if _is_kept(name, given)]
    if kept != names:
        if kept:
            raise OptionError(
                f"associated images must be kept all or none, not {kept} of {names} alone"
            )
        found["associated"] = "drop"
    return found


def _is_kept(name: str, given: Mapping[str, Any]) -> bool:
    wanted, unwanted = (
        [text] if isinstance(text, str) else list(text)
        for text in (given.get("_keep_associated", ()), given.get("_exclude_associated", ()))
    )
    if any(re.match(text, name) for text in unwanted):
        return False
    return not wanted or any(re.match(text, name) for text in wanted)
