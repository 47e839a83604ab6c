"""What an output is held against, cell by cell: bytes, pixels, halves, and pictures."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.each import each
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.converter.verify.compare import compare_level, matching_level
from ziggurat.converter.verify.halved import WAYS, HalvedLevel
from ziggurat.converter.verify.judge import _jpeg_step
from ziggurat.converter.verify.pictures import picture_problems
from ziggurat.converter.verify.rasters import has_mask, raster_loses, raster_quality
from ziggurat.converter.verify.roles import is_own, is_turned
from ziggurat.converter.verify.verify import _explains
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedImage, EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import AssociatedImage, DecodedPlane, Pixels, Reader

FRAMES, TILE = 2, (32, 16)
SIZES = [(70, 50), (35, 25)]
Tile = Callable[[int, int, int, int], bytes | None]  # level, frame, column, row
LOSSY = TileFormat(Codec.WEBP, Photometric.RGB, 4, 8, "uint8", lossless=False)
EXACT = dataclasses.replace(LOSSY, codec=Codec.ZSTD, lossless=True)


class _Plane(DecodedPlane):
    def __init__(self, reader: "_Image", level: int, frame: int) -> None:
        self._reader, self._level, self._frame = reader, level, frame

    def read(self, rect: Rect) -> Pixels:
        whole = self._reader.pixels[self._level][self._frame]
        return whole[rect.y : rect.bottom, rect.x : rect.right].copy()

    def encoded(self) -> EncodedLevel | None:
        made, size = self._reader, SIZES[self._level]
        if made.tile is None:
            return None
        tile = made.tile
        return EncodedLevel(
            made.form, *size, *TILE, -(-size[0] // TILE[0]), -(-size[1] // TILE[1]),
            lambda column, row: tile(self._level, self._frame, column, row),
        )  # fmt: skip


class _Image(Reader):
    def __init__(self, form: TileFormat = EXACT, tile: Tile | None = None, **facts: Any) -> None:
        rng = np.random.default_rng(1)
        self.pixels = [rng.integers(1, 255, (FRAMES, h, w, 4), np.uint8) for w, h in SIZES]
        self.form, self.tile = form, tile
        self.info = dataclasses.replace(
            ImageInfo("made", tuple(Level(*s, *TILE) for s in SIZES), 4, np.dtype(np.uint8),
                      Interpretation.MULTIBAND, axes=(Axis("z", FRAMES),)),
            **facts,
        )  # fmt: skip

    def plane(self, level: int, frame: int) -> _Plane:
        return _Plane(self, level, frame)


def same(level: int, frame: int, column: int, row: int) -> bytes:
    return f"{level} {frame} {column} {row}".encode()


@pytest.mark.parametrize("level", [0, 1])
def test_the_bytes_of_each_cell(level: int) -> None:
    cells = list(itertools.product(range(FRAMES), range(3 if level == 0 else 2),
                                   range(4 if level == 0 else 2)))  # fmt: skip
    source = _Image(tile=same)
    for bad in cells:

        def tile(level: int, frame: int, column: int, row: int, bad: Any = bad) -> bytes:
            return b"other" if (frame, column, row) == bad else same(level, frame, column, row)

        found = compare_level(_Image(tile=tile), source, level, full=True)
        assert (found.checked, found.identical, found.different) == (len(cells), len(cells) - 1, 0)
        assert found.compared == "pixels"
    found = compare_level(_Image(tile=same), source, level, full=True)
    assert (found.compared, found.identical) == ("bytes", len(cells))


def test_a_tile_that_is_in_neither_is_what_each_makes_of_it() -> None:
    def none(*place: int) -> bytes | None:
        return None if place == (0, 1, 2, 3) else same(*place)

    output, source = _Image(tile=none), _Image(tile=none)
    assert compare_level(output, source, 0, full=True).compared == "bytes"
    output.pixels[0][1, 48:, 64:] ^= 1
    found = compare_level(output, source, 0, full=True)
    assert (found.different, found.identical) == (1, 23)
    found = compare_level(_Image(tile=none), _Image(tile=same), 0, full=True)
    assert (found.different, found.identical) == (0, 23)


@each("change", [{"codec": Codec.LZW}, {"bands": 3}, {"dtype": "int8"}, {"predictor": 2},
     {"planar": True}, {"photometric": Photometric.GRAY}, {"bits": 7}])  # fmt: skip
def test_equal_bytes_of_another_form_are_no_proof(change: dict[str, Any]) -> None:
    other = dataclasses.replace(EXACT, **change)
    found = compare_level(_Image(other, same), _Image(tile=same), 0, full=True)
    assert (found.compared, found.identical) == ("pixels", 0)


@pytest.mark.parametrize(("form", "seen"), [(LOSSY, 0), (EXACT, 1)])
def test_colours_that_nobody_sees_may_be_lost_with_loss_alone(form: TileFormat, seen: int) -> None:
    output, source = (
        _Image(form, lambda *place, n=n: same(*place) + n, alpha=True) for n in (b"1", b"2")
    )
    for image in (output, source):
        image.pixels[0][0, 3:6, 4:9, 3] = 0
    output.pixels[0][0, 3:6, 4:9, :3] ^= 0x40
    assert compare_level(output, source, 0, full=True).different == seen
    source.pixels[0][0, 3:6, 4:9, 3] = 1  # one of both is transparent: it is seen
    assert compare_level(output, source, 0, full=True).different == 1
    source.pixels[0][0, 3:6, 4:9, 3] = 0
    output.pixels[0][0, 3:6, 4:9, 3] = 1
    assert compare_level(output, source, 0, full=True).different == 1


def test_the_source_has_a_level_of_a_size_or_not() -> None:
    image = _Image()
    assert matching_level(image, Level(35, 25, 8, 8)) == 1
    for size in ((25, 35), (35, 24), (36, 25)):
        assert matching_level(image, Level(*size, 8, 8)) is None


def _blocks(whole: np.ndarray, y: int, x: int) -> np.ndarray:
    rows = [2 * y, min(2 * y + 1, whole.shape[0] - 1)]
    columns = [2 * x, min(2 * x + 1, whole.shape[1] - 1)]
    return whole[np.ix_(rows, columns)]


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda b: b.mean(axis=(0, 1)), "wide": lambda b: b.mean(axis=(0, 1)),
    "nearest": lambda b: b[0, 0], "last": lambda b: b[1, 1], "max": lambda b: b.max(axis=(0, 1)),
    "min": lambda b: b.min(axis=(0, 1)), "median": lambda b: np.median(b, axis=(0, 1)),
}  # fmt: skip


BY_BAND = (9.0, None, 11.0, None)


@pytest.mark.parametrize(
    ("way", "nodata"), [*((way, BY_BAND) for way in RULES), ("mean", None), ("mean", 9.0)]
)
def test_halves_are_those_of_plain_loops(way: str, nodata: Any) -> None:
    image = _Image(nodata=nodata)
    image.pixels[0][1, 4:9, 5:30] = (9, 9, 11, 11)
    whole = image.pixels[0][1].astype(float)
    for band, value in enumerate(nodata if isinstance(nodata, tuple) else (nodata,) * 4):
        if value is not None:
            whole[..., band][whole[..., band] == value] = np.nan
    due = np.array([[RULES[way](_blocks(whole, y, x)) for x in range(35)] for y in range(25)])
    if way == "wide":
        unknown = np.isnan(due).any(axis=2)
        for y, x in np.argwhere(unknown):
            due[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4] = np.nan
    elif nodata is not None and way in ("max", "min", "median"):
        gone = np.array(
            [
                [np.isnan(_blocks(whole, y, x)).any(axis=(0, 1)) for x in range(35)]
                for y in range(25)
            ]
        )
        due[gone] = np.nan
    for rect in (Rect(0, 0, 35, 25), Rect(0, 0, 5, 4), Rect(13, 7, 9, 9), Rect(34, 24, 1, 1)):
        found = HalvedLevel(image, 0, way).pixels(1, rect)
        np.testing.assert_allclose(
            found, due[rect.y : rect.bottom, rect.x : rect.right], err_msg=str(rect)
        )
    assert set(RULES) | {"mode"} == set(WAYS)


@pytest.mark.parametrize(("off", "different"), [(0, 0), (1, 8), (2, 8)])
def test_a_mean_is_off_by_its_rounding_and_no_more(off: int, different: int) -> None:
    output = _Image()
    padded = np.pad(output.pixels[0], ((0, 0), (0, 1), (0, 1), (0, 0)), "edge") // 2
    output.pixels[0] = padded[:, :50, :70].copy()
    means = padded[:, :50, :70].reshape(FRAMES, 25, 2, 35, 2, 4).mean(axis=(2, 4))
    for rounded in (np.floor(means), np.ceil(means)) if not off else (np.ceil(means) + off,):
        output.pixels[1] = rounded.astype(np.uint8)
        alone = _Image(levels=(Level(*SIZES[0], *TILE),))
        found = compare_level(output, alone, 1, full=True)
        assert (found.compared, found.different) == ("level above", different)


def test_a_mean_of_floats_is_off_by_their_last_digits_and_no_more() -> None:
    output = _Image(dtype=np.dtype(np.float32))
    full = np.random.default_rng(2).random((FRAMES, 50, 70, 4)).astype(np.float32)
    means = full.astype(float).reshape(FRAMES, 25, 2, 35, 2, 4).mean(axis=(2, 4))
    alone = _Image(levels=(Level(*SIZES[0], *TILE),))
    for factor, different in ((1.0, 0), (1 + 1e-7, 0), (1.001, 8)):
        output.pixels = [full, (means * factor).astype(np.float32)]
        assert compare_level(output, alone, 1, full=True).different == different, factor


def test_the_most_frequent_of_four_pixels_is_a_plain_count() -> None:
    image = _Image()
    image.pixels[0] = np.random.default_rng(3).integers(1, 4, (FRAMES, 50, 70, 1)).repeat(4, 3)
    image.pixels[0][..., 3] = 9  # a band that all have alike decides nothing
    found = HalvedLevel(image, 0, "mode").pixels(1, Rect(0, 0, 35, 25))
    for y, x in itertools.product(range(25), range(35)):
        four = [tuple(pixel) for pixel in _blocks(image.pixels[0][1], y, x).reshape(4, 4)]
        assert tuple(found[y, x]) == max(four, key=four.count), (y, x)  # the first of equals


def test_halves_under_uneven_alpha_are_unknown_but_alpha_is_not() -> None:
    image = _Image(alpha=True)
    image.pixels[0][..., 3] = 255
    image.pixels[0][0, 3, 3, 3] = 254
    image.pixels[0][0, 8:10, 8:10, 3] = 0
    found = HalvedLevel(image, 0, "mean").pixels(0, Rect(0, 0, 35, 25))
    unknown = np.argwhere(np.isnan(found[..., :3]).any(axis=2)).tolist()
    assert unknown == [[1, 1], [4, 4]]
    assert not np.isnan(found[..., 3]).any()
    assert found[1, 1, 3] == 254.75


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_any_of_four_names_is_a_name(corner: tuple[int, int]) -> None:
    labels: dict[str, Any] = {"interpretation": Interpretation.LABELS}
    output = _Image(levels=tuple(Level(*s, *TILE) for s in SIZES), **labels)
    padded = np.pad(output.pixels[0], ((0, 0), (0, 1), (0, 1), (0, 0)), "edge")
    output.pixels[1] = padded[:, corner[0] :: 2, corner[1] :: 2][:, :25, :35].copy()
    source = _Image(levels=(Level(*SIZES[0], *TILE),), **labels)
    found = compare_level(output, source, 1, full=True)
    assert (found.compared, found.different) == ("level above", 0)
    output.pixels[1][1, 24, 34] = 0
    assert compare_level(output, source, 1, full=True).different == 1


def test_a_level_above_under_a_mask_is_not_looked_at_but_the_sources_are() -> None:
    masked: dict[str, Any] = {"internal": {"gdal": {"bands": [{"mask": "per dataset"}]}}}
    output, source = _Image(**masked), _Image()
    assert compare_level(output, source, 0, full=True).checked == 24
    alone = _Image(levels=(Level(*SIZES[0], *TILE),))
    assert compare_level(output, alone, 1, full=True).checked == 0
    assert compare_level(_Image(), alone, 1, full=True).checked == 8


@each("quality, step", [(50, 18), (25, 36), (75, 9), (90, 3.6), (100, 0.18), (10, 90)])
def test_by_what_a_jpeg_rounds_the_mean_of_a_block(quality: int, step: float) -> None:
    assert _jpeg_step(quality) == pytest.approx(step / 8)


def check(mean: float, bias: float, shift: float) -> LevelCheck:
    return LevelCheck(1, "level above", 1, 1, 0, 1, 1.0, mean, bias=bias, shift=shift)


@each(
    "found, explains",
    [((1.0, 1.0, 1.0), False), ((0.79, 1.0, 1.0), True), ((0.81, 1.0, 1.0), False),
     ((1.0, 0.79, 1.0), True), ((1.0, 1.0, 0.79), True), ((1.01, 0.1, 0.1), False)])  # fmt: skip
def test_another_way_must_explain_far_more(found: tuple[float, ...], explains: bool) -> None:
    assert _explains(check(*found), check(1.0, 1.0, 1.0)) is explains


def told(**facts: Any) -> ImageInfo:
    return dataclasses.replace(
        _Image().info, internal={"gdal": {"metadata": {"IMAGE_STRUCTURE": facts}}}
    )


@each("facts, loses", [({"COMPRESSION": "JPEG"}, True), ({"COMPRESSION": "YCbCr JPEG"}, True),
     ({"COMPRESSION": "DEFLATE"}, False), ({}, False),
     ({"COMPRESSION": "WEBP", "COMPRESSION_REVERSIBILITY": "LOSSY"}, True),
     ({"COMPRESSION": "WEBP", "COMPRESSION_REVERSIBILITY": "LOSSLESS"}, False),
     ({"COMPRESSION_REVERSIBILITY": "LOSSLESS (possibly)"}, False)])  # fmt: skip
def test_what_gdal_tells_of_loss(facts: dict[str, str], loses: bool) -> None:
    assert raster_loses(told(**facts)) is loses
    assert not has_mask(told(**facts))
    assert raster_quality(told(JPEG_QUALITY="75")) == 75
    assert raster_quality(told(JPEG_QUALITY="x")) is None


def test_which_is_the_output() -> None:
    def made(**facts: Any) -> Any:
        return _Image(**facts)

    kinds = [
        made(), made(open_format=True),
        made(internal={"gdal": {"metadata": {"IMAGE_STRUCTURE": {"LAYOUT": "COG"}}}}),
        made(internal={"kind": "ziggurat"}),
    ]  # fmt: skip
    for (a, one), (b, two) in itertools.product(enumerate(kinds), repeat=2):
        assert is_turned(one, two) is (a > b), (a, b)
    assert [is_own(one) for one in kinds] == [False, False, False, True]
    assert is_own(made(internal={"zarr": {"written_by": "x"}}))
    assert is_own(made(internal={"kind": "ziggurat-ome"}))


class _Picture(AssociatedImage):
    def __init__(self, pixels: Pixels, codec: Codec | None) -> None:
        self._pixels, self._codec = pixels, codec

    def read(self) -> Pixels:
        return self._pixels

    def encoded(self) -> EncodedImage | None:
        return None if self._codec is None else EncodedImage(self._codec, 1, 1, b"")

    def stored(self) -> None:
        return None


class _Pictures(_Image):
    def __init__(self, codec: Codec | None = None, **pictures: Pixels) -> None:
        super().__init__(associated=tuple(pictures))
        self._pictures, self._codec = pictures, codec

    def associated(self, name: str) -> AssociatedImage:
        return _Picture(self._pictures[name], self._codec)


NOISE = np.random.default_rng(4).integers(60, 180, (40, 30, 3), np.uint8)
FLAT = np.full((40, 30, 3), 100, np.uint8)


@each("name", ["label", "macro", "thumbnail"])
@each("theirs, ours, codec, words", [
        (NOISE, NOISE, None, None), (NOISE, NOISE ^ 1, None, "is not the source's"),
        (NOISE, NOISE ^ 1, Codec.JPEG, None), (NOISE, NOISE ^ 1, Codec.WEBP, "is not the source's"),
        (FLAT, FLAT + 5, Codec.JPEG, "lighter or darker"), (FLAT, FLAT + 4, Codec.JPEG, None),
        (NOISE, NOISE[::-1], Codec.JPEG, "off the source's"),
        (NOISE, NOISE[..., :1], None, "is (40, 30, 1)"),
        (NOISE[:20], NOISE, None, "is (40, 30, 3)"),
        (NOISE[:, :20], NOISE, None, "is (40, 30, 3)"), (NOISE, NOISE[:20, :15], None, "small"),
    ])  # fmt: skip
def test_pictures(name: str, theirs: Pixels, ours: Pixels, codec: Any, words: str | None) -> None:
    """Beside another picture that is well, whichever comes first."""
    good = {"a": FLAT, name: ours, "z": FLAT}
    problems = list(
        picture_problems(_Pictures(codec, **good), _Pictures(**(good | {name: theirs})))
    )
    if words == "small":
        words = None if name == "thumbnail" else "is (20, 15, 3)"
    assert len(problems) == (words is not None), problems
    assert words is None or (words in problems[0] and repr(name) in problems[0])
