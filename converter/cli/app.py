"""The command line: ``ziggurat convert``, ``info``, ``verify`` and others; one row a command.

Each command imports what it needs when it runs, so that ``--help`` and mistakes are answered
at once. Exit codes: 0 all is well, 1 it could not be done or is not what it should be, 2 the
command can't be meant so, 128 + number stopped by a signal (130: Ctrl-C).
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from ziggurat.converter.cli.emitting import add_emit, run_emit
from ziggurat.converter.cli.viewing import add_view, run_view

_EXIT_CODES = """exit codes:
  0    all is well
  1    it could not be done, any slide of a batch failed, or an output isn't what it should be
  2    the command line can't be understood
  130  stopped by Ctrl-C (143: by SIGTERM); no output is left half done"""
_TITLE = "Slides and rasters in, open tiled pyramids out."


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it does in a line, its arguments, and what runs it."""

    about: str
    add: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def _add_show(parser: argparse.ArgumentParser, *, quiet: bool = True) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON for machines on stdout.")
    if quiet:
        parser.add_argument("-q", "--quiet", action="store_true", help="Print nothing but errors.")


def _add_convert(parser: argparse.ArgumentParser) -> None:
    from ziggurat.converter.cli.arguments import add_options

    parser.add_argument(
        "paths", nargs="+", metavar="PATH",
        help="One or more sources (files, folders, patterns, URLs), then the output: a file, a "
        "folder, or FOLDER/*.SUFFIX, where the suffix says what all become.",
    )  # fmt: skip
    add_options(parser)
    many = parser.add_argument_group("many slides")
    many.add_argument("-j", "--jobs", type=int, default=1, metavar="NUMBER",
                      help="Slides at a time (1).")  # fmt: skip
    many.add_argument("--dask", metavar="ADDRESS", help="Let the workers of a Dask cluster do the "
                      "work (tcp://scheduler:8786); they read the source and write the output "
                      "themselves.")  # fmt: skip
    many.add_argument(
        "--resume", action="store_true", help="Skip what is done and as it should be."
    )
    many.add_argument("--report", metavar="FILE",
                      help="Write what became of each slide as it finishes: plan, losses, what was "
                      "removed, checks, hash, time, memory; .jsonl or .csv, or - for "
                      "JSON lines on stdout.")  # fmt: skip
    many.add_argument("--log", metavar="FILE", help="Append a line with date for each event.")
    parser.add_argument("--dry-run", action="store_true", help="Print the plan, and do nothing.")
    parser.add_argument("--plan", metavar="FILE", help="Write the conversion of one slide as tasks "
                        "into a file, for ziggurat emit, and convert nothing.")  # fmt: skip
    _add_show(parser)


def _convert(given: argparse.Namespace) -> int:
    from ziggurat.converter.cli.arguments import options_from
    from ziggurat.converter.cli.commands import convert_paths
    from ziggurat.readers.io.objects import is_cloud

    options = options_from(given)
    if given.plan is None and (given.dask is not None or is_cloud(given.paths[-1])):
        from ziggurat.converter.cli.shared import convert_shared

        return convert_shared(given, options)
    return convert_paths(given, options)


def _add_info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="A file, folder or URL.")
    _add_show(parser, quiet=False)


def _info(given: argparse.Namespace) -> int:
    from ziggurat.converter.cli.looking import show_image

    show_image(given.path, json=given.json)
    return 0


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="What it was made from; or, alone, what to check.")
    parser.add_argument("output", nargs="?", help="What to check, an image or a folder of them. "
                        "They are told apart by what they are, else by this order.")  # fmt: skip
    parser.add_argument("--full", action="store_true", help="Compare, or decode, every tile.")
    _add_show(parser)


def _verify(given: argparse.Namespace) -> int:
    from ziggurat.converter.cli.checking import verify
    from ziggurat.converter.cli.looking import Show

    show = Show(quiet=given.quiet, json=given.json)
    return 0 if verify(given.source, given.output, show, full=given.full) else 1


def _add_picture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="A file, folder or URL.")
    parser.add_argument("output", help="NAME.png, .jpg, .webp or .tif; - for PNG on stdout.")
    parser.add_argument("--width", type=int, metavar="PIXELS", help="At most so wide.")
    parser.add_argument("--height", type=int, metavar="PIXELS", help="At most so high.")
    _add_look(parser)


def _add_look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frame", type=int, metavar="NUMBER", help="Which frame, from 0.")
    parser.add_argument("--style", metavar="STYLE", help="auto, or a style as JSON.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the output.")


