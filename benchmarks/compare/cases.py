"""Random questions to an image: regions, tile iterations, levels, points, in all units and scales.

Every question is one that both can answer in bounded memory: the result has at most
:data:`LARGEST` pixels, and an iteration at most :data:`MOST_TILES` tiles.
"""

import json
import random
import zlib
from pathlib import Path

from benchmarks.inputs import DATA
from ziggurat.readers.errors import ZigguratError
from ziggurat.readers.grid.pyramid import Pyramid
from ziggurat.readers.grid.regions import plan_window

HERE = Path(__file__).resolve().parent
SUFFIXES = (".tif", ".tiff", ".svs", ".ndpi", ".qptiff", ".mrxs", ".vms", ".zip", ".dcm", ".zattrs")
LARGEST = 1_500_000
MOST_TILES = 80


def files(parts):
    """Return the files to compare; of DICOM slides one instance each."""
    found, folders = [], set()
    for path in sorted(DATA.rglob("*")):
        name = str(path.relative_to(DATA))
        inside = ".zarr/" in name and path.name != ".zattrs"
        if not path.is_file() or inside or not name.endswith(SUFFIXES):
            continue
        if path.name == ".zattrs" and not list(path.parent.glob("*/.zarray")):
            continue
        if path.suffix == ".dcm":
            if path.parent in folders:
                continue
            folders.add(path.parent)
        if not parts or any(part in name for part in parts):
            found.append(path)
    return found


def random_region(rng, meta):
    """Return a region with a random sufficient set of keys in random units."""
    width, height = meta["sizeX"], meta["sizeY"]
    units = ["base_pixels", "base_pixels", "fraction", "mag_pixels", None]
    if meta["mm_x"] and meta["mm_y"]:
        units += ["mm", "um"]
    unit = rng.choice(units)
    per = {
        "fraction": (1 / width, 1 / height),
        "mm": (meta["mm_x"], meta["mm_y"]),
        "um": ((meta["mm_x"] or 0) * 1000, (meta["mm_y"] or 0) * 1000),
    }.get(unit, (1, 1))
    region = {}
    for low, high, size, full, factor in (
        ("left", "right", "width", width, per[0]),
        ("top", "bottom", "height", height, per[1]),
    ):
        a, b = sorted(rng.uniform(-0.1 if unit != "fraction" else 0, 1.1) * full for _ in range(2))
        if rng.random() < 0.4:  # parts of large images, not always half of them
            b = min(b, a + rng.uniform(1, 1200))
        values = {low: a * factor, high: b * factor, size: (b - a) * factor}
        keys = rng.choice(
            [(low, high), (low, size), (high, size), (low,), (size,), (), (low, high, size)]
        )
        whole = unit in (None, "base_pixels") and rng.random() < 0.7
        region.update({key: round(values[key]) if whole else values[key] for key in keys})
    if unit:
        region["units"] = unit
    return region


def random_scale(rng, meta):
    """Return a random scale: a magnification or a pixel size, or nothing."""
    shrink = 2 ** rng.choice([0, 1, 2, 3, rng.uniform(-0.7, 4)])
    choices = [None]
    if meta["magnification"]:
        choices += [{"magnification": meta["magnification"] / shrink}] * 2
    if meta["mm_x"]:
        choices += [
            {"mm_x": meta["mm_x"] * shrink},
            {"mm_x": meta["mm_x"] * shrink, "mm_y": meta["mm_y"] * shrink},
        ]
    return rng.choice(choices)


def make_cases(name, info, meta, count):
    """Return [kind, arguments] of so many regions and a tenth as many of the others.

    The same for a file of this name in each run, whichever other files there are.
    """
    rng = random.Random(zlib.crc32(name.encode()))
    cases = []
    while len(cases) < count:
        kwargs = {"region": random_region(rng, meta)}
        scale = random_scale(rng, meta)
        if scale:
            kwargs["scale"] = scale
        if rng.random() < 0.3:
            kwargs["output"] = {
                key: rng.randint(1, 900)
                for key in rng.choice([("maxWidth",), ("maxHeight",), ("maxWidth", "maxHeight")])
            }
        if rng.random() < 0.2 and meta.get("frames"):
            kwargs["frame"] = rng.randrange(len(meta["frames"]))
        if _pixels(info, kwargs) <= LARGEST:
            cases.append(["region", kwargs])
    for _ in range(max(4, count // 10)):
        cases += _others(rng, info, meta)
    return json.loads(json.dumps(cases))


def _pixels(info, kwargs):
    """Return how many pixels a region comes to."""
    asked = {key: kwargs.get(key) for key in ("region", "scale", "output")}
    try:
        window = plan_window(Pyramid(info), **asked)
    except ZigguratError:
        return 0
    return window.width * window.height if window else 0


def _others(rng, info, meta):
    """Return a tile iteration, and what levels, regions and points are at other scales."""
    scale = random_scale(rng, meta)
    cases = [["tiles", _iteration(rng, info, meta, scale)]]
    if scale:
        cases.append(["level", {**scale, "rounding": rng.choice(["round", "ceil", None])}])
        cases.append(["level", {**scale, "exact": True}])
    convert = {
        "sourceRegion": random_region(rng, meta),
        "sourceScale": scale,
        "targetScale": random_scale(rng, meta),
        "targetUnits": rng.choice([None, "base_pixels", "mag_pixels", "fraction"]),
    }
    point = {
        "point": [rng.uniform(0, 999), rng.uniform(0, 999)],
        "sourceScale": scale,
        "sourceUnits": rng.choice(["base_pixels", "mag_pixels"]),
        "targetScale": random_scale(rng, meta),
        "targetUnits": rng.choice(["base_pixels", "mag_pixels"]),
    }
    return [*cases, ["convert", convert], ["point", point]]


def _iteration(rng, info, meta, scale):
    kwargs = {"tile_size": {"width": rng.randint(50, 700)}}
    if scale:
        kwargs["scale"] = scale
    if rng.random() < 0.5:
        kwargs["tile_overlap"] = {
            "x": rng.randint(0, 20),
            "y": rng.randint(0, 20),
            "edges": rng.random() < 0.5,
        }
    kwargs["resample"] = rng.random() < 0.8
    while True:
        kwargs["region"] = random_region(rng, meta)
        net = kwargs["tile_size"]["width"] - 20
        if _pixels(info, kwargs) <= min(LARGEST * 3, MOST_TILES * net * net):
            return kwargs
