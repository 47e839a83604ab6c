"""Writes a picture to a path, slowly or not, until it is done or killed: run as a program."""

import sys
import time
from typing import Any

import numpy as np

from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions


class SlowReader(ArrayReader):
    """Takes its time, so that there is a middle to be killed in."""

    def view(self, level: int, frame: int, rect: Any) -> Any:
        time.sleep(0.015)
        return super().view(level, frame, rect)


def main(path: str, value: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (1024, 1024, 3), np.uint8)
    pixels[:16, :16] = int(value)
    reader = SlowReader(pixels, array_reader(pixels).info)
    print("begun", flush=True)
    options = WriteOptions(lossy=False, overwrite=True, tile_size=64, max_memory=1 << 20)
    write(reader, path, options)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
