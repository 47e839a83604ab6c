"""What the reference's first page shows of styles and projections, under the reference's name."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import ziggurat as large_image

REGION = {"left": 1000, "top": 500, "right": 11000, "bottom": 1500}


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder with a ``sample.tiff`` of five 16-bit frames, each brighter than the one before."""
    folder = tmp_path_factory.mktemp("fluorescence")
    small = np.random.default_rng(20260101).integers(100, 400, (5, 150, 1100), np.uint16)
    small *= np.arange(1, 6, dtype=np.uint16)[:, None, None]
    frames = small.repeat(10, axis=1).repeat(10, axis=2)
    tifffile.imwrite(
        folder / "sample.tiff",
        frames,
        ome=True,
        tile=(256, 256),
        metadata={"axes": "CYX"},
        photometric="minisblack",
    )
    return folder, frames


@pytest.fixture
def fluorescence(frames: tuple[Path, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The frames of ``sample.tiff`` (frame, y, x), in whose folder the test works."""
    folder, pixels = frames
    monkeypatch.chdir(folder)
    return pixels


def test_styles_change_the_range(fluorescence: np.ndarray) -> None:
    source = large_image.open("sample.tiff", style={"min": "min", "max": "max"})
    image, mime_type = source.getRegion(region=REGION, output={"maxWidth": 1000}, encoding="PNG")
    picture = decoded(image)
    assert mime_type == "image/png"
    assert picture.shape[:2] == (100, 1000)
    shown = fluorescence[0, 505:1500:10, 1005:11000:10].astype(float)
    low, high = fluorescence[0].min(), fluorescence[0].max()
    expected = (shown - low) / (high - low) * 255
    assert np.abs(picture.reshape(100, 1000, -1)[..., 0] - expected).max() <= 1
    plain = large_image.open("sample.tiff")
    stored, _ = plain.getRegion(region=REGION, format="numpy")
    assert np.array_equal(stored[..., 0], fluorescence[0, 500:1500, 1000:11000])


def test_styles_compose_frames(fluorescence: np.ndarray) -> None:
    source = large_image.open(
        "sample.tiff",
        style={
            "bands": [
                {"frame": 0, "min": "min", "max": "max", "palette": "#f00"},
                {"frame": 3, "min": "min", "max": "max", "palette": "#0f0"},
                {"frame": 4, "min": "min", "max": "max", "palette": "#00f"},
            ]
        },
    )
    image, mime_type = source.getRegion(region=REGION, output={"maxWidth": 1000})
    assert mime_type == "image/jpeg"
    assert decoded(image).shape == (100, 1000, 3)
    exact, _ = source.getRegion(region=REGION, output={"maxWidth": 1000}, format="numpy")
    for band, frame in enumerate((0, 3, 4)):
        shown = fluorescence[frame, 505:1500:10, 1005:11000:10].astype(float)
        low, high = fluorescence[frame].min(), fluorescence[frame].max()
        assert np.abs(exact[..., band] - (shown - low) / (high - low) * 255).max() <= 1
    tile = decoded(source.getTile(0, 0, source.getMetadata()["levels"] - 1))
    assert tile.shape == (256, 256, 3)


def test_projections(data_file: Callable[[str], Path]) -> None:
    source = large_image.open(
        data_file("geotiff/large_image/rgba_geotiff.tiff"), projection="EPSG:3857"
    )
    bounds = source.getMetadata()["bounds"]
    assert bounds["srs"].lower().endswith("3857")
    assert source.getBounds() == bounds
    assert bounds["xmin"] < bounds["xmax"]
    assert bounds["ymin"] < bounds["ymax"]
    tile0 = decoded(source.getTile(0, 0, 0))
    assert tile0.shape[:2] == (256, 256)
    inner = source.getRegion(
        region={
            "left": bounds["xmin"],
            "top": bounds["ymax"],
            "right": bounds["xmax"],
            "bottom": bounds["ymin"],
            "units": "projection",
        },
        output={"maxWidth": 128},
        format="numpy",
    )[0]
    assert inner.shape[1] <= 128
    assert inner[..., -1].any()
