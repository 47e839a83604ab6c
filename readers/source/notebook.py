"""How an image shows itself in a notebook."""

import html
from importlib import import_module
from typing import Any

from ziggurat.readers.errors import SourceError
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.hooks import HasImage
from ziggurat.readers.source.options import OpenOptions
from ziggurat.readers.source.regions import read_thumbnail

_WIDTH = 512


class NotebookMethods:
    """Rich representations; IPython looks for these names."""

    def _repr_png_(self: HasImage) -> bytes:
        return _picture(self._image(), self._options)

    def _repr_html_(self: HasImage) -> str:
        import base64

        image = self._image()
        info = image.info
        facts = [
            ("size", f"{info.width} × {info.height}"),
            ("bands", f"{info.bands} × {info.dtype.name}"),
            ("frames", str(info.frames)),
            ("format", info.format),
        ]
        rows = "".join(
            f"<tr><th>{key}</th><td>{html.escape(text)}</td></tr>" for key, text in facts
        )
        picture = base64.b64encode(_picture(image, self._options)).decode()
        return f'<img src="data:image/png;base64,{picture}"><table>{rows}</table>'

    def view(self, *others: object) -> Any:
        """Return a widget that shows this image in a notebook, also while it grows.

        Parameters
        ----------
        *others
            What lies over it: sources, sinks, paths or URLs.

        Raises
        ------
        UnsupportedFormatError
            ``ziggurat[notebook]`` is not installed.
        SourceError
            One of them has no path that it can be opened by.
        """
        # the viewer stands floors above: it is asked for at the front door
        return import_module("ziggurat.viewer").view([place_of(one) for one in (self, *others)])


def _picture(image: Image, options: OpenOptions) -> bytes:
    picture, _ = read_thumbnail(image, options, (_WIDTH, _WIDTH), {"encoding": "PNG"})
    assert isinstance(picture, bytes)
    return bytes(picture)


def place_of(image: object) -> object:
    """Return the path or URL of a source or sink; what is one already, as it is."""
    for name in ("largeImagePath", "path"):
        place = getattr(image, name, None)
        if isinstance(place, str):
            return place
    if isinstance(image, NotebookMethods):
        raise SourceError("an image without a path can't be shown: the viewer opens it by its path")
    return image
