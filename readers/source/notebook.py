"""How an image shows itself in a notebook."""

import html

from ziggurat.readers.source.regions import RegionMethods

_WIDTH = 512


class NotebookMethods(RegionMethods):
    """Rich representations; IPython looks for these names."""

    def _repr_png_(self) -> bytes:
        data = self.getThumbnail(_WIDTH, _WIDTH, encoding="PNG")[0]
        return bytes(data)

    def _repr_html_(self) -> str:
        import base64

        info = self._reader().info
        facts = [
            ("size", f"{info.width} × {info.height}"),
            ("bands", f"{info.bands} × {info.dtype.name}"),
            ("frames", str(info.frames)),
            ("format", info.format),
        ]
        rows = "".join(
            f"<tr><th>{key}</th><td>{html.escape(text)}</td></tr>" for key, text in facts
        )
        picture = base64.b64encode(self._repr_png_()).decode()
        return f'<img src="data:image/png;base64,{picture}"><table>{rows}</table>'
