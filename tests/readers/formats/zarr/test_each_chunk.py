"""Every box of arrays in every order, and what is told of them, against numpy on the whole."""

import dataclasses
import itertools
import json
import math
from typing import Any, Literal

import google_crc32c
import imagecodecs
import numpy as np
import pytest

from tests.each import each
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.zarr.array import ChunkCache, ZarrArray
from ziggurat.readers.formats.zarr.associated import find_associated
from ziggurat.readers.formats.zarr.fields import FieldsReader
from ziggurat.readers.formats.zarr.metadata import _fill, parse_v2, parse_v3
from ziggurat.readers.formats.zarr.reader import _chunk_format, bands_last
from ziggurat.readers.formats.zarr.stored import check_claim
from ziggurat.readers.formats.zarr.tree import read_node
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, ImageInfo, Interpretation, Level
from ziggurat.readers.ngff.layout import ArrayLayout, Dimension, ngff_layout
from ziggurat.readers.views.array import array_reader

SHAPE, CHUNK = (3, 7, 11), (2, 4, 4)
WHOLE = np.random.default_rng(1).integers(1, 60_000, SHAPE).astype(np.uint16)
GONE = (1, 0, 2)  # a chunk that isn't stored
FILL = 77


class Store:
    """Keys in a dictionary."""

    url = "made"

    def __init__(self, keys: dict[str, bytes]) -> None:
        self.keys = keys

    def get(self, key: str) -> bytes | None:
        return self.keys.get(key)

    def get_range(self, key: str, offset: int, length: int) -> bytes | None:
        data = self.keys.get(key)
        if data is None:
            return None
        return data[offset:][:length]

    def children(self, prefix: str) -> list[str]:
        start = f"{prefix}/" if prefix else ""
        found = {key[len(start) :].split("/")[0] for key in self.keys if key.startswith(start)}
        return sorted(found)

    def close(self) -> None:
        pass


def chunks(order: Literal["C", "F"] = "C", byteorder: str = "<") -> dict[tuple[int, ...], bytes]:
    padded = np.full((4, 8, 12), FILL, np.uint16)
    padded[:3, :7, :11] = WHOLE
    found = {}
    for cell in itertools.product(range(2), range(2), range(3)):
        part = padded[tuple(slice(c * s, (c + 1) * s) for c, s in zip(cell, CHUNK, strict=True))]
        if cell != GONE:
            found[cell] = part.astype(f"{byteorder}u2").tobytes(order)
    return found


