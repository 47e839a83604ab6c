"""Which threads of an engine are still there."""

import sys
import time
from types import FrameType

from ziggurat.readers.io import crew

PATIENCE = 30.0  # seconds: a thread that has said that it goes may need a moment to be gone


def labouring() -> list[int]:
    """Return the threads of any crew; waits for those on their way out."""
    end = time.monotonic() + PATIENCE
    while (found := _found()) and time.monotonic() < end:
        time.sleep(0.001)
    return found


def _found() -> list[int]:
    return [thread for thread, frame in sys._current_frames().items() if _labours(frame)]


def _labours(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is crew._labour.__code__:
            return True
        frame = frame.f_back
    return False
