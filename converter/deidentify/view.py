"""The same image without whom it is of: a view that the writers see instead of the source."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ziggurat.converter.deidentify.icc import scrub_icc
from ziggurat.converter.deidentify.names import clean_facts
from ziggurat.converter.deidentify.policy import Fate, Policy, is_date
from ziggurat.converter.deidentify.scrub import is_codestream, scrub_jpeg, scrub_jpeg2000
from ziggurat.converter.deidentify.values import FORMAT_WORDS, is_technical
from ziggurat.readers.codecs.jpeg_like import can_be_like, jpeg_like, padded
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel
from ziggurat.readers.model.geometry import Rect, cell_rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane, Reader
from ziggurat.readers.views.views import SamePixels, View

_DATE_FORMATS = (
    "%m/%d/%y", "%m/%d/%Y", "%Y/%m/%d", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%Y:%m:%d",
)  # fmt: skip
_DAY = re.compile(r"\d{1,4}[-/.:]\d{1,2}[-/.:]\d{1,4}|\d{8}")


class DeidentifiedReader(View):
    """A reader without labels, descriptions, identifying fields, and text in code streams.

    Everything that is text goes unless it is a number or a word of a closed vocabulary, wherever
    it stands: fields, names of channels, bands and axes, units, the CRS, the ICC profile.
    ``removed`` says in words what is gone, ``secrets`` are the texts that must not occur in
    an output any more. ``cropped``: what the tiles at the edge hold beyond it was cut off, and
    goes too.
    """

    def __init__(
        self, reader: Reader, policy: Policy, label: Fate, *, cropped: bool = False
    ) -> None:
        info, self._cropped = reader.info, cropped
        self._fates = {name: policy.fate(name, label) for name in info.associated}
        kept, dropped = split_fields(info.properties, policy)
        gone = [name for name, fate in self._fates.items() if fate is Fate.REMOVE]
        blank = [name for name, fate in self._fates.items() if fate is Fate.BLANK]
        profile = info.icc_profile and scrub_icc(info.icc_profile)
        facts, texts = clean_facts(info, policy)
        inside = (leaf for name in dropped for leaf in texts_in(info.properties[name]))
        found = {*inside, *dropped.values(), *texts.values(), info.description or ""}
        secrets = sorted(filter(is_secret, found))
        for name in [name for name in kept if any(secret in name for secret in secrets)]:
            dropped[name] = kept.pop(name)  # a text that goes is part of this field's name
        new = dataclasses.replace(
            facts,
            description=None,
            properties=kept,
            internal={},
            icc_profile=profile,
            associated=tuple(name for name in info.associated if name not in gone),
            withheld=(
                *info.withheld,
                *gone,
                *blank,
                *(["channels"] if texts else []),
                *(["icc_profile"] if profile != info.icc_profile else []),
            ),
        )
        super().__init__(reader, new)
        self.removed = tuple(_words(gone, blank, dropped, info, profile, texts))
        self.secrets = (*secrets, *policy.forbidden)

    def plane(self, level: int, frame: int) -> Plane:
        """Return the plane with tiles of which nothing but pixels is left."""
        plane = self.source.plane(level, frame)
        return _BarePlane(_ClosedPlane(plane) if self._cropped else plane)

    def associated(self, name: str) -> AssociatedImage:
        """Return a kept image, or white of the same size."""
        if name not in self.info.associated:
            raise KeyError(name)
        image = self.source.associated(name)
        return _BareImage(image, blank=self._fates[name] is Fate.BLANK)


class _BarePlane(SamePixels):
    __slots__ = ()

    def encoded(self) -> EncodedLevel | None:
        """Return tiles without comments; None for codecs that are not looked into.

        Behind the end of a Deflate, LZW or raw tile there is room for anything, too.
        """
        tiles = self.source.encoded()
        if tiles is None:
            return None
        codec, source = tiles.format.codec, tiles.tile
        if codec is Codec.JPEG2000 and _is_raw_2000(tiles):
            return dataclasses.replace(tiles, tile=lambda c, r: _scrubbed_2000(source(c, r)))
        if codec is not Codec.JPEG:
            return None
        tables = tiles.format.tables
        form = dataclasses.replace(tiles.format, tables=tables and scrub_jpeg(tables))
        return dataclasses.replace(tiles, format=form, tile=lambda c, r: _scrubbed(source(c, r)))

    def places(self) -> None:
        """Return None: what lies in the source's tiles beside pixels may tell who it is."""


