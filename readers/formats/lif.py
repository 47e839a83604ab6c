"""Leica LIF and LOF through liffile (``ziggurat[lif]``): not tried on a microscope's own file.

A file holds many images. ``a.lif`` is the largest and all that are like it, on the axis ``xy``;
``a.lif/2`` is the third one alone.
"""

import logging
import math
import struct
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.whole_frames import NONSENSE, WholeFramePlane
from ziggurat.readers.io.bytes import ByteSource, ThreadFile
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.model.units import length_mm

if TYPE_CHECKING:
    import liffile

_HEAD = b"\x70\0\0\0"
_MARK = b"*"  # after eight bytes
_LARGEST_XML = 1 << 28
_TILE = 512
_AXES = "TZCMNALQΛλ"  # letters of liffile that number frames; others are not known here
_PROPER = {"λ": "emission", "Λ": "excitation"}
_COLORS = {
    "Red": "#ff0000", "Green": "#00ff00", "Blue": "#0000ff", "Cyan": "#00ffff",
    "Magenta": "#ff00ff", "Yellow": "#ffff00", "Gray": "#ffffff",
}  # fmt: skip
_DIMENSIONS = "./Data/Image/ImageDescription/Dimensions/DimensionDescription"
_CHANNELS = "./Data/Image/ImageDescription/Channels/ChannelDescription"

logging.getLogger("liffile").addHandler(logging.NullHandler())


def _open(source: ByteSource) -> "liffile.LifFile":
    """Return liffile's view of the file, once its head is found to be one.

    Raises
    ------
    SourceError
        The package isn't installed, or the file is damaged.
    """
    try:
        import liffile
    except ImportError as error:
        raise SourceError(
            f"{source.url}: Leica LIF needs a package that is not installed: "
            f"pip install 'ziggurat[lif]'"
        ) from error
    head = source.read(0, 13)
    if len(head) < 13:
        raise CorruptSourceError(f"{source.url} is a truncated Leica file")
    *_, length = struct.unpack("<IIBI", head)
    if 2 * length > min(source.size, _LARGEST_XML):
        raise CorruptSourceError(f"{source.url} claims {2 * length} bytes of XML: truncated")
    try:
        return liffile.LifFile(cast(IO[bytes], ThreadFile(source)), squeeze=True)
    except NONSENSE as error:
        raise CorruptSourceError(f"{source.url} is a damaged Leica file: {error}") from error


def _kind(image: "liffile.LifImageABC") -> tuple[dict[str, int], np.dtype]:
    """Return sizes by axis and sample type, checked against the stored bytes."""
    sizes, dtype = dict(image.sizes), np.dtype(image.dtype)
    if not {"X", "Y"} <= set(sizes) or not set(sizes) <= {"X", "Y", "S", *_AXES}:
        raise ValueError(f"axes {list(sizes)} are not supported")
    if min(sizes.values()) < 1 or sizes.get("S", 1) not in (1, 3):
        raise ValueError(f"sizes {sizes} are not supported")
    room, need = image.memory_block.size, math.prod(sizes.values()) * dtype.itemsize
    if need > room:
        raise ValueError(f"{need} bytes of pixels in a block of {room}")
    return sizes, dtype


