"""Every example of the reference's first page runs as it stands there, but for the import.

The page itself is not ours: a copy is looked for beside the data folder, else this is skipped.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ziggurat

_PAGE = "../reference/getting_started.md"
_KINDS = ("channels", "rgb")
# Slips of the page: what is no call of numpy's or of multiprocessing's
_MENDED = {"np.zeros(1, 1, 3)": "np.zeros((1, 1, 3), np.uint8)", "max_workers=5": "5"}


def _examples(page: str) -> Iterator[str]:
    """Yield the code of each example: from its import to an empty line."""
    block: list[str] = []
    for line in [*page.splitlines(), ""]:
        if line.startswith("import large_image") or block:
            block.append(line)
        if not line.strip() and block:
            yield "\n".join(block)
            block = []


def _sample(kind: str) -> None:
    """Write the files that the examples open: of five frames, with a macro image and a scale."""
    noise = np.random.default_rng(3).integers(0, 255, (16, 160), np.uint8)
    picture = noise.repeat(128, 0).repeat(128, 1)[:1600, :12000]
    Path("path/to/original").mkdir(parents=True)
    Path("path/to/new").mkdir()
    with ziggurat.new() as sink:
        for c in range(5):
            pixels = picture // (c + 1)
            sink.addTile(pixels if kind == "channels" else np.stack([pixels] * 3, -1), c=c)
        sink.mm_x = sink.mm_y = 0.00025
        sink.addAssociatedImage(np.stack([picture[:200, :300]] * 3, -1), "macro")
        sink.write("sample.ome.tiff")
    for name in ("sample.tiff", "path/to/original/image.tiff"):
        shutil.copy("sample.ome.tiff", name)
    with ziggurat.new() as sink:
        sink.addTile(picture[:100, :100])
        sink.projection = "EPSG:4326"
        sink.gcps = [[10, 50, 0, 0], [11, 49, 100, 100]]
        sink.write("sample.geo.tiff")


def _algorithm(code: str) -> Callable[[], Iterator[tuple[Any, ...]]]:
    """Return the algorithm of a page's example: tiles, and where it wants them, further axes."""
    tile = np.full((64, 64, 3), 9, np.uint8)
    further = (0, 1) if "param1" in code else ()
    return lambda: iter([(tile, 0, 0, *further), (tile, 64, 0, *further)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files left open
@pytest.mark.parametrize("kind", _KINDS)
def test_every_example_runs(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    data_file: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = data_file(_PAGE).read_text()
    monkeypatch.chdir(tmp_path)
    _sample(kind)
    examples = list(_examples(page))
    assert len(examples) > 15
    for code in examples:
        code = code.replace("import large_image", "import ziggurat as large_image")
        for slip, mended in _MENDED.items():
            code = code.replace(slip, mended)
        module = ModuleType("example_of_the_page")  # what goes to a pool is found by its name
        monkeypatch.setitem(sys.modules, module.__name__, module)
        module.__dict__.update(
            np=np, max_x=63, max_y=63, max_z=1, fancy_algorithm=_algorithm(code),
            modify_tile=lambda tile: 255 - tile,
            tileset=[(np.ones((64, 64, 3), np.uint8), {"x": 0, "y": 0, "z": 1})],
        )  # fmt: skip
        exec(compile(code, "example", "exec"), module.__dict__)
        with ziggurat.open("sample.tiff") as source:
            assert source.frames == 5
    with ziggurat.open("path/to/new/image.tiff") as copy, ziggurat.open("sample.tiff") as source:
        assert copy.frames == 5
        region = {"left": 500, "top": 500, "width": 300, "height": 200}
        first, second = (
            s.getRegion(region=region, frame=3, format="numpy")[0] for s in (copy, source)
        )
        assert np.array_equal(first, 255 - second)
    assert capsys.readouterr().out
