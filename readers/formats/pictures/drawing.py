"""How much an SVG drawing draws: elements that refer to one another multiply.

librsvg gives up after 500,000 of them, which takes it several seconds.
"""

import re
from xml.parsers import expat

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.io.location import Location

_MOST_REPEATED = 100_000
_MOST_BYTES = 256 * 1024 * 1024
_URL = re.compile(r"url\(\s*['\"]?#([^)'\"]+)")
_ROOT = ""


class _Part:
    """An element with a name, or the whole: how many elements it has, and whom it refers to."""

    def __init__(self) -> None:
        self.elements = 0
        self.refers: list[str] = []


class _Counter:
    """What a parser tells, by the names of elements."""

    def __init__(self) -> None:
        self.parts: dict[str, _Part] = {_ROOT: _Part()}
        self._open: list[_Part | None] = []
        self._inside = [self.parts[_ROOT]]

    def start(self, _: str, attributes: dict[str, str]) -> None:
        """Count an element, and what it refers to."""
        part = None
        own = attributes.get("id")
        if own and own not in self.parts:
            self._inside[-1].refers.append(own)
            part = self.parts[own] = _Part()
            self._inside.append(part)
        self._open.append(part)
        here = self._inside[-1]
        here.elements += 1
        for key, value in attributes.items():
            if key.rpartition(":")[2] == "href" and value.startswith("#"):
                here.refers.append(value[1:])
            elif "url(" in value:
                here.refers += _URL.findall(value)

    def end(self, _: str) -> None:
        """Leave an element."""
        if self._open.pop() is not None:
            self._inside.pop()

    def drawn(self) -> int:
        """Return how many elements are drawn, those that are referred to each time anew."""
        sizes: dict[str, int] = {}
        waiting = [_ROOT]
        entered: set[str] = set()
        while waiting:
            name = waiting[-1]
            part = self.parts[name]
            missing = [
                other
                for other in part.refers
                if other in self.parts and other not in sizes and other not in entered
            ]
            if name not in entered and missing:
                entered.add(name)
                waiting += missing
                continue
            entered.add(name)
            waiting.pop()
            # a circle counts for nothing: librsvg breaks it
            sizes[name] = part.elements + sum(sizes.get(other, 0) for other in part.refers)
        return sizes[_ROOT]


def check_drawing(location: Location, data: bytes | None) -> None:
    """Refuse a drawing of a few elements that becomes a great many by references.

    Raises
    ------
    CorruptSourceError
        It does. Drawings that are no XML are left to librsvg, which says what is wrong.
    """
    if data is None:
        source = location.open_bytes()
        data = source.read(0, min(source.size, _MOST_BYTES))
    counter = _Counter()
    parser = expat.ParserCreate()
    parser.StartElementHandler = counter.start
    parser.EndElementHandler = counter.end
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        return
    elements = sum(part.elements for part in counter.parts.values())
    drawn = counter.drawn()
    if drawn - elements > _MOST_REPEATED:
        raise CorruptSourceError(
            f"{location.url} draws {drawn} elements out of {elements} by references to one "
            f"another; at most {_MOST_REPEATED} repeated ones are drawn: damaged or hostile"
        )
