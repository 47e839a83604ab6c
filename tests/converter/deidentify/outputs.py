"""Outputs to look for texts in, and pieces of them."""

from pathlib import Path
from typing import Any

import tifffile

TARGETS = ["out.tiff", "out.ome.tiff", "out.svs", "out.zarr.zip"]


def bytes_of(path: Path) -> Any:
    if path.is_file():
        return path.read_bytes()
    return b"".join(p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file())


def stored_pieces(path: Path, name: str) -> Any:
    """The bytes of a page's strips, as the source file holds them."""
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        page = next(p for p in tif.pages if f"\n{name} " in p.description.replace("\r", ""))
        pieces = []
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.seek(offset)
            pieces.append(file.read(count))
        return pieces, page.asarray()


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content
