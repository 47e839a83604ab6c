"""Which file system a store is on, and whether an image has room."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import ScratchFullError, SinkError
from ziggurat.writers.store import room

MOUNTS = """\
21 1 8:1 / / rw shared:1 - ext4 /dev/root rw
22 21 0:30 / /data rw shared:2 - nfs4 server:/data rw
23 22 0:31 / /data/fast rw - xfs /dev/sdb rw
24 21 0:32 / /with\\040space rw shared:3 master:1 - cifs //server/share rw
25 21 0:33 / /data rw shared:2 - lustre above:/it rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/database/x", "ext4"),
        ("/data", "lustre"),  # the later of two mounts is the one that is seen
        ("/data/x", "lustre"),
        ("/data/fast/x", "xfs"),
        ("/data/faster/x", "lustre"),
        ("/with space/x", "cifs"),
        ("/with", "ext4"),
    ],
)
def test_a_path_is_on_the_nearest_mount_above_it(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: MOUNTS)
    assert room.file_system(path) == kind


@pytest.mark.parametrize(
    ("kind", "safe"),
    [
        ("nfs4", False),
        ("cifs", False),
        ("lustre", False),
        ("fuse.sshfs", False),
        ("fuse.glusterfs", False),
        ("fuseblk", True),  # a disk of another system, here
        ("ext4", True),
        ("tmpfs", True),
        ("", True),
    ],
)
def test_a_store_of_another_machine_is_refused_where_machines_share_files(
    tmp_path: Path, kind: str, safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ziggurat.new(tmp_path / "s") as sink:
        sink.addTile(np.ones((5, 5), np.uint8))
    monkeypatch.setattr(room, "file_system", lambda _: kind)
    ziggurat.new(tmp_path / "s", mode="join").close()  # of this machine: wherever it lies
    monkeypatch.setattr(room, "host_word", lambda: 7)
    if safe:
        ziggurat.new(tmp_path / "s", mode="join").close()
    else:
        with pytest.raises(SinkError, match="made on another machine"):
            ziggurat.new(tmp_path / "s", mode="join")
    assert ziggurat.open(tmp_path / "s").sizeX == 5


@pytest.mark.parametrize(
    "far", [{"x": 10**8, "y": 10**4}, {"z": 10**8}, {"z": 10**4, "c": 10**4}], ids=str
)
def test_no_room_is_reserved_that_is_not_there(tmp_path: Path, far: dict[str, Any]) -> None:
    known: dict[str, Any] = {"sizeX": 3000, "sizeY": 3000, "bands": 3, "dtype": "uint8"}
    with ziggurat.new(tmp_path / "s", **known, expectedCoverage=0.5) as sink:
        with pytest.raises(ScratchFullError, match="GB are free"):
            sink.reserve(**far)
        sink.addTile(np.ones((4, 4, 3), np.uint8))
        assert sink.frames == 1
        assert sink.sizeX == 3000