class _ClosedPlane(SamePixels):
    """A plane whose tiles hold nothing beyond its edge: those that did are encoded anew."""

    __slots__ = ()

    def encoded(self) -> EncodedLevel | None:
        """Return tiles, those at the edge padded by its pixels; None where they can't be made."""
        tiles = self.source.encoded()
        if tiles is None or not (
            tiles.width % tiles.tile_width or tiles.height % tiles.tile_height
        ):
            return tiles
        if not can_be_like(tiles.format):
            return None
        return dataclasses.replace(tiles, tile=lambda c, r: self._tile(tiles, c, r))

    def _tile(self, tiles: EncodedLevel, column: int, row: int) -> bytes | None:
        cell = cell_rect(column, row, tiles.tile_width, tiles.tile_height)
        part = cell.intersect(Rect(0, 0, tiles.width, tiles.height))
        if part == cell:
            return tiles.tile(column, row)
        pixels = self.source.read(part)
        return jpeg_like(tiles.format, padded(pixels, tiles.tile_width, tiles.tile_height))

    def places(self) -> None:
        """Return None: some tiles are made on the way."""


class _BareImage(AssociatedImage):
    __slots__ = ("_blank", "_source")

    def __init__(self, source: AssociatedImage, *, blank: bool) -> None:
        self._source, self._blank = source, blank

    def read(self) -> Pixels:
        """Return the pixels, or white of the same size."""
        pixels = self._source.read()
        if self._blank:
            white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 0
            pixels = np.full_like(pixels, white)
        return pixels

    def encoded(self) -> EncodedImage | None:
        """Return a kept image's stream without its comments."""
        image = None if self._blank else self._source.encoded()
        if image is None or image.codec is not Codec.JPEG:
            return None
        return dataclasses.replace(image, data=scrub_jpeg(image.data))

    def stored(self) -> None:
        """Return None: behind the pixels of a strip there is room for anything."""


def _is_raw_2000(tiles: EncodedLevel) -> bool:
    first = next((data for c in range(tiles.columns) if (data := tiles.tile(c, 0))), b"")
    return is_codestream(first)


def _scrubbed(data: bytes | None) -> bytes | None:
    return data and scrub_jpeg(data)


def _scrubbed_2000(data: bytes | None) -> bytes | None:
    return data and scrub_jpeg2000(data)


def texts_in(value: object) -> Iterator[str]:
    """Yield all texts of a value as JSON has it, names of fields among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield name
            yield from texts_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)


def split_fields(
    fields: Mapping[str, object], policy: Policy
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (what stays, what goes) of a description's fields; kept days may be shifted.

    What is no text is judged, and goes, as the JSON that it is written as.
    """
    kept: dict[str, Any] = {}
    dropped: dict[str, str] = {}
    for name, given in fields.items():
        value = given if isinstance(given, str) else json.dumps(given)
        if policy.keeps_text(name) or (policy.keeps_field(name) and is_technical(value)):
            kept[name] = given
            continue
        dropped[name] = value
        if is_date(name) and policy.shift_days is not None:
            moved = shift_date(value, policy.shift_days)
            if moved is not None:
                kept[name] = moved
    return kept, dropped


def shift_date(text: str, days: int) -> str | None:
    """Return a date moved by some days, in its own format and without the time of day.

    None where no date is recognised.
    """
    match = _DAY.search(text)
    if match is None:
        return None
    for form in _DATE_FORMATS:
        try:
            day = datetime.strptime(match.group(), form)
        except ValueError:
            continue
        return (day + timedelta(days=days)).strftime(form)
    return None


def _words(
    gone: list[str],
    blank: list[str],
    dropped: Mapping[str, str],
    info: ImageInfo,
    profile: bytes | None,
    texts: Mapping[str, str],
) -> list[str]:
    words = []
    if gone:
        words.append(f"associated images: {', '.join(gone)}")
    if blank:
        words.append(f"associated images replaced by white: {', '.join(blank)}")
    if dropped:
        words.append(f"fields: {', '.join(dropped)}")
    if texts:
        words.append(f"texts of {', '.join(texts)}")
    if info.description:
        words.append("the source's description")
    if info.icc_profile != profile:
        words.append("texts of the ICC profile")
    return words


def is_secret(text: str) -> bool:
    """Return True where a text that goes is to be looked for: it means something, and to somebody.

    Numbers and words that anybody's image has are no secrets, so that finding them is no leak.
    """
    return is_telling(text) and not is_technical(text)


def is_telling(text: str) -> bool:
    """Return True where finding a text can't well be chance: six letters, or nine digits."""
    if text.lower() in FORMAT_WORDS:
        return False
    return len(text) >= (9 if _is_number(text) else 6)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
