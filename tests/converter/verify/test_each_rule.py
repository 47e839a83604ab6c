"""Rules that few outputs come by: each field of a tile's form, each way to be damaged."""

import dataclasses
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.converter.verify.test_each_pair import FLAT, NOISE, _Image, _Pictures, same
from tests.converter.verify.test_errors import check, lossless
from tests.converter.verify.test_facts import changed, found
from tests.each import each
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.converter.verify import compare
from ziggurat.converter.verify.compare import compare_level
from ziggurat.converter.verify.errors import SAME_BYTES, TileCheck
from ziggurat.converter.verify.judge import judged
from ziggurat.converter.verify.pictures import picture_problems
from ziggurat.converter.verify.structure import decoding_problems, structure_problems
from ziggurat.readers.codecs.jpeg_quality import jpeg_quality
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation, Level
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Reader
from ziggurat.readers.views.array import array_reader

RAW = TileFormat(Codec.DEFLATE, Photometric.RGB, 4, 16, "uint16", lossless=True)
CHUNK = dataclasses.replace(RAW, codec=Codec.OTHER, zarr='{"name": "zstd", "level": 3}')
JPEG = TileFormat(Codec.JPEG, Photometric.YCBCR, 4, 8, "uint8")

# Each field of a form: what else it may be, and whether equal bytes are other pixels then.
FORMS: dict[str, list[tuple[TileFormat, Any, bool]]] = {
    "codec": [(RAW, Codec.LZW, True)],
    "photometric": [(RAW, Photometric.GRAY, True), (CHUNK, Photometric.GRAY, False)],
    "bands": [(RAW, 3, True), (CHUNK, 3, True)],
    "bits": [(RAW, 12, True)],
    "dtype": [(RAW, "int16", True), (CHUNK, "int16", True)],
    "subsampling": [(JPEG, (2, 1), True)],
    "tables": [(JPEG, b"others", True)],
    "predictor": [(RAW, 2, True)],
    "planar": [(RAW, True, True)],
    "byteorder": [
        (RAW, ">", True), (CHUNK, ">", True), (JPEG, ">", False),
        (dataclasses.replace(RAW, bits=8, dtype="uint8"), ">", False),
    ],
    "tiff_compression": [(RAW, 32946, False)],
    "lossless": [(RAW, False, False)],
    "zarr": [
        (CHUNK, '{"level": 3,"name":"zstd"}', False), (CHUNK, '{"name": "zstd", "level": 4}', True),
        (CHUNK, None, True),
    ],
}  # fmt: skip


def test_every_field_of_a_form_has_a_row() -> None:
    assert set(FORMS) == {field.name for field in dataclasses.fields(TileFormat)}


@pytest.mark.parametrize("name", FORMS)
def test_equal_bytes_are_a_proof_where_they_mean_the_same(name: str) -> None:
    for form, value, other in FORMS[name]:
        changed_form = dataclasses.replace(form, **{name: value})
        for one, two in ((form, changed_form), (changed_form, form)):
            result = compare_level(_Image(one, same), _Image(two, same), 0, full=True)
            assert (result.compared == "pixels") is other, (form, value)
    unknown = dataclasses.replace(RAW, codec=Codec.OTHER)
    assert compare_level(_Image(unknown, same), _Image(unknown, same), 0, full=True).identical == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("page", [0, 1, 2])
def test_a_table_of_any_page_is_looked_at(tmp_path: Path, order: Any, page: int) -> None:
    """In files of either byte order, which is no matter of the samples alone."""
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, byteorder=order) as writer:
        for number in range(3):
            pixels = np.full((32, 48), number, np.uint8)
            writer.write(pixels, tile=(16, 16), metadata=None, contiguous=False)
    assert structure_problems(path, lossless(), full=False) == []
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[page].aspage().tags[324].overwrite([9_000_000, *[8] * 5])
    (problem,) = structure_problems(path, lossless(), full=False)
    assert problem == f"page {page} has 1 tiles outside of the file"