class LifReader(Reader):
    """Images of one kind in a Leica file, or one of them."""

    def __init__(self, source: ByteSource, only: int | None) -> None:
        self._source, self._url = source, source.url
        self._key = object()  # in the cache's keys: they must not keep the reader alive
        self._file = _open(source)
        kinds: dict[int, tuple[dict[str, int], np.dtype]] = {}
        self._others: list[str] = []
        try:
            images = list(self._file.images)
            for number, image in enumerate(images):
                self._add(kinds, number, image)
            if not kinds:
                raise CorruptSourceError(f"{self._url} has no image that is read: {self._others}")
            if only is not None and only not in kinds:
                raise SourceError(f"{self._url} has no image {only}; there are {list(kinds)}")
            main = only if only is not None else max(kinds, key=lambda one: _area(kinds[one][0]))
            alike = [one for one in kinds if only is None and kinds[one] == kinds[main]] or [main]
            self._images = [images[one] for one in alike]
            self._others += [str(images[k].name) for k in kinds if k not in alike and only is None]
            self._sizes, self._dtype = kinds[main]
            self._bands = self._sizes.get("S", 1)
            self._letters = [one for one in self._sizes if one not in "XYS"]
            self.info = self._info(images)
        except NONSENSE as error:
            raise CorruptSourceError(f"{self._url} is a damaged Leica file: {error}") from error

    def _add(self, kinds: dict[int, Any], number: int, image: "liffile.LifImageABC") -> None:
        """Note the kind of an image, or why it is left out."""
        if image.is_flim:
            self._others.append(f"{image.name}: lifetimes")
            return
        try:
            block = image.memory_block
            if block.offset < 0 or block.offset + block.size > self._source.size:
                raise ValueError("its pixels are not in this file")
            kinds[number] = _kind(image)
        except NONSENSE as error:
            self._others.append(f"{image.name}: {error}")

    def _info(self, images: "Sequence[liffile.LifImageABC]") -> ImageInfo:
        sizes, first = self._sizes, self._images[0]
        level = Level(sizes["X"], sizes["Y"], min(sizes["X"], _TILE), min(sizes["Y"], _TILE))
        steps = _steps(first)
        lost = [f"images that are not among the frames: {'; '.join(self._others)}"]
        setting = first.xml_element.find(".//ATLConfocalSettingDefinition")
        power = _positive(setting.get("Magnification")) if setting is not None else None
        return ImageInfo(
            format="lif",
            levels=(level,),
            bands=self._bands,
            dtype=self._dtype,
            interpretation=Interpretation.RGB if self._bands == 3 else Interpretation.GRAY,
            axes=self._axes(steps),
            channels=_channels(first, sizes),
            mm_x=steps.get("1"),
            mm_y=steps.get("2"),
            magnification=power,
            losses=tuple(lost) if self._others else (),
            internal={"lif": {"images": [str(image.name) for image in images]}},
        )

    def _axes(self, steps: Mapping[str, float]) -> tuple[Axis, ...]:
        axes = []
        if len(self._images) > 1:
            names = tuple(str(image.name) for image in self._images)
            axes.append(Axis("xy", len(names), names if len(set(names)) == len(names) else None))
        for letter in self._letters:
            count, values = self._sizes[letter], None
            if letter == "Z" and "3" in steps:
                values = tuple(number * steps["3"] * 1000 for number in range(count))
            name = _PROPER.get(letter, letter.lower())
            axes.append(Axis(name, count, values, "µm" if values else None))
        return tuple(axes)

    def plane(self, level: int, frame: int) -> Plane:
        """Return one frame; there is one level."""
        del level
        position = self.info.frame_position(frame)
        image = self._images[position.pop("xy", 0)]
        wanted = dict(zip(self._letters, position.values(), strict=True))
        shape = (self.info.height, self.info.width, self._bands)
        return WholeFramePlane(self._key, frame, shape, lambda: self._frame(image, wanted))

    def _frame(self, image: "liffile.LifImageABC", wanted: Mapping[str, int]) -> Pixels:
        try:
            selected = {letter: [place] for letter, place in wanted.items()}
            pixels = np.asarray(image.frames(**selected).asarray())
        except NONSENSE as error:
            raise CorruptSourceError(f"{self._url}: {wanted} can't be read: {error}") from error
        return pixels.reshape(self.info.height, self.info.width, self._bands)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def _area(sizes: Mapping[str, int]) -> int:
    return sizes["X"] * sizes["Y"]


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _steps(image: "liffile.LifImageABC") -> dict[str, float]:
    """Return millimetres a step by the number of the axis (1 is x, 2 is y, 3 is z).

    The length is that from the middle of the first element to the middle of the last.
    """
    found = {}
    for element in image.xml_element.findall(_DIMENSIONS):
        count = _positive(element.get("NumberOfElements"))
        length, scale = element.get("Length", ""), length_mm(element.get("Unit", ""))
        step = _positive(length.removeprefix("-"))
        if count is not None and count > 1 and step is not None and scale is not None:
            found[element.get("DimID", "")] = step * scale / (count - 1)
    return found


def _channels(image: "liffile.LifImageABC", sizes: Mapping[str, int]) -> tuple[Channel, ...]:
    """Return the channels of the axis C; a single one only by its own name."""
    count = sizes.get("C", 0)
    names = [str(name) for name in image.coords.get("C", ())]
    described = sorted(
        image.xml_element.findall(_CHANNELS), key=lambda one: int(one.get("BytesInc", "0"))
    )
    if not count or len(described) != count:
        return ()
    names = names if len(names) == count else [f"Channel {number}" for number in range(count)]
    luts = [one.get("LUTName", "") for one in described]
    return tuple(Channel(name, _COLORS.get(lut)) for name, lut in zip(names, luts, strict=True))


def open_reader(location: Location) -> LifReader:
    """Open a Leica file, or with ``file.lif/NUMBER`` one of its images.

    Raises
    ------
    UnsupportedFormatError
        Not a LIF or LOF file.
    SourceError
        The package isn't installed, or there is no such image.
    CorruptSourceError
        Truncated or damaged.
    """
    head = location.head
    if location.is_directory or not head.startswith(_HEAD) or head[8:9] != _MARK:
        raise UnsupportedFormatError("not a Leica LIF or LOF file")
    if location.inside and not location.inside.isdecimal():
        raise SourceError(
            f"{location.url}: an image of a Leica file is named by its number, "
            f"not {location.inside!r}"
        )
    source = location.open_bytes()
    try:
        return LifReader(source, int(location.inside) if location.inside else None)
    except BaseException:
        source.close()
        raise
