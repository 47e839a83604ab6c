"""What ``ziggurat view`` does: a server, a picture, or a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from ziggurat.converter.viewer.export import export
from ziggurat.converter.viewer.looks import Look, parse_look
from ziggurat.converter.viewer.pixels import as_png
from ziggurat.converter.viewer.serve import LOCAL, Serving, serve
from ziggurat.converter.viewer.shown import Shown
from ziggurat.converter.viewer.snapshot import snapshot
from ziggurat.readers.errors import OptionError
from ziggurat.readers.grid.regions import clipped, region_bounds
from ziggurat.writers.files.atomic import atomic_file

# What holds for one way of showing alone: the word on the command line, by field.
_OF_SNAPSHOTS = {
    "region": "--region", "width": "--width", "opacity": "--opacity", "looks": "--look",
    "overwrite": "--overwrite",
}  # fmt: skip
_OF_SERVERS = {"host": "--host", "port": "--port"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """How images are shown.

    Parameters
    ----------
    host, port, browser
        Where to listen, and whether to open a browser.
    on_map
        Show georeferenced images on the web's map.
    snapshot, overwrite
        Write this PNG instead, without a browser; over one that is there.
    region
        Of the snapshot: left, top, right, bottom, width, height, units.
    width, opacity
        Of the snapshot: pixels across, and 0 to 1 of all but the first image.
    looks
        Of the snapshot: one an image, JSON as the page's links hold it.
    export
        Write this folder instead: a page and its tiles for a web server.
    """

    host: str = LOCAL
    port: int = 0
    browser: bool = True
    on_map: bool = False
    snapshot: Path | None = None
    overwrite: bool = False
    region: dict[str, object] | None = None
    width: int = 1024
    opacity: float = 0.6
    looks: tuple[str, ...] = ()
    export: Path | None = None


def view(sources: Sequence[str], options: ViewOptions, tell: Callable[[str], None]) -> None:
    """Show images as the options say.

    Raises
    ------
    OptionError
        There is nothing to show, or the options exclude each other.
    SourceError
        A source can't be opened.
    TargetExistsError
        The snapshot or folder is there.
    """
    if not sources:
        raise OptionError("name what to show: ziggurat view SLIDE [RESULT ...]")
    if options.snapshot is not None and options.export is not None:
        raise OptionError("--snapshot and --export must not be given together")
    _refuse_idle(options)
    if options.snapshot is not None:
        _snapshot(sources, options.snapshot, options)
        tell(str(options.snapshot))
    elif options.export is not None:
        tiles = export(sources, options.export)
        tell(f"{options.export}: {tiles} tiles")
    else:
        how = Serving(options.host, options.port, options.browser)
        serve(sources, how, tell, on_map=options.on_map)


def _refuse_idle(options: ViewOptions) -> None:
    """Refuse what was asked for and would have no effect."""
    asked = [f.name for f in fields(options) if getattr(options, f.name) != f.default]
    idle = [_OF_SNAPSHOTS[name] for name in asked if name in _OF_SNAPSHOTS]
    if idle and options.snapshot is None:
        raise OptionError(f"{', '.join(idle)} must be given with --snapshot: it is of the PNG")
    idle = [_OF_SERVERS[name] for name in asked if name in _OF_SERVERS]
    if idle and (options.snapshot is not None or options.export is not None):
        raise OptionError(f"{', '.join(idle)} must be given without --snapshot and --export")
    if options.on_map and options.export is not None:
        raise OptionError("--map must be given without --export: tiles of all the world are many")


def _snapshot(sources: Sequence[str], target: Path, options: ViewOptions) -> None:
    if target.suffix.lower() != ".png":
        raise OptionError(f"a snapshot must be a .png, not {target.name}")
    images = [Shown(source, on_map=options.on_map) for source in sources]
    try:
        looks: list[Look] = [parse_look({"look": text}) for text in options.looks]
        region = None
        if options.region is not None:
            info = images[0].image()
            region = clipped(info, region_bounds(info, options.region))
        pixels = snapshot(
            images, region=region, width=options.width, opacity=options.opacity, looks=looks
        )
    finally:
        for image in images:
            image.close()
    with atomic_file(target, options.overwrite) as part:
        part.write_bytes(as_png(pixels))
