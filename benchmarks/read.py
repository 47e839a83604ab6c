"""Reading: random regions, whole-slide iteration and tile serving, against everybody.

``python benchmarks/read.py [--rounds 5] [--json read.json] [--cold] [--only ziggurat cucim …]``

All readers have the file open and take turns, A B C A B C …; medians of the rounds count.
*cold* starts with empty tile caches (the file itself is in memory), *warm* asks for the same
places again. What a reader returns is checked against the first one's before its time counts.
"""

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from environments import python_of
from measure import machine

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ZIGGURAT_DATA", HERE.parent.parent / "shared" / "data"))
SIDE = 8192
ENVIRONMENT = {"reference": "reference", "fastslide": "fastslide", "cucim": "cucim"}
OURS = {  # how ziggurat is run: with its kernel, without it, and keeping no tiles
    "ziggurat": {},
    "ziggurat-python": {"ZIGGURAT_NATIVE": "0"},
    "ziggurat-nocache": {"ZIGGURAT_CACHE_BYTES": "0"},
}
EVERYBODY = (
    *OURS,
    "reference",
    "openslide",
    "tifffile",
    "gdal",
    "fastslide",
    "cucim",
    "zarr",
)


def make_pyramid():
    """Write a JPEG pyramid TIFF of 8192 x 8192 pixels of tissue with libvips."""
    import pyvips

    path = HERE / ".data" / "read8k.tif"
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    slide = DATA / "aperio-svs" / "CMU-1-Small-Region.svs"
    if slide.exists():
        image = pyvips.Image.new_from_file(str(slide)).extract_band(0, n=3)
    else:
        from skimage import data

        image = pyvips.Image.new_from_array(np.asarray(data.immunohistochemistry()))
    image = image.replicate(SIDE // image.width + 1, SIDE // image.height + 1).crop(
        0, 0, SIDE, SIDE
    )
    image = image.copy(xres=2004.0, yres=2004.0)
    for name in image.get_fields():
        if name.startswith(("image-desc", "icc", "exif", "xmp", "iptc")):
            image.remove(name)
    image.tiffsave(
        str(path),
        tile=True,
        tile_width=256,
        tile_height=256,
        pyramid=True,
        compression="jpeg",
        Q=85,
    )
    return path


def make_zip(pyramid):
    """Write the same image, from the same pixels, as our OME-Zarr zip."""
    import ziggurat

    path = pyramid.with_suffix(".zarr.zip")
    if not path.exists():
        ziggurat.convert(pyramid, path)
    return path


