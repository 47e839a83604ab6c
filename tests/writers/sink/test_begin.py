"""What is said when a sink is made or joined, in both kinds of store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SinkInputError

KNOWN: dict[str, Any] = {
    "sizeX": 30,
    "sizeY": 20,
    "axes": {"t": 2, "z": 5, "c": 3},
    "dtype": "uint16",
    "bands": 4,
}


def told(sink: ziggurat.Sink) -> tuple[Any, ...]:
    sizes = dict(zip(sink.frameAxes, sink._store.sizes, strict=False))
    structure = sink._store.structure
    return (sink._store.sizes[-2:], sizes, structure.dtype, structure.bands)


@pytest.mark.parametrize("join", [False, True])
@pytest.mark.parametrize(
    "names",
    [*((name,) for name in KNOWN), ("sizeX", "axes"), ("dtype", "bands"), tuple(KNOWN)],
    ids="-".join,
)
def test_what_is_known_of_a_sink_is_so_from_the_first_moment(
    tmp_path: Path, names: tuple[str, ...], join: bool
) -> None:
    known = {name: KNOWN[name] for name in names}
    found = []
    for store in ("mapped", "log"):
        if join:
            ziggurat.new(tmp_path / store, store=store).close()
        mode = "join" if join else "create"
        with ziggurat.new(tmp_path / store, mode=mode, store=store, **known) as sink:
            before = told(sink)
            if "axes" in known:
                assert before[1] == KNOWN["axes"]
            tile = np.full((2, 2, known.get("bands", 3)), 9, known.get("dtype", "uint8"))
            sink.addTile(tile, 1, 1)
            found.append((before, told(sink), sink.frames, sink.dtype))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["mapped", "log"])
@pytest.mark.parametrize(
    ("word", "value"),
    [("fill", 4), ("blend", "max"), ("tileSize", 64), ("tileSize", (32, 16)), ("dtype", "uint16")],
)
def test_who_joins_says_the_same_or_nothing(
    tmp_path: Path, kind: str, word: str, value: object
) -> None:
    said: dict[str, Any] = {"fill": 3, "blend": "min", "tileSize": 32, "dtype": "uint8"}
    ziggurat.new(tmp_path / "s", store=kind, **said).close()
    for same in ({}, said, {word: said[word]} if word != "fill" else {"fill": 3, "dtype": "uint8"}):
        ziggurat.new(tmp_path / "s", mode="join", **same).close()
    with pytest.raises(SinkInputError, match="the store h"):
        ziggurat.new(tmp_path / "s", mode="join", **{**said, word: value})
