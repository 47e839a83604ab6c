"""Compressors as zarr v2 and v3 name them: the bytes are the same, so chunks can change format."""

import json
from collections.abc import Mapping
from typing import Any

_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
_AUTO_SHUFFLE = -1


def compressor_as_v3(compressor: Mapping[str, object] | None, itemsize: int) -> str | None:
    """Return a v2 compressor as JSON of the v3 codec ("null" for none), None where v3 has none."""
    if compressor is None:
        return "null"
    name, level = compressor.get("id"), compressor.get("level")
    if name == "gzip" and isinstance(level, int):
        return json.dumps({"name": name, "configuration": {"level": level}})
    if name == "zstd" and isinstance(level, int):
        checked = bool(compressor.get("checksum", False))
        return json.dumps({"name": "zstd", "configuration": {"level": level, "checksum": checked}})
    if name != "blosc":
        return None
    shuffle = compressor.get("shuffle", 1)
    if shuffle == _AUTO_SHUFFLE:
        shuffle = 2 if itemsize == 1 else 1
    if shuffle not in (0, 1, 2):
        return None
    configuration = {
        "cname": compressor.get("cname", "lz4"),
        "clevel": compressor.get("clevel", 5),
        "shuffle": _SHUFFLES[shuffle],
        "typesize": itemsize,
        "blocksize": compressor.get("blocksize", 0),
    }
    return json.dumps({"name": "blosc", "configuration": configuration})


def codec_as_v2(codec: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a v3 codec as v2 names that compressor; None is no compression in both."""
    if codec is None:
        return None
    configuration = dict(codec.get("configuration") or {})
    configuration.pop("typesize", None)
    if configuration.get("checksum") is False:
        del configuration["checksum"]
    if codec["name"] == "blosc":
        configuration["shuffle"] = _SHUFFLES.index(configuration["shuffle"])
    return {"id": codec["name"], **configuration}
