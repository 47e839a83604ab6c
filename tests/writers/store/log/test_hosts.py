"""Two hosts with one shared folder: namespaces of one machine, of other names, networks, processes.

A kernel is shared, so this holds what depends on names, process numbers and addresses; what two
page caches do to each other, NFS, is not to be had here.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ziggurat

UNSHARE = (
    "unshare",
    "--map-root-user",
    "--uts",
    "--net",
    "--ipc",
    "--pid",
    "--fork",
    "--mount-proc",
)
WORKER = """
import socket, sys
import numpy as np, ziggurat
path, host, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
socket.sethostname(host)
if __name__ == "__main__":
    sink = ziggurat.new(path, mode="join")
    order = np.random.default_rng(number).permutation(60)
    for key in order:  # every worker lays all tiles: each is to count once
        tile = np.random.default_rng(key).integers(0, 200, (40, 40, 3), np.uint8)
        sink.addTile(tile, x=int(key) % 8 * 25, y=int(key) // 8 * 25, key=int(key))
    print(socket.gethostname(), len(list(sink.tiles())))
"""


def permitted() -> bool:
    try:
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["sum", "over"])
def test_two_hosts_fill_one_store(mode: str, tmp_path: Path) -> None:
    if not permitted():
        pytest.skip("namespaces are not permitted here")
    with ziggurat.new(tmp_path / "s", store="log", blend=mode) as sink:
        command = [*UNSHARE, sys.executable, "-c", WORKER, sink.path]
        workers = [
            subprocess.Popen([*command, f"host{n % 2}", f"{n}"], stdout=subprocess.PIPE, text=True)
            for n in range(4)
        ]
        said = [worker.communicate(timeout=200)[0].split() for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * 4
        assert {host for host, _ in said} == {"host0", "host1"}
        with ziggurat.new(blend=mode) as alone:
            for key in range(60):
                tile = np.random.default_rng(key).integers(0, 200, (40, 40, 3), np.uint8)
                alone.addTile(tile, x=key % 8 * 25, y=key // 8 * 25, key=key)
            found, right = (one.getRegion(format="numpy")[0] for one in (sink, alone))
        assert np.array_equal(found, right)
        assert [tile.key for tile in sink.tiles()] == list(range(60))
        assert len(list((tmp_path / "s/.ziggurat/segments").iterdir())) == 60
