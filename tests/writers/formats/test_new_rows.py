"""A new codec, and a new container, are one file and one row: done in a copy of the program."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

CODEC = '''
"""Bytes turned over."""

import numpy as np


def compress(samples, form, level):
    return (~np.frombuffer(bytes(samples), np.uint8)).tobytes()


def decompress(data, out):
    return (~np.frombuffer(data, np.uint8)).tobytes()[:out]
'''
CODEC_ROW = (
    '    TOY = "toy", CodecRow(aliases=("plaything",), raw=True, tags=(50013,), '
    'decode="ziggurat.readers.codecs.toy:decompress", '
    'encode="ziggurat.readers.codecs.toy:compress")\n'
)
USE_CODEC = """
import numpy as np, tifffile, ziggurat

pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
with ziggurat.new() as sink:
    sink.addTile(pixels)
    sink.write("sink.tiff", compression="toy")
    sink.write("plain.tiff", lossy=False)
ziggurat.convert("plain.tiff", "made.ome.tiff", ziggurat.ConvertOptions(compression="plaything"))
ziggurat.convert("made.ome.tiff", "copied.tiff", ziggurat.ConvertOptions(compression="keep"))
for name in ("sink.tiff", "made.ome.tiff", "copied.tiff"):
    assert int(tifffile.TiffFile(name).pages[0].compression) == 50013, name
    with ziggurat.open(name) as source:
        read, _ = source.getRegion(format="numpy")
    assert (read == pixels).all(), name
"""

CONTAINER = '''
"""One array of NumPy's."""

import numpy as np

from ziggurat.writers.files.atomic import atomic_file


def plan_levels(reader, options):
    return ()


def expected_losses(info):
    return ("all but the pixels",)


def copy_refusal(tiles, info):
    return "an array has no tiles"


def level_encoder(info, options):
    return None, None


def emit(reader, path, levels, options, *, on_progress=None, cancel=None):
    with atomic_file(path, options.overwrite) as staged, staged.open("wb") as file:
        np.save(file, reader.plane(0, 0).read(reader.info.levels[0].rect))
    return ()
'''
CONTAINER_ROW = (
    '    Output(name="toy", module=f"{_ROOM}.toy", suffixes=(".toy",), codecs=(Codec.NONE,), '
    "tile=0, flat=True),\n"
)
USE_CONTAINER = """
import numpy as np, ziggurat
from ziggurat.converter.cli.app import main

pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
with ziggurat.new() as sink:
    sink.addTile(pixels)
    sink.write("sink.toy")
    sink.write("other.tiff", lossy=False)
report = ziggurat.convert("other.tiff", "made.toy")
assert report.losses == ("all but the pixels",), report.losses
try: main(["convert", "-q", "other.tiff", "other.toy"])
except SystemExit as end: assert not end.code
for name in ("sink.toy", "made.toy", "other.toy"):
    assert (np.load(name) == pixels).all(), name
"""


def _copy(tmp_path: Path) -> Path:
    """Return the package as a folder that may be changed."""
    package = tmp_path / "ziggurat"
    shutil.copytree(ROOT / "converter" / "facade", package)
    for floor in ("readers", "writers", "converter"):  # what is compiled stays so
        shutil.copytree(ROOT / floor, package / floor)
    return package


def _add_row(table: Path, row: str, before: str) -> None:
    text = table.read_text()
    assert text.count(before) == 1
    table.write_text(text.replace(before, row + before))


def _run(tmp_path: Path, code: str) -> None:
    here = f"import ziggurat; assert ziggurat.__file__.startswith({str(tmp_path)!r})\n"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", here + code],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_new_codec_and_a_new_container_are_a_file_and_a_row_each(tmp_path: Path) -> None:
    package = _copy(tmp_path)
    (package / "readers" / "codecs" / "toy.py").write_text(CODEC)
    _add_row(package / "readers" / "model" / "codec.py", CODEC_ROW, "    # Known to the backend")
    (package / "writers" / "formats" / "toy.py").write_text(CONTAINER)
    row_before = '    Output(\n        name="png"'
    _add_row(package / "writers" / "formats" / "registry.py", CONTAINER_ROW, row_before)
    _run(tmp_path, USE_CODEC + USE_CONTAINER)
