"""Tables of an image, as people see them.

Names come from files: everything is printed as it is, never as markup.
"""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ziggurat.converter.cli.describe import describe
from ziggurat.converter.cli.texts import size_text
from ziggurat.readers.model.image import ImageInfo
from ziggurat.readers.model.reader import Reader


def add_row(table: Table, *cells: object) -> None:
    """Add values to a table as they are."""
    table.add_row(*(Text(str(cell)) for cell in cells))


def show_info(path: str, reader: Reader) -> None:
    """Print an image's facts as tables."""
    console = Console()
    info = reader.info
    facts = describe(reader, path)
    console.print(_facts_table(path, info))
    console.print(_levels_table(facts["levels"]))
    if info.axes:
        console.print(_axes_table(info))
    if info.channels:
        table = Table("channel", "name", "colour", title="Channels", title_justify="left")
        for index, channel in enumerate(info.channels):
            add_row(table, index, channel.name, channel.color or "")
        console.print(table)
    if info.associated:
        table = Table("name", "size", "codec", title="Associated images", title_justify="left")
        for image in facts["associated"]:
            size = image.get("error") or f"{image['width']} × {image['height']}"
            add_row(table, image["name"], size, image["codec"] or "")
        console.print(table)


def _facts_table(path: str, info: ImageInfo) -> Table:
    table = Table(title=Text(path), show_header=False, title_justify="left")
    kind = f"{info.bands} × {info.dtype.name}, {info.interpretation.value}"
    facts = {
        "format": info.format,
        "read by": info.backend,
        **{f"declined by {name}": reason for name, reason in info.declined.items()},
        **{f"lost {number}": loss for number, loss in enumerate(info.losses, 1)},
        "size": f"{info.width} × {info.height} pixels",
        "samples": kind + (" with alpha" if info.alpha else ""),
        "pixel size": pixel_size_text(info),
        "magnification": "" if info.magnification is None else f"{info.magnification:g}×",
        "ICC profile": size_text(len(info.icc_profile)) if info.icc_profile else "",
        "place on earth": "yes" if info.geo else "",
        **info.properties,
    }
    for name, value in facts.items():
        if value:
            table.add_row(Text(name), Text(str(value)))
    return table


def pixel_size_text(info: ImageInfo) -> str:
    """Return the pixel size in micrometres, or an empty text."""
    if info.mm_x is None or info.mm_y is None:
        return ""
    return f"{info.mm_x * 1000:.6g} × {info.mm_y * 1000:.6g} µm"


def _levels_table(levels: list[dict[str, Any]]) -> Table:
    columns = ("level", "size", "tiles", "codec", "downsample")
    table = Table(*columns, title="Levels", title_justify="left")
    for index, level in enumerate(levels):
        table.add_row(
            str(index),
            f"{level['width']} × {level['height']}",
            f"{level['tile_width']} × {level['tile_height']}",
            level["codec"] or "",
            f"{level['downsample']:.4g}",
        )
    return table


def _axes_table(info: ImageInfo) -> Table:
    title = f"{info.frames} frames"
    table = Table("axis", "positions", "values", "unit", title=title, title_justify="left")
    for axis in info.axes:
        values = ", ".join(str(value) for value in axis.values or ())
        add_row(table, axis.name, axis.size, values, axis.unit or "")
    return table
