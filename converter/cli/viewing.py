"""``ziggurat view``: its arguments, and what runs it."""

import argparse
from pathlib import Path


def add_view(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add = parser.add_argument
    add("sources", nargs="+", metavar="PATH", help="A slide, and results over it.")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="To listen on (this machine alone).")
    add("--port", type=int, default=0, metavar="NUMBER", help="Port; default: a free one.")
    add("--browser", action=argparse.BooleanOptionalAction, default=True, help="Open the browser.")
    add("--map", dest="on_map", action="store_true", help="Show maps in EPSG:3857.")
    picture = parser.add_argument_group("a picture, or a folder for a web server")
    add = picture.add_argument
    add("--snapshot", type=Path, metavar="FILE", help="Write this PNG instead.")
    add("--region", metavar="LEFT,TOP,WIDTH,HEIGHT[,UNITS]", help="Of the PNG.")
    add("--width", type=int, default=1024, metavar="PIXELS", help="Of the PNG (1024).")
    add("--opacity", type=float, default=0.6, metavar="SHARE",
        help="Of the results in the PNG, 0 to 1 (0.6).")  # fmt: skip
    add("--look", action="append", default=[], metavar="JSON",
        help="Of the PNG, one an image, as the page's links hold it.")  # fmt: skip
    add("--export", type=Path, metavar="FOLDER", help="Write this folder instead.")
    add("--overwrite", action="store_true", help="Replace the PNG.")


def run_view(given: argparse.Namespace) -> int:
    """Show what is named, until somebody ends it or the picture is written."""
    from ziggurat.converter.cli.texts import parse_region
    from ziggurat.converter.viewer.command import ViewOptions, view

    options = ViewOptions(
        host=given.host,
        port=given.port,
        browser=given.browser,
        on_map=given.on_map,
        snapshot=given.snapshot,
        region=parse_region(given.region),
        width=given.width,
        opacity=given.opacity,
        looks=tuple(given.look),
        export=given.export,
        overwrite=given.overwrite,
    )
    view(given.sources, options, print)
    return 0