@pytest.mark.parametrize("name", ["a.SZI", "a.szi", "b.ZIP"])
def test_a_zip_is_known_by_its_name_in_any_case(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    first = "a/a.dzi" if name.lower().endswith("szi") else "zarr.json"
    for entries, kind, words in (
        ([first, "x"], zipfile.ZIP_STORED, []),
        ([first, "x"], zipfile.ZIP_DEFLATED, ["2 entries of the zip are deflated"]),
        (["x", first], zipfile.ZIP_STORED, ["the zip doesn't begin with"]),
        ([], zipfile.ZIP_STORED, ["the zip doesn't begin with"]),
    ):
        with zipfile.ZipFile(path, "w", kind) as archive:
            for entry in entries:
                archive.writestr(entry, b"content")
        if not entries:
            path.write_bytes(b"PK\x05\x06" + bytes(18))
        problems = structure_problems(path, lossless(), full=True)
        assert [p.startswith(w) for p, w in zip(problems, words, strict=True)] == [True] * len(
            words
        )


class _Listening(DecodedPlane):
    def __init__(self, heard: list[Rect]) -> None:
        self._heard = heard

    def read(self, rect: Rect) -> Pixels:
        self._heard.append(rect)
        return np.zeros((rect.height, rect.width, 4), np.uint8)


@pytest.mark.parametrize("tile", [(32, 16), (16, 32), (128, 64)])
def test_all_pixels_are_decoded_and_each_once(tile: tuple[int, int]) -> None:
    sizes, heard = ((70, 50), (35, 25)), dict[tuple[int, int], list[Rect]]()
    image = _Image(levels=tuple(Level(*size, *tile) for size in sizes))

    def plane(level: int, frame: int) -> Any:
        return _Listening(heard.setdefault((level, frame), []))

    image.plane = plane
    assert list(decoding_problems(image)) == []
    assert set(heard) == {(level, frame) for level in (0, 1) for frame in (0, 1)}
    for (level, _), rects in heard.items():
        width, height = sizes[level]
        seen = np.zeros((height, width), int)
        for rect in rects:
            assert (rect.right <= width, rect.bottom <= height) == (True, True)
            seen[rect.y : rect.bottom, rect.x : rect.right] += 1
        assert (seen == 1).all()


def test_every_figure_of_a_level_is_of_all_its_tiles() -> None:
    """Means of what are means, the worst of what is the worst, and shares of what is counted."""
    moves = ((3.0, 2.0, 30.0), (0.0, 0.0, 0.0))
    one = TileCheck(False, 9, 1, 5, 2, 6, 0.5, moves, (10, 60))
    two = TileCheck(False, 4, 3, 7, 4, 3, 0.7, moves[::-1], (30, 40))
    summary = compare._summary(3, [one, SAME_BYTES, two], 99, "pixels", [two])
    assert summary == LevelCheck(
        level=3, compared="pixels", checked=3, total=99, identical=1, different=2, max_error=9,
        mean_error=pytest.approx(4 / 3), tail_error=7, detail=2, tail_detail=6, bias=0.7,
        shift=1.5, shift_above=1.5, beyond=0.4,
    )  # fmt: skip
    few = dataclasses.replace(one, rounding=(99, 99))
    assert compare._summary(0, [few], 1, "pixels", []).beyond == 0  # too few to tell
    enough = dataclasses.replace(one, rounding=(25, 100))
    assert compare._summary(0, [enough], 1, "pixels", []).beyond == 0.25
    assert compare._summary(0, [], 1, "pixels", []).compared == "pixels"
    assert compare._summary(0, [SAME_BYTES] * 2, 1, "pixels", []).compared == "bytes"
    above = compare._summary(0, [two], 1, "level above", [one])
    assert above.shift_above == above.shift == 1.5  # where a check is of the level above itself


@each(
    "size, against",
    [
        ((50, 40), "level above"),
        ((50, 41), "shrunk pixels"),
        ((51, 40), "shrunk pixels"),
        ((25, 20), "shrunk pixels"),
        ((49, 40), "shrunk pixels"),
        ((50, 20), "shrunk pixels"),
    ],
)
def test_only_half_of_both_sides_is_held_against_the_level_above(
    size: tuple[int, int], against: str
) -> None:
    source = array_reader(np.random.default_rng(2).integers(0, 9, (80, 100, 3)).astype(np.uint8))
    output = _Levels([source, array_reader(np.zeros((*size[::-1], 3), np.uint8))])
    assert compare_level(output, source, 1, full=True).compared == against


class _Levels(Reader):
    """One image a level."""

    def __init__(self, readers: list[Reader]) -> None:
        self._readers = readers
        levels = tuple(reader.info.levels[0] for reader in readers)
        self.info = dataclasses.replace(readers[0].info, levels=levels)

    def plane(self, level: int, frame: int) -> Any:
        return self._readers[level].plane(0, frame)


def test_as_many_frames_are_compared_as_both_have() -> None:
    few, many = (array_reader(np.zeros((n, 8, 8, 1), np.uint8), axes="zyxs") for n in (3, 5))
    for output, source in ((few, many), (many, few)):
        assert compare_level(output, source, 0, full=True).checked == 3


@each("name", ["thumbnail", "label"])
@each(
    "shape, may",
    [((20, 15, 3), True), ((40, 15, 3), True), ((20, 30, 3), True), ((41, 15, 3), False),
     ((20, 31, 3), False), ((41, 31, 3), False), ((20, 15, 1), False)])  # fmt: skip
def test_a_thumbnail_may_be_smaller_in_both_sides(
    name: str, shape: tuple[int, ...], may: bool
) -> None:
    ours = np.full(shape, 100, np.uint8)
    problems = list(picture_problems(_Pictures(**{name: ours}), _Pictures(**{name: FLAT})))
    assert (problems == []) is (may and name == "thumbnail")


def test_pictures_that_were_withheld_are_others_on_purpose() -> None:
    source = _Pictures(label=NOISE, macro=NOISE)
    output = _Pictures(label=FLAT, macro=FLAT)
    assert len(list(picture_problems(output, source))) == 2
    output.info = dataclasses.replace(output.info, withheld=("label",))
    (problem,) = picture_problems(output, source)
    assert "'macro'" in problem


@each("stored", [None, Codec.JPEG, Codec.DEFLATE])
@each("stream", [None, Codec.JPEG, Codec.WEBP])
def test_a_picture_may_lose_where_it_is_a_jpeg(stored: Any, stream: Any) -> None:
    """As a page of a TIFF, or as a stream: what is stored of neither kind has no loss to lose."""

    class Page:
        format = dataclasses.replace(RAW, codec=stored)

    output, source = _Pictures(stream, label=NOISE ^ 1), _Pictures(label=NOISE)
    ask = output.associated

    def associated(name: str) -> Any:
        picture = ask(name)
        picture.stored = lambda: None if stored is None else Page()
        return picture

    output.associated = associated
    problems = list(picture_problems(output, source))
    assert (problems == []) is (Codec.JPEG in (stored, stream))


@pytest.mark.parametrize("facts", [{}, {"square_pixels": True}])
def test_a_source_of_square_pixels_alone_excuses_nothing(facts: dict[str, Any]) -> None:
    output = changed(mm_y=0.0005)
    assert found(output, changed(**facts)) == ["mm_y is 0.0005, the source's is 0.00025"]


def test_what_is_withheld_excuses_itself_alone() -> None:
    """Each word of ``withheld`` stands for one fact: others are told beside it."""
    other = {
        "channels": changed().channels[::-1], "icc_profile": b"other", "associated": ("macro",),
    }  # fmt: skip
    told = {"channels": "channel names", "icc_profile": "ICC profile", "label": "'label'"}
    for withheld in ((), *((name,) for name in told), tuple(told)):
        problems = found(changed(**other, withheld=withheld))
        assert [any(word in problem for problem in problems) for word in told.values()] == [
            name not in withheld for name in told
        ], withheld


def test_the_quality_of_a_level_is_that_of_its_tables() -> None:
    """Where tiles share them, they are no part of a tile."""
    tables = {quality: _tables(quality) for quality in (20, 95)}
    assert [jpeg_quality(stream) for stream in tables.values()] == [20, 95]
    limits = []
    for stream in tables.values():
        image = _Image(dataclasses.replace(JPEG, tables=stream), lambda *_: b"\xff\xd8\xff\xd9")
        limits.append(judged(check(), image, image, None).bias_limit)
    assert limits == [pytest.approx(1.5 + 1.5 * step) for step in (5.625, 0.225)]
    inside = _Image(JPEG, lambda _, __, column, row: tables[20] if column and not row else None)
    assert judged(check(), inside, inside, None).bias_limit == pytest.approx(limits[0])


def _tables(quality: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", quality=quality)
    return out.getvalue()


@pytest.mark.parametrize("named", [Interpretation.LABELS, Interpretation.PALETTE])
def test_names_are_held_against_the_level_above_alone(named: Interpretation) -> None:
    reader = lossless((64, 64, 1), interpretation=named)
    halved = _Levels([reader, lossless((32, 32, 1), interpretation=named)])
    source = array_reader(np.zeros((64, 64, 1), np.uint8), interpretation=named)
    above = judged(check(level=1, compared="level above"), halved, source, None)
    assert (above.mean_limit, above.tail_limit, above.bias_limit) == (0.05, None, None)
    shrunk = judged(check(level=1, compared="shrunk pixels"), halved, source, None)
    assert (shrunk.mean_limit, shrunk.tail_limit) == (float("inf"), None)
    first = judged(check(level=0), halved, source, None)
    assert first.mean_limit is None
