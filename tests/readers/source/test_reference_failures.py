"""Where the reference's reading goes wrong, and no other test shows the right answer yet."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import ziggurat


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_scaled_tiles_of_more_than_8_bits_keep_shape_type_and_values(
    dtype: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = (rng.random((300, 400, 1)) * 1000 + 3000).astype(dtype)
    path = tmp_path / "deep.tif"
    resolution = (10_000, 10_000)
    tifffile.imwrite(
        path, pixels, tile=(64, 64), resolution=resolution, resolutionunit="CENTIMETER"
    )
    with ziggurat.open(path) as source:
        scale = {"mm_x": source.getMetadata()["mm_x"] * 1.5}
        tiles = list(
            source.tileIterator(
                scale=scale, tile_size={"width": 400, "height": 300}, resample=True, format="numpy"
            )
        )
        (tile,) = tiles
        assert tile["tile"].shape == (tile["height"], tile["width"], 1)
        assert tile["width"] == 266  # scales are told to four digits of a level: 199 rows of 200
        assert tile["height"] in (199, 200)
        assert tile["tile"].dtype == dtype
        assert tile["tile"].mean() == pytest.approx(pixels.mean(), rel=1e-3)
        assert 3000 <= tile["tile"].min() <= tile["tile"].max() <= 4000


@pytest.mark.parametrize("kept", [True, False])
def test_a_file_written_over_another_has_its_own_frames(kept: bool, tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    frames = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((64, 64), np.uint8)
    tifffile.imwrite(path, frames, metadata={"axes": "ZYX"})
    with ziggurat.open(path, noCache=not kept) as source:
        assert source.frames == 4
        assert source.getRegion(frame=3, format="numpy")[0].max() == 3
    tifffile.imwrite(path, np.full((32, 48), 9, np.uint8), metadata={"axes": "YX"})
    with ziggurat.open(path, noCache=not kept) as source:
        assert (source.frames, source.sizeX, source.sizeY) == (1, 48, 32)
        assert (source.getRegion(format="numpy")[0] == 9).all()


def test_ome_zarr_without_display_settings_has_its_axes(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 4000, (2, 3, 40, 50), np.uint16)
    group = zarr.open_group(tmp_path / "image.zarr", mode="w", zarr_format=2)
    array = group.create_array("0", shape=pixels.shape, chunks=(1, 1, 40, 50), dtype="uint16")
    array[:] = pixels
    kinds = {"t": "time", "c": "channel", "y": "space", "x": "space"}
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": name, "type": kind} for name, kind in kinds.items()],
            "datasets": [
                {
                    "path": "0",
                    "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 1]}],
                }
            ],
        }
    ]
    with ziggurat.open(tmp_path / "image.zarr") as source:
        meta = source.getMetadata()
        assert meta["IndexRange"] == {"IndexT": 2, "IndexC": 3}
        assert (meta["sizeX"], meta["sizeY"], meta["bandCount"]) == (50, 40, 1)
        for number in range(6):
            found = source.getRegion(frame=number, format="numpy")[0][..., 0]
            np.testing.assert_array_equal(found, pixels[divmod(number, 3)])
