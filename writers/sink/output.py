"""A sink as an output: the image that is written, and the options by the names users give."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from ziggurat.readers.errors import SinkInputError
from ziggurat.readers.formats.sink_store.info import channels_without_place
from ziggurat.readers.io.objects import is_cloud
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Reader
from ziggurat.readers.views.views import (
    BandsReader,
    CropReader,
    PaddedReader,
    without_associated,
)
from ziggurat.writers.formats.registry import (
    Output,
    is_map,
    output_for,
    output_named,
    write,
)
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import ProgressCallback
from ziggurat.writers.model.report import WriteReport
from ziggurat.writers.sink.attached import attached_store
from ziggurat.writers.sink.given_levels import with_given_levels
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.tasks.recipe import Opened, options_from_json, options_to_json


def output_reader(store: TileStore, *, alpha: bool) -> tuple[Reader, list[str]]:
    """Return the image that is written: cropped, without alpha, at least of a size.

    And in words the levels that were laid and aren't taken.
    """
    said = store.facts.attributes()
    reader, unfit = with_given_levels(store, store.reader())
    laid = len(reader.info.levels)
    if said.get("crop") is not None:
        crop = Rect(*said["crop"]).intersect(reader.info.levels[0].rect)
        if crop.empty:
            raise SinkInputError(
                f"nothing of the image of {reader.info.width} x {reader.info.height} pixels "
                f"lies in the crop {tuple(said['crop'])}"
            )
        reader = CropReader(reader, crop)
    if not alpha and reader.info.alpha:
        reader = BandsReader(reader, range(reader.info.bands - 1))
    width, height = said.get("minWidth") or 0, said.get("minHeight") or 0
    if width > reader.info.width or height > reader.info.height:
        reader = PaddedReader(reader, width, height)
    if len(reader.info.levels) < laid:
        unfit.append(
            f"{laid - len(reader.info.levels)} levels as they were laid: the crop, or the least "
            "size, doesn't lie on whole pixels of theirs, so they are made anew"
        )
    return reader, unfit


def target_text(path: str | os.PathLike[str]) -> str:
    """Return an output as text that holds in any folder: a Path would take a slash from a URL."""
    text = os.fspath(path)
    return text if is_cloud(text) else os.path.abspath(os.path.expanduser(text))


def write_at_once(
    store: TileStore,
    target: str,
    options: WriteOptions,
    *,
    alpha: bool,
    on_progress: ProgressCallback | None,
) -> WriteReport:
    """Write an image here and now; see :meth:`ziggurat.Sink.write`."""
    reader, unfit = output_reader(store, alpha=alpha)
    output = None if os.path.splitext(target)[1] else "tiff"
    report = write(reader, target, options, output=output, on_progress=on_progress)
    return replace(report, lost=(*report.lost, *unfit, *lost_channels(store)))


def lost_channels(store: TileStore) -> tuple[str, ...]:
    """Return which names and colours of channels the image has no place for, in words."""
    with store.reader() as reader:
        info = reader.info
    return tuple(channels_without_place(store.facts.attributes(), info.axes, info.bands))


def output_row(path: str, *, placed: bool) -> Output:
    """Return the output that a path means: without an ending, a TIFF."""
    if os.path.splitext(path)[1]:
        return output_for(path, placed=placed)
    return output_named("tiff", placed=placed)


@dataclass(frozen=True)
class SinkRecipe:
    """A sink that is written by tasks: opened by the place of its store."""

    root: str
    path: str
    alpha: bool
    options: WriteOptions

    kind: ClassVar[str] = "sink"

    def open(self) -> Opened:
        """Attach to the store, and return its image."""
        store = attached_store(self.root)
        reader, unfit = output_reader(store, alpha=self.alpha)
        if not self.options.associated:
            reader = without_associated(reader)
        info = reader.info
        row = output_row(self.path, placed=is_map(info))
        tiles = sum(1 for _ in store.tiles())
        state = (
            f"an image of {info.width} x {info.height} pixels, {info.frames} frames, "
            f"{info.bands} bands of {info.dtype}, of {tiles} tiles"
        )
        levels = row.plan_levels(reader, self.options)
        lost = (*unfit, *lost_channels(store))
        return Opened(reader, levels, self.options, row, state, lost)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        options = options_to_json(self.options)
        return {"root": self.root, "path": self.path, "alpha": self.alpha, "options": options}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Return it as it was."""
        options = options_from_json(facts["options"])
        return cls(facts["root"], facts["path"], facts["alpha"], options)
