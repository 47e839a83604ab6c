"""A vendor's TIFF is one file and one row: a toy one is read by its own rules."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.tiff import kinds
from ziggurat.readers.formats.tiff.pages.chain import chain_structure
from ziggurat.readers.formats.tiff.pages.missing import from_level_above
from ziggurat.readers.formats.tiff.pages.structure import TiffStructure
from ziggurat.readers.formats.tiff.vendors.facts import VendorFacts
from ziggurat.readers.formats.tiff.vendors.kind import TiffKind
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels


def _is_toy(tif: tifffile.TiffFile) -> bool:
    return str(tif.pages.first.description).startswith("Toy scanner")


def _structure(tif: tifffile.TiffFile) -> TiffStructure:
    return chain_structure(tif, "toy")


def _facts(structure: TiffStructure) -> VendorFacts:
    power = structure.page.description.rpartition("x")[2]
    return VendorFacts("toy", mm_x=0.001, mm_y=0.002, magnification=float(power))


TOY = TiffKind("toy", _is_toy, _structure, _facts, missing_tiles=from_level_above)


def write(path: Path, pixels: Pixels, text: str) -> Path:
    half = np.full((64, 64), 9, np.uint8)
    tiles = [half[:32, :32].tobytes(), b"", half[:32, :32].tobytes(), b""]
    with tifffile.TiffWriter(path) as tif:
        tif.write(pixels, tile=(32, 32), photometric="minisblack", description=text, metadata=None)
        tif.write(
            iter(tiles),
            shape=(64, 64),
            dtype=np.uint8,
            tile=(32, 32),
            photometric="minisblack",
            subfiletype=1,
            metadata=None,
        )
    return path


def test_a_toy_vendor_is_one_row(
    tmp_path: Path, tissue: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "KINDS", (TOY, *kinds.KINDS))
    pixels = np.ascontiguousarray(tissue[:128, :128, 0])
    with open_reader(write(tmp_path / "a.tif", pixels, "Toy scanner x40")) as reader:
        info = reader.info
        assert (info.format, info.mm_x, info.mm_y, info.magnification) == ("toy", 0.001, 0.002, 40)
        assert info.internal["kind"] == "toy"
        small = reader.plane(1, 0).read(Rect(0, 0, 64, 64))[..., 0]
    means = pixels.reshape(64, 2, 64, 2).mean((1, 3))
    assert (small[:, :32] == 9).all()
    assert np.abs(small[:, 32:] - means[:, 32:]).max() <= 1


def test_a_description_that_makes_no_sense_is_no_reason_to_refuse(
    tmp_path: Path, tissue: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nonsense(tif: tifffile.TiffFile) -> TiffStructure:
        raise KeyError("what is it?")

    toy = TiffKind("toy", _is_toy, nonsense, _facts)
    monkeypatch.setattr(kinds, "KINDS", (toy, *kinds.KINDS))
    pixels = np.ascontiguousarray(tissue[:128, :128, 0])
    with open_reader(write(tmp_path / "a.tif", pixels, "Toy scanner xyz")) as reader:
        assert reader.info.format == "tiff"
        assert "what is it?" in reader.info.losses[0]
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 128, 128))[..., 0], pixels)


def test_every_module_of_a_vendor_is_in_the_table() -> None:
    folder = Path(kinds.__file__).parent / "vendors"
    rows = {kind.recognises.__module__.rpartition(".")[2] for kind in kinds.KINDS}
    helpers = {"__init__", "facts", "kind", "hamamatsu_tiles", "ome_files", "ome_pages"}
    assert {path.stem for path in folder.glob("*.py")} == rows | helpers
