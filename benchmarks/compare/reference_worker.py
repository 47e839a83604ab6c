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


def _stored(source, left, top, width, height):
    """Return what rasterio reads, where the reference shows a map in a style of its own."""
    import rasterio

    with rasterio.open(source._largeImagePath) as dataset:
        window = rasterio.windows.Window(left, top, width, height)
        return dataset.read(window=window).transpose(1, 2, 0)


def _is_map(source):
    return type(source).__name__.startswith("Rasterio")


def _check(pixels):
    """Return what tells whether two tiles are equal: dtype, shape and a checksum."""
    plain = pixels.astype(pixels.dtype.newbyteorder("="), order="C")
    return str(plain.dtype), plain.shape, zlib.crc32(plain.tobytes())


def _region(source, kwargs):
    data, _ = source.getRegion(format="numpy", **kwargs)
    answer = {"shape": data.shape, "pixels": data}
    if _is_map(source) and data.size and not {"scale", "output"} & set(kwargs):
        place = source.tileIterator(**kwargs).info["region"]
        answer["stored"] = _stored(
            source, *(place[key] for key in ("left", "top", "width", "height"))
        )
    return answer


def _tiles(source, kwargs):
    tiles = []
    for tile in source.tileIterator(format="numpy", **kwargs):
        facts = {key: tile[key] for key in tile if key not in ("tile", "format")}
        pixels = tile["tile"]
        checks = [_check(pixels)]
        if pixels.shape[2] in (2, 4):
            checks.append(_check(pixels[..., :-1]))  # as it is without the alpha that was added
        if _is_map(source) and facts["level"] == source.levels - 1 and "scaled" not in facts:
            place = [facts[key] for key in ("x", "y", "width", "height")]
            checks.append(_check(_stored(source, *place)))
        tiles.append({**facts, "shape": pixels.shape, "pixels": checks})
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
