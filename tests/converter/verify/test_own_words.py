"""What an output says of itself in two places, and what the coefficients of its JPEG tell."""

import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile

from tests.each import each
from ziggurat.converter.plan.report import LevelCheck
from ziggurat.converter.verify import verify as verifying
from ziggurat.converter.verify.agreement import _name_problems, _size_problems, agreement_problems
from ziggurat.converter.verify.rounding import beyond_rounding
from ziggurat.converter.verify.verify import verify_alone
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.image import Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

MADE = ImageInfo(
    "made", (Level(70, 50, 32, 16),), 4, np.dtype(np.uint8), Interpretation.MULTIBAND
)  # fmt: skip
OWN = dataclasses.replace(
    MADE, mm_x=0.5, mm_y=0.25, channels=(Channel("a"), Channel("b")),
)  # fmt: skip


@each(
    "said, words",
    [((0.5, 0.25), []), ((None, None), []), ((0.5004, 0.25), []), ((0.501, 0.25), ["mm_x"]),
     ((0.5, 0.5), ["mm_y"]), ((None, 0.5), ["mm_y"]), ((0.25, 0.5), ["mm_x", "mm_y"])])  # fmt: skip
def test_sizes_that_are_told_twice(said: Any, words: list[str]) -> None:
    problems = list(_size_problems("X", said, OWN))
    assert [problem.split("that ")[1].split(" ")[0] for problem in problems] == words


@pytest.mark.parametrize(
    ("names", "wrong"),
    [(["a", "b"], False), (["a", "c"], True), (["b", "a"], True), (["a"], False), ([], False)],
)
def test_names_that_are_told_twice(names: list[str], wrong: bool) -> None:
    assert bool(list(_name_problems("X", names, OWN))) is wrong


def _zarr(scale: tuple[float, float], labels: list[str]) -> Any:
    transform = [{"type": "scale", "scale": [*scale]}]
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "yx"]
    data = [{"path": "0", "coordinateTransformations": transform}]
    ome = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": data}],
           "omero": {"channels": [{"label": label} for label in labels]}}  # fmt: skip
    info = dataclasses.replace(OWN, internal={"zarr": {"written_by": "z", "base": {"ome": ome}}})
    return SimpleNamespace(info=info)


@pytest.mark.parametrize(
    ("scale", "labels", "words"),
    [((0.25, 0.5), ["a", "b"], []), ((0.25, 0.6), ["a", "b"], ["mm_x"]),
     ((0.3, 0.5), ["a", "b"], ["mm_y"]), ((0.25, 0.5), ["a", "x"], ["omero names"])],
)  # fmt: skip
def test_what_ngff_says_otherwise(scale: Any, labels: list[str], words: list[str]) -> None:
    problems = list(agreement_problems(Path("x.zarr"), _zarr(scale, labels)))
    assert len(problems) == len(words), problems
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


def test_coefficients_beyond_rounding_are_counted_where_nothing_was_clipped() -> None:
    """Of a picture that was blurred before; where it is white or black nothing tells."""
    rng = np.random.default_rng(6)
    theirs = rng.integers(60, 200, (64, 64, 1)).astype(np.uint8)
    blurred = np.asarray((theirs.astype(int) + np.roll(theirs, 1, 1) + np.roll(theirs, 1, 0)) // 3,
                         np.uint8)  # fmt: skip

    def encoded(pixels: Pixels) -> tuple[bytes, Pixels]:
        stream = io.BytesIO()
        PIL.Image.fromarray(pixels[..., 0]).save(stream, "JPEG", quality=90)
        with PIL.Image.open(io.BytesIO(stream.getvalue())) as picture:
            return stream.getvalue(), np.asarray(picture)[..., np.newaxis]

    stream, ours = encoded(theirs)
    off, telling = beyond_rounding(stream, Photometric.GRAY, ours, theirs)
    assert telling > 1000
    assert off < 0.02 * telling
    stream, ours = encoded(blurred)
    off, telling = beyond_rounding(stream, Photometric.GRAY, ours, theirs)
    assert off > 0.3 * telling
    for value in (0, 255):
        clipped = theirs.copy()
        clipped[::8, ::8] = value  # a sample of each block
        assert beyond_rounding(stream, Photometric.GRAY, ours, clipped) != (0, 0)
        where = np.where(clipped == value, np.uint8(value), ours)
        assert beyond_rounding(stream, Photometric.GRAY, where, clipped) == (0, 0)
    assert beyond_rounding(stream, Photometric.YCBCR, ours, theirs) == (0, 0)
    assert beyond_rounding(b"no stream", Photometric.GRAY, ours, theirs) == (0, 0)


def test_an_output_alone_is_held_against_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "o.tiff"
    info = dataclasses.replace(
        MADE, bands=1, mm_x=0.001, mm_y=0.001, levels=(Level(64, 64, 64, 64),)
    )
    reader = array_reader(np.zeros((64, 64, 1), np.uint8))
    reader.info = dataclasses.replace(reader.info, mm_x=info.mm_x, mm_y=info.mm_y)
    write(reader, path, WriteOptions(tile_size=64, lossy=False))
    assert verify_alone(path).problems == ()
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags[283].overwrite((77_000, 1))
    (problem,) = verify_alone(path).problems
    assert "the resolution tags says that mm_y" in problem


@pytest.mark.parametrize(
    ("errors", "way"),
    [((1.0, 1.0, 1.0), "mean"), ((0.5, 1.0, 1.0), "max"), ((0.9, 0.9, 0.9), "mean"),
     ((1.1, 0.1, 0.1), "mean")],
)  # fmt: skip
def test_another_way_is_taken_where_it_explains_far_more(
    monkeypatch: pytest.MonkeyPatch, errors: tuple[float, ...], way: str
) -> None:
    def compared(*_: Any, way: str, **__: Any) -> LevelCheck:
        mean, bias, shift = (1.0, 1.0, 1.0) if way == "mean" else errors
        return LevelCheck(
            1, "level above", 1, 1, 0, 1, 1.0, mean, bias=bias, shift=shift, way=way
        )  # fmt: skip

    monkeypatch.setattr(verifying, "ways", lambda _: ("mean", "max"))
    monkeypatch.setattr(verifying, "compare_level", compared)
    monkeypatch.setattr(verifying, "judged", lambda check, *_: check)
    monkeypatch.setattr(
        verifying, "level_problems", lambda check, *_: ["bad"] if check.way == "mean" else []
    )
    nothing: Any = None
    found = verifying._best_check(nothing, nothing, 1, full=True, plan=None)
    assert found.way == way
