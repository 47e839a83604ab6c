"""The attributes of a sink: said once, in any process, and seen in all of them at once.

They are changed one at a time: a worker that knows nothing of them can't erase them.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.info import frame_values
from ziggurat.writers.sink import checks as check
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.tile_input import tile_input


class Attributes:
    """Reads and changes the attributes of one store, one at a time."""

    def __init__(self, store: TileStore) -> None:
        self._store = store

    def get(self, name: str) -> Any:
        """Return one attribute, or None."""
        return self._store.facts.attributes().get(name)

    def set(self, name: str, value: object) -> None:
        """Set one attribute, or remove it where the value is None."""

        def change(attributes: dict[str, Any]) -> None:
            if value is None:
                attributes.pop(name, None)
            else:
                attributes[name] = value

        self._store.facts.change(change)

    def add_associated(self, pixels: np.ndarray, key: str | None) -> str:
        """Keep an associated image under a key; a missing key is made up."""
        file = self._store.facts.keep_picture(pixels)

        def change(attributes: dict[str, Any]) -> str:
            files = attributes.setdefault("associated", {})
            free = (f"image_{number}" for number in itertools.count(1))
            name = key or next(name for name in free if name not in files)
            files[name] = file
            return name

        return self._store.facts.change(change)


class SinkAttributes:
    """The settable attributes, under the names of their reference."""

    _store: TileStore
    _attributes: Attributes

    @property
    def crop(self) -> tuple[int, int, int, int] | None:
        """(x, y, width, height): the part that :meth:`Sink.write` writes."""
        value = self._attributes.get("crop")
        return None if value is None else (value[0], value[1], value[2], value[3])

    @crop.setter
    def crop(self, value: Sequence[int] | None) -> None:
        self._attributes.set("crop", check.crop(value))

    @property
    def minWidth(self) -> int | None:
        """Outputs are at least so wide."""
        found: int | None = self._attributes.get("minWidth")
        return found

    @minWidth.setter
    def minWidth(self, value: int | None) -> None:
        self._attributes.set("minWidth", check.size("minWidth", value))

    @property
    def minHeight(self) -> int | None:
        """Outputs are at least so high."""
        found: int | None = self._attributes.get("minHeight")
        return found

    @minHeight.setter
    def minHeight(self, value: int | None) -> None:
        self._attributes.set("minHeight", check.size("minHeight", value))

    @property
    def mm_x(self) -> float | None:
        """Millimetres a pixel, across."""
        found: float | None = self._attributes.get("mm_x")
        return found

    @mm_x.setter
    def mm_x(self, value: float | None) -> None:
        self._attributes.set("mm_x", check.positive("mm_x", value))

    @property
    def mm_y(self) -> float | None:
        """Millimetres a pixel, down."""
        found: float | None = self._attributes.get("mm_y")
        return found

    @mm_y.setter
    def mm_y(self, value: float | None) -> None:
        self._attributes.set("mm_y", check.positive("mm_y", value))

    @property
    def magnification(self) -> float | None:
        """Magnification of the objective."""
        found: float | None = self._attributes.get("magnification")
        return found

    @magnification.setter
    def magnification(self, value: float | None) -> None:
        self._attributes.set("magnification", check.positive("magnification", value))

    @property
    def interpretation(self) -> str | None:
        """What samples mean, where it is no picture.

        ``'labels'``: one band of integers that name things (classes, objects). Lower levels pick
        values instead of averaging them, nothing is lossy, an OME-Zarr says so. ``'multiband'``:
        the bands are no colours (probabilities …) and the last of them is no alpha. None: 8 and
        16-bit images of 1 to 4 bands are pictures.
        """
        found: str | None = self._attributes.get("interpretation")
        return found

    @interpretation.setter
    def interpretation(self, value: str | None) -> None:
        self._attributes.set("interpretation", check.interpretation(value))

    @property
    def channelNames(self) -> list[str] | None:
        """Names of the positions on axis ``c``; without one, of the bands."""
        found: list[str] | None = self._attributes.get("channelNames")
        return found

    @channelNames.setter
    def channelNames(self, value: Sequence[str] | None) -> None:
        self._attributes.set("channelNames", check.names("channelNames", value))

    @property
    def channelColors(self) -> list[str] | None:
        """Colours of the positions on axis ``c``, as ``#rrggbb``; set by any colour's name."""
        found: list[str] | None = self._attributes.get("channelColors")
        return found

    @channelColors.setter
    def channelColors(self, value: Sequence[object] | None) -> None:
        self._attributes.set("channelColors", check.colors(value))

    @property
    def imageDescription(self) -> Any:
        """A description: a text, or anything that JSON can hold."""
        return self._attributes.get("imageDescription")

    @imageDescription.setter
    def imageDescription(self, value: object) -> None:
        self._attributes.set("imageDescription", check.json_like("imageDescription", value))

    @property
    def additionalMetadata(self) -> Any:
        """Further facts: a dictionary, or anything else that JSON can hold."""
        return self._attributes.get("additionalMetadata")

    @additionalMetadata.setter
    def additionalMetadata(self, value: object) -> None:
        self._attributes.set("additionalMetadata", check.json_like("additionalMetadata", value))

    @property
    def projection(self) -> str | None:
        """The coordinate system of :attr:`gcps`, as PROJ understands it."""
        found: str | None = self._attributes.get("projection")
        return found

    @projection.setter
    def projection(self, value: object) -> None:
        self._attributes.set("projection", check.projection(value))

    @property
    def gcps(self) -> list[list[float]] | None:
        """Ground control points ``[x, y, pixel x, pixel y]``, two or more; or one text of them."""
        found: list[list[float]] | None = self._attributes.get("gcps")
        return found

    @gcps.setter
    def gcps(self, value: Sequence[object] | str | None) -> None:
        self._attributes.set("gcps", check.gcps(value))

    @property
    def frameAxes(self) -> list[str]:
        """Names of the frame axes, slowest first; set before the tiles to fix their order."""
        return list(self._store.structure.axes)

    @frameAxes.setter
    def frameAxes(self, value: Sequence[str]) -> None:
        names = [name.lower() for name in check.names("frameAxes", value) or []]
        if len(set(names)) != len(names):
            raise SinkInputError(f"an axis is named twice in {value!r}")
        self._store.add_axes(names)

    @property
    def frameUnits(self) -> dict[str, str] | None:
        """Units of the values of the axes."""
        found: dict[str, str] | None = self._attributes.get("frameUnits")
        return found

    @frameUnits.setter
    def frameUnits(self, value: Mapping[str, str] | None) -> None:
        self._attributes.set("frameUnits", check.units(value, self.frameAxes))

    @property
    def frameValues(self) -> np.ndarray | None:
        """What each frame stands for: an object array of shape (frame axes …, number of axes).

        Numbers are in the units of ``frameUnits``; texts have none.
        """
        axes = self.frameAxes
        entries = self._store.facts.values()
        if not entries:
            return None
        sizes = self._store.sizes[:-2]
        array = np.full((*sizes, len(axes)), None, object)
        for number, axis in enumerate(axes):
            for position, value in frame_values(axes, entries, axis).items():
                array[(*position, number)] = value
        return array

    @frameValues.setter
    def frameValues(self, value: object) -> None:
        axes = self.frameAxes
        array = np.asarray(value, dtype=object)
        if array.ndim != len(axes) + 1 or array.shape[-1] != len(axes):
            raise SinkInputError(
                f"frameValues of shape {array.shape} are not one value for each of the axes {axes} "
                "at each position"
            )
        for position in itertools.product(*(range(size) for size in array.shape[:-1])):
            values = dict(zip(axes, (check.value(v) for v in array[position]), strict=True))
            known = {axis: v for axis, v in values.items() if v is not None}
            self._store.facts.add_values(dict(zip(axes, position, strict=True)), known)

    def addAssociatedImage(self, image: object, imageKey: str | None = None) -> str:
        """Add a label, a macro image or the like.

        Parameters
        ----------
        image
            An array of shape (y, x) or (y, x, band), of any size, its dtype as a tile's in
            :meth:`~ziggurat.Sink.addTile`; a PIL image; the bytes of an encoded image.
        imageKey
            Its name; an image of that name is replaced. Default: ``image_1`` and so on.

        Returns
        -------
        its name.

        Raises
        ------
        SinkInputError
            It is no image.
        """
        if imageKey is not None and (not isinstance(imageKey, str) or not imageKey):
            raise SinkInputError(f"an associated image must have a name, not {imageKey!r}")
        return self._attributes.add_associated(tile_input(image, 0, 0).pixels, imageKey)
