"""What is no store, or no whole one: left to others, told, and nothing of it is kept open."""

import os
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError
from ziggurat.readers.formats.sink_store.reader import open_reader
from ziggurat.readers.io.location import locate
from ziggurat.writers.store.mapped.store import Store


@pytest.mark.parametrize("refused", ["structure", "blending"])
def test_a_store_that_cannot_be_joined_keeps_no_file_open(tmp_path: Path, refused: str) -> None:
    with ziggurat.new(tmp_path / "s", tileSize=64, blend="sum") as sink:
        sink.addTile(np.ones((64, 64), np.uint8))
    inside = tmp_path / "s" / ".ziggurat"
    if refused == "structure":
        (inside / "structure.json").write_text("{")
    else:
        (inside / "stripes").unlink()
        (inside / "stripes").mkdir()
    with pytest.raises((CorruptSourceError, IsADirectoryError)) as caught:
        Store(tmp_path / "s")
    held = {os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()}
    assert not [name for name in held if name.startswith(str(inside / "journal"))]
    assert caught.tb is not None  # which has the half-made store still


def test_what_is_no_store_is_left_to_other_readers(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError):
        open_reader(locate(tmp_path))
    (tmp_path / ".ziggurat").mkdir()
    (tmp_path / ".ziggurat" / "header").write_bytes(b"short")
    with pytest.raises(CorruptSourceError, match="cut short"):
        open_reader(locate(tmp_path))
    (tmp_path / ".ziggurat" / "header").write_bytes(b"x" * 4096)
    with pytest.raises(CorruptSourceError, match="can't be understood"):
        open_reader(locate(tmp_path))
