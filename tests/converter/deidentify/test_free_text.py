"""Free text goes, wherever it stands; in what spelling it is found."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tests.converter.deidentify.outputs import TARGETS, bytes_of, segment
from tests.converter.deidentify.sources import PLANTED, planted_geo, planted_ome, planted_svs
from tests.each import each
from ziggurat.converter.convert import convert
from ziggurat.converter.deidentify import leaks
from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.deidentify.policy import Fate, load_policy
from ziggurat.converter.deidentify.values import is_technical
from ziggurat.converter.deidentify.view import DeidentifiedReader
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.views.views import View


def test_finding_texts_in_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "CHUNK", 1 << 16)  # bytes of a file that are looked through together
    folder = tmp_path / "store.zarr"
    folder.mkdir()
    (folder / "a.json").write_text('{"x": "Jane \\"J\\" Doe & Sons"}')
    (folder / "b").write_bytes(b"\0" * ((1 << 16) - 3) + "Dr. Who".encode("utf-16-le"))
    (folder / "c").write_text("<a>Tom &amp; Jerry</a>")
    secrets = ['Jane "J" Doe', "Dr. Who", "Tom & Jerry", "nobody", "store"]
    assert find_leaks(folder, secrets) == ("Dr. Who", 'Jane "J" Doe', "Tom & Jerry")


@pytest.mark.parametrize("target", [*TARGETS, "out.zarr"])
@pytest.mark.parametrize("make", [planted_ome, planted_svs, planted_geo])
def test_free_text_goes_wherever_it_stands(
    make: Callable[[Path], Path], tmp_path: Path, target: str
) -> None:
    suffix = ".ome.tif" if make is planted_ome else ".svs" if make is planted_svs else ".tif"
    if make is planted_ome and target == "out.svs":
        pytest.skip("an SVS has one frame")
    source = make(tmp_path / f"source{suffix}")
    assert PLANTED.encode() in source.read_bytes()
    convert(source, tmp_path / target, ConvertOptions(deidentify=True))
    assert PLANTED.encode() not in bytes_of(tmp_path / target)
    with open_reader(tmp_path / target) as reader:
        names = [channel.name for channel in reader.info.channels]
        if make is planted_ome:
            assert names == ["channel 0", "DAPI"]
        if make is planted_svs:
            assert reader.info.mm_x == pytest.approx(0.0005)
        if make is planted_geo and target in ("out.tiff", "out.zarr"):
            assert reader.info.geo is not None


@each(
    "value",
    ["0.4990", "20", "0.25 mm", "1920x1080", "0.5\\0.5", "MONOCHROME2", "Cy5", "FF00AA", ""],
)
def test_numbers_and_words_of_closed_vocabularies_may_stay(value: str) -> None:
    assert is_technical(value)


@each(
    "value",
    [PLANTED, "Jane", "12/29/09", "09:59:15", "1234567890", "0.5 Jane", "S09-12345", "CD8 Roe"],
)
def test_free_text_dates_and_long_numbers_may_not(value: str) -> None:
    assert not is_technical(value)


def test_texts_are_found_in_every_spelling_and_place(tmp_path: Path) -> None:
    folder = tmp_path / "store.zarr" / "0" / "c"
    folder.mkdir(parents=True)
    name = "Jörg O'Neill \\ & Söhne"
    spellings = {
        "utf-8": name.encode(),
        "utf-16-le after a letter": b"x" + name.encode("utf-16-le"),
        "utf-16-be": b"x" + name.encode("utf-16-be"),
        "latin-1": name.encode("latin-1"),
        "json": json.dumps(name).encode(),
        "json, not ascii": json.dumps(name, ensure_ascii=False).encode(),
        "xml": b"J\xc3\xb6rg O'Neill \\ &amp; S\xc3\xb6hne",
        "xml attribute": b"J\xc3\xb6rg O&#x27;Neill \\ &amp; S\xc3\xb6hne",
    }
    for spelling, data in spellings.items():
        (folder / "0").write_bytes(b"\0\1" + data + b"\0\1")
        assert find_leaks(tmp_path / "store.zarr", [name]) == (name,), spelling
    (folder / "0").write_bytes(b"nothing")
    assert find_leaks(tmp_path / "store.zarr", [name]) == ()
    (folder / "Roe-1948").touch()
    assert find_leaks(tmp_path / "store.zarr", ["Roe-1948"]) == ("Roe-1948",)


def test_a_text_that_stays_is_a_leak_even_where_a_site_keeps_it(
    slide: Path, tmp_path: Path
) -> None:
    """Two fields hold one text, and a policy keeps one of them: looking has no exceptions."""
    policy = tmp_path / "policy.toml"
    policy.write_text('[fields]\nkeep = ["aperio.one"]\n')
    fields = {"aperio.One": PLANTED, "aperio.Two": PLANTED, "aperio.MPP": "0.5"}
    with open_reader(slide) as reader:
        info = dataclasses.replace(reader.info, properties=fields)
        made = DeidentifiedReader(View(reader, info), load_policy(policy), Fate.REMOVE)
    assert PLANTED in made.secrets


def test_a_sites_channels_and_drops_win(slide: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[channels]\nkeep = ["janeroe-*"]\n[fields]\ndrop = ["aperio.MPP"]\n')
    source = planted_ome(tmp_path / "a.ome.tif")
    convert(source, tmp_path / "o.ome.tiff", ConvertOptions(policy=policy, deidentify=True))
    with open_reader(tmp_path / "o.ome.tiff") as reader:
        assert [channel.name for channel in reader.info.channels] == [PLANTED, "DAPI"]
    convert(slide, tmp_path / "o.tiff", ConvertOptions(policy=policy))
    with open_reader(tmp_path / "o.tiff") as reader:
        assert "aperio.MPP" not in reader.info.properties


@pytest.mark.parametrize("count", [12, pytest.param(1000, marks=pytest.mark.slow)])
def test_texts_planted_anywhere_leak_nowhere(tmp_path: Path, rng: Any, count: int) -> None:
    """In tags, fields, channels, axes and tiles of made slides, at places chosen by chance."""
    import imagecodecs

    for number in range(count):
        text = f"Zz{rng.integers(1 << 40):012x}Qq"
        tile = bytearray(
            imagecodecs.jpeg8_encode(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
        )
        start = rng.choice([2, len(tile)])
        marker = int(rng.choice([*range(0xE0, 0xF0), 0xFE]))
        tile[start:start] = segment(marker, text.encode())
        field = str(rng.choice(["MPP", "Filtered", "User", "Date", "Gamma", "Left", "Unheard of"]))
        said = f"Aperio Image Library v11 \r\n64x64 (64x64) JPEG/RGB|{field} = {text}"
        source = tmp_path / f"{number}.svs"
        tifffile.imwrite(
            source, iter([bytes(tile)]), shape=(64, 64, 3), dtype=np.uint8, tile=(64, 64),
            description=said, metadata=None, photometric="ycbcr", compression="jpeg",
            subsampling=(2, 2), extratags=[(315, 2, 0, text, True), (65000, 2, 0, text, True)],
        )  # fmt: skip
        target = tmp_path / f"{number}{TARGETS[number % len(TARGETS)][3:]}"
        output = target.with_name(f"out-{target.name}")
        convert(source, output, ConvertOptions(deidentify=True))
        assert text.encode() not in bytes_of(output), (field, marker, start)


def test_where_nothing_had_to_go_nothing_is_read(tmp_path: Path) -> None:
    assert find_leaks(tmp_path / "not there", ()) == ()
    assert find_leaks(tmp_path / "not there", ("",)) == ()
