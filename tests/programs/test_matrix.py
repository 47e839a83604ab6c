"""What other programs make of our outputs: ``pytest -m programs``, minutes for all of them.

A program that dies, hangs or shows wrong pixels where it did not before is news; what is listed
here is the fault of that program, and the README says what to take for it.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.programs.matrix import column, installed
from tests.programs.outputs import KINDS, make_all
from tests.programs.readers import PROGRAMS

# Codecs that the build of libvips lacks are black there, and cuCIM dies of a predictor.
BAD = {
    "libvips": {".tiff ZSTD", ".tiff LZMA", ".tiff JPEG 2000", ".tiff JPEG XL"},
    "cuCIM": {
        ".tiff Deflate", ".tiff ZSTD", ".tiff LZMA", ".tiff labels uint32", ".ome.tiff uint16",
        ".ome.tiff t, z, c", ".ome.tiff labels uint32", ".tif COG", ".tif COG int16",
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tissue: np.ndarray) -> dict[str, Path]:
    return make_all(tmp_path_factory.mktemp("outputs"), tissue)


@pytest.mark.programs
@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_program_shows_wrong_pixels(program: str, made: dict[str, Path]) -> None:
    if not installed(program):
        pytest.skip(f"no {program}: uv sync --group programs")
    cells = column(program, made)
    bad = {name for name, cell in cells.items() if cell.startswith(("WRONG", "DIES", "HANGS"))}
    assert bad <= BAD.get(program, set()), {name: cells[name] for name in bad}
    assert any(cell.startswith("right") for cell in cells.values())


def test_the_bad_cells_are_of_outputs_that_there_are() -> None:
    assert set(BAD) <= set(PROGRAMS)
    assert set().union(*BAD.values()) <= set(KINDS)
