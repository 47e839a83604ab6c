"""Tiles and associated images that are copied as they are stored."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.hooked import HookedArray
from ziggurat.readers.errors import OptionError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.tiff.pages.description import parse_description
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import (
    EncodedImage,
    EncodedLevel,
    Photometric,
    TileFormat,
)
from ziggurat.readers.model.geometry import grid_shape
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.codecs.tiles import tile_codec
from ziggurat.writers.formats.registry import write, write_levels
from ziggurat.writers.model.levels import Cascade, Copy, LevelPlan
from ziggurat.writers.model.options import WriteOptions


class SlideReader(HookedArray):
    """An array with copyable tiles of one format, and associated images."""

    def __init__(
        self, pixels: np.ndarray, tile: Any, form: Any, encode: Any, pictures: Any = ()
    ) -> None:
        super().__init__(pixels, array_reader(pixels).info)
        self.tile_size, self.form, self.encode = tile, form, encode
        self.pictures = dict(pictures)
        self.info = dataclasses.replace(self.info, associated=tuple(self.pictures))

    def encoded(self, level: int, frame: int) -> Any:
        del level, frame
        info, side = self.info, self.tile_size
        columns, rows = grid_shape(info.width, info.height, side, side)
        return EncodedLevel(
            self.form, info.width, info.height, side, side, columns, rows, self.stored
        )

    def stored(self, column: int, row: int) -> Any:
        side = self.tile_size
        part = self._frames[0, row * side : (row + 1) * side, column * side : (column + 1) * side]
        pad = ((0, side - part.shape[0]), (0, side - part.shape[1]), (0, 0))
        return self.encode(np.pad(part, pad, mode="edge"))

    def picture(self, name: str) -> Any:
        return self.pictures[name]

    def stream(self, name: str) -> Any:
        import imagecodecs

        if name != "macro":
            return None
        data = imagecodecs.jpeg8_encode(np.ascontiguousarray(self.pictures[name]), level=80)
        return EncodedImage(Codec.JPEG, 300, 100, bytes(data))


def tile_bytes(tif: Any, page: Any) -> Any:
    out = []
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        tif.filehandle.seek(offset)
        out.append(tif.filehandle.read(count))
    return out


@pytest.mark.parametrize(
    ("space", "subsampling"),
    [("ycbcr", "420"), ("ycbcr", "422"), ("ycbcr", "444"), ("rgb", "444")],
)
def test_copied_jpeg_tiles_keep_their_bytes_and_colours(
    tmp_path: Path, big_tissue: np.ndarray, space: Any, subsampling: Any
) -> None:
    import imagecodecs
    import openslide

    def encode(tile: Any) -> Any:
        return bytes(
            imagecodecs.jpeg8_encode(
                np.ascontiguousarray(tile), level=92, colorspace="rgb", outcolorspace=space,
                subsampling=subsampling,
            )
        )  # fmt: skip

    factors = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[subsampling]
    form = TileFormat(Codec.JPEG, Photometric(space), 3, 8, "uint8", factors)
    reader = SlideReader(big_tissue, 240, form, encode)
    codec = tile_codec(reader.info, WriteOptions())
    levels = [
        LevelPlan(1450, 1000, 240, 240, Copy(0), None),
        LevelPlan(725, 500, 256, 256, Cascade(), codec.encode, codec.format),
    ]
    path = tmp_path / "image.tif"
    assert write_levels(reader, path, levels, WriteOptions()).lost == ()
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        assert page.photometric.name == space.upper()
        columns, rows = levels[0].grid
        wanted = [reader.stored(c, r) for r in range(rows) for c in range(columns)]
        assert tile_bytes(tif, page) == wanted
        assert np.abs(page.asarray().astype(int) - big_tissue).mean() < 4
    with openslide.OpenSlide(path) as slide:
        seen = np.asarray(slide.read_region((0, 0), 0, (1450, 1000)))[..., :3].astype(int)
    assert np.abs(seen - big_tissue).mean() < 4


def test_a_big_endian_copy_makes_a_big_endian_file(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 2**16, (100, 120, 1), np.uint16)
    form = TileFormat(Codec.NONE, Photometric.GRAY, 1, 16, "uint16", byteorder=">")
    reader = SlideReader(pixels, 32, form, lambda tile: tile.astype(">u2").tobytes())
    options = WriteOptions(compression=Codec.DEFLATE, lossy=False)
    codec = tile_codec(reader.info, options, byteorder=">")
    levels = [
        LevelPlan(120, 100, 32, 32, Copy(0), None),
        LevelPlan(60, 50, 32, 32, Cascade(), codec.encode, codec.format),
    ]
    path = tmp_path / "image.tif"
    write_levels(reader, path, levels, options)
    assert path.read_bytes()[:2] == b"MM"
    with tifffile.TiffFile(path) as tif:
        np.testing.assert_array_equal(tif.pages[0].asarray(), pixels[..., 0])
        wide = pixels[..., 0].astype(np.int64)
        four = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
        np.testing.assert_array_equal(tif.pages[1].asarray(), (four + 2) // 4)
    little = tile_codec(reader.info, dataclasses.replace(options, compression=Codec.LZW))
    mixed = [levels[0], LevelPlan(60, 50, 32, 32, Cascade(), little.encode, little.format)]
    with pytest.raises(OptionError, match="both byte orders"):
        write_levels(reader, tmp_path / "mixed.tif", mixed, options)
    assert [p.name for p in tmp_path.iterdir()] == ["image.tif"]


def test_a_missing_tile_is_sparse(tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = rng.integers(1, 255, (64, 64, 1), np.uint8)
    form = TileFormat(Codec.NONE, Photometric.GRAY, 1, 8, "uint8")
    reader = SlideReader(pixels, 32, form, lambda tile: tile.tobytes())
    stored = reader.stored
    reader.stored = lambda c, r: None if (c, r) == (1, 0) else stored(c, r)
    path = tmp_path / "image.tif"
    write_levels(reader, path, [LevelPlan(64, 64, 32, 32, Copy(0), None)], WriteOptions())
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].databytecounts[1] == 0
        found = tif.pages[0].asarray()
    assert (found[:32, 32:] == 0).all()
    np.testing.assert_array_equal(found[32:], pixels[32:, :, 0])


def test_associated_images_are_kept_whatever_their_size_and_type(
    tmp_path: Path, big_tissue: np.ndarray
) -> None:
    form = TileFormat(Codec.NONE, Photometric.RGB, 3, 8, "uint8")
    rng = np.random.default_rng(1)
    pictures = {
        "label": rng.integers(0, 255, (90, 70, 3), np.uint8),
        "macro": big_tissue[:100, :300],
        "mask": rng.integers(0, 2**16 - 1, (20, 30, 1), np.uint16),
    }
    reader = SlideReader(big_tissue, 256, form, lambda tile: tile.tobytes(), pictures)
    path = tmp_path / "image.tif"
    write(reader, path)
    with tifffile.TiffFile(path) as tif:
        pages = {parse_description(p.description).associated: p for p in tif.pages[-3:]}
        assert list(pages) == ["label", "macro", "mask"]
        np.testing.assert_array_equal(pages["label"].asarray(), reader.pictures["label"])
        np.testing.assert_array_equal(pages["mask"].asarray(), reader.pictures["mask"][..., 0])
        assert tile_bytes(tif, pages["macro"]) == [reader.associated("macro").encoded().data]
    with open_reader(path) as ours:
        assert ours.info.associated == ("label", "macro", "mask")
        np.testing.assert_array_equal(ours.associated("label").read(), reader.pictures["label"])
        assert len(ours.info.levels) == 4
