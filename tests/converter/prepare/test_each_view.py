"""What a source is dressed up as: each frame by its name, each thumbnail and each missing tile."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.each import each
from ziggurat.converter import convert as conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.pictures import PictureStep
from ziggurat.converter.prepare.blanks import FilledReader
from ziggurat.converter.prepare.frames import frame_numbers
from ziggurat.converter.prepare.pictures import thumbnail_size, with_planned_pictures
from ziggurat.converter.prepare.prepare import Prepared, prepare
from ziggurat.converter.recipe import check_output_of
from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.errors import RegionError, VerificationError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import (
    AssociatedImage,
    DecodedImage,
    DecodedPlane,
    Pixels,
    Plane,
    Reader,
)
from ziggurat.readers.views.views import View
from ziggurat.writers.model.report import WriteReport

INFO = ImageInfo(
    "made", (Level(2000, 1500, 64, 64),), 3, np.dtype(np.uint8), Interpretation.RGB,
    axes=(Axis("t", 3, (0.5, 1.5, "End")), Axis("c", 4)),
    channels=(Channel("DAPI"), Channel("dapi"), Channel("FITC"), Channel("Cy5")),
)  # fmt: skip


@each(
    "axis, asked, found",
    [("c", "DAPI", 0), ("c", "dapi", 1), ("c", "fitc", 2), ("c", "Dapi", None), ("c", "x", None),
     ("c", 3, 3), ("t", "0.5", 0), ("t", "end", 2), ("t", "End", 2), ("t", "2", None),
     ("z", "x", None)])  # fmt: skip
def test_frames_by_name(axis: str, asked: Any, found: int | None) -> None:
    if found is None:
        with pytest.raises(RegionError, match="named"):
            frame_numbers(INFO, {axis: (asked,)})
    else:
        assert frame_numbers(INFO, {axis: (asked, 1)}) == {axis: (found, 1)}


@each(
    "image, picture, due",
    [((2000, 1500), (1200, 900), (500, 375)), ((1500, 2000), (900, 1200), (375, 500)),
     ((2000, 1500), (400, 300), (400, 300)), ((800, 600), (1024, 512), (256, 128)),
     ((800, 600), (200, 256), (200, 256)), ((100, 100), (3000, 2), (256, 1)),
     ((4000, 10), (2000, 1000), (1000, 500))])  # fmt: skip
def test_a_thumbnail_is_a_quarter_of_the_image(
    image: tuple[int, int], picture: tuple[int, int], due: tuple[int, int]
) -> None:
    info = ImageInfo("x", (Level(*image, 64, 64),), 3, np.dtype("u1"), Interpretation.RGB)
    assert thumbnail_size(info, *picture) == due


class _Sparse(DecodedPlane):
    def __init__(self, form: TileFormat, complete: bool) -> None:
        self._form, self._places = form, SimpleNamespace(complete=complete)

    def read(self, rect: Rect) -> Pixels:
        return np.zeros((rect.height, rect.width, 3), np.uint8)

    def encoded(self) -> EncodedLevel:
        return EncodedLevel(
            self._form, 64, 64, 32, 16, 2, 4,
            lambda column, row: b"" if (column, row) == (1, 3) else None if row == 2 else b"data",
        )  # fmt: skip

    def places(self) -> Any:
        return self._places


class _Image(Reader):
    def __init__(self, codec: Codec = Codec.JPEG, complete: bool = False, **facts: Any) -> None:
        self.info = ImageInfo(
            "x", (Level(64, 64, 32, 16),), 3, np.dtype("u1"), Interpretation.RGB, **facts
        )
        form = TileFormat(codec, Photometric.YCBCR, 3, 8, "uint8", subsampling=(2, 2))
        self._plane = _Sparse(form, complete)

    def plane(self, level: int, frame: int) -> Plane:
        del level, frame
        return self._plane


@pytest.mark.parametrize("background", [None, (255.0, 255.0, 255.0), (200.0, 100.0, 50.0)])
def test_tiles_that_are_missing_are_of_the_background(background: Any) -> None:
    tiles = FilledReader(_Image(background=background)).plane(0, 0).encoded()
    assert tiles is not None
    for column in range(2):
        for row in range(4):
            data = tiles.tile(column, row)
            assert data
            if row == 2 or (column, row) == (1, 3):
                pixels = decode_tile(data, tiles.format, (16, 32))
                assert pixels.shape == (16, 32, 3)
                assert np.abs(pixels - np.array(background or (0, 0, 0))).max() <= 3
            else:
                assert data == b"data"


@pytest.mark.parametrize(
    ("codec", "complete", "kept"),
    [(Codec.JPEG, True, True), (Codec.JPEG, False, False), (Codec.DEFLATE, False, True)],
)
def test_places_are_handed_on_where_no_tile_is_made(
    codec: Codec, complete: bool, kept: bool
) -> None:
    plane = FilledReader(_Image(codec, complete)).plane(0, 0)
    assert (plane.places() is not None) is kept


@pytest.mark.parametrize(
    ("factor", "smaller"), [(1.0, False), (1.005, False), (1.02, True), (1.5, True), (3.0, True)]
)
def test_an_image_of_fewer_pixels_is_smaller(factor: float, smaller: bool) -> None:
    """What a smaller one may lose, its thumbnail and exact labels, one of the same size may not."""
    image = _Image(mm_x=0.001, mm_y=0.001, magnification=10.0)
    for given in ({"mm_per_pixel": 0.001 * factor}, {"magnification": 10.0 / factor}):
        assert prepare(image, "x", ConvertOptions(**given)).smaller is smaller


@pytest.mark.parametrize("bands", [(0, 1, 2), (2, 0), (1,), (2, 1, 0)])
def test_bands_come_in_the_order_that_is_asked_for(bands: tuple[int, ...]) -> None:
    image = _Image(Codec.DEFLATE, band_names=("red", "green", "blue"))
    names = prepare(image, "x", ConvertOptions(bands=bands)).reader.info.band_names
    assert names == tuple(("red", "green", "blue")[band] for band in bands)


def test_letters_of_a_label_keep_their_colours() -> None:
    """Half of the chroma would make red and blue lines of one pixel violet."""
    pixels = np.full((32, 48, 3), 250, np.uint8)
    pixels[:, ::2], pixels[:, 1::2] = (220, 30, 30), (30, 30, 220)

    class Label(View):
        def associated(self, name: str) -> AssociatedImage:
            del name
            return DecodedImage(lambda: pixels)

    step = PictureStep("label", 48, 32, "encode", "jpeg", 1000, 90)
    stream = with_planned_pictures(Label(_Image()), [step]).associated("label").encoded()
    assert stream is not None
    seen = imagecodecs.jpeg8_decode(stream.data).astype(int)
    assert np.abs(seen - pixels).max() < 40


@each(
    "name, secret",
    [("/slides/Sommerfeld.svs", "Sommerfeld"), ("s3://b/Sommerfeld_A.zarr/", "Sommerfeld_A"),
     ("Sommerfeld.ome.tif", "Sommerfeld"), ("a.svs", None), ("sample.svs", None),
     ("123456789.svs", "123456789")])  # fmt: skip
def test_the_name_of_a_file_is_looked_for_in_a_de_identified_output(
    name: str, secret: str | None
) -> None:
    secrets = prepare(_Image(), name, ConvertOptions(deidentify=True)).secrets
    assert secrets == (() if secret is None else (secret,))


@pytest.mark.parametrize("place", ["a.dzi", "a_files/0/0_0.jpg", "a_files/x-Sommerfeld-y.jpg"])
def test_a_text_in_any_part_of_an_output(tmp_path: Path, place: str) -> None:
    staged = tmp_path / "a.dzi"
    staged.write_text("<Image/>")
    for name in ("a_files/0/0_0.jpg", "a_files/1/0_0.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"tile")
    prepared: Any = Prepared(_Image(), secrets=("nobody", "Sommerfeld"))
    plan: Any = None
    options = ConvertOptions(deidentify=True)
    assert check_output_of(prepared, plan, staged, options) is None
    (tmp_path / place).write_text("by Sommerfeld")
    with pytest.raises(VerificationError, match="Sommerfeld"):
        check_output_of(prepared, plan, staged, options)


def test_what_is_lost_in_the_plan_and_in_the_writing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: Any = SimpleNamespace(source="s", losses=("a", "b"), pictures=(), target=None)
    written = WriteReport(tmp_path, 12, 1.0, 1, lost=("b", "c"))
    monkeypatch.setattr("ziggurat.converter.emit.emit", lambda *_: written)
    prepared = Prepared(_Image(), removed=("r",), secrets=("one", "two"))
    report = conversion._run(prepared, plan, tmp_path / "o", ConvertOptions(), None, None, 0.0)
    assert report.losses == ("a", "b", "c")
    assert (report.bytes_written, report.removed, report.searched) == (12, ("r",), 2)
