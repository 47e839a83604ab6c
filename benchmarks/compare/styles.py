"""Styled pictures against the reference's: 8-bit, 16-bit, float and multi-frame files.

``python -m benchmarks.compare.styles``

Regions are taken at their stored scale, so that nothing is resampled. The reference does not
clamp what lies outside a range; its results are clamped here before they are compared, and its
integer types, which wrap there, are left out.
"""

import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

import ziggurat
from benchmarks.compare.cases import DATA
from benchmarks.peers import python_of

WORKER = """
import json, logging, pickle, sys
import large_image
logging.disable(logging.CRITICAL)
jobs, target = json.load(open(sys.argv[1])), sys.argv[2]
results = []
for path, frame, region, style in jobs:
    try:
        source = large_image.open(path, style=style, noCache=True)
        results.append(source.getRegion(region=region, frame=frame, format='numpy')[0])
    except Exception as error:
        results.append(f'{type(error).__name__}: {error}')
pickle.dump(results, open(target, 'wb'))
"""

SINGLE = [
    {"min": "min", "max": "max"},
    {"min": 0, "max": "full"},
    {"min": "auto", "max": "auto"},
    {"min": "min:0.02", "max": "max:0.02"},
    {"min": "auto:0.1", "max": "auto:0.1"},
    {"palette": "#f00"},
    {"palette": ["#000", "#f00", "#ff0"]},
    {"palette": ["#000", "#f00", "#ff0"], "scheme": "discrete"},
    {"palette": "viridis"},
    {"palette": [[0, 0, 1], [1, 0.5, 0]]},
    {"palette": ["#f000", "#f00f"]},
    {"palette": "hsl(120,100%,50%)", "min": 20},
    {"min": 50, "max": 200},
    {"min": 50, "max": 200, "clamp": False},
    {"min": 200, "max": 50},
    {"nodata": 100, "palette": ["#f00", "#0f0"]},
    {"band": 1, "max": 180},
    {"band": -1, "min": 5},
    {"axis": 0, "palette": ["#000", "#f00", "#ff0"]},
    {"dtype": "float"},
    {"dtype": "source", "min": "min", "max": "max"},
    {"bands": [{"band": 1, "palette": "#f00"}, {"band": 1, "palette": "#0f0", "min": 100}]},
    {"bands": [{"palette": "#fff"}, {"palette": "#f80", "composite": "multiply"}]},
]
COLOR = [
    {"band": "red"},
    {"band": "blue", "palette": "blue"},
    {"bands": [{"band": b, "palette": p} for b, p in ((1, "#f00"), (2, "#0f0"), (3, "#00f"))]},
    {"bands": [{"band": 3, "palette": "#f00", "min": 100}, {"band": 1, "palette": "#0ff"}]},
]
FRAMES = [
    {"bands": [{"frame": 0, "palette": "#f00"}, {"frame": 1, "palette": "#0f0"}]},
    {"bands": [{"frame": i, "min": "min", "max": "max", "palette": p}
               for i, p in enumerate(("#f00", "#0f0", "#00f"))]},
    {"bands": [{"framedelta": 0, "palette": "#f00"}, {"framedelta": 1, "palette": "#0f0"}]},
    {"frame": 1},
]  # fmt: skip


def made_up(folder: Path) -> list[tuple[Path, list[dict]]]:
    """Write small images of the sample types that matter."""
    ramp = np.arange(4096).reshape(64, 64)
    noise = np.random.default_rng(5)
    pictures = {
        "uint8": (ramp // 16).astype(np.uint8),
        "uint16": (ramp * 16).astype(np.uint16),
        "twelve-bit": ramp.astype(np.uint16),
        "int16": (ramp - 2000).astype(np.int16),
        "float": (ramp / 819 - 2).astype(np.float32),
        "unit-float": (ramp / 4095).astype(np.float32),
    }
    jobs = []
    for name, picture in pictures.items():
        tifffile.imwrite(folder / f"{name}.tif", picture, photometric="minisblack")
        jobs.append((folder / f"{name}.tif", SINGLE))
    frames = noise.integers(0, 4000, (4, 64, 64)).astype(np.uint16)
    path = folder / "frames.ome.tif"
    tifffile.imwrite(path, frames, photometric="minisblack", metadata={"axes": "CYX"})
    return [*jobs, (path, SINGLE[:6] + FRAMES)]


def real() -> list[tuple[Path, list[dict]]]:
    """Return real files with the styles that make sense for them."""
    rows = [
        ("ome-tiff/2048x2048_ome6_tiled.ome.tif", SINGLE[:6] + FRAMES),
        ("ome-tiff/OS-2-ndpi.ome.tif", SINGLE[:6] + COLOR),
        ("tiff/MetamorphImage.tif", SINGLE[:9]),
        ("tiff/boxes.tiff", SINGLE[:6] + COLOR),
    ]
    return [(DATA / name, styles) for name, styles in rows if (DATA / name).exists()]


def worst_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest difference on the scale of 0 to 255, or infinity for other shapes."""
    if ours.shape != theirs.shape:
        return np.inf
    top = 1.0 if theirs.max() <= 1.5 and ours.max() <= 1 else 255.0
    top = 65535.0 if theirs.dtype == np.uint16 else top
    difference = np.abs(ours.astype(float) - np.clip(theirs.astype(float), 0, top))
    return float(np.nanmax(difference) * 255 / top)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        region = {"left": 0, "top": 0, "width": 64, "height": 64}
        jobs = [
            (str(path), frame, region, style)
            for path, styles in [*made_up(folder), *real()]
            for style in styles
            for frame in ((0, 1) if styles is FRAMES else (0,))
        ]
        (folder / "jobs.json").write_text(json.dumps(jobs))
        command = [python_of("reference"), "-c", WORKER, folder / "jobs.json", folder / "out"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        answers = pickle.loads((folder / "out").read_bytes())
        bad = 0
        for (path, frame, window, style), theirs in zip(jobs, answers, strict=True):
            with ziggurat.open(path, style=style) as source:
                ours, _ = source.getRegion(region=window, frame=frame, format="numpy")
            worst = theirs if isinstance(theirs, str) else worst_difference(ours, theirs)
            if isinstance(worst, str):
                print("the reference fails:", Path(path).name, json.dumps(style), worst)
            elif worst > 1:
                bad += 1
                print(Path(path).name, json.dumps(style), worst)
        print(f"{len(jobs) - bad} of {len(jobs)} styled pictures agree to within 1 of 255")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
