"""Projected views against the reference: bounds, zoom levels and tiles of every GeoTIFF.

``python -m benchmarks.compare.geo [part of a name …]``

For each file: how far the corners are apart (in full-resolution pixels of the view), whether the
numbers of levels agree, and, for the tile in the image's middle at each zoom, the shares of
pixels that are shown by both or neither, and that are equal where both show one. (The rasterio
source reads no overviews, so that small zooms of files with overviews differ; gdalwarp does.)
"""

import argparse
import pickle
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import ziggurat
from benchmarks.inputs import DATA
from benchmarks.peers import python_of
from ziggurat.readers.errors import ZigguratError

PROJECTION = "EPSG:3857"
HALF = 20037508.342789244
CORNERS = ("ll", "ul", "lr", "ur")

WORKER = """
import pickle, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
import large_image_source_rasterio
source, answer = sys.argv[1:]
jobs = pickle.load(open(source, "rb"))
found = {}
for path, tiles in jobs.items():
    try:
        opened = large_image_source_rasterio.RasterioFileTileSource(
            path, projection="EPSG:3857", style={}, noCache=True)
        found[path] = {
            "levels": opened.levels, "size": opened.sizeX, "bounds": opened.getBounds("EPSG:3857"),
            "tiles": {t: opened.getTile(*t, numpyAllowed="always")
                      for t in tiles if t[2] < opened.levels}}
        tiles = found[path]["tiles"]
        found[path]["tiles"] = {t: v for t, v in tiles.items() if isinstance(v, np.ndarray)}
    except Exception as error:
        found[path] = repr(error)
pickle.dump(found, open(answer, "wb"))
"""


def middle_tiles(source):
    """Return (x, y, z) of the tile in the middle of the image at each zoom."""
    y, x = source.getCenter()
    tiles = []
    for z in range(source.levels):
        count = 2**z
        column, row = int((x + HALF) / 2 / HALF * count), int((HALF - y) / 2 / HALF * count)
        tiles.append((min(max(column, 0), count - 1), min(max(row, 0), count - 1), z))
    return tiles


def shares(ours, theirs):
    """Return the shares of pixels shown alike and, where both show one, of equal values."""
    shown = ours[..., -1] > 0
    alpha = theirs.shape[2] in (2, 4, ours.shape[2])
    shown_there = theirs[..., -1] > 0 if alpha else np.ones(shown.shape, bool)
    both = shown & shown_there
    colors = min(ours.shape[2] - 1, theirs.shape[2] - alpha)
    apart = np.abs(ours[..., :colors].astype(float) - theirs[..., :colors].astype(float))
    equal = float((apart[both] <= 1).mean()) if both.any() and colors else 1.0
    return float((shown == shown_there).mean()), equal


def ask_reference(jobs):
    """Return what the reference says to each file."""
    python = python_of("reference")
    if python is None:
        raise SystemExit("the reference can't be installed here")
    with tempfile.TemporaryDirectory() as folder:
        question, answer = Path(folder, "jobs"), Path(folder, "answers")
        question.write_bytes(pickle.dumps(jobs))
        subprocess.run([python, "-c", WORKER, question, answer], check=True, capture_output=True)
        return pickle.loads(answer.read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*")
    parts = parser.parse_args().parts
    sources = {}
    for path in sorted(DATA.glob("geotiff/*/*.tif*")):
        if parts and not any(part in str(path) for part in parts):
            continue
        try:
            sources[str(path)] = ziggurat.open(path, projection=PROJECTION)
        except ZigguratError as error:
            print(f"{path.name:24} ours: {error}")
    answers = ask_reference({path: middle_tiles(source) for path, source in sources.items()})
    print(f"{'file':24} levels   corners  | deepest zoom: alike  equal | lowest: alike  equal")
    for path, source in sources.items():
        theirs = answers[path]
        if isinstance(theirs, str):
            print(f"{Path(path).name:24} the reference: {theirs[:90]}")
            continue
        pixel = 2 * HALF / source.sizeX
        bounds = source.getBounds()
        corners = max(abs(bounds[c][a] - theirs["bounds"][c][a]) for c in CORNERS for a in "xy")
        alike, equal = zip(
            *(
                shares(source.getTile(*tile, numpyAllowed="always"), pixels)
                for tile, pixels in theirs["tiles"].items()
            ),
            strict=True,
        )
        print(
            f"{Path(path).name:24} {source.levels:2} {theirs['levels']:2}  {corners / pixel:9.3g}"
            f"  | {alike[-1]:19.4f} {equal[-1]:6.4f} | {min(alike):13.4f} {min(equal):6.4f}"
        )


if __name__ == "__main__":
    main()
