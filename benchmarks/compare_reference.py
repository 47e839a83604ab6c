"""The read API against the reference, call by call, on every file of the data folder.

``python benchmarks/compare_reference.py [--cases 200] [--json report.json] [part of a name …]``

For each file that both open: metadata; random regions × units × scales × outputs; random tile
iterations; levels, points and regions at other scales. Sizes and numbers must be the same;
pixels too where nothing is resampled, and close to it elsewhere.
"""

import argparse
import json
import math
import os
import pickle
import random
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from environments import python_of

import ziggurat

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ZIGGURAT_DATA", HERE.parent.parent / "shared" / "data"))
SUFFIXES = (".tif", ".tiff", ".svs", ".ndpi", ".qptiff", ".mrxs", ".vms", ".zip", ".dcm", ".zattrs")
RESAMPLED = 12.0  # mean difference allowed where both resample, of 255
EXACT_KEYS = (
    "levels",
    "sizeX",
    "sizeY",
    "tileWidth",
    "tileHeight",
    "magnification",
    "mm_x",
    "mm_y",
)


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


def own_path(path):
    """Return what we open for a path of the reference's: the folder that its .zattrs is in."""
    path = Path(path)
    return path.parent if path.name == ".zattrs" else path


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


def make_cases(seed, meta, count):
    """Return [kind, arguments] of so many regions and a tenth as many of the others."""
    rng = random.Random(seed)
    cases = []
    largest = 4000 * 4000
    while len(cases) < count:
        kwargs = {"region": random_region(rng, meta)}
        scale = random_scale(rng, meta)
        if scale:
            kwargs["scale"] = scale
        if rng.random() < 0.3:
            limit = {
                key: rng.randint(1, 900)
                for key in rng.choice([("maxWidth",), ("maxHeight",), ("maxWidth", "maxHeight")])
            }
            kwargs["output"] = limit
        if meta["sizeX"] * meta["sizeY"] > largest and not scale and "output" not in kwargs:
            continue
        cases.append(["region", kwargs])
    for _ in range(max(4, count // 10)):
        kwargs = {"region": random_region(rng, meta), "tile_size": {"width": rng.randint(50, 700)}}
        scale = random_scale(rng, meta)
        if scale:
            kwargs["scale"] = scale
        if rng.random() < 0.5 and not scale:
            overlap = rng.randint(0, 20)
            kwargs["tile_overlap"] = {
                "x": overlap,
                "y": rng.randint(0, 20),
                "edges": rng.random() < 0.5,
            }
        kwargs["resample"] = rng.random() < 0.8
        cases.append(["tiles", kwargs])
        if scale:
            cases.append(["level", {**scale, "rounding": rng.choice(["round", "ceil", None])}])
            cases.append(["level", {**scale, "exact": True}])
        plain = random_region(rng, meta)
        cases.append(
            [
                "convert",
                {
                    "sourceRegion": plain,
                    "sourceScale": scale,
                    "targetScale": random_scale(rng, meta),
                    "targetUnits": rng.choice([None, "base_pixels", "mag_pixels", "fraction"]),
                },
            ]
        )
        cases.append(
            [
                "point",
                {
                    "point": [rng.uniform(0, 999), rng.uniform(0, 999)],
                    "sourceScale": scale,
                    "sourceUnits": rng.choice(["base_pixels", "mag_pixels"]),
                    "targetScale": random_scale(rng, meta),
                    "targetUnits": rng.choice(["base_pixels", "mag_pixels"]),
                },
            ]
        )
    return cases


def ours(source, kind, kwargs):
    """Answer a case with ziggurat."""
    try:
        if kind == "region":
            data, _ = source.getRegion(format="numpy", **kwargs)
            return {"shape": data.shape, "pixels": data}
        if kind == "tiles":
            tiles = []
            for tile in source.tileIterator(format="numpy", **kwargs):
                facts = {key: tile[key] for key in tile if key not in ("tile", "format")}
                tiles.append({**facts, "shape": tile["tile"].shape})
            return {"tiles": tiles}
        if kind == "level":
            return {"level": source.getLevelForMagnification(**kwargs)}
        if kind == "convert":
            return {"region": source.convertRegionScale(**kwargs)}
        return {"point": source.getPointAtAnotherScale(**kwargs)}
    except ziggurat.errors.ZigguratError as error:
        return {"error": repr(error)}


def same(a, b):
    """Return whether two answers are equal, numbers to 9 digits."""
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def without_alpha(pixels, bands):
    """Return pixels with as many bands as the other side has: theirs adds an opaque alpha."""
    return pixels[..., :bands] if pixels.ndim == 3 else pixels


def judge(kind, mine, theirs, kwargs):
    """Return None where the answers agree, else (what differs, the details)."""
    if "error" in mine or "error" in theirs:
        if "error" in theirs:  # both refuse, or we answer more: no mismatch
            return None
        return "error", f"{mine.get('error', 'answer')} | {theirs.get('error', 'answer')}"
    if kind == "region":
        a, b = mine["pixels"], theirs["pixels"]
        if a.shape[:2] != b.shape[:2]:
            return "region size", f"{a.shape} | {b.shape}"
        bands = min(a.shape[2], b.shape[2])
        if not a.size:
            return None
        if a.dtype != b.dtype:  # the reference scales by way of 8 bits, or makes floats of all
            return None
        a, b = (without_alpha(p, bands).astype(np.float64) for p in (a, b))
        difference = np.abs(a - b)
        limit = np.nanmax(np.abs(b)) / 255 * RESAMPLED if b.dtype.kind == "f" else RESAMPLED
        if "scale" not in kwargs and "output" not in kwargs:
            if np.nanmax(difference) > 0:
                largest, mean = np.nanmax(difference), np.nanmean(difference)
                return "region pixels", f"max {largest}, mean {mean:.3f}"
        elif np.nanmean(difference) > max(limit, 1e-9):
            return "resampled pixels", f"mean {np.nanmean(difference):.2f}"
        return None
    if kind == "tiles":
        a, b = mine["tiles"], theirs["tiles"]
        if len(a) != len(b):
            return "tile count", f"{len(a)} | {len(b)}"
        for one, other in zip(a, b, strict=True):
            for key in sorted(set(one) | set(other)):
                x, y = one.get(key), other.get(key)
                if key == "shape":
                    x, y = x[:2], y[:2]
                if not same(x, y):
                    return f"tile {key}", f"{x} | {y} at {one['tile_position']['position']}"
        return None
    key = next(iter(mine))
    return None if same(mine[key], theirs[key]) else (key, f"{mine[key]} | {theirs[key]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--json")
    parser.add_argument("--show", type=int, default=2, help="examples a kind of mismatch")
    options = parser.parse_args()
    python = python_of("reference")
    if python is None:
        raise SystemExit("the reference can't be installed here")
    asked = {}
    for number, path in enumerate(files(options.names)):
        try:
            with ziggurat.open(own_path(path)) as source:
                asked[str(path)] = make_cases(number, source.getMetadata(), options.cases)
        except ziggurat.errors.SourceError as error:
            print(f"{path.relative_to(DATA)}: not ours: {error}")
    with tempfile.TemporaryDirectory() as folder:
        questions, answers = Path(folder, "cases.json"), Path(folder, "answers.pickle")
        questions.write_text(json.dumps(asked))
        worker = str(HERE / "reference_worker.py")
        subprocess.run([python, worker, questions, answers], check=True)
        with answers.open("rb") as file:
            theirs = pickle.load(file)
    report = {}
    for path, cases in asked.items():
        name = str(Path(path).relative_to(DATA))
        report[name] = compare_file(name, path, cases, theirs[path], options.show)
    total = Counter()
    for entry in report.values():
        total.update(entry.get("mismatches", {}))
    compared = sum(entry.get("cases", 0) for entry in report.values())
    print(f"\n{compared} cases in {len(report)} files; mismatches by kind: {dict(total)}")
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1, default=str))


