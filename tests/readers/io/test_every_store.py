"""Every part of every key of every kind of store is the part of its bytes."""

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from ziggurat.readers.errors import CorruptSourceError, SourceError
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.io.framed import framed, parse_framed, read_framed
from ziggurat.readers.io.keys import FolderStore, KeyStore, SubStore, UrlStore, ZipStore, key_tree
from ziggurat.readers.io.objects import FolderObjects
from ziggurat.readers.io.remote import RemoteBytes
from ziggurat.readers.io.siblings import SiblingBytes, SiblingFiles

CONTENT = {"a": b"0123456789", "b/c/0": bytes(range(40)), "b/c/1": b"", "b/d": b"x" * 3}


def _zip(path: Path, method: int, extra: bytes = b"", before: bytes = b"") -> KeyStore:
    with path.open("wb") as file:
        file.write(before)
    with zipfile.ZipFile(path, "a") as archive:
        for key, data in CONTENT.items():
            info = zipfile.ZipInfo(key)
            info.compress_type, info.extra = method, extra
            archive.writestr(info, data)
    return ZipStore(LocalBytes(path))


@pytest.fixture(params=["folder", "zip", "deflated", "extra", "sub", "url", "whole", "deep"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    kind = request.param
    root = tmp_path / "root"
    for key, data in CONTENT.items():
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)
    made: Any
    if kind == "folder":
        made = FolderStore(root)
    elif kind in ("zip", "deflated"):
        made = _zip(tmp_path / "z", zipfile.ZIP_STORED if kind == "zip" else zipfile.ZIP_DEFLATED)
    elif kind == "extra":
        made = _zip(tmp_path / "z", zipfile.ZIP_STORED, struct.pack("<HH5s", 0x9999, 5, b"12345"))
    elif kind == "sub":
        made = SubStore(FolderStore(tmp_path), "root")
    elif kind == "deep":
        (tmp_path / "x" / "y").mkdir(parents=True)
        os.rename(root, tmp_path / "x" / "y" / "root")
        made = SubStore(SubStore(FolderStore(tmp_path), "x/y"), "root")
    else:
        made = UrlStore(f"file://{root}")
        if kind == "whole":
            made._files = lambda: _NoRanges(fsspec.filesystem("file"))
    yield made
    made.close()


def test_needless_parts_of_keys_are_left_out(store: KeyStore) -> None:
    for key in ("./b/c/0", "b/./c/0", "b//c/0/", "././b/c/./0"):
        assert store.get(key) == CONTENT["b/c/0"]
        assert store.get_range(key, 3, 4) == CONTENT["b/c/0"][3:7]
    assert store.children("./b") == store.children("b/.") == store.children("b")


class _NoRanges:
    """A file system whose answers are always the whole of a file."""

    def __init__(self, files: Any) -> None:
        self._files = files

    def cat_file(self, path: str, start: Any = None, end: Any = None) -> bytes:
        del start, end
        return bytes(self._files.cat_file(path))

    def ls(self, path: str, detail: bool) -> Any:
        return self._files.ls(path, detail=detail)


def test_every_part_of_every_key(store: KeyStore) -> None:
    for key, data in CONTENT.items():
        assert store.get(key) == data
        for offset in (0, 1, 5, len(data) - 1, len(data), -1, -3, -len(data)):
            for length in (0, 1, 2, 4, len(data), len(data) + 5):
                if offset < -len(data) or (offset == -len(data) and not offset):
                    continue
                begin = offset if offset >= 0 else len(data) + offset
                due = data[max(0, begin) :][:length]
                found = store.get_range(key, offset, length)
                assert found == due or (not due and not found), (key, offset, length)
    assert store.get("nothing") is None
    assert store.get_range("nothing", 0, 4) is None
    assert store.children("") == ["a", "b"]
    assert store.children("b") == ["c", "d"]
    assert store.children("b/c") == ["0", "1"]
    assert store.children("nothing") == []
    for key in ("../a", "b/../../x", "b/\0"):
        with pytest.raises(CorruptSourceError):
            store.get(key)


@pytest.mark.parametrize("kind", ["folder", "zip", "deflated"])
def test_more_of_the_end_than_there_is(tmp_path: Path, kind: str) -> None:
    store: KeyStore
    if kind == "folder":
        (tmp_path / "a").write_bytes(CONTENT["a"])
        store = FolderStore(tmp_path)
    else:
        store = _zip(tmp_path / "z", zipfile.ZIP_STORED if kind == "zip" else zipfile.ZIP_DEFLATED)
    assert store.get_range("a", -30, 30) == CONTENT["a"]
    assert store.get_range("a", -30, 4) == CONTENT["a"][:4]


def test_a_zip_behind_other_bytes(tmp_path: Path) -> None:
    store = _zip(tmp_path / "z", zipfile.ZIP_STORED, before=b"#!/bin/sh\n" * 20)
    assert store.get("a") == CONTENT["a"]
    assert store.get_range("b/c/0", 3, 4) == bytes((3, 4, 5, 6))


def test_folders_of_names() -> None:
    assert key_tree(["a/b/c", "a/d", "e", "a/b/f/"]) == {
        "": {"a", "e"}, "a": {"b", "d"}, "a/b": {"c", "f"},
    }  # fmt: skip


def test_an_index_that_is_damaged_in_any_byte(tmp_path: Path) -> None:
    index = {"a": [1, 2], "name": "x" * 9}
    data = framed(b"magic  1", index, [b"blob", b"more"])
    (tmp_path / "o").write_bytes(data)
    objects = FolderObjects(tmp_path)
    found, begin = read_framed(objects, "o", b"magic  1", "thing")
    assert (found, data[begin:]) == (index, b"blobmore")
    for at in range(begin):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(CorruptSourceError):
            parse_framed(bytes(broken[: len(data)]), "o", b"magic  1", "thing")
    for end in (0, 5, 23, begin - 1):
        with pytest.raises(CorruptSourceError):
            parse_framed(data[:end], "o", b"magic  1", "thing")
    assert zlib.crc32(json.dumps(index, separators=(",", ":")).encode()) == struct.unpack_from(
        "<Q", data, 16
    )[0]  # fmt: skip


def test_few_siblings_are_open_at_a_time(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / str(number)).write_bytes(b"file %d" % number)
    files = SiblingFiles(limit=3)
    for _ in range(2):
        for number in range(9):
            one = SiblingBytes(files, str(tmp_path / str(number)))
            assert one.size == 6
            assert one.read(5, 1) == str(number).encode()
            assert len(files._open) <= 3
    files.close()
    assert not files._open


class _Short:
    """A file system that answers with some bytes less than were asked for, or more."""

    def __init__(self, data: bytes, more: int) -> None:
        self._data, self._more = data, more

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        del path
        return self._data[start : end + self._more]


@pytest.mark.parametrize("more", [0, -1, -5])
def test_an_answer_that_is_cut_short_is_no_answer(more: int) -> None:
    data = bytes(range(200)) * 50
    fsspec.filesystem("memory").pipe_file("/short/a", data)
    remote: Any = RemoteBytes("memory://short/a", block=64, cache=1024)
    files: Any = _Short(data, more)
    remote._files = lambda: files
    if more:
        for offset, length in ((5000, 10), (5000, 3000)):
            with pytest.raises(SourceError, match="has the file changed"):
                remote.read(offset, length)
    else:
        assert remote.read(5000, 10) == data[5000:5010]
        assert remote.read(5000, 3000) == data[5000:8000]
