"""An index of a shard that says what can't be is an error of ours, whatever its checksum says."""

from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.zarr import shards
from ziggurat.writers.model.options import WriteOptions


@pytest.fixture
def sharded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return an image of four chunks in one shard, and the shard."""
    monkeypatch.setattr(shards, "MANY_CHUNKS", 2)
    pixels = np.random.default_rng(4).integers(1, 9, (16, 64, 1), np.uint8)
    path = tmp_path / "a.zarr"
    write(array_reader(pixels), path, WriteOptions(tile_size=16))
    (shard,) = (one for one in (path / "0" / "c").rglob("*") if one.is_file())
    return path, shard


@pytest.mark.parametrize(
    "entry", [(1 << 62, 8), (8, 1 << 62), (2**64 - 2, 9), (0, 2**64 - 1), (2**64 - 1, 9), (8, 0)]
)
def test_an_index_of_forged_places(sharded: tuple[Path, Path], entry: tuple[int, int]) -> None:
    path, shard = sharded
    data = shard.read_bytes()
    table = np.frombuffer(data[-68:-4], "<u8").reshape(4, 2).copy()
    table[0] = entry
    index = table.tobytes()
    shard.write_bytes(data[:-68] + index + google_crc32c.value(index).to_bytes(4, "little"))
    with open_reader(path) as reader, pytest.raises(CorruptSourceError):
        reader.plane(0, 0).read(Rect(0, 0, 16, 16))


def test_a_shard_shorter_than_its_index(sharded: tuple[Path, Path]) -> None:
    path, shard = sharded
    whole = shard.read_bytes()
    for length in (1, 4, 67):
        shard.write_bytes(whole[-length:])
        with open_reader(path) as reader, pytest.raises(CorruptSourceError):
            reader.plane(0, 0).read(Rect(0, 0, 16, 16))
