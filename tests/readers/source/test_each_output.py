"""What comes out of calls beside arrays: pictures, fills, associated images, stored streams."""

import dataclasses
import io
from typing import Any

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile

from tests.each import each
from tests.readers.conftest import LevelsReader, Made
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import AssociatedImage, Pixels, Plane
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.output.encode import Encoding, merged_encoding, pictured, to_8bit
from ziggurat.readers.source.output.fill import Border, bordered_rows, color_pixel, letterbox

INFO = ImageInfo("made", (Level(40, 30, 16, 16),), 3, np.dtype(np.uint8), Interpretation.RGB)
PIXELS = np.random.default_rng(5).integers(0, 255, (1, 30, 40, 3), np.uint8)


class _Stream(AssociatedImage):
    def read(self) -> Pixels:
        return PIXELS[0, :20, :36]

    def encoded(self) -> EncodedImage:
        return EncodedImage(Codec.JPEG, 36, 20, b"the stored stream")

    def stored(self) -> None:
        return None


class _Jpeg(Plane):
    """A plane of tiles of JPEG."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def read(self, rect: Rect) -> Pixels:
        return self._plane.read(rect)

    def encoded(self) -> EncodedLevel:
        form = TileFormat(Codec.JPEG, Photometric.RGB, 3, 8, "uint8")

        def tile(column: int, row: int) -> bytes:
            cell = np.full((16, 16, 3), (column + 3 * row) * 20, np.uint8)
            return bytes(imagecodecs.jpeg8_encode(cell, level=90))

        return EncodedLevel(form, 40, 30, 16, 16, 3, 2, tile)

    def places(self) -> None:
        return None

    def is_blank(self, rect: Rect) -> bool:
        return self._plane.is_blank(rect)

    def release(self, rect: Rect) -> None:
        self._plane.release(rect)


class _Image(LevelsReader):
    def plane(self, level: int, frame: int) -> Plane:
        return _Jpeg(super().plane(level, frame))

    def associated(self, name: str) -> AssociatedImage:
        assert name == "label"
        return _Stream()


def opened(info: ImageInfo = INFO, pixels: np.ndarray = PIXELS, **options: Any) -> Made:
    return Made(_Image([pixels], info), OpenOptions(**options), object())


LABELLED = dataclasses.replace(INFO, associated=("label",))


@each("words, stored", [({}, True), ({"encoding": "JPEG"}, True), ({"encoding": "PNG"}, False),
     ({"jpegQuality": 50}, False), ({"width": 18}, False), ({"height": 10}, False)])  # fmt: skip
def test_a_stored_picture_comes_as_it_is_unless_another_is_asked_for(
    words: dict[str, Any], stored: bool
) -> None:
    found = opened(LABELLED).getAssociatedImage("label", **words)
    assert found is not None
    assert (found[0] == b"the stored stream") is stored
    assert opened(LABELLED).getAssociatedImage("macro") is None


@pytest.mark.parametrize(
    ("most", "size"),
    [({"width": 18}, (18, 10)), ({"height": 10}, (18, 10)), ({"width": 18, "height": 5}, (9, 5)),
     ({"width": 9, "height": 100}, (9, 5)), ({}, (36, 20))],
)  # fmt: skip
def test_a_picture_fits_into_a_size(most: dict[str, int], size: tuple[int, int]) -> None:
    found: Any = opened(LABELLED).getAssociatedImage("label", format="PIL", **most)
    assert found[0].size == size


@each("edge", [None, "crop", "#102030"])
@each("style", [None, {"bands": [{"band": 1}]}])
def test_stored_tiles_come_where_no_other_pixels_are_asked_for(edge: Any, style: Any) -> None:
    """Inside always; at the edge where it is not to be cropped or coloured; never in a style."""
    source = opened(edge=edge, style=style)
    plane = _Jpeg(source.reader.plane(0, 0))
    top = source.levels - 1
    for x in range(3):
        for y in range(2):
            inside = x < 2 and y < 1
            stored = style is None and (inside or edge is None)
            data = source.getTile(x, y, top)
            assert (data == plane.encoded().tile(x, y)) is stored, (x, y)
            with PIL.Image.open(io.BytesIO(data)) as picture:
                whole = edge != "crop" or inside
                assert picture.size == ((16, 16) if whole else (min(16, 40 - 16 * x),
                                                                min(16, 30 - 16 * y)))  # fmt: skip


def test_arrays_of_tiles_are_the_callers_own() -> None:
    for options in ({}, {"edge": "crop"}, {"noCache": True}):
        source = opened(**options)
        due = [source.getTile(0, 0, z, numpyAllowed=True).copy() for z in range(source.levels)]
        for _ in range(2):
            for z in range(source.levels):
                tile = source.getTile(0, 0, z, numpyAllowed=True)
                np.testing.assert_array_equal(tile, due[z])
                assert tile.flags.writeable
                tile[...] = 0


def test_the_middle_of_a_picture_is_told_down_then_across() -> None:
    assert opened().getCenter() == (15, 20)
    assert opened().getBounds() == {"sizeX": 40, "sizeY": 30}


@pytest.mark.parametrize("idx", [None, 0, 1, -1, 2])
def test_the_one_profile(idx: int | None) -> None:
    source = opened(dataclasses.replace(INFO, icc_profile=b"profile"))
    due: Any = {None: [b"profile"], 0: b"profile"}.get(idx)
    assert source.getICCProfiles(idx) == due
    facts: Any = {None: [{"bytes": 7}], 0: {"bytes": 7}}.get(idx)
    assert source.getICCProfiles(idx, onlyInfo=True) == facts
    assert opened().getICCProfiles(idx) is None


@pytest.mark.parametrize(
    ("size", "words"),
    [((20, 15), {"width": 20}), ((20, 15), {"height": 15}), ((40, 30), {"width": 40}),
     ((20, 15), {"width": 20, "scale": {"magnification": 1}}), ((256, 192), {})],
)  # fmt: skip
def test_thumbnails_are_of_their_own_size(size: tuple[int, int], words: dict[str, Any]) -> None:
    source = opened(dataclasses.replace(INFO, magnification=20.0, mm_x=0.001, mm_y=0.001))
    pixels = np.asarray(source.getThumbnail(format="numpy", **words)[0])
    assert pixels.shape[1::-1] == size


@each("names, alpha, order", [(("red", "green", "blue", "x"), False, [0, 1, 2]),
     (("x", "Blue", "GREEN", "red"), False, [3, 2, 1]),
     (("alpha", "blue", "green", "red"), False, [3, 2, 1, 0]),
     (("red", "alpha", "green", "blue"), False, [0, 2, 3, 1]),
     (("blue", "green", "red", "x"), True, [2, 1, 0, 3]),
     (("a", "b", "c", "d"), False, [0, 1, 2, 3])])  # fmt: skip
def test_colours_by_the_names_of_bands(names: Any, alpha: bool, order: list[int]) -> None:
    info = dataclasses.replace(
        INFO, bands=4, band_names=names, alpha=alpha, interpretation=Interpretation.MULTIBAND
    )
    made = np.arange(4, dtype=np.uint8).reshape(1, 1, 4)
    found, is_alpha = pictured(made, info)
    assert found[0, 0].tolist() == order
    assert is_alpha is (alpha or ("alpha" in names))


def test_indices_without_a_colour_are_transparent() -> None:
    palette = ((1, 2, 3, 255), (4, 5, 6, 255))
    info = dataclasses.replace(
        INFO, bands=1, palette=palette, interpretation=Interpretation.PALETTE
    )
    indices = np.array([[[0], [1], [2], [-1], [300]]], np.int16)
    found, alpha = pictured(indices, info)
    assert alpha
    assert found[0].tolist() == [[1, 2, 3, 255], [4, 5, 6, 255], *[[0, 0, 0, 0]] * 3]


@each("dtype, values, shown", [("u1", [0, 7, 255], [0, 7, 255]), ("?", [0, 1, 1], [0, 255, 255]),
     ("u2", [0, 0x1234, 0xFFFF], [0, 0x12, 0xFF]), ("i1", [-128, 0, 127], [0, 128, 255]),
     ("i2", [-32768, 0, 32767], [0, 128, 255]), ("u4", [0, 1 << 31, 0xFFFFFFFF], [0, 128, 255]),
     ("i4", [-(1 << 31), 0, (1 << 31) - 1], [0, 128, 255]), ("i8", [-5, 7, 999], [0, 7, 255]),
     ("f4", [np.nan, 7.9, 999], [0, 7, 255]), ("f8", [-1, 254.9, np.inf], [0, 254, 255])],
)  # fmt: skip
def test_what_8_bits_show(dtype: str, values: list[float], shown: list[int]) -> None:
    made = np.array(values, dtype).reshape(1, 3, 1)
    assert to_8bit(made).ravel().tolist() == shown
    swapped = made.astype(made.dtype.newbyteorder(">"))
    assert to_8bit(swapped).ravel().tolist() == shown


@pytest.mark.parametrize(
    ("dtype", "alpha", "shown"),
    [("u2", [0, 32768, 65535], [0, 127, 255]), ("f4", [0, 0.5, 1.0], [0, 127, 255]),
     ("f4", [0, 128, 255], [0, 128, 255]), ("i2", [0, 16384, 32767], [0, 127, 255])],
)  # fmt: skip
def test_alpha_goes_up_to_opaque(dtype: str, alpha: list[float], shown: list[int]) -> None:
    made = np.array([[0, one] for one in alpha], dtype).reshape(1, 3, 2)
    assert to_8bit(made, alpha=True)[..., 1].ravel().tolist() == shown


@pytest.mark.parametrize(("bands", "kind"), [(1, None), (2, None), (3, None), (4, 2), (5, None)])
def test_tiffs_of_any_number_of_bands(bands: int, kind: int | None) -> None:
    info = dataclasses.replace(INFO, bands=bands, interpretation=Interpretation.MULTIBAND)
    made = np.random.default_rng(1).integers(0, 255, (1, 30, 40, bands), np.uint8)
    data, mime = opened(info, made).getRegion(encoding="TIFF")
    assert mime == "image/tiff"
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page: Any = tif.pages.first
        np.testing.assert_array_equal(page.asarray().reshape(30, 40, bands), made[0])
        assert int(page.photometric) == (2 if bands in (3, 4) else 1)
        assert (tuple(map(int, page.extrasamples)) == (2,)) is (kind == 2)


@pytest.mark.parametrize("subsampling", [0, 1, 2, None])
def test_what_a_call_says_goes_before_what_open_was_told(subsampling: int | None) -> None:
    options = OpenOptions(jpegQuality=70, jpegSubsampling=1, encoding="PNG", tiffCompression="lzw")
    found = merged_encoding(options, None, None, subsampling, None)
    assert found == Encoding("PNG", 70, 1 if subsampling is None else subsampling, "lzw")
    assert merged_encoding(options, "JPEG", 0, None, "") == Encoding("JPEG", 0, 1, "")


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_the_colour_of_a_fill(dtype: str) -> None:
    top = np.iinfo(dtype).max if dtype != "f4" else 255
    due = [255 * top // 255, 128 * top // 255, 0]
    assert color_pixel("#ff8000", 3, np.dtype(dtype), alpha=False).tolist() == due
    assert color_pixel("#ff8000", 4, np.dtype(dtype), alpha=True).tolist() == [*due, top]
    assert color_pixel("#ff8000", 5, np.dtype(dtype), alpha=False).tolist() == [*due, 0, 0]
    thin = color_pixel("#ff800033", 4, np.dtype(dtype), alpha=True).tolist()
    assert thin == [*due, 0x33 * top // 255]
    gray = round((255 * 299 + 128 * 587) / 1000)
    assert color_pixel("#ff8000", 1, np.dtype(dtype), alpha=False).tolist() == [gray * top // 255]


@pytest.mark.parametrize("corner", [False, True])
@pytest.mark.parametrize("kind", ["numpy", "PIL"])
def test_a_picture_in_the_middle_of_its_fill(kind: str, corner: bool) -> None:
    fill = "corner:#010203" if corner else "#010203"
    size = {"maxWidth": 50, "maxHeight": 90}
    made = (PIXELS.astype(np.uint16) << 8) | 0x11
    source = opened(dataclasses.replace(INFO, dtype=np.dtype(np.uint16)), made)
    plain = np.asarray(source.getRegion("numpy", output=size)[0])
    found = np.asarray(source.getRegion(kind, output=size, fill=fill)[0])
    height, width = plain.shape[:2]
    assert (width, height) == (50, 37)
    assert found.shape == (90, 50, 3)
    assert found.dtype == (np.uint16 if kind == "numpy" else np.uint8)
    y = 0 if corner else (90 - 37) // 2
    due = plain if kind == "numpy" else (plain >> 8).astype(np.uint8)
    np.testing.assert_array_equal(found[y : y + 37], due)
    color = np.array([1, 2, 3]) * (257 if kind == "numpy" else 1)
    rest = np.delete(found, np.s_[y : y + 37], axis=0)
    assert (rest == color).all()


def test_rows_of_a_picture_with_a_border_are_those_of_the_whole() -> None:
    made = PIXELS[0]
    for border in (Border("#0102037f", 50, 60, 4, 9), Border("#010203", 40, 30, 0, 0),
                   Border("#010203", 41, 77, 1, 40)):  # fmt: skip
        whole, _ = letterbox(made, border, alpha=False)
        rows = bordered_rows(lambda top, n: made[top : top + n], 30, border, alpha=False)
        for tall in (1, 7, 100):
            parts = [rows(y, min(tall, border.height - y)) for y in range(0, border.height, tall)]
            np.testing.assert_array_equal(np.concatenate(parts), whole)
