"""Answers cases with the reference. Runs in its own environment: no import of ours here.

Reads a JSON file of {path: [case, …]} and pickles {path: [answer, …]}.
"""

import json
import logging
import pickle
import sys
import warnings

import large_image


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
        tiles.append({**facts, "shape": tile["tile"].shape})
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


def main():
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with open(sys.argv[1]) as file:
        asked = json.load(file)
    found = {}
    for path, cases in asked.items():
        try:
            source = large_image.open(path)
            found[path] = {"facts": _metadata(source), "answers": []}
        except Exception as error:  # noqa: BLE001  (whatever it says is its answer)
            found[path] = {"error": repr(error)}
            continue
        for kind, kwargs in cases:
            try:
                answer = ANSWERS[kind](source, kwargs)
            except Exception as error:  # noqa: BLE001  (likewise)
                answer = {"error": repr(error)}
            found[path]["answers"].append(answer)
    with open(sys.argv[2], "wb") as file:
        pickle.dump(found, file)


if __name__ == "__main__":
    main()
