"""Every real file there is, to every target: read back, the same pixels and the same facts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ziggurat.converter.batch.jobs import find_sources
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, UnsupportedFormatError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.reader import Reader

TARGETS = ("out.tiff", "out.ome.tiff", "out.zarr.zip")
UNREAD = ("broken",)  # for other tests
FEW = (
    "akoya-qptiff/small_vectra.qptiff",
    "dicom-wsi/napari-wsi-CMU-1-Small-Region",
    "ome-tiff/mini-spim-moduloZ.ome.tiff",
    "ome-tiff/multi-channel-time-series.ome.tif",
)


def without_loss(source: Path, output: Path) -> ConvertOptions:
    """Return options that change no pixel: what can't be copied is compressed without loss."""
    options = ConvertOptions(levels="source", verify="full")
    if output.name.endswith("zip"):
        return options
    if plan_conversion(source, output, options).encoded_tiles == 0:
        return options
    return ConvertOptions(levels="source", verify="full", compression="deflate")


def differences(ours: Reader, theirs: Reader) -> Iterator[str]:
    """Yield what of the facts has changed on the way."""
    for name in ("mm_x", "mm_y", "magnification"):
        a, b = getattr(ours.info, name), getattr(theirs.info, name)
        if (a is None) != (b is None) or (a and b and abs(a / b - 1) > 1e-3):
            yield f"{name} is {a}, was {b}"
    axes = [[(x.name, x.size) for x in reader.info.axes] for reader in (ours, theirs)]
    if axes[0] != axes[1]:
        yield f"axes are {axes[0]}, were {axes[1]}"
    channels = [[c.name for c in reader.info.channels] for reader in (ours, theirs)]
    if channels[0] != channels[1]:
        yield f"channels are {channels[0]}, were {channels[1]}"
    if ours.info.icc_profile != theirs.info.icc_profile:
        yield "the ICC profile is another"
    for name in theirs.info.associated:
        if name not in ours.info.associated:
            yield f"{name} is missing"
        elif not np.array_equal(ours.associated(name).read(), theirs.associated(name).read()):
            yield f"{name} is another picture"


def check(source: Path, output: Path) -> list[str]:
    """Convert one file and return what is wrong with what came of it."""
    try:
        options = without_loss(source, output)
        report = convert(source, output, options)
    except (OptionError, UnsupportedFormatError) as refusal:
        assert not output.exists()
        return [f"refused: {refusal}"]
    assert report.verification is not None
    wrong = [
        f"level {level.level} is {level.max_error} off"
        for level in report.verification.levels
        if level.max_error
    ]
    with open_reader(output) as ours, open_reader(source) as theirs:
        lost = " ".join(report.losses)
        wrong += [d for d in differences(ours, theirs) if d.split()[0] not in lost]
    return wrong


@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param(name, target, marks=() if (n - m) % 3 == 1 else pytest.mark.slow)
        for n, name in enumerate(FEW)
        for m, target in enumerate(TARGETS)
    ],
)
def test_some_files(
    data_file: Callable[[str], Path], tmp_path: Path, name: str, target: Any
) -> None:
    assert check(data_file(name), tmp_path / target) == []


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_all_files(data_file: Callable[[str], Path], tmp_path: Path, target: Any) -> None:
    root = data_file("aperio-svs").parent
    folders = [f for f in sorted(root.iterdir()) if f.is_dir() and f.name not in UNREAD]
    wrong = {}
    for number, source in enumerate(find_sources(folders)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = check(source, folder / target)
        if found:
            wrong[str(source.relative_to(root))] = found
    assert wrong == {}
