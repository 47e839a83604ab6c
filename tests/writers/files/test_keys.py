"""Each key of an output is written once: of two writers of one key none is lost in silence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ziggurat.readers.errors import WriteError
from ziggurat.writers.files.keys import FolderWriter, KeyWriter
from ziggurat.writers.files.zipstore import ZipWriter
from ziggurat.writers.formats.zarr.sqlite import SqliteWriter

WRITERS: dict[str, Callable[[Path], KeyWriter]] = {
    "folder": FolderWriter,
    "zip": lambda path: ZipWriter(path / "a.zip"),
    "sqlite": lambda path: SqliteWriter(path / "a.db"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_key_is_taken_once(tmp_path: Path, kind: str) -> None:
    with WRITERS[kind](tmp_path) as target:
        target.write("0/c/1", b"first", b" of them")
        target.write("0/c/11", b"")
        with pytest.raises((WriteError, FileExistsError)):
            target.write("0/c/1", b"second")
    if kind == "folder":
        assert (tmp_path / "0/c/1").read_bytes() == b"first of them"
        assert (tmp_path / "0/c/11").read_bytes() == b""


@pytest.mark.parametrize("kind", WRITERS)
def test_an_error_behind_the_end_is_that_error(tmp_path: Path, kind: str) -> None:
    def fail_late() -> None:
        with WRITERS[kind](tmp_path) as target:
            target.write("a", b"1")
            getattr(target, "close", lambda: None)()
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail_late()
