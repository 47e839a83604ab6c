"""An option that did nothing is told, and one that did something is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat


def notes(target: Path, pixels: np.ndarray, **options: Any) -> str:
    with ziggurat.new() as sink:
        sink.addTile(pixels, 0, 0)
        return " | ".join(sink.write(target, **options).notes)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("a.tiff", {"compression": "deflate", "quality": 40}, "quality 40 has no effect: deflate"),
        ("a.tiff", {"compression": "lzw", "subsampling": "4:4:4"}, "subsampling 4:4:4"),
        ("a.tiff", {"compression": "jpeg", "predictor": "none"}, "predictor none"),
        ("a.zarr", {"quality": 40}, "quality 40 has no effect: blosc"),
        ("a.zarr", {"pyramid": "subifd"}, "pyramid subifd"),
        ("a.zarr", {"description": "mine"}, "the description"),
        ("a.tiff", {"omeVersion": "0.4"}, "omeVersion 0.4"),
        ("a.tiff", {"pyramid": "none", "resample": "max"}, "resample max"),
        ("a.png", {"tileSize": 64}, "tile size 64"),
    ],
)
def test_what_did_nothing_is_told(
    name: str, options: dict[str, Any], said: str, tissue: np.ndarray, tmp_path: Path
) -> None:
    found = notes(tmp_path / name, tissue[:200, :300], **{"tileSize": 64, **options})
    assert said in found
    assert found.count("has no effect") == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.tiff", {"compression": "jpeg", "quality": 40, "subsampling": "4:4:4"}),
        ("a.tiff", {"compression": "deflate", "predictor": "none", "pyramid": "subifd"}),
        ("a.ome.tiff", {"resample": "max", "description": None}),
        ("a.zarr", {"omeVersion": "0.4", "resample": "min"}),
        ("a.jpg", {"quality": 40, "subsampling": "4:4:4"}),
    ],
)
def test_what_did_something_is_not_told(
    name: str, options: dict[str, Any], tissue: np.ndarray, tmp_path: Path
) -> None:
    tiles = {} if name == "a.jpg" else {"tileSize": 64}
    assert "no effect" not in notes(tmp_path / name, tissue[:200, :300], **tiles, **options)
