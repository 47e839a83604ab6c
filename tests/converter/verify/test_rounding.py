"""What is counted as lost beyond a JPEG's rounding, against a loop over blocks."""

import io

import cv2
import numpy as np
from PIL import Image

from tests.each import each
from ziggurat.converter.verify.rounding import beyond_rounding
from ziggurat.readers.model.encoded import Photometric
from ziggurat.readers.model.reader import Pixels

# No two steps of the table are equal, and none of its rows is one of its columns.
TABLE = 3 + 4 * np.arange(8)[:, np.newaxis] + 1.5 * np.arange(8) ** 1.5
TABLE = TABLE.astype(int)


def stream_of(mode: str) -> bytes:
    out = io.BytesIO()
    picture = Image.new(mode, (8, 8))
    tables = [TABLE.ravel().tolist(), [99] * 64]  # the second is chroma's
    picture.save(out, "JPEG", qtables=tables)
    return out.getvalue()


def counted(ours: Pixels, theirs: Pixels) -> tuple[int, int]:
    """Count block by block, over samples (y, x) of one component."""
    off = telling = 0
    for y in range(0, len(ours) - 7, 8):
        for x in range(0, ours.shape[1] - 7, 8):
            place = np.s_[y : y + 8, x : x + 8]
            one, two = (cv2.dct(samples[place].astype(np.float64)) for samples in (ours, theirs))
            for v, u in np.ndindex(8, 8):
                bound = TABLE[v, u] + 6.0
                if (v, u) != (0, 0) and max(abs(one[v, u]), abs(two[v, u])) > bound:
                    telling += 1
                    off += abs(one[v, u] - two[v, u]) > bound
    return off, telling


def noise(bands: int, least: int = 60, most: int = 200) -> Pixels:
    return np.random.default_rng(bands).integers(least, most, (21, 43, bands)).astype(np.uint8)


FLAT = np.full((21, 43, 1), 117, np.uint8)
HALF = (noise(1) // 2 + 60).astype(np.uint8)  # its coefficients are half as large
RAMP = np.broadcast_to(np.arange(21)[:, np.newaxis, np.newaxis] * 9 + 20, (21, 43, 1))


@each("ours, theirs", [
        (noise(1), noise(1)), (FLAT, noise(1)), (noise(1), FLAT), (HALF, noise(1)),
        (noise(1), HALF), (FLAT, RAMP), (RAMP, FLAT), (RAMP.swapaxes(0, 1), FLAT.swapaxes(0, 1)),
        (FLAT + np.uint8(90), FLAT), (np.roll(noise(1), 3, 0), noise(1)),
    ])  # fmt: skip
def test_coefficients_of_either_are_counted(ours: Pixels, theirs: Pixels) -> None:
    """Also those that are gone from ours: a picture that was blurred before is flatter."""
    one, two = ours.astype(np.uint8), theirs.astype(np.uint8)
    found = beyond_rounding(stream_of("L"), Photometric.GRAY, one, two)
    assert found == counted(one[..., 0], two[..., 0])
    if (one.std(), two.std()) != (0, 0):
        assert found[1] > 0


def test_a_mean_alone_tells_nothing() -> None:
    assert beyond_rounding(stream_of("L"), Photometric.GRAY, FLAT + np.uint8(90), FLAT) == (0, 0)


@each("value", [0, 1, 255])
@each("whose", ["ours", "theirs"])
@each("band", [0, 2])
def test_blocks_of_ours_that_were_clipped_tell_nothing(value: int, whose: str, band: int) -> None:
    """In any band; a block beside one does tell."""
    pictures = {"ours": noise(3), "theirs": np.roll(noise(3), 5, 1)}
    every = beyond_rounding(stream_of("RGB"), Photometric.YCBCR, *pictures.values())
    pictures[whose][9, 17, band] = value
    luma = [picture @ np.array((0.299, 0.587, 0.114)) for picture in pictures.values()]
    clipped = whose == "ours" and value in (0, 255)
    if clipped:
        for samples in luma:
            samples[8:16, 16:24] = 0
    found = beyond_rounding(stream_of("RGB"), Photometric.YCBCR, *pictures.values())
    assert found == counted(*luma)
    assert not clipped or found[1] < every[1]


def test_what_is_looked_at_of_each_kind_of_samples() -> None:
    ours, theirs = noise(3), np.roll(noise(3), 1, 0)
    stream = stream_of("RGB")
    found = beyond_rounding(stream, Photometric.RGB, ours, theirs)
    assert found == counted(ours[..., 0], theirs[..., 0])  # the first band has the first table
    nothing = (0, 0)
    for bands in (1, 2, 4):  # brightness is of three
        assert beyond_rounding(stream, Photometric.YCBCR, noise(bands), noise(bands)) == nothing
    deep = ours.astype(np.uint16)
    assert beyond_rounding(stream, Photometric.YCBCR, deep, theirs.astype(np.uint16)) == nothing
    for broken in (b"", stream[:20], b"x" * 99):
        assert beyond_rounding(broken, Photometric.YCBCR, ours, theirs) == nothing
