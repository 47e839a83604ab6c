"""PGM and PPM of more than 8 bits, as they are stored: Pillow makes 8 of them, or other numbers."""

import dataclasses
import math
import re
from typing import Any

import numpy as np

from ziggurat.readers.errors import UnsupportedFormatError
from ziggurat.readers.formats.pictures.base import DecodedReader
from ziggurat.readers.formats.pictures.whole import whole_reader
from ziggurat.readers.io.location import Location

# Magic number, width, height, largest value; comments between them (Netpbm, ppm(5)).
_GAP = rb"(?:\s|#[^\n\r]*[\n\r])+"
_HEADER = re.compile(rb"P([2356])" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_ASCII = (b"2", b"3")
_PACKS = 1  # a sample of two bytes takes two, or a digit and a space, at least


def further_pictures(head: bytes, size: int) -> tuple[str, ...]:
    """Return what is lost of a file that goes on behind its first picture.

    Parameters
    ----------
    head
        The beginning of the file.
    size
        Its bytes.
    """
    found = _HEADER.match(head)
    if found is None or found[1] in _ASCII:
        return ()
    width, height, top = (int(number) for number in found.groups()[1:])
    bands = 3 if found[1] == b"6" else 1
    rest = size - found.end() - width * height * bands * (2 if top > 255 else 1)
    return (f"further pictures in {rest} bytes behind the first one",) if rest > 8 else ()


def _decode(data: bytes) -> Any:
    found = _HEADER.match(data)
    assert found is not None  # it was looked at on opening
    width, height = int(found[2]), int(found[3])
    shape = height, width, 3 if found[1] in (b"3", b"6") else 1
    count = math.prod(shape)
    if found[1] in _ASCII:
        samples = np.fromstring(data[found.end() :], np.uint16, count, sep=" ")
    else:
        samples = np.frombuffer(data, ">u2", count, found.end()).astype(np.uint16)
    return samples.reshape(shape)


def open_reader(location: Location) -> DecodedReader:
    """Open a picture; it is decoded on the first read, and its samples are as they are stored.

    Raises
    ------
    UnsupportedFormatError
        No PGM or PPM, or one of 8 bits or less.
    CorruptSourceError
        It claims more pixels than its bytes can hold.
    """
    found = None if location.is_directory else _HEADER.match(location.head)
    if found is None:
        raise UnsupportedFormatError("no PGM or PPM picture")
    width, height, top = (int(number) for number in found.groups()[1:])
    if not 255 < top < 65536:
        raise UnsupportedFormatError("a PGM or PPM of 8 bits: left to others")
    bands = 3 if found[1] in (b"3", b"6") else 1
    dtype = np.dtype(np.uint16)
    reader = whole_reader(location, "ppm", (height, width, bands), dtype, _decode, packs=_PACKS)
    losses = further_pictures(location.head, location.open_bytes().size)
    reader.info = dataclasses.replace(reader.info, losses=losses)
    return reader
