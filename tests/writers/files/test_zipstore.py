"""The streaming zip writer, against Python's zipfile and unzip's own check."""

import io
import os
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.each import each
from ziggurat.readers.errors import WriteError
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.io.keys import ZipStore
from ziggurat.writers.files import zipstore
from ziggurat.writers.files.zipstore import ZipWriter


def test_entries_come_back_whole_stored_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    parts = [os.urandom(n) for n in (0, 1, 1000, 70000)]
    with ZipWriter(path, b"a comment") as archive:
        archive.write("zarr.json", b"{}")
        archive.write("0/c/ü", *parts)
        archive.write("many", *[bytes([n % 256]) for n in range(3000)])
        archive.write("empty")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["zarr.json", "0/c/ü", "many", "empty"]
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.comment == b"a comment"
        assert archive.read("0/c/ü") == b"".join(parts)
        assert archive.read("many") == bytes(n % 256 for n in range(3000))
        assert archive.read("empty") == b""
    if shutil.which("unzip"):
        done = subprocess.run(["unzip", "-tq", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        with ZipWriter(tmp_path / name) as archive:
            archive.write("x", b"12345")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.slow
def test_zip64_where_there_are_many_entries(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with ZipWriter(path) as archive:
        for number in range(66000):
            archive.write(str(number), b"x")
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 66000
        assert archive.read("65999") == b"x"


@pytest.mark.parametrize("limit", [100, 5000])
def test_zip64_where_numbers_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """The format's own limit is 4 GiB; a lower one of ours makes the same records."""
    monkeypatch.setattr(zipstore, "_MOST_32", limit)

    class Patched(zipfile.ZipFile):
        pass

    path = tmp_path / "large.zip"
    with ZipWriter(path) as archive:
        archive.write("a", b"a" * 4000)
        archive.write("b", b"b" * 9000)
    data = path.read_bytes()
    assert b"PK\6\6" in data
    assert b"PK\6\7" in data
    # Readers look at the zip64 record when the short fields say 0xffffffff: say so, then read.
    patched = data.replace(limit.to_bytes(4, "little"), b"\xff\xff\xff\xff")
    path.write_bytes(patched)
    with Patched(path) as archive:
        assert archive.read("a") == b"a" * 4000
        assert archive.read("b") == b"b" * 9000


def test_entries_beyond_four_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "sparse.zip"
    with ZipWriter(path) as archive:
        archive.write("first", b"one")
        archive._offset = os.lseek(archive._descriptor, 5 << 30, os.SEEK_SET)  # a hole
        archive.write("last", b"two")
    assert path.stat().st_blocks * 512 < 1 << 20
    with zipfile.ZipFile(path) as archive:
        assert archive.read("first") == b"one"
        assert archive.read("last") == b"two"
        assert archive.getinfo("last").header_offset == 5 << 30
    store = ZipStore(LocalBytes(path))
    assert store.get("last") == b"two"
    assert store.get_range("first", -2, 2) == b"ne"
    store.close()


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    with ZipWriter(tmp_path / "a.zip") as archive:
        archive.write("x", b"1")
        with pytest.raises(WriteError, match="x is in the zip already"):
            archive.write("x", b"2")


def test_an_error_leaves_no_directory(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    archive = ZipWriter(path)

    def fail() -> None:
        with archive:
            archive.write("x", b"1")
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        fail()
    assert not zipfile.is_zipfile(path)


@pytest.mark.slow
def test_more_than_four_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    block = os.urandom(1 << 20)
    with ZipWriter(path) as archive:
        archive.write("first", *[block] * 4200)
        archive.write("last", b"end")
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("first").file_size == 4200 << 20
        assert archive.read("last") == b"end"
        assert archive.testzip() is None


@pytest.mark.parametrize("count", [65_534, 65_535])
def test_the_first_number_that_needs_zip64(count: int) -> None:
    """65,535 is no count: it says that the zip64 record has it."""
    end = b"".join(zipstore._end(count, 1000, 2000, b""))
    assert (b"PK\6\6" in end) is (count == 65_535)
    assert (b"PK\6\7" in end) is (count == 65_535)
    if count == 65_535:
        assert struct.unpack_from("<2Q", end, 24) == (count, count)  # APPNOTE 4.3.14


def test_what_is_unpacked_may_be_read_by_its_owner(tmp_path: Path) -> None:
    with ZipWriter(tmp_path / "a.zip") as archive:
        archive.write("x", b"12345")
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        (entry,) = read.infolist()
    assert entry.create_system == 3  # Unix, so that the mode below counts
    assert entry.external_attr >> 16 == 0o100644


@pytest.mark.parametrize(
    ("size", "offset"), [(2**32, 2**32 - 1), (2**32, 2**32 + 7), (2**32 - 1, 9)]
)
def test_a_directory_says_what_is_past_32_bits(size: int, offset: int) -> None:
    """As Python reads it: APPNOTE 4.5.3 has size, compressed size and offset in that order."""
    record = b"".join(zipstore._central(b"x", 1, size, offset))
    end = b"".join(zipstore._end(1, 0, len(record), b""))
    with zipfile.ZipFile(io.BytesIO(record + end)) as archive:
        (entry,) = archive.infolist()
    assert (entry.file_size, entry.compress_size, entry.header_offset) == (size, size, offset)


_WIDE, _SHORT = 2**32 - 1, 2**16 - 1  # where a field of the short record holds no number


@each("which", ["count", "start", "length"])
@each("past", [-1, 0, 1])
def test_each_number_of_the_end_that_is_too_large_is_in_the_wide_one(which: str, past: int) -> None:
    """APPNOTE 4.3.14 to 4.3.16: all ones in the short record says that the wide one has it."""
    numbers = {"count": 3, "start": 1000, "length": 200}
    numbers[which] = (_SHORT if which == "count" else _WIDE) + past
    records = zipstore._end(numbers["count"], numbers["start"], numbers["length"], b"words")
    data = b"".join(records)
    short = struct.unpack("<4s4H2IH", data[-27:-5])
    assert data.endswith(b"words")
    assert short[0] == b"PK\5\6"
    wanted = [min(numbers["count"], _SHORT)] * 2
    wanted += [min(numbers["length"], _WIDE), min(numbers["start"], _WIDE), 5]
    assert list(short[3:]) == wanted
    assert len(data) == 27 + (56 + 20) * (past >= 0)
    if past >= 0:
        wide, place = struct.unpack("<4sQ2H2I4Q", data[:56]), struct.unpack("<4sIQI", data[56:76])
        assert wide[0] == b"PK\6\6"
        assert wide[1] == 56 - 12  # bytes that follow this field
        assert wide[6:] == (numbers["count"], numbers["count"], numbers["length"], numbers["start"])
        assert place == (b"PK\6\7", 0, numbers["start"] + numbers["length"], 1)


@pytest.mark.parametrize("length", [_SHORT, _SHORT + 1])
def test_a_comment_is_as_long_as_its_length_can_be(tmp_path: Path, length: int) -> None:
    if length > _SHORT:
        with pytest.raises(WriteError, match="65535 bytes at most"):
            ZipWriter(tmp_path / "a.zip", b"c" * length)
        assert not list(tmp_path.iterdir())
        return
    with ZipWriter(tmp_path / "a.zip", b"c" * length) as archive:
        archive.write("x", b"1")
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        assert read.comment == b"c" * length
        assert read.read("x") == b"1"
