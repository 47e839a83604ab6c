"""Pyramids: time, size and peak memory of one write, against four peers and the limit.

    python benchmarks/pyramid.py [--side 16384] [--rounds 3] [--cases jpeg deflate lzw webp]
    python benchmarks/pyramid.py --quality 90 --cases jpeg --peers ours vips reference
    python benchmarks/pyramid.py --tall        # peak memory as the image gets taller

The input is raw pixels in one memory-mapped file: real tissue laid out again and again, and a
label map made from it. "store" is ours from a sink's store that holds the same pixels, "reference"
the reference's sink, filled before its clock starts (and told apart). The limit is the same
encoders on the same threads over the tiles of all levels, with nothing read, shrunk or written.
From quality 90 on our JPEG keeps whole chroma, and libvips leaves RGB as it is. Below that the
reference's TIFF says RGB and holds YCbCr, so that it is not right.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from environments import python_of
from measure import Contestant, Result, race, save

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data"
CASES = ("jpeg", "deflate", "lzw", "webp", "zstd", "labels-deflate", "labels-zstd")
PEERS = ("ours", "store", "vips", "reference", "gdal", "cog", "limit")
TALL = ((8192, 8192), (8192, 32768), (8192, 131072))


def tissue() -> np.ndarray:
    """Return a real picture: the slide where it is, else scikit-image's."""
    import tifffile
    from skimage import data

    slide = HERE.parent.parent / "shared" / "data" / "aperio-svs" / "CMU-1-Small-Region.svs"
    if slide.exists():
        return np.asarray(tifffile.imread(slide))[:2816, :2048]
    return np.asarray(data.immunohistochemistry())


def make_input(width: int, height: int, labels: bool) -> Path:
    """Lay the tissue out over the whole size; raw, so that nobody has to decode."""
    path = DATA / f"{'labels' if labels else 'tissue'}-{width}x{height}.raw"
    bands = 1 if labels else 3
    if path.exists() and path.stat().st_size == width * height * bands:
        return path
    DATA.mkdir(exist_ok=True)
    picture = tissue()
    if labels:
        coarse = picture[::8, ::8].mean(axis=2).astype(np.uint8) // 32
        picture = coarse.repeat(8, axis=0).repeat(8, axis=1)[..., np.newaxis]
    out = np.memmap(path, np.uint8, "w+", shape=(height, width, bands))
    for y in range(0, height, picture.shape[0]):
        for x in range(0, width, picture.shape[1]):
            part = picture[: height - y, : width - x]
            out[y : y + part.shape[0], x : x + part.shape[1]] = part
    out.flush()
    return path


def contestants(
    names: list[str], case: str, width: int, height: int, quality: int
) -> list[Contestant]:
    source = make_input(width, height, case.startswith("labels"))
    job = [case, str(source), str(width), str(height), str(DATA), str(quality)]
    program = str(HERE / "pyramid_contestant.py")
    pythons = dict.fromkeys(names, sys.executable)
    if "reference" in names:
        pythons["reference"] = str(python_of("reference"))
    return [Contestant(name, [pythons[name], program, name, *job]) for name in names]


def table(case: str, results: list[Result], width: int, height: int) -> None:
    ours = next(r for r in results if r.name == "ours").median
    raw = width * height * (1 if case.startswith("labels") else 3)
    print(f"\n{case}, {width} x {height}")
    for result in results:
        if result.median is None:
            print(f"  {result.name:9s} {result.error}")
            continue
        ratio = f"{result.median / ours:5.2f} x ours" if ours else ""
        peak = max(result.peak_bytes) >> 20
        size = result.facts.get("bytes", 0) / 1e6
        print(
            f"  {result.name:9s} {result.median:7.2f} s {raw / result.median / 1e6:7.0f} MB/s "
            f"{ratio} {size:8.1f} MB  peak {peak:5d} MiB  cpu {result.facts.get('cpu', 0):6.2f} s"
            + (f"  fed in {result.facts['feed']:.2f} s" if "feed" in result.facts else "")
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=16384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--quality", type=int, default=85, help="of JPEG and WebP")
    parser.add_argument("--tall", action="store_true")
    parser.add_argument("--out", type=Path, default=DATA / "pyramid.json")
    given = parser.parse_args()
    found: dict[str, list[Result]] = {}
    sizes = TALL if given.tall else ((given.side, given.side),)
    for case in ["jpeg"] if given.tall else given.cases:
        for width, height in sizes:
            runners = contestants(given.peers, case, width, height, given.quality)
            results = race(runners, given.rounds, warmup=0 if given.tall else 1)
            table(case, results, width, height)
            found[f"{case} {width}x{height}"] = results
    save(given.out, found)


if __name__ == "__main__":
    main()