class Contestant:
    """A reader in its process, asked a line at a time."""

    def __init__(self, name, path):
        python = python_of(ENVIRONMENT[name]) if name in ENVIRONMENT else sys.executable
        self.name, self.process = name, None
        if python is None:
            return
        kind = "ziggurat" if name in OURS else name
        self.process = subprocess.Popen(
            [python, HERE / "read_contestant.py", kind, path],
            env=os.environ | OURS.get(name, {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if not self.answer().get("ready"):
            self.stop()

    def answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return {}

    def ask(self, job):
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            return self.answer()
        except OSError:
            return {}

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None


def places(seed, size, level, count, width, height):
    """Return random places on the full resolution, even ones on lower levels."""
    rng = random.Random(seed)
    span, step = size << level, 1 << level
    return [
        (rng.randrange(0, width - span, step), rng.randrange(0, height - span, step), size, level)
        for _ in range(count)
    ]


def region_rows(width, height, levels, states=(True, False)):
    for level in range(levels):
        for size, count in ((256, 96), (512, 40), (1024, 14)):
            if (size << level) * 2 > min(width, height):
                continue
            for threads in (1, 2, 4):
                for fresh in states:
                    state = "cold" if fresh else "warm"
                    name = (
                        f"{size}² at 1/{1 << level}, {threads} thread{'s'[: threads - 1]}, {state}"
                    )
                    yield name, size, level, count, threads, fresh


def race(contestants, jobs, rounds):
    """Return (seconds, CPU seconds) per contestant, medians; ``jobs(round)`` gives a round's job.

    CPU seconds are what can be compared while others use the machine too.
    """
    times = {one.name: [] for one in contestants}
    wrong = {}
    for number in range(rounds + 1):
        job, expected = jobs(number), None
        for one in contestants:
            if one.process is None or one.name in wrong:
                continue
            found = one.ask(job)
            if not found:
                wrong[one.name] = "no answer"
                one.stop()
                continue
            if expected is None:
                expected = found["sample"]
            if abs(found["sample"] - expected) > 2:
                wrong[one.name] = f"{found['sample']:.1f} instead of {expected:.1f}"
                continue
            if number:
                times[one.name].append((found["seconds"], found["cpu"]))
    medians = {
        name: tuple(statistics.median(column) for column in zip(*found, strict=True))
        for name, found in times.items()
        if found
    }
    return medians, wrong


def show(name, pixels, medians, wrong):
    if "ziggurat" not in medians:
        print(f"{name:34s} ziggurat has no right answer: {wrong}")
        return {}
    seconds, cpu = ({key: value[i] for key, value in medians.items()} for i in (0, 1))
    best = min((key for key in seconds if key not in OURS), key=seconds.__getitem__, default=None)
    thrift = min((key for key in cpu if key not in OURS), key=cpu.__getitem__, default=None)
    speeds = "  ".join(f"{key} {pixels / value / 1e6:.0f}" for key, value in seconds.items())
    ratio = seconds[best] / seconds["ziggurat"] if best else math.nan
    effort = cpu[thrift] / cpu["ziggurat"] if thrift else math.nan
    costs = "  ".join(f"{key} {value * 1e3:.0f}" for key, value in cpu.items())
    print(
        f"{name:34s} {ratio:5.2f}x of {best or 'nobody':9s} cpu {effort:5.2f}x of"
        f" {thrift or 'nobody':9s} MP/s: {speeds}  CPU ms: {costs}  {wrong or ''}",
        flush=True,
    )
    return {"seconds": seconds, "cpu": cpu, "ratio_to_best": ratio, "best": best, "wrong": wrong}


def race_regions(contestants, size_of, levels, rounds, report, title, states):
    width, height = size_of
    for name, size, level, count, threads, fresh in region_rows(width, height, levels, states):

        def job(number, size=size, level=level, count=count, threads=threads, fresh=fresh):
            seed = number if fresh else 0
            return {
                "job": "regions",
                "places": places(seed * 1000 + size, size, level, count, width, height),
                "threads": threads,
                "fresh": fresh,
            }

        found = race(contestants, job, rounds)
        report[f"{title}: {name}"] = show(name, size * size * count, *found)


def race_iteration(contestants, size_of, rounds, report, title):
    pixels = size_of[0] * size_of[1] // 4
    for threads in (1, 2, 4):
        name = f"iterate at 1/2, overlap, {threads} threads"
        found = race(contestants, lambda _, n=threads: {"job": "iterate", "threads": n}, rounds)
        report[f"{title}: {name}"] = show(name, pixels, *found)


def race_tiles(contestants, report, title):
    """Serve encoded tiles one after the other; latencies in microseconds."""
    rng = random.Random(3)
    asked = [(rng.randrange(31), rng.randrange(31)) for _ in range(600)]
    for one in contestants:
        if one.process is None or one.name not in ("ziggurat", "reference"):
            continue
        times = sorted(one.ask({"job": "tiles", "places": asked})["times"])
        half, late = times[len(times) // 2] * 1e6, times[int(len(times) * 0.99)] * 1e6
        print(f"serve a JPEG tile: {one.name} p50 {half:.0f} µs, p99 {late:.0f} µs")
        report[f"{title}: tile p50/p99 µs, {one.name}"] = [half, late]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("--only", nargs="*", default=EVERYBODY)
    parser.add_argument("--files", nargs="*", help="JPEG pyramid, SVS, OME-Zarr zip")
    parser.add_argument("--cold", action="store_true", help="cold regions, and nothing else")
    options = parser.parse_args()
    states = (True,) if options.cold else (True, False)
    report = {"machine": machine()}
    pyramid = make_pyramid()
    slide = DATA / "aperio-svs" / "CMU-1-Small-Region.svs"
    for title, path, size_of, levels in (
        ("JPEG pyramid", pyramid, (SIDE, SIDE), 2),
        ("SVS", slide, (2220, 2967), 1),
        ("OME-Zarr zip", make_zip(pyramid), (SIDE, SIDE), 2),
    ):
        if not path.exists() or (options.files and title not in options.files):
            continue
        print(f"\n{title}: {path.name}")
        contestants = [Contestant(name, str(path)) for name in options.only]
        race_regions(contestants, size_of, levels, options.rounds, report, title, states)
        if options.cold:
            levels = 0
        if levels > 1:
            race_iteration(contestants, size_of, options.rounds, report, title)
        if title == "JPEG pyramid" and not options.cold:
            race_tiles(contestants, report, title)
        for one in contestants:
            one.stop()
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
