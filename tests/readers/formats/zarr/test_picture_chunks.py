"""Chunks that are JPEGs by imagecodecs' name, but other ones than the array says."""

import functools
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import CorruptSourceError

TILE = np.ascontiguousarray(np.indices((64, 64, 3)).sum(0).astype(np.uint8))
RGB = {"colorspace_jpeg": "RGB", "colorspace_data": "RGB"}


def array(path: Path, chunk: bytes, configuration: Mapping[str, str]) -> Path:
    """Write an array (y, x, band) of one chunk."""
    (path / "c/0/0").mkdir(parents=True)
    grid = {"name": "regular", "configuration": {"chunk_shape": [64, 64, 3]}}
    codec = {"name": "imagecodecs_jpeg", "configuration": configuration}
    said = {
        "zarr_format": 3, "node_type": "array", "shape": [64, 64, 3], "data_type": "uint8",
        "chunk_grid": grid, "chunk_key_encoding": {"name": "default"}, "fill_value": 0,
        "codecs": [codec], "attributes": {},
    }  # fmt: skip
    (path / "zarr.json").write_text(json.dumps(said))
    (path / "c/0/0/0").write_bytes(chunk)
    return path


def jpeg(pixels: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=95))


@pytest.mark.parametrize("configuration", [{}, RGB])
def test_what_the_array_tells_is_read(tmp_path: Path, configuration: Mapping[str, str]) -> None:
    with ziggurat.open(array(tmp_path / "a.zarr", jpeg(TILE), configuration)) as source:
        pixels = source.getRegion(format="numpy")[0]
    oracle = imagecodecs.jpeg8_decode(
        jpeg(TILE), colorspace=configuration.get("colorspace_jpeg"), outcolorspace="RGB"
    )
    assert np.array_equal(pixels, oracle)


@pytest.mark.parametrize("configuration", [{}, RGB])
@pytest.mark.parametrize(
    "pixels",
    [
        TILE[..., 0],
        TILE[:32],
        np.zeros((128, 32, 3), np.uint8),
        np.zeros((2000, 2000, 3), np.uint8),
    ],
    ids=["gray", "small", "turned", "huge"],
)
def test_other_pictures_are_refused_before_they_are_decoded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pixels: np.ndarray,
    configuration: Mapping[str, str],
) -> None:
    """A gray one would pass for colours, and a huge one fill the memory."""
    path = array(tmp_path / "a.zarr", jpeg(pixels), configuration)

    def decode(*args: object, **words: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("ziggurat.readers.formats.zarr.pictures.decode_tile", decode)
    monkeypatch.setattr(imagecodecs, "jpeg8_decode", decode)
    with ziggurat.open(path) as source, pytest.raises(CorruptSourceError, match="in a chunk of"):
        source.getRegion(format="numpy")


def forged(side: int) -> bytes:
    """Return a JPEG whose frame header tells another size."""
    stream = bytearray(jpeg(TILE))
    struct.pack_into(">HH", stream, stream.find(b"\xff\xc0") + 5, side, side)
    return bytes(stream)


@functools.cache
def large(kind: str) -> bytes:
    """Return a gray picture larger than any that is decoded unseen."""
    options = {"speed": 10} if kind == "avif" else {}
    encode = getattr(imagecodecs, f"{kind}_encode")
    return bytes(encode(np.zeros((2100, 2100), np.uint8), **options))


@pytest.mark.parametrize("kind", ["jpeg", "png", "avif", "jpegls"])
@pytest.mark.parametrize("sharded", [False, True])
def test_forged_pictures_are_refused_whatever_the_settings_of_the_codec(
    tmp_path: Path, kind: str, sharded: bool
) -> None:
    """What zarr-python is to decode is looked at first: it allocates what the stream tells."""
    stream, codec = forged(20000), {"name": "imagecodecs_jpeg", "configuration": {}}
    codec["configuration"] = {"colorspace_jpeg": "RGB"}
    if kind != "jpeg":
        stream = large(kind)
        codec = {"name": f"imagecodecs_{kind}", "configuration": {}}
    path = array(tmp_path / "a.zarr", stream, {})
    said = json.loads((path / "zarr.json").read_text())
    said["codecs"] = [codec]
    if sharded:
        index = struct.pack("<QQ", 0, len(stream))
        (path / "c/0/0/0").write_bytes(stream + index)
        configuration = {
            "chunk_shape": [64, 64, 3], "codecs": [codec], "index_location": "end",
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        }  # fmt: skip
        said["codecs"] = [{"name": "sharding_indexed", "configuration": configuration}]
    (path / "zarr.json").write_text(json.dumps(said))
    with ziggurat.open(path) as source, pytest.raises(CorruptSourceError, match="holds a picture"):
        source.getRegion(format="numpy")
