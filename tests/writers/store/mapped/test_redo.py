"""Redo logs as they are found: whole, or of a process that died while it wrote one."""

import errno
import time
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import ScratchFullError
from ziggurat.writers.store.mapped import blender
from ziggurat.writers.store.mapped.redo import Part, Slot


def parts() -> list[Part]:
    pixels = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    inside = slice(1, 3), slice(0, 4)
    return [Part(1, (2, 0), 3, 4, inside, pixels), Part(0, (), 0, 0, inside, pixels[..., :1])]


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    Slot(0, str(tmp_path / "redo-0")).write(parts())
    found = Slot(0, str(tmp_path / "redo-0")).read()
    for one, other in zip(found, parts(), strict=True):
        for name in ("array", "frame", "row", "column", "inside"):
            assert getattr(one, name) == getattr(other, name)
        assert one.pixels.dtype == other.pixels.dtype
        assert np.array_equal(one.pixels, other.pixels)


def test_a_log_that_was_cut_short_holds_nothing(tmp_path: Path) -> None:
    slot = Slot(0, str(tmp_path / "redo-0"))
    assert slot.read() == []
    slot.write(parts())
    whole = (tmp_path / "redo-0").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "redo-0").write_bytes(whole[:length])
        assert slot.read() == []


def test_two_tiles_of_one_log_have_two_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the clock stands still, or goes back."""
    slot, numbers = Slot(0, str(tmp_path / "redo-0")), []
    for now in (500, 500, 500, 3, 501):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        slot.write(parts())
        numbers.append(slot.sequence)
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_no_room_for_the_words_of_blending_is_said(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise OSError(number, "so it is")

    ziggurat.new(tmp_path / "s", blend="sum").close()
    monkeypatch.setattr(blender, "reserve", failing)
    with pytest.raises(OSError, match="no room" if number != errno.EIO else "so it is") as caught:
        blender._map_words(str(tmp_path / "s"))
    assert isinstance(caught.value, ScratchFullError) == (number != errno.EIO)
