"""Tiles at each edge of a crop, streams that begin with a gap, systems that aren't their code's."""

import itertools
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.deidentify.names import clean_facts
from ziggurat.converter.deidentify.policy import Fate, Policy
from ziggurat.converter.deidentify.view import DeidentifiedReader
from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader

TILE = 16
SECRET = 250  # beyond the edge


class _Plane(DecodedPlane):
    def __init__(self, width: int, height: int, codec: Codec, missing: int) -> None:
        self._size, self._codec, self._missing = (width, height), codec, missing

    def read(self, rect: Rect) -> Pixels:
        assert rect == rect.intersect(Rect(0, 0, *self._size))
        return np.full((rect.height, rect.width, 1), 50, np.uint8)

    def encoded(self) -> EncodedLevel:
        width, height = self._size
        lossless = self._codec is Codec.JPEG2000
        form = TileFormat(self._codec, Photometric.GRAY, 1, 8, "uint8", lossless=lossless)
        columns, rows = -(-width // TILE), -(-height // TILE)

        def tile(column: int, row: int) -> bytes | None:
            if row * columns + column < self._missing:
                return None
            pixels = np.full((TILE, TILE), SECRET, np.uint8)
            pixels[: max(0, height - row * TILE), : max(0, width - column * TILE)] = 50
            if lossless:
                return bytes(imagecodecs.jpeg2k_encode(pixels, reversible=True, codecformat="j2k"))
            return bytes(imagecodecs.jpeg8_encode(pixels, level=95))

        return EncodedLevel(form, width, height, TILE, TILE, columns, rows, tile)


class _Image(Reader):
    def __init__(self, width: int, height: int, codec: Codec, missing: int = 0) -> None:
        self.info = ImageInfo(
            "x", (Level(width, height, TILE, TILE),), 1, np.dtype("u1"), Interpretation.GRAY
        )
        self._plane = _Plane(width, height, codec, missing)

    def plane(self, level: int, frame: int) -> Plane:
        del level, frame
        return self._plane


@each("codec", [Codec.JPEG, Codec.JPEG2000])
@each("size", [(32, 40), (40, 32), (40, 40), (32, 32), (7, 5)])
def test_nothing_beyond_the_edge_of_a_crop_goes_out(size: tuple[int, int], codec: Codec) -> None:
    made = DeidentifiedReader(_Image(*size, codec), Policy(), Fate.REMOVE, cropped=True)
    tiles = made.plane(0, 0).encoded()
    assert tiles is not None
    for column, row in itertools.product(range(tiles.columns), range(tiles.rows)):
        data = tiles.tile(column, row)
        assert data is not None
        pixels = decode_tile(data, tiles.format, (TILE, TILE))
        assert pixels.shape == (TILE, TILE, 1)
        assert pixels.max() < 150, (column, row)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_stream_is_known_by_the_first_tile_there_is(missing: int) -> None:
    image = _Image(48, 16, Codec.JPEG2000, missing)
    tiles = DeidentifiedReader(image, Policy(), Fate.REMOVE).plane(0, 0).encoded()
    assert tiles is not None
    assert tiles.tile(2, 0)
    assert (tiles.tile(0, 0) is None) is (missing > 0)


def test_a_system_is_named_by_its_code_where_it_is_that_in_every_number() -> None:
    from osgeo import osr

    osr.UseExceptions()
    system = osr.SpatialReference()
    system.ImportFromEPSG(32633)
    wkt = system.ExportToWkt()
    changed = wkt.replace('"false_easting",500000', '"false_easting",500017')
    assert changed != wkt

    def cleaned(projection: str) -> Any:
        facts = ImageInfo(
            "x", (Level(8, 8, 8, 8),), 1, np.dtype("u1"), Interpretation.GRAY,
            geo=GeoReference(projection, (0, 1, 0, 0, 0, 1)),
        )  # fmt: skip
        info, texts = clean_facts(facts, Policy())
        assert info.geo is not None
        return info.geo.projection, texts

    assert cleaned(wkt) == ("EPSG:32633", {})
    projection, texts = cleaned(changed)
    assert "500017" in projection
    assert texts
    named = wkt.replace("WGS 84 / UTM zone 33N", "Sommerfeld's field")
    assert "Sommerfeld" not in cleaned(named)[0]


@pytest.mark.parametrize(
    "said",
    ["Jürgen Müßig", "J&#252;rgen M&#252;&#223;ig", "J\\u00fcrgen M\\u00fc\\u00dfig",
     "J%C3%BCrgen%20M%C3%BC%C3%9Fig", "J%C3%BCrgen+M%C3%BC%C3%9Fig"],
)  # fmt: skip
def test_letters_beyond_ascii_are_found_in_every_spelling(said: str, tmp_path: Path) -> None:
    """Of text, XML, JSON and URLs."""
    (tmp_path / "x").write_bytes(b"<a>" + said.encode() + b"</a>")
    assert find_leaks(tmp_path / "x", ["Jürgen Müßig", "Jane"]) == ("Jürgen Müßig",)
