"""How far apart planes and times of an OME-Zarr by others are: kept in what is made of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import tifffile
import zarr

import ziggurat


def made(folder: Path, t_unit: str | None) -> Path:
    """Make an image of three times and two planes, as other programs write it."""
    group = zarr.open_group(folder / "in.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=(3, 2, 40, 50), dtype="u2", chunks=(1, 1, 20, 25))[:] = 7
    axes: list[dict[str, Any]] = [
        {"name": "t", "type": "time"} | ({"unit": t_unit} if t_unit else {}),
        {"name": "z", "type": "space", "unit": "nanometer"},
        *({"name": name, "type": "space", "unit": "micrometer"} for name in "yx"),
    ]
    # the whole image's scale counts as well as that of its level
    levels = [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1500, 2, 3]}]}
    ]
    common = [{"type": "scale", "scale": [0.25, 2, 1, 1]}]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": levels, "coordinateTransformations": common}
    ]
    return folder / "in.zarr"


@pytest.mark.parametrize("t_unit", ["second", None])
def test_they_go_into_ome_tiff(tmp_path: Path, t_unit: str | None) -> None:
    report = ziggurat.convert(made(tmp_path, t_unit), tmp_path / "a.ome.tiff")
    assert not report.losses
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as tiff:
        pixels = tifffile.xml2dict(str(tiff.ome_metadata))["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeZ"], pixels["PhysicalSizeZUnit"]) == (3000, "nm")
    # without a unit the scale is only the number that NGFF demands
    assert pixels.get("TimeIncrement") == (0.25 if t_unit else None)


@pytest.mark.parametrize("t_unit", ["second", None])
def test_they_go_into_ome_zarr(tmp_path: Path, t_unit: str | None) -> None:
    ziggurat.convert(made(tmp_path, t_unit), tmp_path / "a.zarr")
    told = json.loads((tmp_path / "a.zarr/zarr.json").read_text())["attributes"]["ome"]
    first = told["multiscales"][0]
    scale = first["datasets"][0]["coordinateTransformations"][0]["scale"]
    found = {
        axis["name"]: (axis.get("unit"), step)
        for axis, step in zip(first["axes"], scale, strict=True)
    }
    assert found == {
        "t": ("second", 0.25) if t_unit else (None, 1),
        "z": ("nanometer", 3000), "y": ("micrometer", 2), "x": ("micrometer", 3),
    }  # fmt: skip
