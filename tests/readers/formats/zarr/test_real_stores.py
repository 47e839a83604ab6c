"""The OME-Zarr backend on real stores, and on those of other programs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.readers.formats.zarr.opening import RNG, Finder, opened, whole
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Interpretation


def test_arrays_of_large_image_s_own_writing(tmp_path: Path) -> None:
    """0.5 by name on zarr v2, bands last, associated images as arrays named ``image``."""
    values = RNG.integers(0, 255, (60, 80, 3), np.uint8)
    label = RNG.integers(0, 255, (64, 64, 3), np.uint8)
    group = zarr.open_group(tmp_path / "a", mode="w", zarr_format=2)
    group.create_array("0", shape=values.shape, dtype="u1", chunks=(512, 512, 3))[:] = values
    axes = [{"name": n, "unit": "millimeter"} for n in "yx"] + [{"name": "s"}]
    group.attrs["multiscales"] = [{
        "version": "0.5",
        "axes": axes,
        "datasets": [{
            "path": "0",
            "coordinateTransformations": [{"type": "scale", "scale": [0.002, 0.001, 1]}],
        }],
        "metadata": {"description": "words"},
    }]  # fmt: skip
    group.attrs["omero"] = {"channels": [{"label": f"Band {n}"} for n in (1, 2, 3)]}
    group.create_group("mylabel").create_array("image", shape=label.shape, dtype="u1")[:] = label
    with opened(tmp_path / "a/.zattrs") as reader:
        info = reader.info
        assert (info.mm_x, info.mm_y, info.description) == (0.001, 0.002, "words")
        assert (info.bands, info.interpretation) == (3, Interpretation.RGB)
        np.testing.assert_array_equal(whole(reader), values)
        assert info.associated == ("mylabel",)
        np.testing.assert_array_equal(reader.associated("mylabel").read(), label)


REAL = {
    "ez-zarr-6001240_labels_v0.5.zarr": ("2", 67, 68, 1, 236 * 2),
    "6001240_labels_v0.5.ozx": ("2", 67, 68, 1, 236 * 2),
    "models-hcs_example.ome.zarr": ("B/03/0/0", 5120, 2160, 1, 2),
    "ngio-v04-tczyx.zarr": ("0", 64, 64, 1, 80),
    "ngio-v05-tczyx.zarr": ("0", 64, 64, 1, 80),
    "ome-zarr-py-v1.zarr": ("0", 16, 16, 1, 2),
    "sample_float32_8bit_range.zarr.zip": ("0", 100, 100, 4, 1),
    "tiledb-CMU-1-Small-Region.ome.zarr": ("0/0", 2220, 2967, 3, 1),
}


@pytest.mark.parametrize("name", list(REAL))
def test_real_files_as_zarr_python_reads_them(name: str, data_file: Finder) -> None:
    path = data_file(f"ome-zarr/{name}")
    array_path, width, height, bands, frames = REAL[name]
    root: Any = path
    if path.is_file():
        root = zarr.storage.ZipStore(path, mode="r")
    array = zarr.open_array(root, path=array_path, mode="r")
    with opened(path) as reader:
        info = reader.info
        assert (info.width, info.height, info.bands, info.frames) == (width, height, bands, frames)
        assert info.dtype == array.dtype
        for level, size in enumerate(info.levels):
            rect = Rect(max(0, size.width - 40), max(0, size.height - 30), 40, 30)
            rect = rect.intersect(size.rect)
            found = reader.plane(level, frames - 1).read(rect)
            assert found.shape == (rect.height, rect.width, bands)
        rect = Rect(width // 5, height // 5, 700, 700).intersect(info.levels[0].rect)
        y, x = slice(rect.y, rect.bottom), slice(rect.x, rect.right)
        found = reader.plane(0, frames - 1).read(rect)
        if name.startswith("sample"):  # bands last
            np.testing.assert_array_equal(found, array[y, x])
        elif bands > 1:
            np.testing.assert_array_equal(found, array[0, :, 0, y, x].transpose(1, 2, 0))
        else:
            leading = (-1,) * (array.ndim - 2)
            np.testing.assert_array_equal(found[..., 0], array[(*leading, y, x)])


def test_bioformats_s_slide(data_file: Finder) -> None:
    with opened(data_file("ome-zarr/tiledb-CMU-1-Small-Region.ome.zarr")) as reader:
        info = reader.info
        assert info.interpretation is Interpretation.RGB
        assert info.mm_x == pytest.approx(0.000499)
        assert info.associated == ("macro", "label")
        assert reader.associated("label").read().shape == (431, 1280, 3)
        assert len(info.levels) == 2


def test_labels_of_a_real_file(data_file: Finder) -> None:
    path = data_file("ome-zarr/ngio-v04-tczyx.zarr")
    with opened(path / "labels/label") as reader:
        assert reader.info.interpretation is Interpretation.LABELS
    with opened(path / "labels") as reader:
        assert reader.info.interpretation is Interpretation.LABELS


def test_frames_count_channels_fastest(data_file: Finder) -> None:
    with opened(data_file("ome-zarr/ngio-v04-tczyx.zarr")) as reader:
        assert [(a.name, a.size) for a in reader.info.axes] == [("t", 4), ("z", 10), ("c", 2)]
        assert [c.name for c in reader.info.channels] == ["channel_0", "channel_1"]
