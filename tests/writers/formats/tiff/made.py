"""Readers of arrays with facts of their own, and their pixels."""

import dataclasses
from typing import Any

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.model.options import WriteOptions

EXACT = WriteOptions(lossy=False, overwrite=True)


def edited(pixels: np.ndarray, names: str = "yxs", **facts: Any) -> Any:
    reader = array_reader(pixels, names)
    frames = pixels if names.endswith("s") else pixels[..., np.newaxis]
    return ArrayReader(frames, dataclasses.replace(reader.info, **facts))


def whole(reader: Any, level: int = 0, frame: int = 0) -> Any:
    at = reader.info.levels[level]
    return reader.plane(level, frame).read(Rect(0, 0, at.width, at.height))
