"""Conversion of what lies behind a URL: the same output as of the file itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.converter.cli.app import main
from ziggurat.readers.errors import SourceNotFoundError


@pytest.fixture
def served(server: Any) -> tuple[Path, str]:
    server.folder = server.folder / "served"
    server.folder.mkdir()
    return server.folder, f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("name", ["out.tiff", "out.ome.tiff", "out.zarr", "out.zarr.zip"])
def test_a_slide_behind_a_url_becomes_what_the_file_becomes(
    name: str, served: tuple[Path, str], make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, url = served
    slide = make_svs(folder / "slide.svs", width=700, height=500)
    remote = ziggurat.convert(f"{url}/slide.svs", tmp_path / f"remote-{name}")
    local = ziggurat.convert(slide, tmp_path / f"local-{name}")
    assert remote.tiles_copied == local.tiles_copied
    assert remote.losses == local.losses
    with (
        ziggurat.open(tmp_path / f"remote-{name}") as one,
        ziggurat.open(tmp_path / f"local-{name}") as other,
    ):
        assert one.getMetadata() == other.getMetadata()
        assert one.getAssociatedImagesList() == other.getAssociatedImagesList()
        np.testing.assert_array_equal(
            one.getRegion(format="numpy")[0], other.getRegion(format="numpy")[0]
        )


def test_a_map_behind_a_url(
    served: tuple[Path, str],
    make_raster: Callable[..., Path],
    tmp_path: Path,
    rng: np.random.Generator,
) -> None:
    folder, url = served
    pixels = rng.integers(0, 65535, (400, 500, 1), np.uint16)
    place = {"crs": "EPSG:32633", "transform": (500000, 10, 0, 5000000, 0, -10)}
    make_raster(folder / "map.tif", pixels, **place)
    ziggurat.convert(f"{url}/map.tif", tmp_path / "map.tif")
    with ziggurat.open(tmp_path / "map.tif") as source:
        assert source.geospatial
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)


def test_the_command_takes_urls(
    served: tuple[Path, str], make_svs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, url = served
    make_svs(folder / "slide.svs", width=700, height=500)
    with pytest.raises(SystemExit) as ended:
        main(["convert", f"{url}/slide.svs", str(tmp_path / "out.tiff")])
    assert not ended.value.code
    with ziggurat.open(tmp_path / "out.tiff") as source:
        assert source.sizeX == 700


def test_nothing_at_a_url_leaves_nothing(served: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="nothing there"):
        ziggurat.convert(f"{served[1]}/nothing.svs", tmp_path / "out.tiff")
    assert not (tmp_path / "out.tiff").exists()
