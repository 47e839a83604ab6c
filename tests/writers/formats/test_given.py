"""What a sink is told beside its pixels comes back as it went in, typed, or is told as lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat

TOLD = {"a": 1, "b": [1, 2.5, None, True], "c": {"d": "é|x = y", "e": []}, "f": "1"}
WORDS = 'Größe | of "it" = <5>\nand more'


def sink(*, placed: bool = False) -> Any:
    made = ziggurat.new()
    made.addTile(np.full((80, 120, 3), 9, np.uint8))
    made.imageDescription = WORDS
    made.additionalMetadata = TOLD
    if placed:
        made.projection = "EPSG:32633"
        made.gcps = [
            [500_000.0, 5_000_000.0, 0, 0],
            [501_200.0, 5_000_000.0, 120, 0],
            [500_000.0, 4_999_200.0, 0, 80],
        ]
    return made


@pytest.mark.parametrize("converted", [False, True])
@pytest.mark.parametrize(
    "name", ["o.tiff", "o.ome.tiff", "o.svs", "o.zarr", "o.zarr.zip", "o.db", "map.tif"]
)
def test_it_comes_back_typed(tmp_path: Path, name: str, converted: bool) -> None:
    with sink(placed=name == "map.tif") as made:
        if converted:
            made.write(tmp_path / f"source.{'tif' if name == 'map.tif' else 'tiff'}")
            source = next(tmp_path.glob("source.*"))
            ziggurat.convert(source, tmp_path / name)
        else:
            made.write(tmp_path / name)
    with ziggurat.open(tmp_path / name) as source:
        internal = source.getInternalMetadata()
        assert internal["additionalMetadata"] == TOLD
        assert internal["imageDescription"] == WORDS


@pytest.mark.parametrize("converted", [False, True])
@pytest.mark.parametrize("name", ["o.png", "o.jpg", "o.webp", "o.szi"])
def test_where_there_is_no_place_it_is_told(tmp_path: Path, name: str, converted: bool) -> None:
    with sink() as made:
        if converted:
            made.write(tmp_path / "source.tiff")
            lost = ziggurat.convert(tmp_path / "source.tiff", tmp_path / name).losses
        else:
            lost = made.write(tmp_path / name).lost
    assert any("additional metadata" in loss for loss in lost)


@pytest.mark.parametrize("name", ["o.svs", "map.tif"])
def test_a_de_identified_output_says_nothing_of_it(tmp_path: Path, name: str) -> None:
    with sink(placed=name == "map.tif") as made:
        made.additionalMetadata = {"patient": ["Ilse Sommerfeld"]}
        made.write(tmp_path / "source.tif")
    options = ziggurat.ConvertOptions(deidentify=True)
    ziggurat.convert(tmp_path / "source.tif", tmp_path / name, options)
    assert b"Sommerfeld" not in (tmp_path / name).read_bytes()
    with ziggurat.open(tmp_path / name) as source:
        assert not source.getInternalMetadata().get("additionalMetadata")
