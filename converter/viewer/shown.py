"""One image that is on show: its facts, tiles, values; opened anew when a sink under it grows."""

import os
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import ziggurat.readers.source.open as opening
from ziggurat.converter.viewer.live import Growth
from ziggurat.converter.viewer.looks import Look
from ziggurat.converter.viewer.pixels import as_png, base_pixels, fitted, read_region
from ziggurat.converter.viewer.render import check_look, colorize, shows_as_stored, style_of
from ziggurat.readers.errors import OptionError, SourceError, TileRangeError
from ziggurat.readers.formats.sink_store.layout import is_mapped_store
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.source.hooks import facts_of
from ziggurat.readers.source.source import Source

_SAMPLE = 512  # longer side of the picture that ranges and histograms are taken from
_MERCATOR = "EPSG:3857"


@dataclass(frozen=True, slots=True)
class Encoded:
    """Bytes for the page. ``fresh`` is False where a growing sink has more by now."""

    data: bytes
    media_type: str
    fresh: bool = True


class Shown:
    """An image by its path or URL.

    Every method may be called from several threads at once.
    """

    def __init__(self, path: str | os.PathLike[str], *, on_map: bool = False) -> None:
        """Open an image, or wait for the first tile of a sink.

        Parameters
        ----------
        path
            Of anything that :func:`ziggurat.open` reads, a sink's store among them.
        on_map
            Show a georeferenced image where it lies on the web's map.

        Raises
        ------
        SourceError
            It can't be opened.
        """
        self.path = os.fspath(path)
        self.name = os.path.basename(self.path.rstrip("/")) or self.path
        self.on_map = on_map
        self.growth = Growth(self.path) if is_mapped_store(self.path) else None
        self._lock = threading.Lock()
        self._source: Source | None = None
        self._version = -1
        self._limits: dict[tuple[int, int], tuple[float, float]] = {}
        if self.growth is None:
            self.source()

    def source(self) -> Source:
        """Return the image, opened anew where a sink's facts have changed.

        Raises
        ------
        SourceError
            It can't be opened; of a sink, also that no tile is in yet.
        """
        with self._lock:
            if self.growth is not None and self.growth.gone:
                self.growth.close()
                self.growth = Growth(self.path)
                self._source = None
            version = self.growth.structure() if self.growth else 0
            if self._source is None or version != self._version:
                projection = _MERCATOR if self.on_map else None
                source = opening.open(
                    self.path, projection=projection, encoding="JPEG", edge="crop"
                )
                self._source, self._version = source, version
                self._limits.clear()
            return self._source

    def image(self) -> ImageInfo:
        """Return the facts of the image."""
        return image_of(self.source())

    def close(self) -> None:
        """Release the files."""
        with self._lock:
            if self._source is not None:
                self._source.close()
                self._source = None
            if self.growth is not None:
                self.growth.close()

    # ---- what a page asks for

    def facts(self) -> dict[str, Any]:
        """Return what a page needs to know, as JSON has it."""
        live = self.growth is not None
        try:
            source = self.source()
        except SourceError as error:
            if not live:
                raise
            return {"name": self.name, "live": True, "waiting": str(error)}
        info = image_of(source)
        metadata = source.getMetadata()
        return {
            "name": self.name,
            "live": live,
            "width": source.sizeX,
            "height": source.sizeY,
            "tileWidth": source.tileWidth,
            "tileHeight": source.tileHeight,
            "levels": source.levels,
            "mm_x": info.mm_x,
            "mm_y": info.mm_y,
            "magnification": metadata.get("magnification"),
            "dtype": info.dtype.name,
            "bands": info.bands - info.alpha,
            "bandNames": list(info.band_names),
            "kind": kind_of(info),
            "frames": info.frames,
            "axes": [
                {
                    "name": axis.name,
                    "size": axis.size,
                    "values": [str(value) for value in axis.values or ()],
                    "unit": axis.unit,
                }
                for axis in info.axes
            ],
            "channels": [
                {"name": channel.name, "color": channel.color} for channel in info.channels
            ],
            "associated": source.getAssociatedImagesList(),
            "map": self._map(source),
            "metadata": metadata,
        }

    def _map(self, source: Source) -> dict[str, Any] | None:
        if not self.on_map or not source.geospatial:
            return None
        bounds = source.getBounds(crs=_MERCATOR)
        return {key: bounds[key] for key in ("xmin", "ymin", "xmax", "ymax")}

    def tile(self, z: int, x: int, y: int, look: Look) -> Encoded:
        """Return one tile of a ÷2 level, cut at the edges of the image.

        Parameters
        ----------
        z, x, y
            Level (0 is the smallest), column and row.
        look
            How it shall look. A tile that the file stores as JPEG and that needs no other look
            goes out byte for byte.

        Raises
        ------
        TileRangeError
            There is no such tile or frame.
        """
        source = self.source()
        info = image_of(source)
        levels = source.levels
        if not 0 <= z < levels:
            raise TileRangeError(f"level must be from 0 to {levels - 1}, not {z}")
        factor = 2 ** (levels - 1 - z)
        check_look(look, info)
        if self.growth is not None:
            look = _seen_growing(look, info)
        if self.growth is None and _is_plain(look) and shows_as_stored(info) and not info.alpha:
            return Encoded(bytes(source.getTile(x, y, z, frame=look.frame)), "image/jpeg")
        width, height = source.tileWidth * factor, source.tileHeight * factor
        rect = Rect(x * width, y * height, width, height)
        rect = rect.intersect(Rect(0, 0, source.sizeX, source.sizeY))
        if rect.empty:
            raise TileRangeError(f"level {z} has no tile {x}, {y}")
        size = (-(-rect.width // factor), -(-rect.height // factor))
        return self._rendered(source, rect, size, look, factor)

    def region(self, rect: Rect, size: tuple[int, int], look: Look) -> Pixels:
        """Return a rectangle of the image as colours, shape (height, width, 4), dtype uint8."""
        source = self.source()
        check_look(look, image_of(source))
        return self._colors(source, rect, size, look)

    def _rendered(
        self, source: Source, rect: Rect, size: tuple[int, int], look: Look, factor: int
    ) -> Encoded:
        info = image_of(source)
        valued = look.labels or look.palette is not None
        if self.growth is None or look.channels or not (valued or shows_as_stored(info)):
            colors = fitted(self._colors(source, rect, size, look), size)
            return Encoded(as_png(colors), "image/png")
        pixels, fresh = self.growth.read(source, info, rect, size, look.frame, factor)
        if valued:
            pixels = colorize(pixels, look, self._range(look))
        return Encoded(as_png(pixels), "image/png", fresh)

    def _colors(self, source: Source, rect: Rect, size: tuple[int, int], look: Look) -> Pixels:
        info = image_of(source)
        if look.labels or look.palette is not None:
            nearest = look.labels or info.interpretation is Interpretation.LABELS
            values = read_region(source, rect, size, look.frame, nearest=nearest)
            return colorize(values, look, self._range(look))
        style = style_of(look, info)
        picture = source.getRegion(
            "PIL",
            region=base_pixels(rect),
            output={"maxWidth": size[0], "maxHeight": size[1]},
            frame=look.frame,
            style=style,
        )[0]
        return np.asarray(picture.convert("RGBA"))

    def _range(self, look: Look) -> tuple[float, float]:
        if look.labels:
            return 0.0, 1.0
        key = (look.frame, look.band)
        if key not in self._limits:
            values = self.histogram(look.frame, look.band, 1)
            self._limits[key] = (values["min"], values["max"])
        return self._limits[key]

    def histogram(self, frame: int, band: int, bins: int = 256) -> dict[str, Any]:
        """Return how values of one band are spread, from a small picture of the frame.

        Returns
        -------
        dict
            ``counts`` by bin, ``min``, ``max``, and ``low`` and ``high``: the percentiles that
            leave out one in a hundred at each end.
        """
        source = self.source()
        info = image_of(source)
        if not 0 <= band < info.bands:
            raise OptionError(f"band must be from 0 to {info.bands - 1}, not {band}")
        longer = max(source.sizeX, source.sizeY)
        scale = min(1.0, _SAMPLE / longer)
        size = (max(1, round(source.sizeX * scale)), max(1, round(source.sizeY * scale)))
        whole = Rect(0, 0, source.sizeX, source.sizeY)
        values = read_region(source, whole, size, frame, nearest=False)[..., band].ravel()
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if not values.size:
            return {"counts": [], "min": 0.0, "max": 1.0, "low": 0.0, "high": 1.0}
        counts, _ = np.histogram(values.astype(np.float64), bins)
        low, high = np.percentile(values.astype(np.float64), [1, 99])
        return {
            "counts": counts.tolist(),
            "min": float(values.min()),
            "max": float(values.max()),
            "low": float(low),
            "high": float(high),
        }

    def value(self, x: int, y: int, frame: int) -> dict[str, Any]:
        """Return the stored values of one pixel: ``value``, empty outside of the image."""
        pixel = self.source().getPixel(region={"left": x, "top": y}, frame=frame)
        return {"value": [plain_number(number) for number in pixel.get("value", ())]}

    def associated(self, name: str) -> Encoded:
        """Return a label, macro or other image beside the image, as JPEG."""
        found = self.source().getAssociatedImage(name, encoding="JPEG")
        if found is None or not found[0]:
            raise TileRangeError("there is no such associated image")
        return Encoded(bytes(found[0]), "image/jpeg")


def _is_plain(look: Look) -> bool:
    return not (look.labels or look.channels or look.palette is not None)


def _seen_growing(look: Look, info: ImageInfo) -> Look:
    """Return a look that needs no ranges of the whole image: those change with every tile."""
    if not _is_plain(look):
        return look
    kind = kind_of(info)
    if kind == "labels":
        return replace(look, labels=True)
    return replace(look, palette="white") if kind == "values" else look


def image_of(source: Source) -> ImageInfo:
    """Return the facts of an opened image."""
    return facts_of(source)


def kind_of(info: ImageInfo) -> str:
    """Return how an image is shown: ``labels``, ``channels``, ``values`` or ``picture``."""
    if info.interpretation is Interpretation.LABELS:
        return "labels"
    if any(axis.name == "c" and axis.size > 1 for axis in info.axes) and info.bands == 1:
        return "channels"
    if shows_as_stored(info) or info.interpretation is Interpretation.PALETTE:
        return "picture"
    return "channels" if info.bands - info.alpha > 1 else "values"


def plain_number(number: object) -> Any:
    """Return a value as JSON can say it: what is not finite becomes text."""
    if isinstance(number, float) and not np.isfinite(number):
        return str(number)
    return number
