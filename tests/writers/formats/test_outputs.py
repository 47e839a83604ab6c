"""What every output container must do; the cases are the rows of the table."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from tests.each import each
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import CancelledError, OptionError, TargetExistsError
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.image import GeoReference, ImageInfo, Interpretation, Level
from ziggurat.readers.views.array import ArrayReader
from ziggurat.writers.formats.contract import Divisible, Emitter
from ziggurat.writers.formats.registry import (
    OUTPUTS,
    Output,
    disk_bytes,
    output_for,
    output_parts,
    write,
)
from ziggurat.writers.model.options import WriteOptions
from ziggurat.writers.model.progress import Cancellation

CASES = [(row, suffix) for row in OUTPUTS for suffix in row.suffixes]
EXACT = WriteOptions(lossy=False)
FUNCTIONS = [name for name, _ in inspect.getmembers(Emitter, inspect.isfunction) if name[0] != "_"]
_PLACE = GeoReference("EPSG:32633", (500_000.0, 10.0, 0.0, 5_000_000.0, 0.0, -10.0))
_CLOSE = 6.0  # mean difference of a lossy copy of smooth tissue


def picture(row: Output, tissue: np.ndarray) -> ArrayReader:
    """An image that the output is meant for, odd in size."""
    pixels = np.ascontiguousarray(tissue[:301, :407])
    info = ImageInfo(
        format="made up", levels=(Level(407, 301, 256, 256),), bands=3, dtype=pixels.dtype,
        interpretation=Interpretation.RGB, geo=_PLACE if row.geospatial else None,
    )  # fmt: skip
    return ArrayReader(pixels, info)


def pixels_of(path: Path) -> np.ndarray:
    with ziggurat.open(path) as source:
        return np.asarray(source.getRegion(format="numpy")[0])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("row", "suffix"), CASES, ids=[f"{r.name}{s}" for r, s in CASES])
class OutputContract:
    """Subclassed once: pytest collects no class of this name."""

    def test_its_name_means_it(self, row: Output, suffix: str) -> None:
        assert output_for(f"A{suffix.upper()}", placed=bool(row.geospatial)) is row

    def test_what_a_sink_writes_is_read_back(
        self, row: Output, suffix: str, tmp_path: Path, tissue: np.ndarray
    ) -> None:
        reader, path = picture(row, tissue), tmp_path / f"a{suffix}"
        lossy = any(codec.row.must_lose for codec in row.codecs[:1])
        report = write(reader, path, WriteOptions() if lossy else EXACT)
        assert (report.path, path.is_dir()) == (path, row.folder)
        difference = np.abs(pixels_of(path).astype(int) - tissue[:301, :407])
        assert difference.mean() < (_CLOSE if lossy else 1e-9)
        assert names(tmp_path) == sorted(part.name for part in output_parts(path))
        assert report.bytes == sum(disk_bytes(part) for part in output_parts(path))

    def test_the_converter_makes_the_same(
        self, row: Output, suffix: str, tmp_path: Path, tissue: np.ndarray
    ) -> None:
        source, path = tmp_path / "source.tiff", tmp_path / f"a{suffix}"
        write(picture(row, tissue), source, EXACT)
        report = convert(source, path, ConvertOptions(verify="sample"))
        assert report.plan.target is row
        assert report.verification is not None
        assert report.verification.ok
        assert np.abs(pixels_of(path).astype(int) - tissue[:301, :407]).mean() < _CLOSE

    def test_what_is_there_stays_unless_it_may_be_replaced(
        self, row: Output, suffix: str, tmp_path: Path, tissue: np.ndarray
    ) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"precious")
        with pytest.raises(TargetExistsError):
            write(picture(row, tissue), path)
        assert path.read_bytes() == b"precious"

    def test_work_that_is_stopped_leaves_nothing(
        self, row: Output, suffix: str, tmp_path: Path, tissue: np.ndarray
    ) -> None:
        cancel = Cancellation()
        cancel.cancel()
        with pytest.raises(CancelledError):
            write(picture(row, tissue), tmp_path / f"a{suffix}", cancel=cancel)
        assert names(tmp_path) == []

    def test_a_codec_that_it_does_not_take_is_refused_by_name(
        self, row: Output, suffix: str, tmp_path: Path, tissue: np.ndarray
    ) -> None:
        source = tmp_path / "source.tiff"
        write(picture(row, tissue), source, EXACT)
        foreign = next(codec for codec in Codec if codec not in (*row.codecs, *row.on_request))
        with pytest.raises(
            OptionError, match=f"{foreign.value} is not for {row.name}, which takes"
        ):
            convert(source, tmp_path / f"a{suffix}", ConvertOptions(compression=foreign))
        assert names(tmp_path) == ["source.tiff"]


class TestOutputs(OutputContract):
    """Every row of the table."""


@each("row", OUTPUTS)
def test_the_module_of_a_row_has_all_that_is_asked_of_it(row: Output) -> None:
    module = row.load()
    for name in FUNCTIONS:
        kinds = [inspect.signature(getattr(kind, name)).parameters for kind in (Emitter, Divisible)]
        found = inspect.signature(getattr(module, name)).parameters
        assert list(found) in [list(wanted)[1:] for wanted in kinds], f"{row.module}.{name}"


def test_every_room_and_file_of_outputs_has_a_row() -> None:
    folder = Path(inspect.getfile(write)).parent
    there = {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != "_"}
    writes = (path for path in folder.glob("*.py") if "\ndef emit(" in path.read_text())
    there |= {path.stem for path in writes}
    base = "ziggurat.writers.formats."
    assert there == {row.module.removeprefix(base).split(".")[0] for row in OUTPUTS}
