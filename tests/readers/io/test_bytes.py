"""Local bytes: a place in a file for each thread, copies in any number of steps."""

import os
import threading
from pathlib import Path

import pytest

from ziggurat.readers.errors import SourceError
from ziggurat.readers.io import bytes as local
from ziggurat.readers.io.bytes import LocalBytes, ThreadFile


def test_each_thread_has_its_own_place_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(200)))
    with ThreadFile(LocalBytes(tmp_path / "file")) as file:
        file.seek(10)
        told: list[int] = []
        other = threading.Thread(target=lambda: told.extend([file.tell(), file.seek(90)]))
        other.start()
        other.join()
        assert told == [0, 90]
        assert file.read(2) == bytes((10, 11))


@pytest.mark.parametrize("at_once", [0, 7, 1000])
def test_bytes_are_copied_to_their_place_in_however_many_steps(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(range(100))
    (tmp_path / "file").write_bytes(data)

    def some(source: int, target: int, length: int, offset: int, position: int) -> int:
        count = min(length, at_once)
        return os.pwrite(target, os.pread(source, count, offset), position) if count else 0

    monkeypatch.setattr(local, "copy_range", some)
    monkeypatch.setattr(local, "_COPY_STEP", 9)
    target = os.open(tmp_path / "copy", os.O_RDWR | os.O_CREAT)
    source = LocalBytes(tmp_path / "file")
    source.copy_to(20, 50, target, 5)
    assert os.pread(target, 100, 0) == bytes(5) + data[20:70]
    with pytest.raises(SourceError, match="too soon"):
        source.copy_to(60, 50, target, 5)
    os.close(target)
    source.close()
