"""The viewer in a notebook: the same page, its questions asked over the widget's own channel.

No port is opened, so it works wherever the notebook does.
"""

import json
import os
import threading
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ziggurat.converter.viewer.answers import VENDORED, Gallery, news_of, page
from ziggurat.converter.viewer.export import MODULES
from ziggurat.converter.viewer.shown import Shown
from ziggurat.readers.errors import UnsupportedFormatError, ZigguratError

_BEAT = 1.0  # seconds between two looks into a journal


def script() -> str:
    """Return the widget's module: the page's own modules, and the way to load them.

    Raises
    ------
    UnsupportedFormatError
        The page's library was not there when the package was built.
    """
    library = page(VENDORED)
    if library.status != 200:
        raise UnsupportedFormatError(
            "the page's library, OpenSeadragon, was not there when ziggurat was built"
        )
    names = [name for name in MODULES if name.endswith(".js") and name != VENDORED]
    modules = {name: page(name).body.decode() for name in names}
    head = {"MODULES": modules, "LIBRARY": library.body.decode()}
    lines = [f"const {name} = {json.dumps(value)};\n" for name, value in head.items()]
    return "".join(lines) + page("widget.js").body.decode()


def view(sources: Sequence[str | os.PathLike[str]]) -> Any:
    """Return a widget that shows images, the first at the bottom.

    Parameters
    ----------
    sources
        Paths or URLs, growing sinks among them.

    Returns
    -------
    anywidget.AnyWidget

    Raises
    ------
    UnsupportedFormatError
        ``ziggurat[notebook]`` is not installed.
    SourceError
        A source can't be opened.
    """
    try:
        import anywidget
    except ImportError as error:
        raise UnsupportedFormatError(
            "the viewer in a notebook needs anywidget: pip install 'ziggurat[notebook]'"
        ) from error

    gallery = Gallery([Shown(source) for source in sources])

    class ZigguratView(anywidget.AnyWidget):
        _esm = script()
        _css = page("view.css").body.decode()

        def close(self) -> None:
            super().close()
            gallery.close()

    widget = ZigguratView()
    Channel(gallery, widget)
    return widget


class Channel:
    """Answers what the page asks over a widget's messages."""

    def __init__(self, gallery: Gallery, widget: Any) -> None:
        self.gallery = gallery
        self._widget = widget
        self._seen: dict[int, int] = {}
        self._listening = False
        self._context = copy_context()
        widget.on_msg(self.hear)

    def hear(self, widget: Any, message: dict[str, Any], buffers: Any = None) -> None:
        """Answer one message: ``{"id", "path"}`` gets the bytes, ``{"listen"}`` the news."""
        del widget, buffers
        self._context = copy_context()
        if "path" in message:
            parts = urlsplit(str(message["path"]))
            answer = self.gallery.answer(parts.path, dict(parse_qsl(parts.query)))
            reply = {"id": message.get("id"), "status": answer.status, "type": answer.media_type}
            if answer.status >= 400:
                reply["error"] = json.loads(answer.body)["error"]
            self._widget.send(reply, [answer.body])
        elif "listen" in message:
            self._seen.clear()  # whoever listens anew knows of nothing yet
            if not self._listening:
                self._listening = True
                self._tell()

    def _tell(self) -> None:
        """Send what came into growing images since the last time, and look again soon."""
        growing = [(n, image) for n, image in enumerate(self.gallery.images) if image.growth]
        self._listening = bool(growing) and self._widget.comm is not None  # None: it was closed
        if not self._listening:
            return
        for number, image in growing:
            assert image.growth is not None
            try:
                if image.growth.count() == self._seen.get(number, -1):
                    continue
                news = news_of(image, self._seen.get(number, 0))
            except (ZigguratError, OSError):
                continue  # it is in the middle of a change, or gone: the next look tells
            self._seen[number] = news["upto"]
            self._widget.send({"news": {"image": number, **news}})
        timer = threading.Timer(_BEAT, self._beat)
        timer.daemon = True
        timer.start()

    def _beat(self) -> None:
        # in the context of the last question: kernels with subshells give what the page asks next
        # to the shell that sent last, and the main one answers nothing while a cell runs
        self._context.copy().run(self._tell)
