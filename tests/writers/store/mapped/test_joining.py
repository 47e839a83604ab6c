"""A store that can't be joined leaves nothing behind in the process that tried."""

import os
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import CorruptSourceError
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
