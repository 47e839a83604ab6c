"""What a new process costs before any work is done, and commands that end at once."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Run, check

CASES = (
    Case(
        name="a new process",
        work=1,
        unit="starts",
        contestants=("limit", "ours", "openslide", "tifffile", "reference", "cucim", "fastslide"),
        limit="Python that imports numpy",
    ),
)


def prepare(case: Case) -> dict[str, Any]:
    """Return a slide to open, and a small one to convert."""
    del case
    from benchmarks.inputs import pyramid, slide

    return {"path": str(pyramid(8192)), "slide": str(slide(4_000, 3_000))}


def _start(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    check(done.returncode == 0, done.stderr.strip()[-200:])


def ours(run: Run) -> None:
    """Start the command line, and open as a script does."""
    commands = {
        "ziggurat --help": ["--help"],
        "ziggurat info": ["info", run["path"]],
        "ziggurat convert": ["convert", run["slide"], str(run.folder / "out.tiff")],
    }
    for lap, arguments in commands.items():
        with run.clock(lap):
            _start("-m", "ziggurat", *arguments)
    with run.clock("import and open"):
        _start("-c", f"import ziggurat; assert ziggurat.open({run['path']!r}).sizeX == 8192")


def _opener(code: str) -> Callable[[Run], None]:
    def contestant(run: Run) -> None:
        with run.clock("import and open"):
            _start("-c", code.format(path=run["path"]))

    return contestant


def limit(run: Run) -> None:
    """Start Python and numpy."""
    for lap in ("ziggurat --help", "ziggurat info", "ziggurat convert", "import and open"):
        with run.clock(lap):
            _start("-c", "import numpy")


CONTESTANTS: dict[str, Callable[[Run], None]] = {
    "limit": limit,
    "ours": ours,
    "openslide": _opener(
        "import openslide; assert openslide.OpenSlide({path!r}).dimensions[0] == 8192"
    ),
    "tifffile": _opener(
        "import tifffile; assert tifffile.TiffFile({path!r}).pages[0].imagewidth == 8192"
    ),
    "reference": _opener("import large_image; assert large_image.open({path!r}).sizeX == 8192"),
    "cucim": _opener("import cucim; assert cucim.CuImage({path!r}).shape[1] == 8192"),
    "fastslide": _opener(
        "import fastslide; s = fastslide.FastSlide.from_file_path({path!r}); "
        "assert s.level_dimensions[0][0] == 8192"
    ),
}
