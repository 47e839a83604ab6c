"""What two workers say of an image at the same moment is kept of both."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.readers.formats.sink_store.log import layout
from ziggurat.readers.io.objects import FolderObjects
from ziggurat.writers.store.log.facts import LogFacts, Putting


class _Racing(Putting):
    """Lets somebody else go first, once, just before an object is put."""

    def __init__(self, folder: Path) -> None:
        super().__init__(FolderObjects(str(folder)), str(folder), lambda: None)
        self.first: Callable[[], object] | None = None

    def create(self, name: str, data: bytes) -> bool:
        first, self.first = self.first, None
        if first is not None:
            first()
        return super().create(name, data)


def test_attributes_of_two_workers(tmp_path: Path) -> None:
    put = _Racing(tmp_path)
    ours, theirs = (LogFacts(one, list) for one in (put, _Racing(tmp_path)))
    put.first = lambda: theirs.change(lambda said: said.update(theirs=2))
    assert ours.change(lambda said: said.setdefault("ours", 1)) == 1
    assert ours.attributes() == {"ours": 1, "theirs": 2}


def test_values_of_two_workers(tmp_path: Path) -> None:
    put = _Racing(tmp_path)
    ours, theirs = (LogFacts(one, list) for one in (put, _Racing(tmp_path)))
    put.first = lambda: theirs.add_values({"z": 1}, {"z": 0.5})
    ours.add_values({"z": 2}, {"z": 0.75})
    said = sorted(layout.read_values(FolderObjects(str(tmp_path))), key=repr)
    assert [one["values"] for one in said] == [{"z": 0.5}, {"z": 0.75}]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES])
def test_no_room_is_told_from_other_failures(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Putting(FolderObjects(str(tmp_path)), str(tmp_path), lambda: None)

    def failing(*_: object) -> bool:
        raise OSError(number, "so it is")

    monkeypatch.setattr(FolderObjects, "create", failing)
    full = number != errno.EACCES
    with pytest.raises(SinkError, match="no room" if full else "can't be written to") as caught:
        put.create("segments/a", b"x")
    assert isinstance(caught.value, ScratchFullError) == full
