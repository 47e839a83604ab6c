"""Files that are written behind hold what was written to them, wherever it went."""

import os
from pathlib import Path

import numpy as np

from ziggurat.writers.files.writebehind import open_write_behind


def test_what_is_written_is_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    blocks = [rng.bytes(int(size)) for size in rng.integers(1, 300_000, 200)]  # some 30 MB
    with open_write_behind(tmp_path / "file") as file:
        for block in blocks:
            file.write(block)
        file.seek(3)
        file.write(b"patched")
        file.seek(0)
        assert file.read(10)[3:] == b"patched"
        file.seek(0, os.SEEK_END)
        file.write(b"end")
    expected = bytearray(b"".join(blocks) + b"end")
    expected[3:10] = b"patched"
    assert (tmp_path / "file").read_bytes() == expected
