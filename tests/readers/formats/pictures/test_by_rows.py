"""Pictures that are decoded from the top as far as is asked, frames one under the other."""

from typing import Any

import numpy as np
import pytest

from ziggurat.readers.formats.pictures import base
from ziggurat.readers.formats.pictures.base import DecodedReader, Room
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.model.reader import Pixels

FRAMES, HEIGHT, WIDTH = 4, 20, 30


@pytest.mark.parametrize("by_rows", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 0)])
def test_each_part_of_each_frame_is_there_when_it_is_asked_for(
    order: tuple[int, ...], by_rows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = np.random.default_rng(4).integers(1, 255, (FRAMES, HEIGHT, WIDTH, 1), np.uint8)
    told: list[int] = []

    def decode(room: Room) -> Pixels:
        out = room()
        told.append(room.rows)
        rows = out.reshape(-1, WIDTH, 1)
        rows[: room.rows] = due.reshape(-1, WIDTH, 1)[: room.rows]
        rows[room.rows :] = 0
        return out

    monkeypatch.setattr(base, "_HARMLESS_BYTES", 5 * WIDTH)
    facts: Any = {"axes": (Axis("t", FRAMES),)}
    level, kind = Level(WIDTH, HEIGHT, 16, 16), Interpretation.GRAY
    info = ImageInfo("made", (level,), 1, np.dtype(np.uint8), kind, **facts)
    with DecodedReader(info, decode, by_rows=by_rows) as reader:
        for frame in order:
            for rect in (Rect(3, 2, 9, 4), Rect(0, 0, WIDTH, HEIGHT)):
                found = reader.plane(0, frame).read(rect)
                part = due[frame, rect.y : rect.bottom, rect.x : rect.right]
                np.testing.assert_array_equal(found, part)
    whole = FRAMES * HEIGHT
    assert told == sorted(set(told))  # never the same again
    assert told[-1] == whole
    assert (told == [whole]) is not by_rows