def uses_scale(kind, kwargs):
    """Return whether a case depends on what the file says about its pixel size."""
    text = json.dumps(kwargs)
    return kind == "tiles" or any(
        word in text for word in ("mm_x", "magnification", '"mm"', '"um"')
    )


def compare_file(name, path, cases, theirs, show):
    """Compare one file, print what differs, and return the counts."""
    if "error" in theirs:
        print(f"{name}: not the reference's: {theirs['error'][:100]}")
        return {"reference": theirs["error"]}
    found, examples = Counter(), {}
    with ziggurat.open(own_path(path)) as source:
        meta, other = source.getMetadata(), theirs["facts"]["metadata"]
        for key in (*EXACT_KEYS, "dtype", "IndexRange", "IndexStride", "channels", "channelmap"):
            if not same(meta.get(key), other.get(key)):
                found[f"metadata {key}"] += 1
                examples.setdefault(f"metadata {key}", []).append(
                    f"{meta.get(key)} | {other.get(key)}"
                )
        same_scale = same(source.getNativeMagnification(), theirs["facts"]["native"])
        for (kind, kwargs), answer in zip(cases, theirs["answers"], strict=True):
            if not same_scale and uses_scale(kind, kwargs):
                continue  # told once, as a difference of the metadata
            verdict = judge(kind, ours(source, kind, kwargs), answer, kwargs)
            if verdict:
                found[verdict[0]] += 1
                examples.setdefault(verdict[0], []).append(f"{verdict[1]}  {kwargs}")
    state = "ok" if not found else ", ".join(f"{key} {count}" for key, count in found.items())
    print(f"{name} [{theirs['facts']['class']}] {len(cases)} cases: {state}")
    for key, lines in examples.items():
        for line in lines[:show]:
            print(f"    {key}: {line[:400]}")
    return {"cases": len(cases), "mismatches": dict(found)}


if __name__ == "__main__":
    main()
