"""Every rectangle of TIFF pages of every layout, whole or with tiles left out, against numpy."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.tiff.pages.layout import SegmentLayout, check_segments, palette_of
from ziggurat.readers.model.geometry import Rect

HEIGHT, WIDTH = 53, 75
TILE = (16, 32)  # rows, columns
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": TILE}, "strips": {"rowsperstrip": 20}, "one strip": {"rowsperstrip": HEIGHT},
    "planar tiles": {"tile": TILE, "planarconfig": "separate"},
    "planar strips": {"rowsperstrip": 20, "planarconfig": "separate"},
}  # fmt: skip


def written(path: Path, layout: str, bands: int, dtype: str, **options: Any) -> np.ndarray:
    rng = np.random.default_rng(9)
    pixels = (rng.random((HEIGHT, WIDTH, bands)) * 250).astype(dtype)
    arguments = {"photometric": "minisblack", "metadata": None, **LAYOUTS[layout], **options}
    if "planarconfig" not in arguments:
        arguments["planarconfig"] = "contig"
    stored = pixels if "separate" not in arguments.values() else np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(path, stored if bands > 1 else pixels[..., 0], **arguments)
    return pixels


RECTS = [
    Rect(0, 0, WIDTH, HEIGHT), Rect(0, 0, 1, 1), Rect(WIDTH - 1, HEIGHT - 1, 1, 1),
    Rect(31, 15, 3, 3), Rect(32, 16, 32, 16), Rect(5, 19, 60, 2), Rect(64, 40, 11, 13),
    Rect(0, 39, WIDTH, 2), Rect(0, 20, 9, 20),
]  # fmt: skip


@pytest.mark.parametrize(("byteorder", "compression"), [("<", None), (">", "zlib"), (">", None)])
@pytest.mark.parametrize(("bands", "dtype"), [(2, "u1"), (3, "u2"), (5, "f4")])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_rectangle(
    tmp_path: Path, layout: str, bands: int, dtype: str, byteorder: str, compression: Any
) -> None:
    path = tmp_path / "a.tif"
    pixels = written(path, layout, bands, dtype, byteorder=byteorder, compression=compression)
    with open_reader(path) as reader:
        plane = reader.plane(0, 0)
        for rect in RECTS:
            found = plane.read(rect)
            due = pixels[rect.y : rect.bottom, rect.x : rect.right]
            np.testing.assert_array_equal(found, due, str(rect))
            assert found.flags.writeable
            assert not plane.is_blank(rect)


def left_out(path: Path, numbers: list[int], number: int = 0) -> None:
    """Leave tiles out of a page, as sparse ones do: no place, no bytes."""
    with tifffile.TiffFile(path, mode="r+b") as tif:
        page = tif.pages[number]
        assert isinstance(page, tifffile.TiffPage)
        for code, values in ((324, page.dataoffsets), (325, page.databytecounts)):
            kept = [0 if n in numbers else value for n, value in enumerate(values)]
            page.tags[code].overwrite(kept)


COLUMNS, ROWS = 3, 4


@pytest.mark.parametrize("layout", ["tiles", "planar tiles"])
def test_tiles_that_are_left_out(tmp_path: Path, layout: str) -> None:
    """A cell is blank where none of its bands is stored; what is stored of it is shown."""
    path, bands = tmp_path / "a.tif", 3
    pixels = written(path, layout, bands, "u2", compression="zlib")
    grid = COLUMNS * ROWS
    planar = layout.startswith("planar")
    gone = {2: (0, 1, 2), 7: (0, 1, 2), 11: (0, 1, 2)} | ({0: (0,), 4: (0, 2), 5: (1, 2)} if planar
                                                          else {})  # fmt: skip
    left_out(path, [cell + band * grid * planar for cell, own in gone.items() for band in own])
    due = pixels.copy()
    for cell, own in gone.items():
        y, x = cell // COLUMNS * TILE[0], cell % COLUMNS * TILE[1]
        for band in own:
            due[y : y + TILE[0], x : x + TILE[1], band] = 0
    with open_reader(path) as reader:
        plane = reader.plane(0, 0)
        for rect in RECTS:
            np.testing.assert_array_equal(
                plane.read(rect), due[rect.y : rect.bottom, rect.x : rect.right], str(rect)
            )
        for cell in range(grid):
            y, x = cell // COLUMNS * TILE[0], cell % COLUMNS * TILE[1]
            rect = Rect(x, y, TILE[1], TILE[0]).intersect(Rect(0, 0, WIDTH, HEIGHT))
            assert plane.is_blank(rect) is (len(gone.get(cell, ())) == bands), cell
        tiles = plane.encoded()
        assert (tiles is None) is planar
        if tiles is not None:
            for row, column in itertools.product(range(ROWS), range(COLUMNS)):
                assert (tiles.tile(column, row) is None) is (row * COLUMNS + column in gone)


@pytest.mark.parametrize(("dtype", "paper"), [("u1", 255), ("u2", 0)])
def test_tiles_that_a_picture_beside_the_image_lacks_are_paper(
    tmp_path: Path, dtype: str, paper: int
) -> None:
    """White where it is told what white is; slides are so beside their tissue."""
    path = tmp_path / "a.svs"
    rng = np.random.default_rng(5)
    small = (rng.random((HEIGHT, WIDTH, 3)) * 200).astype(dtype)
    plain: Any = {"photometric": "rgb", "metadata": None, "tile": TILE}
    with tifffile.TiffWriter(path) as tif:
        tif.write(np.zeros((100, 300, 3), dtype), description="Aperio v1\n300x100", **plain)
        tif.write(small, description="Aperio v1\n300x100 -> 75x53", **plain)
    left_out(path, [1, 5], 1)
    for row, column in ((0, 1), (1, 2)):
        small[row * 16 : row * 16 + 16, column * 32 : column * 32 + 32] = paper
    with open_reader(path) as reader:
        assert reader.info.associated == ("thumbnail",)
        np.testing.assert_array_equal(reader.associated("thumbnail").read(), small)


def _layout(**facts: Any) -> SegmentLayout:
    made: Any = SegmentLayout.__new__(SegmentLayout)
    for name, value in {"width": 75, "height": 53, "tiled": True, "planar": False, **facts}.items():
        object.__setattr__(made, name, value)
    return made


@pytest.mark.parametrize("behind", range(12))
def test_any_tile_that_lies_behind_the_end(tmp_path: Path, behind: int) -> None:
    path = tmp_path / "a.tif"
    written(path, "tiles", 3, "u1")
    with tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        offsets, counts = list(page.dataoffsets), list(page.databytecounts)
    with open_reader(path) as reader:
        plane: Any = reader.plane(0, 0)
        layout = plane.layout
    size = path.stat().st_size
    check_segments(layout, offsets, counts, size)
    offsets[behind] = size
    with pytest.raises(SourceError, match="1 of 12 tiles or strips lie behind the end"):
        check_segments(layout, offsets, counts, size)
    counts[behind] = 0
    check_segments(layout, offsets, counts, size)


@pytest.mark.parametrize("planar", [False, True])
def test_heights_of_strips(planar: bool) -> None:
    form: Any = type("Form", (), {"bands": 3})()
    layout = _layout(
        tiled=False, planar=planar, tile_width=75, tile_height=20, rows=3, columns=1, format=form
    )
    heights = [layout.segment_shape(n)[0] for n in range(9 if planar else 3)]
    assert heights == [20, 20, 13] * (3 if planar else 1)
    assert layout.segments == (9 if planar else 3)


@pytest.mark.parametrize(("most", "due"), [(65535, 255), (257, 1), (255, 255), (3, 3)])
def test_palettes_of_8_and_of_16_bits(most: int, due: int) -> None:
    colors = np.zeros((3, 4), np.uint16)
    colors[1, 2] = most
    page: Any = type("Page", (), {"colormap": colors})()
    found = palette_of(page)
    assert found.shape == (4, 3)
    assert found[2].tolist() == [0, due, 0]
