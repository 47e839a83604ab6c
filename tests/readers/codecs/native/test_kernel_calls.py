"""Calls of the native kernel: what is refused, what is held, threads, memory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.readers.codecs.native.made import (
    DOUBTFUL,
    HEIGHT,
    WIDTH,
    YCBCR,
    kind,
    lost,
)
from ziggurat.readers.codecs.decode import decode_tile
from ziggurat.readers.codecs.native import kernel
from ziggurat.readers.codecs.native.kernel import (
    DONE,
    decode_tiles,
    decoder,
    describe,
)

pytestmark = pytest.mark.skipif(decoder() is None, reason=describe())


BAD_TARGETS: dict[str, Callable[[], tuple[object, int, int]]] = {
    "read-only": lambda: (np.frombuffer(bytes(300), np.uint8).reshape(10, 10, 3), 0, 0),
    "two dimensions": lambda: (np.zeros((10, 30), np.uint8), 0, 0),
    "bands": lambda: (np.zeros((10, 10, 4), np.uint8), 0, 0),
    "words": lambda: (np.zeros((10, 10, 3), np.uint16), 0, 0),
    "upside down": lambda: (np.zeros((10, 10, 3), np.uint8)[::-1], 0, 0),
    "every second": lambda: (np.zeros((10, 20, 3), np.uint8)[:, ::2], 0, 0),
    "transposed": lambda: (np.zeros((3, 10, 10), np.uint8).transpose(1, 2, 0), 0, 0),
    "empty": lambda: (np.zeros((0, 10, 3), np.uint8), 0, 0),
    "right of it": lambda: (np.zeros((10, 10, 3), np.uint8), WIDTH - 9, 0),
    "below it": lambda: (np.zeros((10, 10, 3), np.uint8), 0, HEIGHT - 9),
    "left of it": lambda: (np.zeros((10, 10, 3), np.uint8), -1, 0),
    "repeated rows": lambda: (
        np.lib.stride_tricks.as_strided(np.zeros(30, np.uint8), (10, 10, 3), (0, 3, 1)), 0, 0,
    ),
    "no array": lambda: ("text", 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_targets_that_cannot_be_are_refused_before_anything_is_decoded(
    streams: dict[str, bytes], name: str
) -> None:
    good = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    bad = BAD_TARGETS[name]()
    with pytest.raises((ValueError, TypeError, BufferError)):
        decode_tiles([(streams["420"], good, 0, 0), (streams["420"], *bad)], kind(YCBCR))
    assert not good.any()


@pytest.mark.parametrize("place", [(-1, 10), (0, -1), (1 << 62, 1 << 62), (0, 10)])
def test_places_that_cannot_be_are_refused(place: tuple[int, int]) -> None:
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises((ValueError, OverflowError)):  # (0, 10) is in no file
        decode_tiles([(place, out, 0, 0)], kind(YCBCR))


def test_what_lies_beyond_the_file_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"\xff\xd8" * 50)
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with path.open("rb") as file:
        for place in ((90, 40), (500, 40), (0, 1 << 40)):
            tile = (place, out, 0, 0)
            assert decode_tiles([tile], kind(YCBCR), descriptor=file.fileno())[0] != DONE
        number = file.fileno()
    with pytest.raises(OSError, match="descriptor"):
        decode_tiles([((0, 9), out, 0, 0)], kind(YCBCR), descriptor=number)


def test_nothing_is_left_open_or_held(streams: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "tile"
    path.write_bytes(streams["420"])
    out = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    before = len(os.listdir("/proc/self/fd"))
    references = sys.getrefcount(out)
    with path.open("rb") as file:
        for data in (streams["420"], lost(streams["420"]), (0, len(streams["420"])), (-1, 2)):
            tiles = [(data, out, 0, 0)] * 5
            try:
                decode_tiles(tiles, kind(YCBCR), threads=3, descriptor=file.fileno())
            except ValueError:
                assert data == (-1, 2)
        del tiles
    assert len(os.listdir("/proc/self/fd")) == before
    assert sys.getrefcount(out) == references


def test_any_number_of_threads_gives_the_same(streams: dict[str, bytes]) -> None:
    for count in (0, 1, 7):
        for threads in (-1, 1, 2, 99):
            out = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
            tiles = [(streams["420"], out[i], 0, 0) for i in range(count)]
            assert decode_tiles(tiles, kind(YCBCR), threads=threads) == bytes(count)
            for one in out:
                np.testing.assert_array_equal(one, decode_tile(streams["420"], YCBCR))


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def churn(streams: dict[str, bytes], calls: int) -> Iterator[int]:
    """Decode good and bad tiles again and again; yield the memory in use, ten times."""
    small = np.zeros((4, 8, 8, 3), np.uint8)
    bad = [DOUBTFUL[name](streams["420"]) for name in ("lost", "cut short", "noise")]
    tiles = [(data, small[i], 40, 40) for i, data in enumerate([streams["420"], *bad])]
    for number in range(calls):
        decode_tiles(tiles, kind(YCBCR), threads=1 + number % 2)
        if not (number + 1) % (calls // 10):
            yield resident()


def test_memory_stays_flat(streams: dict[str, bytes]) -> None:
    used = list(churn(streams, 500))
    assert used[-1] - used[2] < 2 << 20


@pytest.mark.slow
def test_memory_stays_flat_over_very_many_calls(streams: dict[str, bytes]) -> None:
    used = list(churn(streams, 100_000))
    assert used[-1] - used[2] < 4 << 20


@pytest.mark.parametrize(
    ("value", "word"), [("0", "off"), pytest.param("1", "on", marks=pytest.mark.slow), ("", "on")]
)
def test_it_can_be_switched_off(value: str, word: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "ziggurat", "--version", "--verbose"],
        env={**os.environ, "ZIGGURAT_NATIVE": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"native kernel: {word} (" in found.stdout


def test_a_kernel_of_another_version_of_its_source_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def older(*_: object) -> bytes:
        raise TypeError("function takes exactly 4 arguments (7 given)")

    from ziggurat.readers.codecs.native import _decode

    monkeypatch.setattr(_decode, "decode", older)
    found, words = kernel._state.__wrapped__()
    assert found is None
    assert "install again" in words
