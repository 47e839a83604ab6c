"""The far side of the fence: opens one image, answers questions until the line is cut."""

import importlib
import os
import select
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any, Protocol

from ziggurat.readers.errors import SourceError, UnsupportedFormatError
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels


class FencedImage(Protocol):
    """What a module's ``open_image(path)`` gives; it is asked by one thread."""

    info: ImageInfo

    def read(self, level: int, frame: int, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle of a level."""

    def picture(self, name: str) -> Pixels:
        """Return the pixels of an associated image."""

    def jpeg(self, name: str) -> bytes | None:
        """Return the stream of an associated image that is kept as JPEG."""


def serve(line: Connection, module: str) -> None:
    """Answer until nobody asks any more; every failure is an answer, too."""
    image: Any = None
    while True:
        try:
            name, *arguments = line.recv()
        except EOFError:
            return
        try:
            if name == "open":
                image, answer = importlib.import_module(module).open_image(*arguments), None
            else:
                found = getattr(image, name)
                answer = found(*arguments) if callable(found) else found
            line.send(("answer", answer))
        except UnsupportedFormatError as error:
            line.send(("unsupported", str(error)))
        except SourceError as error:
            line.send(("corrupt", str(error)))
        except Exception as error:  # noqa: BLE001  libraries raise whatever they like
            line.send(("corrupt", f"{type(error).__name__}: {error}"))


def leave_with(line: Connection) -> None:
    """End this process when nobody is on the line any more, whatever the library is at."""

    def watch() -> None:
        hung_up = select.poll()
        hung_up.register(line, 0)  # an end is always told
        hung_up.poll()
        os._exit(0)

    threading.Thread(target=watch, name="line", daemon=True).start()


if __name__ == "__main__":
    asker = Connection(int(sys.argv[1]))
    leave_with(asker)
    serve(asker, sys.argv[2])
