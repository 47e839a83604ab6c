"""Nikon ND2 through nd2 (``ziggurat[nd2]``): not tried on a microscope's own file.

Positions of the stage are frames on the axis ``xy``. The JPEG 2000 kind of before 2010 is refused:
what others read of it is one of its planes.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.whole_frames import NONSENSE, WholeFramePlane
from ziggurat.readers.io.bytes import ByteSource, ThreadFile
from ziggurat.readers.io.location import Location
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels, Plane, Reader

_HEAD = b"\xda\xce\xbe\x0a"
_LEGACY = b"\0\0\0\x0cjP  "
_TILE = 512
_AXES = {"P": "xy", "T": "t", "Z": "z", "C": "c"}
_TYPES = ("uint8", "uint16", "uint32", "float32")
_PAYLOAD = 4096  # from a chunk's beginning to its pixels
_EXPANDS = 1100  # zlib
_HARMLESS_BYTES = 1 << 24


def _open(source: ByteSource) -> Any:
    try:
        import nd2
    except ImportError as error:
        raise SourceError(
            f"{source.url}: Nikon ND2 needs a package that is not installed: "
            f"pip install 'ziggurat[nd2]'"
        ) from error
    file = ThreadFile(source)
    try:
        return nd2.ND2File(file)
    except NONSENSE as error:
        raise CorruptSourceError(f"{source.url} is a damaged ND2 file: {error}") from error


class Nd2Reader(Reader):
    """An ND2 file."""

    def __init__(self, source: ByteSource) -> None:
        self._source, self._url = source, source.url
        self._key = object()  # in the cache's keys: they must not keep the reader alive
        self._file = _open(source)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about facts that are missing
                self._sizes = self._checked_sizes()
                self._loops = [one for one in self._sizes if one not in "CYXS"]
                self._bands = self._sizes.get("S", 1)
                self.info = self._info()
        except NONSENSE as error:
            raise CorruptSourceError(f"{self._url} is a damaged ND2 file: {error}") from error

    def _checked_sizes(self) -> dict[str, int]:
        """Return sizes by axis, held against what the file can hold."""
        sizes = dict(self._file.sizes)
        sizes.setdefault("X", 1), sizes.setdefault("Y", 1)
        attributes = self._file.attributes
        kind = np.dtype(self._file.dtype).name
        if not set(sizes) <= {*_AXES, "X", "Y", "S"} or kind not in _TYPES:
            raise UnsupportedFormatError(f"{self._url}: axes {list(sizes)} of {kind}")
        if attributes.compressionType == "lossy" or sizes.get("S", 3) != 3:
            raise UnsupportedFormatError(f"{self._url}: a kind of ND2 that is not supported")
        stored = attributes.heightPx * (attributes.widthBytes or 0)
        due = sizes["X"] * sizes["Y"] * attributes.componentCount * np.dtype(kind).itemsize
        loops = math.prod(size for axis, size in sizes.items() if axis not in "CYXS")
        room = self._source.size * (_EXPANDS if attributes.compressionType else 1)
        chunks = sum(name.startswith(b"ImageDataSeq|") for name in self._chunks)
        if min(sizes.values()) < 1 or not 0 < due <= stored <= room or loops > 64 * chunks:
            raise ValueError(f"{loops} frames of {due} bytes are claimed, {chunks} are stored")
        return sizes

    @property
    def _chunks(self) -> Mapping[bytes, tuple[int, int]]:
        """The places of all chunks; nd2 has no public word for it, and reads what lacks as zero."""
        chunks: Mapping[bytes, tuple[int, int]] = self._file._rdr.chunkmap
        return chunks

    def _info(self) -> ImageInfo:
        sizes = self._sizes
        every, step, losses = self._described()
        channels = [one.channel for one in every]
        known = [1e-9 < side < 1e9 and side != 1 for side in step]  # 1: not calibrated
        axes = []
        for letter in (*self._loops, *("C" if "C" in sizes else "")):
            count, values = sizes[letter], None
            if letter == "Z" and known[2]:
                values = tuple(number * step[2] for number in range(count))
            axes.append(Axis(_AXES[letter], count, values, "µm" if values else None))
        named = tuple(Channel(str(one.name), _color(one)) for one in channels)
        level = Level(sizes["X"], sizes["Y"], min(sizes["X"], _TILE), min(sizes["Y"], _TILE))
        scopes = [getattr(one, "microscope", None) for one in every]
        power = getattr(scopes[0], "objectiveMagnification", None) if scopes else None
        return ImageInfo(
            format="nd2",
            levels=(level,),
            bands=self._bands,
            dtype=np.dtype(self._file.dtype),
            interpretation=Interpretation.RGB if self._bands == 3 else Interpretation.GRAY,
            axes=tuple(axes),
            channels=named if len(named) == sizes.get("C", 1) and self._bands == 1 else (),
            mm_x=step[0] / 1000 if known[0] else None,
            mm_y=step[1] / 1000 if known[1] else None,
            magnification=float(power) if power and power > 0 else None,
            losses=losses,
            properties={f"nd2.{key}": str(text) for key, text in self._file.text_info.items()},
        )

    def _described(self) -> tuple[list[Any], tuple[float, float, float], tuple[str, ...]]:
        """Return channels, micrometres a step by axis, and what is lost of them."""
        try:
            step = self._file.voxel_size()
            return list(self._file.metadata.channels or ()), (step.x, step.y, step.z), ()
        except (*NONSENSE, NameError) as error:  # nd2 trips over planes without a dye
            return [], (1, 1, 1), (f"channel names and pixel sizes: {error}",)

    def plane(self, level: int, frame: int) -> Plane:
        """Return one frame; there is one level."""
        del level
        sequence, channel = divmod(frame, self._sizes.get("C", 1))
        shape = (self.info.height, self.info.width, self._bands)
        return WholeFramePlane(self._key, frame, shape, lambda: self._frame(sequence, channel))

    def _frame(self, sequence: int, channel: int) -> Pixels:
        """Return a channel of a frame of the file, which holds all channels of one place."""
        name = f"ImageDataSeq|{sequence}!".encode()
        attributes = self._file.attributes
        need = attributes.heightPx * attributes.widthBytes
        if name not in self._chunks:
            raise CorruptSourceError(f"{self._url} lacks frame {sequence}: never finished?")
        if attributes.compressionType is None:
            if self._chunks[name][0] + _PAYLOAD + need > self._source.size:
                raise CorruptSourceError(f"{self._url}: frame {sequence} is truncated")
        elif need > max(_HARMLESS_BYTES, _EXPANDS * self._source.size):
            raise CorruptSourceError(f"{self._url}: frame {sequence} claims {need} bytes")
        try:
            pixels = np.asarray(self._file.read_frame(sequence))
        except NONSENSE as error:
            raise CorruptSourceError(f"{self._url}: frame {sequence}: {error}") from error
        width, height = self.info.width, self.info.height
        count = self._sizes.get("C", 1)
        if pixels.size != count * height * width * self._bands:
            raise CorruptSourceError(f"{self._url}: frame {sequence} has pixels of {pixels.shape}")
        planes: Pixels = pixels.reshape(count, height, width, self._bands)
        return np.array(planes[channel])

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def _color(channel: object) -> str | None:
    """Return a channel's colour as ``#rrggbb``, None where there is none."""
    color = getattr(channel, "color", None)
    try:
        red, green, blue = (int(getattr(color, side)) for side in "rgb")
    except (AttributeError, TypeError, ValueError):
        return None
    parts = (red, green, blue)
    return f"#{red:02x}{green:02x}{blue:02x}" if all(0 <= one <= 255 for one in parts) else None


def open_reader(location: Location) -> Nd2Reader:
    """Open an ND2 file.

    Raises
    ------
    UnsupportedFormatError
        Not an ND2 file, or of samples that aren't read.
    SourceError
        The package isn't installed, or it is of the old kind.
    CorruptSourceError
        Truncated or damaged.
    """
    if location.head.startswith(_LEGACY):
        raise SourceError(
            f"{location.url}: ND2 of the old kind (JPEG 2000) is not supported; NIS-Elements or "
            f"bfconvert of Bio-Formats makes an OME-TIFF of it"
        )
    if location.is_directory or not location.head.startswith(_HEAD):
        raise UnsupportedFormatError("not an ND2 file")
    source = location.open_bytes()
    try:
        return Nd2Reader(source)
    except BaseException:
        source.close()
        raise
