"""OME-Zarr under a URL: each document is asked for once, and those of all levels together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import ziggurat
from ziggurat.readers.errors import SourceError, SourceNotFoundError
from ziggurat.readers.io.documents import DocumentStore


@pytest.fixture
def pyramid() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 255, (4100, 170, 1), np.uint8)


def write(path: Path, pixels: np.ndarray, version: str) -> None:
    with ziggurat.new() as sink:
        sink.addTile(pixels)
        sink.write(path, omeVersion=version)


@pytest.mark.parametrize(("version", "most"), [("0.5", 10), ("0.4", 23)])
def test_few_requests_open_five_levels(
    server: Any, tmp_path: Path, pyramid: np.ndarray, version: str, most: int
) -> None:
    write(tmp_path / "a.zarr", pyramid, version)
    with ziggurat.open(server.url("a.zarr")) as source:
        assert source.levels == 5
        assert len(server.requests) <= most, server.requests
        region = {"left": 100, "top": 200, "width": 50, "height": 60}
        found = source.getRegion(region=region, format="numpy")[0]
    assert np.array_equal(found, pyramid[200:260, 100:150])


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_consolidated_metadata_take_the_place_of_the_arrays(
    server: Any, tmp_path: Path, pyramid: np.ndarray, version: str
) -> None:
    write(tmp_path / "a.zarr", pyramid, version)
    with ziggurat.open(server.url("a.zarr")):
        without = len(server.requests)
    zarr.consolidate_metadata(str(tmp_path / "a.zarr"))
    server.requests.clear()
    with ziggurat.open(server.url("a.zarr")) as source:
        assert len(server.requests) <= without - 5, server.requests
        small = source.getRegion(output={"maxWidth": 40}, format="numpy")[0]
    with ziggurat.open(tmp_path / "a.zarr") as source:
        assert np.array_equal(small, source.getRegion(output={"maxWidth": 40}, format="numpy")[0])


def test_what_is_nowhere_or_can_not_be_read_is_told_apart(server: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="no zarr hierarchy"):
        ziggurat.open(server.url("none.zarr"))
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr/zarr.json").write_text(json.dumps({"node_type": "group"}))
    (tmp_path / "a.zarr/0").mkdir()
    (tmp_path / "a.zarr/0/zarr.json").write_text("{}")
    store = DocumentStore(server.url("a.zarr"))
    assert store.is_hierarchy
    server.failures = 9
    with pytest.raises(SourceError, match=r"0/zarr\.json can't be read"):
        store.get_range("0/zarr.json", 0, 10)  # an error is no absence, and is not kept
    server.failures = 0
    assert store.get_range("0/zarr.json", 0, 10) == b"{}"
    assert store.get_range("1/zarr.json", 0, 10) is None


def test_nonsense_in_documents_is_whoever_reads_it_s_to_judge(server: Any, tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    for text in (b"[1", b"[]", b'{"consolidated_metadata": 3, "attributes": {"ome": 5}}'):
        (tmp_path / "a.zarr/zarr.json").write_bytes(text)
        store = DocumentStore(server.url("a.zarr"))
        assert store.get_range("zarr.json", 0, 1 << 20) == text
        with pytest.raises(SourceError):
            ziggurat.open(server.url("a.zarr"))
