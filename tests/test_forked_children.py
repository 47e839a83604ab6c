"""A forked child that fails within a test ends there, and its error is told."""

import os
import signal
import time

import pytest


def test_a_child_that_fails_does_not_go_on_with_the_tests(
    capfd: pytest.CaptureFixture[str],
) -> None:
    child = os.fork()
    if child == 0:
        raise RuntimeError("in the child")
    try:
        end = time.monotonic() + 60
        while not (ended := os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            assert time.monotonic() < end, "it goes on as if it were the tests"
            time.sleep(0.005)
        assert ended.si_status == 70
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert "RuntimeError: in the child" in capfd.readouterr().err
