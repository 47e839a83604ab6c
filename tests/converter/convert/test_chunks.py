"""OME-Zarr to OME-Zarr: chunks go over as they are, also from one zarr format to the other."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from ziggurat.converter.cli.app import main
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions

CODECS = ["blosc", "zstd", "gzip", "none"]
VERSIONS = ["0.4", "0.5"]
SIZE = 175, 225


@pytest.fixture
def pixels() -> np.ndarray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([x % 251, y % 241, (x + y) % 239], axis=2).astype(np.uint8)


@pytest.fixture
def stores(tmp_path: Path, pixels: np.ndarray) -> Any:
    """Return the function that makes an OME-Zarr of a version and compression."""
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", tile=(64, 64))

    def make(version: str, codec: str) -> Path:
        path = tmp_path / f"made-{version}-{codec}.zarr"
        options = ConvertOptions(ome_version=version, compression=codec, tile_size=64)
        convert(tmp_path / "in.tif", path, options)
        return path

    return make


def chunks(folder: Path) -> list[bytes]:
    """Return the bytes of all chunks of level 0; both formats sort alike."""
    files = [f for f in (folder / "0").rglob("*") if f.is_file() and f.name[-1].isdigit()]
    return [f.read_bytes() for f in sorted(files, key=lambda f: tuple(places(f, folder)))]


def places(file: Path, folder: Path) -> list[int]:
    text = str(file.relative_to(folder / "0")).replace("/", ".")
    return [int(part) for part in text.split(".") if part.isdigit()]


@pytest.mark.parametrize(
    ("before", "after", "codec"),
    [
        # both ways of each codec, and each codec within one version; all where there is time
        pytest.param(
            one, other, codec, marks=() if one != other or n % 2 == m else pytest.mark.slow
        )
        for m, one in enumerate(VERSIONS)
        for other in VERSIONS
        for n, codec in enumerate(CODECS)
    ],
)
def test_chunks_are_copied_between_the_zarr_formats(
    stores: Any, tmp_path: Path, pixels: np.ndarray, before: Any, after: Any, codec: str
) -> None:
    source, output = stores(before, codec), tmp_path / "out.zarr"
    options = ConvertOptions(ome_version=after, verify="full")
    report = convert(source, output, options)
    assert {(step.action, step.codec) for step in report.plan.steps} == {("copy", codec)}
    assert report.tiles_encoded == 0
    assert {check.compared for check in report.verification.levels} == {"bytes"}
    assert len(chunks(output)) == 12
    assert chunks(output) == chunks(source)
    array = zarr.open_array(output / "0", mode="r")
    assert array.metadata.zarr_format == (2 if after == "0.4" else 3)
    assert np.array_equal(np.moveaxis(np.squeeze(array[...]), 0, -1), pixels)


def test_chunks_are_copied_into_a_zip(stores: Any, tmp_path: Path, pixels: np.ndarray) -> None:
    source = stores("0.4", "zstd")
    report = convert(source, tmp_path / "out.zarr.zip", ConvertOptions(verify="full"))
    assert report.tiles_encoded == 0
    with zipfile.ZipFile(tmp_path / "out.zarr.zip") as archive:
        stored = {archive.read(name) for name in archive.namelist()}
    assert set(chunks(source)) <= stored


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"compression": "gzip"}, "gzip was asked for, the source has zstd"),
        ({"tile_size": 128}, "chunks of 128 pixels were asked for"),
        ({"bands": (0, 1)}, ""),
    ],
)
def test_chunks_are_encoded_where_others_are_wanted(
    stores: Any, tmp_path: Path, options: Any, reason: Any
) -> None:
    source = stores("0.5", "zstd")
    plan = plan_conversion(source, tmp_path / "out.zarr", ConvertOptions(**options))
    assert plan.copied_tiles == 0
    assert reason in plan.steps[0].reason
    report = convert(source, tmp_path / "out.zarr", ConvertOptions(verify="full", **options))
    assert all(check.max_error == 0 for check in report.verification.levels[:1])


def test_the_plan_is_shown(stores: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = stores("0.5", "blosc")
    command = ["convert", str(source), str(tmp_path / "out.zarr"), "--dry-run", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert '"copy"' in said
    assert '"encode"' not in said
    assert not (tmp_path / "out.zarr").exists()


def test_chunks_go_into_no_tiff(stores: Any, tmp_path: Path, pixels: np.ndarray) -> None:
    report = convert(stores("0.5", "zstd"), tmp_path / "out.tiff", ConvertOptions(verify="full"))
    assert report.plan.copied_tiles == 0
    assert np.array_equal(tifffile.imread(tmp_path / "out.tiff", key=0), pixels)
