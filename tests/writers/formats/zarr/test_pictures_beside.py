"""Label, macro and others of an OME-Zarr: of any name, size and kind of samples, chunk by chunk."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from tests.hooked import HookedArray
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.formats.zarr import associated
from ziggurat.writers.model.options import WriteOptions

NAMES = ["label", "a/b", "..", ".", "", "é ü", "n" * 190, "n" * 240, "m" * 240, "100%", "0"]


class Pictured(HookedArray):
    """A small image with pictures beside it, of which some can't be read."""

    def __init__(self, pictures: dict[str, Any]) -> None:
        pixels = np.full((20, 30, 3), 9, np.uint8)
        super().__init__(pixels, array_reader(pixels).info)
        self.pictures = pictures
        self.info = dataclasses.replace(self.info, associated=tuple(pictures))

    def picture(self, name: str) -> Any:
        if self.pictures[name] is None:
            raise CorruptSourceError("it is broken")
        return self.pictures[name]


def same(path: Path, pictures: dict[str, np.ndarray]) -> None:
    with ziggurat.open(path) as source:
        reader = source._image().reader
        assert set(reader.info.associated) == set(pictures)
        for name, pixels in pictures.items():
            np.testing.assert_array_equal(reader.associated(name).read(), pixels, name)


@pytest.mark.parametrize("version", OmeVersion)
def test_pictures_of_any_name_are_each_there(tmp_path: Path, version: OmeVersion) -> None:
    pictures = {name: np.full((4, 6 + n, 1), n, np.uint8) for n, name in enumerate(NAMES)}
    report = write(Pictured(pictures), tmp_path / "a.zarr", WriteOptions(ome_version=version))
    assert report.lost == ()
    same(tmp_path / "a.zarr", pictures)
    assert len(list((tmp_path / "a.zarr" / "associated").glob("[!.z]*"))) == len(NAMES)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zarr"}


@pytest.mark.parametrize(
    ("version", "size"),
    [(OmeVersion.V05, (21, 50)), (OmeVersion.V04, (50, 21)), (OmeVersion.V05, (1, 16))],
)
def test_pictures_of_any_size_and_kind_are_whole(
    tmp_path: Path, version: OmeVersion, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(associated, "_CHUNK", 16)  # so that some have several
    rng = np.random.default_rng(4)
    kinds = [("uint8", 1), ("uint8", 4), ("uint16", 3), ("float32", 2), ("bool", 1), ("int8", 5)]
    pictures = {
        f"{dtype}-{bands}": rng.integers(0, 100, (*size, bands)).astype(dtype)
        for dtype, bands in kinds
    }
    write(Pictured(pictures), tmp_path / "a.zarr", WriteOptions(ome_version=version))
    same(tmp_path / "a.zarr", pictures)
    for name, pixels in pictures.items():
        array = zarr.open_array(tmp_path / "a.zarr" / "associated" / name / "0", mode="r")
        found = np.asarray(array[...])
        found = np.moveaxis(found, 0, -1) if found.ndim == 3 else found[..., np.newaxis]
        np.testing.assert_array_equal(found, pixels)
        assert array.chunks[-2:] == (min(size[0], 16), min(size[1], 16))


def test_a_picture_that_is_broken_is_told_and_the_others_are_there(tmp_path: Path) -> None:
    pictures: dict[str, Any] = {
        "label": None,
        "macro": np.full((4, 6, 3), 7, np.uint8),
        "map": None,
    }
    report = write(Pictured(pictures), tmp_path / "a.zarr", WriteOptions())
    assert [loss.split("'")[1] for loss in report.lost] == ["label", "map"]
    assert all("it is broken" in loss for loss in report.lost)
    same(tmp_path / "a.zarr", {"macro": pictures["macro"]})