def v2(
    order: str, byteorder: str, separator: str | None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    facts = {
        "zarr_format": 2, "shape": SHAPE, "chunks": CHUNK, "dtype": f"{byteorder}u2",
        "order": order, "fill_value": FILL, "compressor": None, "filters": None,
    }  # fmt: skip
    if separator is not None:
        facts["dimension_separator"] = separator
    keys = {(separator or ".").join(map(str, cell)): data
            for cell, data in chunks(order, byteorder).items()}  # fmt: skip
    return facts, keys


def v3(endian: str, codecs: list[Any], keys: Any = None) -> tuple[dict[str, Any], dict[str, bytes]]:
    facts = {
        "shape": SHAPE, "data_type": "uint16", "fill_value": FILL,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": CHUNK}},
        "codecs": [{"name": "bytes", "configuration": {"endian": endian}}, *codecs],
    }  # fmt: skip
    if keys is not None:
        facts["chunk_key_encoding"] = keys
    default = keys is None or keys["name"] == "default"
    separator = (keys or {}).get("configuration", {}).get("separator", "/" if default else ".")
    stored = {}
    for cell, data in chunks("C", "<" if endian == "little" else ">").items():
        for codec in codecs:
            data = _encoded(codec["name"], data)
        parts = [*(["c"] if default else []), *map(str, cell)]
        stored[separator.join(parts)] = data
    return facts, stored


def _encoded(name: str, data: bytes) -> bytes:
    if name == "crc32c":
        return data + google_crc32c.value(data).to_bytes(4, "little")
    return bytes({"zstd": imagecodecs.zstd_encode, "gzip": imagecodecs.gzip_encode}[name](data))


def sharded(location: str, checksum: bool) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Two chunks of each dimension in a shard; their order in it is none."""
    index_codecs: list[dict[str, Any]] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    index_codecs += [{"name": "crc32c"}] if checksum else []
    inner = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd"}]
    facts = {
        "shape": SHAPE, "data_type": "uint16", "fill_value": FILL,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": (4, 8, 8)}},
        "codecs": [{"name": "sharding_indexed", "configuration": {
            "chunk_shape": CHUNK, "codecs": inner, "index_codecs": index_codecs,
            "index_location": location,
        }}],
    }  # fmt: skip
    stored, every = {}, chunks()
    size = 16 * 8 + 4 * checksum
    for shard in range(2):
        index = np.full((8, 2), 2**64 - 1, np.uint64)
        body, start = b"", size if location == "start" else 0
        for cell in reversed(list(itertools.product(range(2), repeat=3))):
            data = every.get((cell[0], cell[1], cell[2] + 2 * shard))
            if data is not None:
                data = _encoded("zstd", data)
                index[cell[0] * 4 + cell[1] * 2 + cell[2]] = start + len(body), len(data)
                body += data
        told = index.astype("<u8").tobytes()
        told = _encoded("crc32c", told) if checksum else told
        stored[f"c/0/0/{shard}"] = told + body if location == "start" else body + told
    return facts, stored


ORDERS: tuple[Literal["C", "F"], ...] = ("C", "F")
ARRAYS: dict[str, Any] = {
    **{f"v2 {o}{b}{s}": (2, *v2(o, b, s))
       for o in ORDERS for b in "<>" for s in (".", "/", None)},
    "v3": (3, *v3("little", [])), "v3 big": (3, *v3("big", [{"name": "zstd"}])),
    "v3 gzip": (3, *v3("little", [{"name": "gzip"}, {"name": "crc32c"}])),
    "v3 dots": (3, *v3("little", [], {"name": "default", "configuration": {"separator": "."}})),
    "v3 as v2": (3, *v3("little", [], {"name": "v2"})),
    "v3 as v2 slashes": (3, *v3("little", [], {"name": "v2", "configuration": {"separator": "/"}})),
    **{f"shards {at}{c}": (3, *sharded(at, c)) for at in ("start", "end") for c in (False, True)},
}  # fmt: skip
DUE = WHOLE.copy()
DUE[2:, :4, 8:] = FILL


@each("kind", ARRAYS)
@each("cached", [False, True])
def test_every_box(kind: str, cached: bool) -> None:
    version, facts, keys = ARRAYS[kind]
    facts = json.loads(json.dumps(facts))
    metadata = parse_v2(facts) if version == 2 else parse_v3(facts)
    store = Store({f"a/{key}": data for key, data in keys.items()})
    array = ZarrArray(store, "a", metadata, ChunkCache() if cached else None)
    edges = [
        ((0, 3), (1, 2), (2, 3)),
        ((0, 7), (0, 1), (3, 5), (6, 7)),
        ((0, 11), (7, 9), (10, 11)),
    ]
    for box in itertools.product(*edges):
        found = array.read(box)
        due = DUE[tuple(slice(*span) for span in box)]
        np.testing.assert_array_equal(found, due, str(box))
        assert found.dtype == np.dtype("u2")
        assert found.dtype.isnative
        found[...] = 0  # a caller's own
    for cell in itertools.product(range(2), range(2), range(3)):
        assert (array.stored(cell) is None) is (cell == GONE)
        box = [(c * s, min((c + 1) * s, n)) for c, s, n in zip(cell, CHUNK, SHAPE, strict=True)]
        assert array.is_blank(box) is (cell == GONE)


@each(
    "value, dtype, fill",
    [(None, "u2", 0), (5, "u2", 5), (True, "?", True), ("true", "?", True), ("false", "?", False),
     ("0x3f800000", "f4", 1.0), ("0x40490fdb", "f4", math.pi), ("0x7fc00000", "f4", math.nan),
     ("NaN", "f4", math.nan), ("-Infinity", "f4", -math.inf), ("Infinity", "f8", math.inf),
     ("3.0", "u2", 3), ("7", "i4", 7), (2.5, "f4", 2.5), ("0x0102", "u2", 0x0102),
     (1e300, "f4", math.inf)])  # fmt: skip
def test_what_is_not_stored(value: Any, dtype: str, fill: float) -> None:
    for order in "<>":
        found = _fill(value, np.dtype(dtype).newbyteorder(order))
        assert found == pytest.approx(fill, nan_ok=True), order


@pytest.mark.parametrize("value", [2.5, "x", [1], 70_000, -1])
def test_fills_that_cannot_be(value: Any) -> None:
    facts, _ = v2("C", "<", ".")
    with pytest.raises(CorruptSourceError):
        parse_v2(facts | {"fill_value": value})


AXES = (Axis("t", 2), Axis("c", 3))


@each("names", [*itertools.permutations("tcyx"), *itertools.permutations("tyx")])
def test_frames_of_arrays_of_any_order(names: tuple[str, ...]) -> None:
    sizes = {"t": 2, "c": 3, "y": 5, "x": 4}
    axes = tuple(axis for axis in AXES if axis.name in names)
    layout = ArrayLayout(tuple(Dimension(name, (name,)) for name in names), axes, 1)
    whole = np.arange(math.prod(sizes[n] for n in names)).reshape([sizes[n] for n in names])
    plain = whole.transpose([names.index(n) for n in "tcyx" if n in names])
    for place in itertools.product(*(range(axis.size) for axis in axes)):
        position = {axis.name: at for axis, at in zip(axes, place, strict=True)}
        for rect in (Rect(0, 0, 4, 5), Rect(1, 2, 2, 3), Rect(3, 0, 1, 1)):
            box = layout.window(position, rect)
            found = bands_last(whole[tuple(slice(*span) for span in box)], layout)
            due = plain[place][rect.y : rect.bottom, rect.x : rect.right]
            np.testing.assert_array_equal(found[..., 0], due)


@each("bands", [2, 3, 4, 5])
@each("dtype", ["u1", "u2", "f4"])
@each("names", ["syx", "yxs", "sxy", "ysx"])
def test_bands_come_last(names: str, dtype: str, bands: int) -> None:
    sizes = {"s": bands, "y": 5, "x": 4}
    dimensions = tuple(Dimension("c" if n == "s" else n, (n,)) for n in names)
    layout = ArrayLayout(dimensions, (), bands)
    whole = np.arange(bands * 20).astype(dtype).reshape([sizes[n] for n in names])
    due = whole.transpose([names.index(n) for n in "yxs"])
    found = bands_last(whole, layout)
    np.testing.assert_array_equal(found, due)
    assert found.flags.c_contiguous
    meta = parse_v2({"shape": whole.shape, "chunks": whole.shape, "dtype": "|u1", "fill_value": 0,
                     "compressor": {"id": "zstd", "level": 1}})  # fmt: skip
    info = ImageInfo("x", (Level(4, 5, 4, 5),), bands, np.dtype("u1"), Interpretation.MULTIBAND)
    copied = _chunk_format(meta, info, layout).zarr
    assert (copied is not None) is (names == "syx"), "as it lies where it is copied to"
    filled = dataclasses.replace(meta, fill=np.uint8(3))
    assert _chunk_format(filled, info, layout).zarr is None
    same = dataclasses.replace(info, background=(3.0,) * bands)
    assert (_chunk_format(filled, same, layout).zarr is not None) is (names == "syx")


def test_bands_are_the_fastest_part_of_channels() -> None:
    layout = ngff_layout([Axis("c", 3), Axis("z", 2)], 4)
    assert [d.name for d in layout.dimensions] == ["c", "z", "y", "x"]
    assert layout.shape(7, 9) == (12, 2, 9, 7)
    assert layout.window({"c": 2, "z": 1}, Rect(1, 2, 3, 4)) == ((8, 12), (1, 2), (2, 6), (1, 4))
    assert layout.chunk_shape(5, 6) == (4, 1, 6, 5)


def test_frames_of_fields() -> None:
    images = [np.random.default_rng(n).integers(0, 255, (3, 8, 9), np.uint8) for n in range(4)]
    fields = {f"A/{n}": array_reader(image, "cyx") for n, image in enumerate(images)}
    node: Any = type("Node", (), {"attributes": {}, "path": ""})()
    reader = FieldsReader(Store({}), node, fields, ())
    assert [(axis.name, axis.size) for axis in reader.info.axes] == [("xy", 4), ("c", 3)]
    assert reader.info.axes[0].values == tuple(fields)
    for field, c in itertools.product(range(4), range(3)):
        found = reader.plane(0, field * 3 + c).read(Rect(0, 0, 9, 8))
        np.testing.assert_array_equal(found[..., 0], images[field][c])


def _group(shape: tuple[int, ...], name: str) -> dict[str, bytes]:
    facts = {
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "uint8",
        "fill_value": 0, "codecs": [{"name": "bytes"}],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
    }  # fmt: skip
    ome = {"version": "0.5", "multiscales": [{"name": name, "datasets": [{"path": "0"}]}]}
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}
    return {"zarr.json": json.dumps(group).encode(), "0/zarr.json": json.dumps(facts).encode()}


def test_other_series_are_pictures_where_they_are_small_and_one_frame() -> None:
    series = {
        "0": ((2, 9000, 9000), "main"), "1": ((3, 40, 50), "label image"),
        "2": ((1, 40, 50), "macro image"), "3": ((5, 40, 50), "stack"), "4": ((40, 50), "plain"),
        "5": ((3, 9000, 10), "long"), "6": ((2, 3, 40, 50), "many"), "7": ((40, 50), "plain"),
    }  # fmt: skip
    top = {"zarr_format": 3, "node_type": "group",
           "attributes": {"ome": {"version": "0.5", "bioformats2raw.layout": 3,
                                  "series": list(series)}}}  # fmt: skip
    keys = {"zarr.json": json.dumps(top).encode()}
    for path, (shape, name) in series.items():
        keys |= {f"{path}/{key}": data for key, data in _group(shape, name).items()}
    store = Store(keys)
    main = read_node(store, "0")
    assert main is not None
    found = find_associated(store, main)
    assert found == {"label": "1", "macro": "2", "plain": "4", "plain 7": "7"}


@pytest.mark.parametrize(
    ("stored", "right"), [(0, False), (1, False), (39, False), (40, True), (200, True)]
)
def test_a_claim_of_far_more_than_is_there(stored: int, right: bool) -> None:
    side = 1 << 20
    facts = {"zarr_format": 2, "shape": (side, side), "chunks": (512, 512), "dtype": "|u1",
             "fill_value": 0, "compressor": None, "filters": None, "order": "C"}  # fmt: skip
    least = math.ceil((side // 512) ** 2 * 1e-5)
    assert least == 42
    keys = {".zarray": json.dumps(facts).encode()}
    count = stored if stored < 40 else least + stored - 40
    keys |= {f"0.{number}": b"x" for number in range(count)}
    store = Store(keys)
    node = read_node(store, "")
    assert node is not None
    layout = ArrayLayout((Dimension("y", ("y",)), Dimension("x", ("x",))), (), 1)
    if right:
        check_claim(store, node, layout)
    else:
        with pytest.raises(CorruptSourceError, match="claims"):
            check_claim(store, node, layout)
