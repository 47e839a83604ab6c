"""Calls of Linux that Python has no name for: what each error of theirs becomes."""

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ziggurat.writers.files import system
from ziggurat.writers.files.system import exchange, rename_new, sync_file_system_of


def failing(number: int, name: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Let a call fail; return what it is given."""
    seen: list[tuple[Any, ...]] = []

    def call(*arguments: Any) -> int:
        seen.append(arguments)
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(system, "_libc", SimpleNamespace(**{name: call}))
    return seen


@pytest.mark.parametrize("call", [rename_new, exchange])
@pytest.mark.parametrize(
    "number",
    [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EEXIST, errno.EXDEV, errno.ENOSPC,
     errno.ENOENT],
)  # fmt: skip
def test_a_rename_that_is_not_done_is_said_or_raised(
    call: Callable[[Path, Path], bool], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the kernel or the file system knows no such call there is another way."""
    failing(number, "renameat2", monkeypatch)
    if number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        assert call(Path("one"), Path("other")) is False
        return
    with pytest.raises(OSError, match="other") as caught:
        call(Path("one"), Path("other"))
    assert caught.value.errno == number
    assert isinstance(caught.value, FileExistsError) is (number == errno.EEXIST)


def test_a_new_name_is_never_that_of_another_and_an_exchange_keeps_both(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "öther"
    one.write_text("1")
    other.write_text("2")
    with pytest.raises(FileExistsError):
        rename_new(one, other)
    assert exchange(one, other)
    assert (one.read_text(), other.read_text()) == ("2", "1")
    other.unlink()
    assert rename_new(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["öther"]
    with pytest.raises(FileNotFoundError):
        exchange(one, other)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_flush_that_fails_is_raised_and_keeps_nothing_open(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_before = len(os.listdir("/proc/self/fd"))
    sync_file_system_of(tmp_path)
    seen = failing(number, "syncfs", monkeypatch)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        sync_file_system_of(tmp_path)
    assert caught.value.errno == number
    assert len(seen) == 1
    assert len(os.listdir("/proc/self/fd")) == open_before
