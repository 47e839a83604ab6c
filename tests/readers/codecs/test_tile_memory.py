"""Memory that tiles leave behind is used again, and never while somebody looks at it."""

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ziggurat.readers.codecs import tile_memory as module
from ziggurat.readers.codecs.tile_memory import idle_bytes, tile_memory


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_what_a_dropped_tile_leaves_is_used_again() -> None:
    tile = tile_memory(256, 256, 3)
    place = address(tile)
    del tile
    assert address(tile_memory(256, 256, 3)) == place


def test_a_tile_keeps_its_memory_as_long_as_any_view_of_it() -> None:
    tile = tile_memory(256, 256, 3)
    place = address(tile)
    row = tile[7]
    del tile
    other = tile_memory(256, 256, 3)
    assert address(other) != place
    assert not np.shares_memory(row, other)


def test_tiles_that_live_at_the_same_time_share_nothing() -> None:
    tiles = [tile_memory(240, 240, 3) for _ in range(200)]
    for number, tile in enumerate(tiles):
        assert tile.shape == (240, 240, 3)
        assert tile.flags.writeable
        tile[:] = number
    assert all((tile == number).all() for number, tile in enumerate(tiles))


def test_memory_that_waits_is_bounded() -> None:
    gc.collect()
    tiles = [tile_memory(512, 512, 3) for _ in range(3 * module._IDLE // (512 * 512 * 3))]
    assert idle_bytes() < module._IDLE + 2 * module._PIECE
    tiles.clear()
    assert idle_bytes() < module._IDLE + 2 * module._PIECE


def test_tiles_of_a_size_that_is_no_longer_read_make_room() -> None:
    for side in range(128, 512, 8):
        tile = tile_memory(side, side, 3)
        place = address(tile)
        del tile
        assert address(tile_memory(side, side, 3)) == place
    assert idle_bytes() < module._IDLE + 2 * module._PIECE


@pytest.mark.parametrize("shape", [(1, 1, 3), (16, 16, 3), (4096, 4096, 3)])
def test_other_sizes_are_left_to_numpy(shape: tuple[int, int, int]) -> None:
    before = idle_bytes()
    assert tile_memory(*shape).shape == shape
    assert idle_bytes() == before


def test_threads_never_get_the_same_memory() -> None:
    def work(number: int) -> bool:
        for _ in range(300):
            tile = tile_memory(128, 128, 3)
            tile[:] = number
            if not (tile == number).all():
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_a_tile_that_outlives_the_interpreters_modules_goes_in_silence() -> None:
    code = (
        "import builtins\n"
        "from ziggurat.readers.codecs.tile_memory import tile_memory\n"
        "builtins.kept = tile_memory(256, 256, 3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
