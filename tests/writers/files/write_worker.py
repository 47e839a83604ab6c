"""Writes a picture to a path, slowly or not, until it is done or killed: run as a program."""

import sys
import time

import numpy as np

from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels, Plane
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.readers.views.views import SamePixels
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions


class SlowPlane(SamePixels):
    """Takes its time, so that there is a middle to be killed in."""

    def read(self, rect: Rect) -> Pixels:
        time.sleep(0.04)
        return self.source.read(rect)

    def encoded(self) -> None:
        """Return None: nothing is to be copied."""

    def places(self) -> None:
        """Return None: nothing is to be copied."""


class SlowReader(ArrayReader):
    def plane(self, level: int, frame: int) -> Plane:
        return SlowPlane(super().plane(level, frame))


def main(path: str, value: str) -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (512, 512, 3), np.uint8)
    pixels[:16, :16] = int(value)
    reader = SlowReader(pixels, array_reader(pixels).info)
    print("begun", flush=True)
    options = WriteOptions(lossy=False, overwrite=True, tile_size=64, max_memory=1 << 20)
    write(reader, path, options)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
