"""What is answered to a page: paths and queries in, bytes out. No server is in it.

A server, a notebook's widget and the export to a folder all ask here, so that they answer alike.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from ziggurat.converter.viewer.looks import parse_look
from ziggurat.converter.viewer.shown import Encoded, Shown
from ziggurat.readers.errors import OptionError, TileRangeError, ZigguratError, message_of
from ziggurat.readers.io.lru import Lru

_KEPT = 128 * 2**20  # bytes of encoded tiles
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
STALE = 203  # the status of a growing sink's tile: there is more by now
VENDORED = "vendor/openseadragon.min.js"

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and its type; ``etag`` where the same question gets the same bytes."""

    status: int
    media_type: str
    body: bytes
    etag: str | None = None


class Gallery:
    """The images that were named. Nothing else is ever opened, whatever a page asks for."""

    def __init__(self, images: Sequence[Shown]) -> None:
        self.images = tuple(images)
        self._tiles: Lru[tuple[object, ...], Encoded] = Lru(_KEPT, lambda tile: len(tile.data))

    def close(self) -> None:
        """Release the files."""
        for image in self.images:
            image.close()

    def answer(self, path: str, query: Query) -> Answer:
        """Answer one request.

        Parameters
        ----------
        path
            ``info``, ``static/NAME``, or a word and the number of an image: ``tile/I/Z/X/Y``,
            ``associated/I/N``, ``histogram/I``, ``value/I``, ``news/I``.
        query
            Its words, each once.

        Returns
        -------
        Answer
            Errors are answers, too: 400 for questions that are invalid, 404 for what is not
            there, 500 for images that can't be read; the body says why.
        """
        what, *rest = path.strip("/").split("/")
        try:
            if what in ("", "index.html") and not rest:
                return page("index.html")
            if what == "static":
                return page("/".join(rest))
            if what == "info" and not rest:
                return as_json({"images": [image.facts() for image in self.images]})
            if what in _ANSWERS and rest:
                return _ANSWERS[what](self, self._image(rest[0]), rest[1:], query)
        except (OptionError, TileRangeError) as error:
            return refusal(404 if isinstance(error, TileRangeError) else 400, error)
        except ZigguratError as error:
            return refusal(500, error)
        return refusal(404, "there is nothing of this name")

    def _image(self, text: str) -> Shown:
        number = whole(text)
        if number >= len(self.images):
            raise TileRangeError(f"there is no image {number}")
        return self.images[number]

    def _tile(self, image: Shown, rest: list[str], query: Query) -> Answer:
        if len(rest) != 3:
            raise OptionError("a tile must be asked for by image, level, column and row")
        z, x, y = (whole(text) for text in rest)
        look = parse_look(query)
        if image.growth is not None:
            tile = image.tile(z, x, y, look)
            return Answer(200 if tile.fresh else STALE, tile.media_type, tile.data)
        key = (id(image), z, x, y, look)
        found = self._tiles.get(key)
        if found is None:
            found = image.tile(z, x, y, look)
            self._tiles.put(key, found)
        return Answer(200, found.media_type, found.data, etag_of(found.data))

    def _associated(self, image: Shown, rest: list[str], query: Query) -> Answer:
        del query
        names = image.source().getAssociatedImagesList()
        number = whole(rest[0]) if rest else len(names)
        _end(rest[1:])
        if number >= len(names):
            raise TileRangeError("there is no such associated image")
        found = image.associated(names[number])
        return Answer(200, found.media_type, found.data, etag_of(found.data))

    def _histogram(self, image: Shown, rest: list[str], query: Query) -> Answer:
        _end(rest)
        look = parse_look(query)
        return as_json(image.histogram(look.frame, whole(query.get("band", "0"))))

    def _value(self, image: Shown, rest: list[str], query: Query) -> Answer:
        _end(rest)
        x, y, frame = (whole(query.get(name, "0")) for name in ("x", "y", "frame"))
        return as_json(image.value(x, y, frame))

    def _news(self, image: Shown, rest: list[str], query: Query) -> Answer:
        _end(rest)
        since = whole(query.get("since", "0"))
        if image.growth is None:
            return as_json({"upto": 0, "tiles": [], "everything": False, "rate": 0, "covered": 1})
        return as_json(news_of(image, since))


def news_of(image: Shown, since: int) -> dict[str, Any]:
    """Return what came into a growing image after its first ``since`` tiles, as JSON has it."""
    assert image.growth is not None
    news = image.growth.since(since)
    size: tuple[int, int] | None = None
    if news.upto:
        source = image.source()
        size = (source.sizeX, source.sizeY)
    return {
        "upto": news.upto,
        "tiles": [[tile.x, tile.y, tile.width, tile.height] for tile in news.tiles],
        "everything": news.everything,
        "rate": round(news.rate, 1),
        "size": size,
        "covered": image.growth.covered(*size) if size else 0,
    }


_Route = Callable[[Gallery, Shown, list[str], Query], Answer]
_ANSWERS: dict[str, _Route] = {
    "tile": Gallery._tile,
    "associated": Gallery._associated,
    "histogram": Gallery._histogram,
    "value": Gallery._value,
    "news": Gallery._news,
}


def page(name: str) -> Answer:
    """Return a file of the page; no name leads out of its folder."""
    file = _files().get(name)
    if file is None:
        return refusal(404, "there is nothing of this name")
    body = file.read_bytes()
    kind = _TYPES[name[name.rfind(".") :]]
    return Answer(200, f"{kind}; charset=utf-8", body, etag_of(body))


@cache
def _files() -> dict[str, Traversable]:
    """Return what the page consists of, by name: a name of the browser's is only looked up."""
    root = resources.files("ziggurat.converter.viewer") / "static"
    found = {file.name: file for file in root.iterdir()}
    if (vendor := root / "vendor").is_dir():
        found |= {f"vendor/{file.name}": file for file in vendor.iterdir()}
    return {name: file for name, file in found.items() if name.endswith(tuple(_TYPES))}


def etag_of(body: bytes) -> str:
    """Return what tells one body from another, as HTTP writes it."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def as_json(value: object) -> Answer:
    """Return a value as JSON; numbers that are not finite, which JSON doesn't know, as null."""
    text = json.dumps(_finite(value), allow_nan=False, default=str)
    return Answer(200, "application/json", text.encode())


def _finite(value: object) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value


def whole(text: str) -> int:
    """Return a number that a page sends.

    Raises
    ------
    OptionError
        It isn't one of at most ten digits.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise OptionError(f"{text[:40]!r} must be a whole number from 0 to 9999999999")
    return int(text)


def _end(rest: list[str]) -> None:
    if rest:
        raise TileRangeError("there is nothing of this name")


def refusal(status: int, why: object) -> Answer:
    """Return the answer to a question that gets none: ``{"error": why}``."""
    text = message_of(why) if isinstance(why, BaseException) else str(why)
    return Answer(status, "application/json", json.dumps({"error": text}).encode())
