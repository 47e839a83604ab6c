"""The command line: ``ziggurat convert | info | verify | demo``.

Each command imports what it needs when it runs, so that ``--help`` and mistakes are answered
at once.
"""

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from ziggurat.converter.cli.texts import (
    parse_bytes,
    parse_frames,
    parse_positions,
    parse_region,
)
from ziggurat.converter.plan.options import (
    DEFAULT_QUALITY,
    Associated,
    Color,
    Compression,
    ConvertOptions,
    Levels,
    OmeVersion,
    Pictures,
    Verify,
    compression_named,
)
from ziggurat.readers.errors import OptionError, ZigguratError, message_of
from ziggurat.readers.model.codec import WRITTEN_CODECS
from ziggurat.writers.formats.registry import OUTPUTS, find_output

app = typer.Typer(
    name="ziggurat",
    help="Slides and rasters in, open tiled pyramids out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Version = Annotated[OmeVersion, typer.Option(help="Of OME-Zarr; 0.4 is zarr v2.")]
Format = Annotated[
    str | None,
    typer.Option(help=f"{' | '.join(row.name for row in OUTPUTS)}. Default: the output's suffix."),
]
TileCompression = Annotated[
    str,
    typer.Option(
        "--compression",
        "-c",
        help=f"{' | '.join((*Compression, *(codec.value for codec in WRITTEN_CODECS)))}, of tiles "
        "that can't be copied.",
    ),
]
Label = Annotated[Associated, typer.Option(help="What de-identifying leaves of label and macro.")]


@app.command()
def convert(
    paths: Annotated[list[str], typer.Argument(help="One or more sources, then the output.")],
    format: Format = None,
    ome_version: Version = OmeVersion.V05,
    levels: Annotated[Levels, typer.Option(help="full adds missing ÷2 levels.")] = Levels.FULL,
    compression: TileCompression = Compression.AUTO,
    quality: Annotated[
        int | None, typer.Option(help=f"1 to 100, of lossy codecs; default: {DEFAULT_QUALITY}.")
    ] = None,
    reencode: Annotated[bool, typer.Option("--reencode", help="Copy no tile.")] = False,
    tile_size: Annotated[int | None, typer.Option(help="Of tiles that are encoded.")] = None,
    region: Annotated[str | None, typer.Option(help="LEFT,TOP,WIDTH,HEIGHT[,UNITS]")] = None,
    mpp: Annotated[float | None, typer.Option(help="Shrink to µm per pixel.")] = None,
    magnification: Annotated[float | None, typer.Option(help="Shrink to this.")] = None,
    frames: Annotated[list[str] | None, typer.Option(help="AXIS=POSITIONS: c=0,2 z=3-7")] = None,
    bands: Annotated[str | None, typer.Option(help="Bands to keep, from 0: 0,1,2")] = None,
    color: Annotated[Color, typer.Option(help="Keep the ICC profile, or apply it.")] = Color.KEEP,
    deidentify: Annotated[bool, typer.Option("--deidentify", help="Drop who and when.")] = False,
    policy: Annotated[Path | None, typer.Option(help="A site's own rules (TOML).")] = None,
    label: Label = Associated.REMOVE,
    associated: Annotated[
        Pictures, typer.Option(help="Label, macro and other pictures beside the image.")
    ] = Pictures.KEEP,
    verify: Annotated[bool, typer.Option("--verify", help="Check before publishing.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Check every tile.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse to lose anything.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan only.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Slides at a time.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Skip what is done.")] = False,
    threads: Annotated[int | None, typer.Option(help="Per slide; default: all.")] = None,
    max_memory: Annotated[str | None, typer.Option(help="Per slide, such as 2GB.")] = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Convert slides and rasters: what can be copied is copied, the rest is encoded."""
    check = Verify.FULL if full else Verify.SAMPLE if verify else Verify.NONE
    options = ConvertOptions(
        format=format,
        ome_version=ome_version,
        levels=levels,
        compression=compression_named(compression),
        quality=quality,
        reencode=reencode,
        associated=associated,
        tile_size=tile_size,
        overwrite=overwrite,
        region=parse_region(region),
        mm_per_pixel=None if mpp is None else mpp / 1000,
        magnification=magnification,
        frames=parse_frames(frames or []),
        bands=None if bands is None else parse_positions(bands),
        color=color,
        deidentify=deidentify,
        policy=policy,
        label=label,
        verify=check,
        strict=strict,
        threads=threads,
        max_memory=parse_bytes(max_memory),
    )
    what = _Work(dry_run=dry_run, jobs=jobs, resume=resume, quiet=quiet, json=json)
    _convert(paths, options, what)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """How to go about it, and what to tell: all that is no option of a single conversion."""

    dry_run: bool
    jobs: int
    resume: bool
    quiet: bool
    json: bool


def _convert(paths: list[str], options: ConvertOptions, what: _Work) -> None:
    """Convert one slide to a name, or all that are named into a folder."""
    if len(paths) < 2:
        raise OptionError("name a source and an output: ziggurat convert IN OUT")
    from ziggurat.converter.batch.jobs import holds_slides
    from ziggurat.converter.cli import commands

    show = commands.Show(quiet=what.quiet, json=what.json)
    *sources, last = paths
    output = Path(last)
    named = find_output(output.name) is not None or (output.suffix and not output.is_dir())
    slide = len(sources) == 1 and not holds_slides(Path(sources[0]))
    if slide and named and not (output.is_dir() and output.suffix != ".zarr"):
        commands.convert_one(sources[0], output, options, show, dry_run=what.dry_run)
    else:
        failed = commands.convert_many(
            sources,
            output,
            options,
            show,
            dry_run=what.dry_run,
            jobs=what.jobs,
            resume=what.resume,
        )
        raise typer.Exit(failed)


@app.command()
def info(path: str, json: Json = False) -> None:
    """Show metadata, levels, frames and associated images."""
    from ziggurat.converter.cli import commands

    commands.show_image(path, json=json)


@app.command()
def verify(
    source: Annotated[str, typer.Argument(help="What it was made from, or all there is.")],
    output: Annotated[str | None, typer.Argument(help="What to check.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare every tile.")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check an output: its structure, and its pixels against its source."""
    from ziggurat.converter.cli import commands

    ok = commands.verify(source, output, commands.Show(quiet=quiet, json=json), full=full)
    raise typer.Exit(0 if ok else 1)


@app.command()
def view(
    sources: Annotated[list[str], typer.Argument(help="A slide, and results over it.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    on_map: Annotated[bool, typer.Option("--map", help="Show maps in EPSG:3857.")] = False,
    snapshot: Annotated[Path | None, typer.Option(help="Write this PNG instead.")] = None,
    region: Annotated[
        str | None, typer.Option(help="Of the PNG: LEFT,TOP,WIDTH,HEIGHT[,UNITS].")
    ] = None,
    width: Annotated[int, typer.Option(help="Of the PNG, in pixels.")] = 1024,
    opacity: Annotated[float, typer.Option(help="Of the results in the PNG, 0 to 1.")] = 0.6,
    look: Annotated[list[str] | None, typer.Option(help="Of the PNG: JSON, one an image.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write this folder instead.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the PNG.")] = False,
) -> None:
    """Look at images in the browser, growing sinks among them."""
    from ziggurat.converter.viewer.command import ViewOptions
    from ziggurat.converter.viewer.command import view as show

    options = ViewOptions(
        host=host,
        port=port,
        browser=browser,
        on_map=on_map,
        snapshot=snapshot,
        region=parse_region(region),
        width=width,
        opacity=opacity,
        looks=tuple(look or ()),
        export=export,
        overwrite=overwrite,
    )
    show(sources, options, print)


@app.command()
def demo(
    outdir: Annotated[Path, typer.Argument(help="Where the files go.")] = Path("ziggurat-demo"),
    slide: Annotated[Path | None, typer.Option(help="A slide of your own.")] = None,
) -> None:
    """Make a slide, convert it, run workers over it, write and check the results."""
    from ziggurat.converter.demo.run import run_demo

    run_demo(slide, outdir)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Slides and rasters in, open tiled pyramids out."""
    if version:
        from ziggurat import __version__

        print(f"ziggurat {__version__}")
        raise typer.Exit


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)  # as an exception, so that staging folders go away


def main(args: list[str] | None = None) -> None:
    """Run the command line; errors are one line on stderr and an exit code that is not 0."""
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        app(args)
    except (ZigguratError, OSError, MemoryError) as error:
        sys.exit(_report(error))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # Forked workers of whoever called this inherit the handler, and an exception that it
        # raises while a worker is being forked is swallowed: the worker would never end.
        signal.signal(signal.SIGTERM, before)


def _report(error: BaseException) -> int:
    print(f"ziggurat: {message_of(error)}", file=sys.stderr)
    return 1
