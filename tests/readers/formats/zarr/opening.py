"""How the tests of the OME-Zarr backend open, edit and pack stores."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ziggurat.readers.errors import (
    ZigguratError,
)
from ziggurat.readers.formats.zarr.reader import OmeZarrReader, open_reader
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect

RNG = np.random.default_rng(3)


Finder = Callable[[str], Path]


def opened(path: Path | str) -> OmeZarrReader:
    return open_reader(locate(path))


def whole(reader: OmeZarrReader, level: int = 0, frame: int = 0) -> np.ndarray:
    return reader.plane(level, frame).read(reader.info.levels[level].rect)


def zipped(folder: Path, method: int = zipfile.ZIP_STORED, below: str = "") -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, below + str(file.relative_to(folder)))
    return path


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))


def outcome(path: Path) -> str:
    try:
        with opened(path) as reader:
            level = min(len(reader.info.levels), 2) - 1
            size = reader.info.levels[level]
            got = reader.plane(level, 0).read(
                Rect(0, 0, min(size.width, 100), min(size.height, 100))
            )
            assert got.shape[2] == reader.info.bands
    except ZigguratError:
        return "error"
    return "picture"
