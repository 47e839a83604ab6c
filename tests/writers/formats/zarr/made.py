"""Made-up pictures, and zarr-python and ome-zarr-models as they look at what was written."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from tests.hooked import HookedArray
from ziggurat.readers.errors import SourceError
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import ArrayReader

VERSIONS = list(OmeVersion)


RNG = np.random.default_rng(7)


def picture(shape: tuple[int, ...], dtype: Any = np.uint8) -> np.ndarray:
    """Smooth gradients with some noise, so that means are not trivial."""
    grid = np.add.outer(np.arange(shape[-3]) * 3, np.arange(shape[-2]) * 2)[..., np.newaxis]
    noise = RNG.integers(0, 50, shape)
    values = (grid % 200 + noise + np.arange(shape[-1]) * 5) % 256
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return values > 120
    return values.astype(kind) * (np.iinfo(kind).max // 255 if kind.kind in "iu" else 1)


def hold(group: zarr.Group, version: OmeVersion = OmeVersion.V05, kind: str = "Image") -> None:
    """Hold a group against ome-zarr-models, which takes long to import."""
    module = "" if kind == "Image" else ".labels" if kind == "Labels" else ".image_label"
    number = {OmeVersion.V04: "v04", OmeVersion.V05: "v05"}[version]
    models = importlib.import_module(f"ome_zarr_models.{number}{module}")
    getattr(models, kind).from_zarr(group)


def halved(frame: np.ndarray) -> np.ndarray:
    """The plain reference: means of 2 x 2 blocks, what there is of them at odd edges."""
    height, width, _ = frame.shape
    even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = np.stack([even[0::2, 0::2], even[0::2, 1::2], even[1::2, 0::2], even[1::2, 1::2]])
    if frame.dtype.kind == "f":
        return blocks.astype(np.float64).mean(axis=0).astype(frame.dtype)
    # Python's own numbers only where four of the largest are too many
    total = blocks.astype(object if frame.dtype.itemsize == 8 else np.int64).sum(axis=0)
    return ((total + 2) // 4).astype(frame.dtype)


def opened(path: Path) -> zarr.Group:
    if path.suffix in (".zip", ".ozx"):
        return zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
    return zarr.open_group(path, mode="r")


def ome(group: zarr.Group) -> dict[str, Any]:
    attributes = group.attrs.asdict()
    return attributes.get("ome", attributes)


def out(folder: Path, suffix: str = ".zarr") -> Path:
    return folder / f"out{suffix}"


class _Associated(HookedArray):
    images: dict[str, np.ndarray]

    def picture(self, name: str) -> Pixels:
        if self.images[name].size == 0:
            raise SourceError("it is gone")
        return self.images[name]


def with_associated(reader: ArrayReader, extra: dict[str, np.ndarray] | None = None) -> _Associated:
    images = {
        "label": picture((100, 100, 3)),  # square: the reference drops it
        "macro": picture((40, 50, 3)),  # small: likewise
        "über/all..": picture((30, 1100, 1), np.uint16),
        **(extra or {}),
    }
    info = replace(reader.info, associated=tuple(images))
    made = _Associated(reader._frames.reshape(-1, *reader._frames.shape[-3:])[0], info)
    made.images = images
    return made
