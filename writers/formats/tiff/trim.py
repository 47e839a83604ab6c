"""Takes out of a finished TIFF what tifffile writes into every page, though it misleads readers.

- YCbCrSubSampling (1, 1) beside JPEG: the code stream says so, and Bio-Formats, where the tag
  stands, converts the colours a second time.
- A resolution of one pixel per nothing where none is known: viewers show it as a scale.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

_JPEG, _NO_UNIT = 7, 1
_COMPRESSION, _SUBSAMPLING = 259, 530
_RESOLUTION, _UNIT = (282, 283, 296), 296


def all_pages(tif: "tifffile.TiffFile") -> "Iterator[tifffile.TiffPage]":
    """Yield the pages of a TIFF, each with those below it."""
    for page in tif.pages:
        yield page
        if page.subifds:
            yield from page.pages


@contextmanager
def changing(path: Path) -> "Iterator[tifffile.TiffFile]":
    """Open a finished TIFF to change it in place.

    The file is ours to close: tifffile keeps what goes wrong then to itself, and the last
    bytes are written no earlier.
    """
    with path.open("r+b") as file, tifffile.TiffFile(file) as tif:
        yield tif


def trim_pages(path: Path) -> None:
    """Take misleading tags out of all pages; nothing else in the file moves."""
    with changing(path) as tif:
        unwanted = {page.offset: _unwanted(page) for page in all_pages(tif)}
        for offset, codes in unwanted.items():
            if codes:
                _drop(tif, offset, codes)


def _unwanted(page: "tifffile.TiffPage") -> set[int]:
    tags = page.tags
    codes: set[int] = set()
    if tags.valueof(_SUBSAMPLING) == (1, 1) and tags.valueof(_COMPRESSION) == _JPEG:
        codes.add(_SUBSAMPLING)
    if tags.valueof(_UNIT) == _NO_UNIT:
        codes.update(_RESOLUTION)
    return codes


def _drop(tif: "tifffile.TiffFile", offset: int, codes: set[int]) -> None:
    """Write a page's directory again without some tags; what was behind it becomes zeros."""
    kind, file = tif.tiff, tif.filehandle
    file.seek(offset)
    head = file.read(kind.tagnosize)
    count = struct.unpack(kind.tagnoformat, head)[0]
    entries = file.read(count * kind.tagsize)
    following = file.read(kind.offsetsize)
    kept = [
        entry
        for entry in (entries[i : i + kind.tagsize] for i in range(0, len(entries), kind.tagsize))
        if struct.unpack(f"{kind.byteorder}H", entry[:2])[0] not in codes
    ]
    room = (count - len(kept)) * kind.tagsize
    file.seek(offset)
    file.write(struct.pack(kind.tagnoformat, len(kept)) + b"".join(kept) + following + bytes(room))
