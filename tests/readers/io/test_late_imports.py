"""A fork waits for imports: its child would wait for ever for a lock of a thread that it lacks."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from ziggurat.readers.io import late_imports

SLOW = """
import slow_import_gate as gate
gate.begun.set()
gate.go.wait(60)
"""
GATE = "import threading\nbegun, go = threading.Event(), threading.Event()\n"


def test_a_fork_waits_until_another_thread_has_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_import_gate.py").write_text(GATE)
    (tmp_path / "slow_import.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    gate = __import__("slow_import_gate")
    thread = threading.Thread(target=__import__, args=("slow_import",))
    assert not late_imports.importing_elsewhere()
    thread.start()
    gate.begun.wait(60)
    assert late_imports.importing_elsewhere()

    real = late_imports.time.sleep

    def let_go(seconds: float) -> None:  # the fork waits: only now the import may end
        gate.go.set()
        real(seconds)

    monkeypatch.setattr(late_imports.time, "sleep", let_go)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        __import__("slow_import")  # hangs, where the fork fell into the import
        os._exit(0)
    gate.go.set()
    assert os.waitpid(child, 0)[1] == 0
    thread.join()
    assert not late_imports.importing_elsewhere()
    for name in ("slow_import", "slow_import_gate"):
        sys.modules.pop(name, None)
