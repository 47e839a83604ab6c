"""Objects that are files: a part is what there is of it, however much is asked for."""

import threading
import tracemalloc
from pathlib import Path

import pytest

from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.io.framed import framed, read_framed
from ziggurat.readers.io.objects import CloudObjects, FolderObjects, side_by_side

MAGIC = b"12345678"


def test_a_part_is_as_long_as_there_is_of_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    objects = FolderObjects(str(tmp_path))
    tracemalloc.start()
    try:
        for length in (7, 1 << 32, 1 << 62, 1 << 64):
            assert objects.read("a", 3, length) == b"3456789"
        assert objects.read("a", 3) == b"3456789"
        assert objects.read("a", 30, 5) == b""
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["../a", "b/../../a", "/etc/passwd", "..", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").write_text("precious")
    objects = FolderObjects(tmp_path / "within")
    for call in (objects.read, objects.delete, objects.names, objects.sweep):
        with pytest.raises(SourceError, match="invalid name"):
            call(name)
    for put in (objects.create, objects.replace):
        with pytest.raises(SourceError, match="invalid name"):
            put(name, b"other")
    assert (tmp_path / "a").read_text() == "precious"


def test_an_index_of_forged_length_is_an_error_of_ours(tmp_path: Path) -> None:
    """It was a MemoryError; found by fuzzing."""
    data = bytearray(framed(MAGIC, {"a": 1}, [b"x"]))
    objects = FolderObjects(str(tmp_path))
    for length in (1 << 40, (1 << 64) - 1):
        data[8:16] = length.to_bytes(8, "little")
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(CorruptSourceError, match="damaged"):
            read_framed(objects, "a", MAGIC, "segment")


def test_requests_for_many_objects_wait_together_and_answer_in_order(tmp_path: Path) -> None:
    together = threading.Barrier(3)

    def wait(name: str) -> str:
        together.wait(30)  # breaks where they come one after the other
        return name

    names = ["c", "a", "b"]
    assert side_by_side(CloudObjects(tmp_path.as_uri()), wait, names) == names
    caller = threading.get_ident()
    folder = side_by_side(FolderObjects(tmp_path), lambda _: threading.get_ident(), names)
    assert folder == [caller] * 3