def _add_region(parser: argparse.ArgumentParser) -> None:
    _add_picture(parser)
    parser.add_argument("--region", metavar="LEFT,TOP,WIDTH,HEIGHT[,UNITS]",
                        help="Units: base_pixels (default), mm, fraction, or a projection; "
                        "without it, the whole image.")  # fmt: skip
    parser.add_argument("--mpp", type=float, metavar="MICROMETRES", help="Size of a pixel.")
    parser.add_argument("--magnification", type=float, metavar="NUMBER", help="Such as 20.")


def _add_associated(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="A file, folder or URL.")
    parser.add_argument("name", nargs="?", help="Such as label; without it, names are listed.")
    parser.add_argument("output", nargs="?", help="NAME.png, .jpg, .webp or .tif; - for stdout.")
    parser.add_argument("--overwrite", action="store_true", help="Replace the output.")


def _picture(given: argparse.Namespace) -> int:
    from ziggurat.converter.cli import pictures

    pictures.run(given)
    return 0


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("outdir", nargs="?", default="ziggurat-demo", help="Where files go.")
    parser.add_argument("--slide", metavar="FILE", help="A slide of your own.")


def _demo(given: argparse.Namespace) -> int:
    from pathlib import Path

    from ziggurat.converter.demo.run import run_demo

    run_demo(None if given.slide is None else Path(given.slide), Path(given.outdir))
    return 0


def _add_completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"], help='As in: eval "$(ziggurat '
                        'completion bash)"')  # fmt: skip


def _completion(given: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(whole_parser(shown=True), given.shell))
    return 0


COMMANDS = {
    "convert": Command(
        "Convert slides and rasters: what can be copied is copied, the rest is encoded.",
        _add_convert, _convert,
    ),
    "info": Command("Show metadata, levels, frames and associated images.", _add_info, _info),
    "verify": Command(
        "Check an output: its structure, and facts and pixels against its source.",
        _add_verify, _verify,
    ),
    "emit": Command(
        "Carry out tasks of a conversion that was cut by convert --plan, and finish it.",
        add_emit, run_emit,
    ),
    "view": Command(
        "Look at images in the browser, growing sinks among them.", add_view, run_view
    ),
    "thumbnail": Command("Write a small picture of an image.", _add_picture, _picture),
    "region": Command("Write a part of an image as a picture.", _add_region, _picture),
    "associated": Command("List or write label, macro and the like.", _add_associated, _picture),
    "demo": Command(
        "Make a slide, convert it, run workers over it, write and check the results.",
        _add_demo, _demo,
    ),
    "completion": Command("Print a script that completes commands.", _add_completion, _completion),
}  # fmt: skip


def whole_parser(*, shown: bool = False, named: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return a parser that knows every command: for the first help, or ``shown``, completion.

    What a command takes is known of those that are ``named``, or shown: it has to be loaded.
    """
    listed = "\n".join(f"  {name:<12}{command.about}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="ziggurat",
        usage="ziggurat COMMAND ...",
        description=f"{_TITLE}\n\ncommands (ziggurat COMMAND --help tells more):\n{listed}",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version = "Print the version; with --verbose, also whether the native kernel runs."
    parser.add_argument("--version", action="store_true", help=version)
    told = "what to do" if shown else argparse.SUPPRESS  # the description lists them
    below = parser.add_subparsers(dest="command", metavar="COMMAND", help=told)
    for name in COMMANDS:
        command = below.add_parser(name, help=COMMANDS[name].about)
        if shown or name in named:
            _filled(command, name)
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser of one command."""
    return _filled(argparse.ArgumentParser(prog=f"ziggurat {name}", allow_abbrev=False), name)


def _filled(parser: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    parser.description, parser.epilog = COMMANDS[name].about, _EXIT_CODES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    COMMANDS[name].add(parser)
    return parser


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        given = command_parser(name).parse_intermixed_args(arguments[1:])
        given.command = name
        return COMMANDS[name].run(given)
    if name == "--version":
        from ziggurat import __version__

        print(f"ziggurat {__version__}")
        if arguments[1:] == ["--verbose"]:
            from ziggurat.readers.codecs.native.kernel import describe

            print(describe())
        return 0
    parser = whole_parser(named=arguments)
    if not arguments:
        parser.print_help()
        return 2
    parser.parse_args(arguments)  # --help, or a mistake
    return 2


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)  # as an exception, so that staging folders go away


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line; errors are one line on stderr and an exit code that is not 0."""
    if args is None:  # the process is ours: numpy would start a thread a core that nobody uses
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from ziggurat.readers.errors import ZigguratError, message_of

    before = signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(_run(sys.argv[1:] if args is None else args))
    except (ZigguratError, OSError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):  # whoever read our lines has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        print(f"ziggurat: {message_of(error)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # Forked workers of whoever called this inherit the handler, and an exception that it
        # raises while a worker is being forked is swallowed: the worker would never end.
        signal.signal(signal.SIGTERM, before)
