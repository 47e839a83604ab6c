"""Small files that are replaced whole."""

import errno
from pathlib import Path
from typing import Any

import pytest

from ziggurat.readers.errors import ScratchFullError
from ziggurat.writers.files.small import replace_file


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
@pytest.mark.parametrize("call", ["write_bytes", "replace"])
def test_no_room_is_said_and_the_old_one_stays(
    tmp_path: Path, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk, a quota, a limit of the process can be full; that a disk fails is something else."""
    target = tmp_path / "facts.json"
    replace_file(target, b"old")

    def failing(*_: Any) -> None:
        raise OSError(number, "so it is")

    with monkeypatch.context() as patch:
        patch.setattr(*((Path, call) if call == "write_bytes" else ("os.replace",)), failing)
        with pytest.raises(OSError, match="no room" if number != errno.EIO else "so it is") as info:
            replace_file(target, b"new")
    assert isinstance(info.value, ScratchFullError) == (number != errno.EIO)
    assert info.value.errno == number
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
