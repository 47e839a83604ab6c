"""What the README shows does what it says, run as it is printed."""

import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ziggurat
from tests import preloaded
from ziggurat.converter.cli.app import main
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


WRITING = next(block for block in blocks("python") if 'write("result.tiff"' in block)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_blocks_run(desk: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    block = blocks("python")[number]
    if block != WRITING:  # which has a test of its own
        monkeypatch.chdir(desk)
        exec(compile(block, f"block {number}", "exec"), {"__name__": "block"})


def test_the_writing_block_wrote_what_it_says(desk: Path) -> None:
    script = desk / "writing.py"  # its workers import it
    script.write_text(WRITING)
    done = preloaded.run(runpy.run_path, str(script), None, "__main__", cwd=desk)
    assert done.returncode == 0, done.stderr
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


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize("line", commands())
def test_shell_lines_run(
    desk: Path,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, *arguments = shlex.split(line)
    monkeypatch.chdir(desk)
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    assert not ended.value.code, said.err
    assert said.out
