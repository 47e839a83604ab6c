"""Where styles meet pixels: the one place that decides whether, and hands over what is needed."""

from weakref import WeakKeyDictionary

from ziggurat.readers.grid.regions import Window
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Pixels, Reader
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.pixels.resample import Resample
from ziggurat.readers.pixels.window import overview, read_window
from ziggurat.readers.style.apply import apply_style
from ziggurat.readers.style.parse import Style, parse_style

_OVERVIEW = 1024  # pixels a side; ranges and percentiles come from it

_MOST_OVERVIEWS = 16  # a reader, where nothing else may be cached
_overviews: WeakKeyDictionary[Reader, dict[int, Pixels]] = WeakKeyDictionary()


class FrameAccess:
    """What a style may look at: one window of any frame, and overviews for its ranges."""

    def __init__(self, access: Image, window: Window, method: Resample) -> None:
        self._access = access
        self._window = window
        self._method = method
        self._pixels: dict[int, Pixels] = {}

    @property
    def info(self) -> ImageInfo:
        """The facts of the image."""
        return self._access.info

    def pixels(self, frame: int) -> Pixels:
        """Return the window of a frame, read and scaled; not to be written into."""
        if frame not in self._pixels:
            self._pixels[frame] = read_window(self._access, frame, self._window, self._method)
        return self._pixels[frame]

    def overview(self, frame: int) -> Pixels:
        """Return a whole frame within 1024 × 1024, nearest pixels; not to be written into."""
        access = self._access
        key = (access.identity, "overview", frame)
        if access.cache is None or access.identity is None:
            return _without_cache(access, frame)
        found: Pixels | None = access.cache.get(key)
        if found is None:
            found = overview(access, frame, _OVERVIEW)
            found.flags.writeable = False
            access.cache.put(key, found, found.nbytes)
        return found


def _without_cache(access: Image, frame: int) -> Pixels:
    """Return an overview that lives as long as its reader: ranges are not found anew each tile."""
    if access.reader.volatile:
        return overview(access, frame, _OVERVIEW)
    own = _overviews.setdefault(access.reader, {})
    found = own.get(frame)
    if found is None:
        found = own[frame] = overview(access, frame, _OVERVIEW)
        while len(own) > _MOST_OVERVIEWS:
            own.pop(next(iter(own)), None)
    return found


def effective_style(style: object) -> Style | None:
    """Return the parsed style, or None where pixels go out as they are stored."""
    if not style:
        return None
    parsed = parse_style(style)
    return None if parsed is None or parsed.is_plain else parsed


def styled_window(
    access: Image,
    frame: int,
    window: Window,
    method: Resample,
    style: Style | None,
    *,
    eight_bit: bool = False,
) -> Pixels:
    """Return the pixels of a window, with the style applied where there is one.

    ``eight_bit`` says that a styled result will be shown: it is uint8 then.
    """
    if style is None:
        return read_window(access, frame, window, method)
    return apply_style(style, frame, FrameAccess(access, window, method), eight_bit=eight_bit)
