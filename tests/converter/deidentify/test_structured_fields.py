"""Fields that hold more than a text go as texts do, and what is in them is looked for."""

from pathlib import Path

import numpy as np
import pytest

import ziggurat


@pytest.mark.parametrize("name", ["a.tiff", "a.ome.tiff", "a.zarr.zip"])
def test_names_deep_in_a_field_do_not_go_out(tmp_path: Path, name: str) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.ones((64, 64, 3), np.uint8))
        sink.additionalMetadata = {
            "aperio.AppMag": {"patient": ["Ilse Sommerfeld", {"born": "1951-02-03"}]},
            "people": [{"Konstantin Obermayer": 7}],
        }
        sink.write(tmp_path / "source.tiff", lossy=False)
    options = ziggurat.ConvertOptions(deidentify=True)
    ziggurat.convert(tmp_path / "source.tiff", tmp_path / name, options)
    data = (tmp_path / name).read_bytes()
    for secret in (b"Sommerfeld", b"Obermayer", b"1951"):
        assert secret not in data
    with ziggurat.open(tmp_path / name) as source:
        assert not {"people", "aperio.AppMag"} & set(source.additionalMetadata or {})
