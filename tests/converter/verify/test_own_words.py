"""What an output says of itself in two places, and what the coefficients of its JPEG tell."""

import dataclasses
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

from ziggurat.converter.verify.agreement import _name_problems, _size_problems, agreement_problems
from ziggurat.converter.verify.rounding import beyond_rounding
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.image import Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

MADE = ImageInfo(
    "made", (Level(70, 50, 32, 16),), 4, np.dtype(np.uint8), Interpretation.MULTIBAND
)  # fmt: skip
OWN = dataclasses.replace(
    MADE, mm_x=0.5, mm_y=0.25, channels=(Channel("a"), Channel("b")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [((0.5, 0.25), []), ((None, None), []), ((0.5004, 0.25), []), ((0.501, 0.25), ["mm_x"]),
     ((0.5, 0.5), ["mm_y"]), ((None, 0.5), ["mm_y"]), ((0.25, 0.5), ["mm_x", "mm_y"])],
)  # fmt: skip
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
