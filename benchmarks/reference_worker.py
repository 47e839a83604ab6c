"""Answers cases about one file with the reference. Runs in its own environment: no import of ours.

Called with the file and a JSON file of [case, …]. The facts of the file, then each answer, leave
as pickles through the standard output as soon as they are there, so that nothing is gathered. The
memory is bounded, and so is the time of a case: whoever goes beyond loses this process only.
"""

import json
import logging
import os
import pickle
import resource
import signal
import sys
import warnings
import zlib

MEMORY_BYTES = 3 << 30
CASE_SECONDS = 40


def _metadata(source):
    return {
        "metadata": json.loads(json.dumps(source.getMetadata(), default=str)),
        "native": source.getNativeMagnification(),
        "associated": sorted(source.getAssociatedImagesList()),
        "class": type(source).__name__,
    }


def _region(source, kwargs):
    data, _ = source.getRegion(format="numpy", **kwargs)
    return {"shape": data.shape, "pixels": data}


def _tiles(source, kwargs):
    tiles = []
    for tile in source.tileIterator(format="numpy", **kwargs):
        facts = {key: tile[key] for key in tile if key not in ("tile", "format")}
        pixels = tile["tile"]
        plain = pixels.astype(pixels.dtype.newbyteorder("="), order="C")
        check = (str(plain.dtype), plain.shape, zlib.crc32(plain.tobytes()))
        tiles.append({**facts, "shape": pixels.shape, "pixels": check})
    return {"tiles": tiles}


def _level(source, kwargs):
    return {"level": source.getLevelForMagnification(**kwargs)}


def _convert(source, kwargs):
    return {"region": source.convertRegionScale(**kwargs)}


def _point(source, kwargs):
    return {"point": source.getPointAtAnotherScale(**kwargs)}


ANSWERS = {
    "region": _region,
    "tiles": _tiles,
    "level": _level,
    "convert": _convert,
    "point": _point,
}


def answer(source, kind, kwargs):
    """Answer one case; whatever the reference says is its answer, errors too."""
    signal.alarm(CASE_SECONDS)  # its default ends the process, also inside a library's code
    try:
        return ANSWERS[kind](source, kwargs)
    except Exception as error:  # noqa: BLE001
        return {"error": repr(error)[:300]}
    finally:
        signal.alarm(0)


def main():
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    import large_image

    with open(sys.argv[2]) as file:
        cases = json.load(file)
    try:
        source = large_image.open(sys.argv[1])
        facts = _metadata(source)
    except Exception as error:  # noqa: BLE001  (likewise)
        facts = {"error": repr(error)}
        cases = []
    pickle.dump(facts, out)
    for kind, kwargs in cases:
        pickle.dump(answer(source, kind, kwargs), out)
        out.flush()


if __name__ == "__main__":
    main()
