"""What the README shows does what it says, run as it is printed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.demo.slide import make_slide

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README's examples name."""
    folder = tmp_path_factory.mktemp("readme")
    make_slide(folder / "slide.svs", 2048, 1536)
    (folder / "slides").mkdir()
    for number in (1, 2):
        make_slide(folder / "slides" / f"{number}.svs", 768, 512)
    return folder


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_blocks_run(desk: Path, number: int) -> None:
    script = desk / f"block{number}.py"
    script.write_text(blocks("python")[number])
    done = subprocess.run(
        [sys.executable, script], cwd=desk, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_writing_block_wrote_what_it_says(desk: Path) -> None:
    (number,) = [n for n, block in enumerate(blocks("python")) if 'write("result.tiff"' in block]
    test_python_blocks_run(desk, number)
    with tifffile.TiffFile(desk / "result.tiff") as tiff:
        assert tiff.series[0].levels[0].shape == (4096, 4096, 3)
        assert (tiff.series[0].levels[-1].asarray() == 128).all()
    with ziggurat.open(desk / "result.zarr.zip") as source:
        pixels, _ = source.getRegion(output={"maxWidth": 64}, format="numpy")
        assert np.array_equal(pixels, np.full((64, 64, 3), 128))


def commands() -> list[str]:
    """Return the ziggurat commands of the shell blocks that need nothing but the slides."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [
        line.replace("slide.ndpi", "slide.svs").replace("slide.tiff", f"slide{number}.tiff")
        for number, line in enumerate(lines)
        if line.startswith("ziggurat ") and line.split()[1] not in ("verify", "view")
    ]


@pytest.mark.parametrize("line", commands())
def test_shell_lines_run(desk: Path, line: str) -> None:
    _, *arguments = shlex.split(line)
    done = subprocess.run(
        [sys.executable, "-m", "ziggurat", *arguments],
        cwd=desk,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
