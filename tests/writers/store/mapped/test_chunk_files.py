"""Chunks that are not what they should be, and a process that may open no more of them."""

import errno
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, SinkError
from ziggurat.writers.store.mapped import chunks, store

TILE = np.full((16, 16), 7, np.uint8)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[ziggurat.Sink]:
    with ziggurat.new(tmp_path / "s", tileSize=16) as made:
        made.addTile(TILE)
        yield made


@pytest.mark.parametrize("length", [0, 1, 255, 257, 512])
def test_a_chunk_of_any_other_length_is_damaged(tmp_path: Path, length: int) -> None:
    with ziggurat.new(tmp_path / "s", tileSize=16) as sink:
        sink.addTile(np.full((16, 32), 7, np.uint8))
    (tmp_path / "s" / "c.0.1.0").write_bytes(bytes(length))
    with ziggurat.new(tmp_path / "s", mode="join") as sink:
        with pytest.raises(CorruptSourceError, match="not 256 bytes"):
            sink.addTile(TILE[:4, :4], 16, 0)
        sink.addTile(TILE[:4, :4] + 1)  # others are not
    if length < 256:  # who reads looks for no more than it needs
        with ziggurat.open(tmp_path / "s") as source, pytest.raises(CorruptSourceError):
            source.getRegion(format="numpy")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
@pytest.mark.parametrize("call", ["opened", "mmap"])
def test_where_descriptors_have_run_out_mapped_chunks_are_let_go(
    sink: ziggurat.Sink, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = (chunks, "opened") if call == "opened" else (mmap, "mmap")
    sink.addTile(TILE, 5, 5)  # whose chunk is mapped by that
    real, failed = getattr(owner, name), list[int]()

    def out(*arguments: Any) -> Any:
        if chunks._mappings._arrays:
            failed.append(number)
            raise OSError(number, "too many")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, out)
        sink.addTile(TILE + 1, 20, 0)
    assert failed
    found = sink.getRegion(format="numpy")[0][..., 0]
    assert found[[0, 20, 5, 15], [0, 5, 20, 35]].tolist() == [7, 7, 8, 8]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("call", ["opened", "mmap"])
def test_what_can_not_be_opened_is_no_tile(
    sink: ziggurat.Sink, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out(*_: Any) -> Any:
        raise OSError(number, "so it is")

    chunks._mappings.clear()
    with monkeypatch.context() as patch:
        patch.setattr(*((chunks, "opened") if call == "opened" else (mmap, "mmap")), out)
        with pytest.raises(SinkError) as caught:
            sink.addTile(TILE, 5, 5, key="none")
    many = call == "opened" and number in (errno.EMFILE, errno.ENFILE)
    assert ("ulimit -n" in str(caught.value)) is many
    assert not sink.hasKey("none")
    sink.addTile(TILE, 5, 5, key="none")
    assert len(list(sink.tiles())) == 2


@pytest.mark.parametrize("name", ["Header", "Journal"])
def test_a_store_that_may_not_be_written_to_is_named(
    sink: ziggurat.Sink, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "no", "the/header")

    monkeypatch.setattr(store, name, refused)
    with pytest.raises(SinkError, match=r"may not be written to \(the/header\).*ask its owner"):
        store.Store(sink.path)
