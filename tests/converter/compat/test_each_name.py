"""Every public name of the reference's modules, called, against what it has to give.

A new public name fails here until it has a row.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import ziggurat
from tests.converter.compat.rows import CACHE, CONFIG, Row
from ziggurat.converter.compat import (
    cache_util,
    command,
    config,
    conversion,
    resample,
    stylefuncs,
    tilesource,
    utilities,
)
from ziggurat.readers import constants, errors, exceptions
from ziggurat.readers.pixels.cache import tile_cache

WIDTH, HEIGHT = 90, 35  # lopsided
_Y, _X = np.mgrid[:HEIGHT, :WIDTH]
PIXELS = np.stack([_X * 2, _Y * 7, _X + _Y], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names") / "lopsided.tiff"
    with ziggurat.new() as sink:
        sink.addTile(PIXELS)
        sink.write(path, lossy=False, tileSize=32)
    return path


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    values, size = dict(config.ConfigValues), tile_cache().info().limit
    yield
    config.ConfigValues.clear()
    config.ConfigValues.update(values)
    tile_cache().resize(size)


TREE = '<a xmlns="urn:x" i="1"><b>2</b><b k="3">4</b></a>'
QUAD = {"sizeX": 900, "sizeY": 300, "tileWidth": 64, "tileHeight": 32, "frames": [{}] * 5,
        "IndexRange": {"IndexZ": 5}}  # fmt: skip


def quads(**options: Any) -> dict[str, Any]:
    found = utilities.getTileFramesQuadInfo(QUAD, {"maxTextureSize": 512, **options})
    del found["metadata"], found["options"]
    return found


UTILITIES: dict[str, Row] = {
    "ImageBytes": (
        lambda _: (utilities.ImageBytes(b"ab", "image/x"), utilities.ImageBytes(b"", "y").mimetype),
        (b"ab", "y"),
    ),
    "JSONDict": (lambda _: utilities.JSONDict(a=1)._repr_json_(), {"a": 1}),
    "dictToEtree": (
        lambda _: ElementTree.tostring(
            utilities.dictToEtree({"a": {"i": 1, "b": ["2", {"k": "3", "text": "4"}]}})
        ),
        b'<a i="1"><b>2</b><b k="3">4</b></a>',
    ),
    "etreeToDict": (
        lambda _: utilities.etreeToDict(ElementTree.fromstring(TREE)),
        {"a": {"i": "1", "b": ["2", {"k": "3", "text": "4"}]}},
    ),
    "getAvailableNamedPalettes": (
        lambda _: {"aliceblue", "viridis", "viridis_r", "colorbrewer.sequential.YlOrRd_5"}
        & set(utilities.getAvailableNamedPalettes(reduced=True)),
        {"aliceblue", "viridis"},
    ),
    "getPaletteColors": (
        lambda _: utilities.getPaletteColors(["#102030", "rgba(1,2,3,0.2)"]).tolist(),
        [[16, 32, 48, 255], [1, 2, 3, 51]],
    ),
    "getTileFramesQuadInfo": (
        lambda _: [
            (found["src"][0]["width"], found["src"][0]["height"], found["src"][0]["framesAcross"],
             len(found["src"]), found["frames"], found["minLevel"], found["quads"][-1]["crop"])
            for found in (quads(), quads(maxFrameSize=128, frameStride=2),
                          quads(maxTextures=2, alignment=8))
        ],
        [
            (256, 96, 2, 1, [0, 1, 2, 3, 4], 2, {"x": 900, "y": 300, "left": 0, "right": 256,
                                                 "top": 11, "bottom": 96}),
            (128, 48, 2, 1, [0, 2, 4], 1, {"x": 900, "y": 300, "left": 0, "right": 128, "top": 6,
                                           "bottom": 48}),
            (504, 168, 1, 2, [0, 1, 2, 3, 4], 3, {"x": 900, "y": 300, "left": 0, "right": 504,
                                                  "top": 0, "bottom": 168}),
        ],
    ),
    "isValidPalette": (
        lambda _: [utilities.isValidPalette(one) for one in ("#123", "no such", ["red"], 3)],
        [True, False, True, False],
    ),
    "nearPowerOfTwo": (
        lambda _: [
            utilities.nearPowerOfTwo(*pair)
            for pair in ((3, 12), (12, 3), (100, 101), (100, 102), (-1, 2), (5, 5, 0.0), (5, 9, 1))
        ],
        [True, True, True, False, False, False, True],
    ),
}  # fmt: skip

CONVERSION: dict[str, Row] = {
    "convert": (
        lambda path: [
            (source.sizeX, source.sizeY, source.tileWidth, source.frames)
            for source in [ziggurat.open(conversion.convert(
                path, path.with_name("c.tiff"), tileSize=48, overwrite=True))]
        ],
        [(WIDTH, HEIGHT, 48, 1)],
    ),
    "is_geospatial": (lambda path: conversion.is_geospatial(path), False),
    "is_vips": (
        lambda path: (conversion.is_vips(path), conversion.is_vips(path, (WIDTH, HEIGHT)),
                      conversion.is_vips(path, (HEIGHT, WIDTH)), conversion.is_vips(__file__)),
        (True, True, False, False),
    ),
    "json_serial": (
        lambda _: [conversion.json_serial(one) for one in (
            np.datetime64("2020-01-02").item(), Path("a/b"), 3)],
        ["2020-01-02", "a/b", "3"],
    ),
}  # fmt: skip

PLAIN = errors.ZigguratError
EXCEPTIONS: dict[str, Row] = {
    **{name: (lambda _, name=name: getattr(exceptions, name), PLAIN) for name in (
        "TileGeneralError", "TileGeneralException", "TileSourceError", "TileSourceException")},
    **{name: (lambda _, name=name: getattr(exceptions, name), errors.SourceNotFoundError)
       for name in ("TileSourceFileNotFoundError", "TileSourceFileNotFoundException")},
    **{name: (lambda _, name=name: getattr(exceptions, name), errors.TileRangeError)
       for name in ("TileSourceRangeError", "TileSourceXYZRangeError")},
    **{name: (lambda _, name=name: getattr(exceptions, name).__mro__[1], above) for name, above in (
        ("TileSourceAssetstoreError", PLAIN), ("TileSourceAssetstoreException", PLAIN),
        ("TileCacheError", PLAIN))},
    "TileCacheConfigurationError": (
        lambda _: exceptions.TileCacheConfigurationError.__mro__[1] is exceptions.TileCacheError,
        True,
    ),
    "TileSourceInefficientError": (
        lambda _: exceptions.TileSourceInefficientError, errors.InefficientSourceError
    ),
    "TileSourceMalformedError": (
        lambda _: exceptions.TileSourceMalformedError, errors.CorruptSourceError
    ),
}  # fmt: skip

STYLES: dict[str, Row] = {
    "maskPixelValues": (
        lambda _: stylefuncs.__dict__["maskPixelValues"](
            np.uint8([[[1, 2, 3], [4, 5, 6]]]),
            None,
            values=[[4, 5, 6]],
            positive=[9, 9, 9],
            negative=[7, 7, 7],
        ).tolist(),
        [[[7, 7, 7], [9, 9, 9]]],
    ),
    "medianFilter": (
        lambda _: stylefuncs.__dict__["medianFilter"](
            np.uint8([[[1], [9], [2]], [[5], [90], [3]], [[4], [8], [7]]]),
            None,
            kernel=3,
            weight=1.0,
        )[1, 1].tolist(),
        [5],
    ),
}

RESAMPLE: dict[str, Row] = {
    "ResampleMethod": (
        lambda _: {one.name: one.value for one in resample.ResampleMethod},
        {"PIL_NEAREST": 0, "PIL_LANCZOS": 1, "PIL_BILINEAR": 2, "PIL_BICUBIC": 3, "PIL_BOX": 4,
         "PIL_HAMMING": 5, "NP_MEAN": 6, "NP_MEDIAN": 7, "NP_MODE": 8, "NP_MAX": 9, "NP_MIN": 10,
         "NP_NEAREST": 11, "NP_MAX_COLOR": 12, "NP_MIN_COLOR": 13},
    ),
}  # fmt: skip


def same(owner: ModuleType, name: str) -> Row:
    return (lambda _: getattr(tilesource, name) is getattr(owner, name), True)


TILESOURCE: dict[str, Row] = {
    **{name: same(constants, name) for name in (
        "SourcePriority", "TileInputUnits", "TileOutputMimeTypes", "TileOutputPILFormat")},
    **{name: same(exceptions, name) for name in (
        "TileGeneralError", "TileGeneralException", "TileSourceAssetstoreError",
        "TileSourceAssetstoreException", "TileSourceError", "TileSourceException",
        "TileSourceFileNotFoundError", "TileSourceInefficientError", "TileSourceRangeError",
        "TileSourceXYZRangeError")},
    **{name: same(utilities, name) for name in (
        "ImageBytes", "dictToEtree", "etreeToDict", "nearPowerOfTwo")},
    **{name: same(ziggurat, name) for name in (
        "canRead", "canReadList", "getTileSource", "listExtensions", "listMimeTypes",
        "listSources", "new", "open")},
    "NEW_IMAGE_PATH_FLAG": (lambda _: tilesource.NEW_IMAGE_PATH_FLAG, "__new_image__"),
    "TILE_FORMAT_IMAGE": (lambda _: tilesource.TILE_FORMAT_IMAGE, "image"),
    "TILE_FORMAT_NUMPY": (lambda _: tilesource.TILE_FORMAT_NUMPY, "numpy"),
    "TILE_FORMAT_PIL": (lambda _: tilesource.TILE_FORMAT_PIL, "PIL"),
    "AvailableTileSources": (
        lambda path: (
            [tilesource.AvailableTileSources[name](path).sizeX for name in ("tiff", "vips", "nd2")],
            "bioformats" in tilesource.AvailableTileSources, "x" in tilesource.AvailableTileSources,
            len(tilesource.AvailableTileSources) == len(set(tilesource.AvailableTileSources)) > 15,
        ),
        ([WIDTH] * 3, True, False, True),
    ),
    "FileTileSource": (lambda _: tilesource.FileTileSource, ziggurat.Source),
    "TileSource": (lambda _: tilesource.TileSource, ziggurat.Source),
    "LazyTileDict": (
        lambda path: [
            (tile["x"], tile["y"], tile["width"], tile["height"],
             np.array_equal(tile["tile"], PIXELS[tile["y"] :, tile["x"] :][:40, :40]))
            for tile in ziggurat.open(path).tileIterator("numpy", tile_size={"width": 40})
            if isinstance(tile, tilesource.LazyTileDict)
        ],
        [(0, 0, 40, 35, True), (40, 0, 40, 35, True), (80, 0, 10, 35, True)],
    ),
    "TileIterator": (
        lambda path: isinstance(ziggurat.open(path).tileIterator(), tilesource.TileIterator), True
    ),
    "getSourceNameFromDict": (
        lambda path: [tilesource.getSourceNameFromDict({}, one) for one in (path, __file__)],
        ["tiff", None],
    ),
    "isGeospatial": (lambda path: tilesource.isGeospatial(path), False),
    "loadTileSources": (lambda _: tilesource.loadTileSources("a", {}), None),
    "make_vsi": (lambda _: tilesource.make_vsi("https://a/b.tif", c=1), "https://a/b.tif"),
    "exceptions": (lambda _: tilesource.exceptions, exceptions),
    "resample": (lambda _: tilesource.resample, resample),
    "stylefuncs": (lambda _: tilesource.stylefuncs, stylefuncs),
    "tiledict": (lambda _: hasattr(tilesource.tiledict, "LazyTileDict"), True),
    "utilities": (lambda _: tilesource.utilities, utilities),
}  # fmt: skip

UNITS = {
    "base_pixels": {None, "base", "base_pixel", "base_pixels"},
    "mag_pixels": {"pixel", "pixels", "mag_pixel", "mag_pixels", "magnification_pixel",
                   "magnification_pixels"},
    "nm": {"nm", "nanometer", "nanometers"},
    "um": {"um", "μm", "µm", "micron", "microns", "micrometer", "micrometers"},
    "mm": {"mm", "millimeter", "millimeters"}, "m": {"m", "meter", "meters"},
    "km": {"km", "kilometer", "kilometers"}, "fraction": {"fraction"},
    "projection": {"projection", "proj"}, "proj4:EPSG:4326": {"wgs84", "4326"},
}  # fmt: skip
CONSTANTS: dict[str, Row] = {
    "TILE_FORMATS": (lambda _: constants.TILE_FORMATS, ("numpy", "PIL", "image")),
    "TileInputUnits": (
        lambda _: {
            ours: {said for said, unit in constants.TileInputUnits.items() if unit == ours}
            for ours in constants.TileInputUnits.values()
        },
        UNITS,
    ),
    "dtypeToGValue": (
        lambda _: dict(constants.dtypeToGValue),
        {"b": "char", "B": "uchar", "h": "short", "H": "ushort", "i": "int", "I": "uint",
         "f": "float", "d": "double", "F": "complex", "D": "dpcomplex"},
    ),
    "GValueToDtype": (
        lambda _: [constants.GValueToDtype[name] for name in ("uchar", "short", "double")],
        ["B", "h", "d"],
    ),
    "SourcePriority": (
        lambda _: [one.name for one in sorted(constants.SourcePriority)],
        ["NAMED", "PREFERRED", "HIGHER", "HIGH", "MEDIUM", "LOW", "LOWER", "IMPLICIT_HIGH",
         "IMPLICIT", "IMPLICIT_LOW", "FALLBACK_HIGH", "FALLBACK", "MANUAL"],
    ),
}  # fmt: skip

SURFACES: list[tuple[ModuleType, dict[str, Row], bool]] = [
    (cache_util, CACHE, True), (config, CONFIG, True), (conversion, CONVERSION, True),
    (exceptions, EXCEPTIONS, True), (resample, RESAMPLE, True), (stylefuncs, STYLES, True),
    (tilesource, TILESOURCE, True), (utilities, UTILITIES, True), (constants, CONSTANTS, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "rows", "whole"), SURFACES, ids=[row[0].__name__ for row in SURFACES]
)
def test_every_public_name_gives_what_it_has_to(
    module: ModuleType, rows: dict[str, Row], whole: bool, image: Path
) -> None:
    if whole:
        assert rows.keys() == set(module.__all__)
    for name, (call, due) in rows.items():
        assert call(image) == due, name


WORDS = (
    "in out -vv -s -w -t 64 --no-subifds --frame 3 --format aperio -c zip -q 7 -l 4 "
    "-p horizontal --psnr 40 --cr 10 --reduce max --only-associated a --only-associated b "
    "--exclude-associated c -j 5 --full-stats"
)


def test_every_argument_of_the_reference_becomes_its_keyword() -> None:
    given = command.get_parser().parse_args(WORDS.split())
    assert vars(given) == {
        "verbose": 2, "silent": 1, "source": "in", "dest": "out", "overwrite": True,
        "tileSize": 64, "subifds": False, "onlyFrame": 3, "format": "aperio",
        "compression": "zip", "quality": 7, "level": 4, "predictor": "horizontal", "psnr": 40,
        "cr": 10, "shrinkMode": "max", "_keep_associated": ["a", "b"],
        "_exclude_associated": ["c"], "_concurrency": 5, "_stats": "full",
    }  # fmt: skip
    plain = vars(command.get_parser().parse_args(["in"]))
    assert {name: value for name, value in plain.items() if value} == {"source": "in"}
    assert plain["subifds"] is None
    assert vars(command.get_parser().parse_args(["in", "--subifds"]))["subifds"] is True


def test_the_least_level_of_a_texture_is_the_first_with_enough_pixels() -> None:
    for width, tile, due in ((1024, 256, 2), (1040, 256, 3), (1000, 256, 2), (2064, 256, 4)):
        metadata = {"sizeX": width, "sizeY": width, "tileWidth": tile, "tileHeight": tile}
        found = utilities.getTileFramesQuadInfo(metadata, {"maxTextureSize": 4096})
        crop = found["quads"][0]["crop"]
        least = (crop["right"] - crop["left"]) / tile
        assert found["minLevel"] == math.ceil(math.log2(least)) == due, width
