"""Slide to pyramidal TIFF: wall, processor, memory and bytes, against copying and the peers.

    python benchmarks/convert.py [--width 40000 --height 30000] [--rounds 3] [--peers cp vips …]

The input is an SVS of the real tiles of ``CMU-1-Small-Region.svs``, repeated as they are, with
levels 1, 4 and 16. ``cp`` is the limit: the same bytes, read and written, nothing looked at.
``cp-sync`` flushes to disk as well, as ours does before its output appears.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from environments import python_of
from measure import Contestant, Result, race, save

HERE = Path(__file__).resolve().parent
DATA = HERE / ".data"
SLIDE = HERE.parent.parent / "shared" / "data" / "aperio-svs" / "CMU-1-Small-Region.svs"
TILE = 240
PEERS = ("cp", "cp-sync", "ours-source", "ours-full", "vips", "reference", "cucim", "wsidicomizer")


def make_slide(width: int, height: int) -> Path:
    """Lay real tiles out over the whole size; level 0 has their very bytes."""
    path = DATA / f"slide-{width}x{height}.svs"
    if path.exists():
        return path
    import tifffile

    DATA.mkdir(exist_ok=True)
    with tifffile.TiffFile(SLIDE) as tif, SLIDE.open("rb") as file:
        page = tif.pages[0]
        columns, rows = page.imagewidth // TILE, page.imagelength // TILE  # whole tiles only
        across = -(-page.imagewidth // TILE)
        tiles = {}
        for row in range(rows):
            for column in range(columns):
                index = row * across + column
                file.seek(page.dataoffsets[index])
                tiles[column, row] = file.read(page.databytecounts[index])
        picture = page.asarray()[: rows * TILE, : columns * TILE]
        tables, header = page.jpegtables, page.description.split("\n", 1)[0]
        label = tif.pages[2].asarray()
    partial = path.with_suffix(".part")
    with tifffile.TiffWriter(partial, bigtiff=True) as out:
        for factor in (1, 4, 16):
            size = -(-width // factor), -(-height // factor)
            grid = -(-size[0] // TILE), -(-size[1] // TILE)
            if factor == 1:
                source = (
                    tiles[x % columns, y % rows] for y in range(grid[1]) for x in range(grid[0])
                )
                arguments = {"jpegtables": tables, "subsampling": (1, 1)}
            else:
                source = _reduced(picture, factor, grid)
                arguments = {"subsampling": (2, 2)}
            space = "rgb" if factor == 1 else "ycbcr"
            out.write(
                source, shape=(size[1], size[0], 3), dtype="uint8", tile=(TILE, TILE),
                compression="jpeg", photometric="rgb", metadata=None, software=False,
                compressionargs={"outcolorspace": space},
                description=_describe(header, width, height, size), **arguments,
            )  # fmt: skip
            if factor == 1:
                thumbnail = picture[::8, ::8]
                out.write(
                    np.ascontiguousarray(thumbnail), compression="jpeg", photometric="rgb",
                    metadata=None, software=False,
                    description=_describe(header, width, height, thumbnail.shape[1::-1]) + " - ",
                )  # fmt: skip
        out.write(
            label, compression="lzw", photometric="rgb", subfiletype=1, metadata=None,
            software=False, description=f"{header}\nlabel {label.shape[1]}x{label.shape[0]}",
        )  # fmt: skip
    partial.rename(path)
    return path


def _describe(header: str, width: int, height: int, size: tuple[int, int]) -> str:
    line = f"{width}x{height} ({TILE}x{TILE}) -> {size[0]}x{size[1]}"
    if size[0] == width:
        line = f"{width}x{height} [0,0 {width}x{height}] ({TILE}x{TILE})"
    return f"{header}\n{line} JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990"


def _reduced(picture: np.ndarray, factor: int, grid: tuple[int, int]):
    """Yield the encoded tiles of a lower level: the same picture, shrunk, repeated."""
    import cv2
    import imagecodecs

    size = picture.shape[1] // factor, picture.shape[0] // factor
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    repeats = -(-(TILE * 16) // size[1]) + 1, -(-(TILE * 16) // size[0]) + 1, 1
    wide = np.tile(small, repeats)
    known: dict[tuple[int, int], bytes] = {}
    for y in range(grid[1]):
        for x in range(grid[0]):
            place = (x * TILE) % size[0], (y * TILE) % size[1]
            if place not in known:
                part = wide[place[1] : place[1] + TILE, place[0] : place[0] + TILE]
                known[place] = imagecodecs.jpeg8_encode(
                    np.ascontiguousarray(part), level=80, subsampling="420"
                )
            yield known[place]


def contestants(names: list[str], slide: Path) -> list[Contestant]:
    program = str(HERE / "convert_contestant.py")
    found = []
    for name in names:
        python: Path | str | None = sys.executable
        if name in ("reference", "cucim", "wsidicomizer"):
            python = python_of(name)
        if python is not None:
            command = [str(python), program, name, str(slide), str(DATA), sys.executable]
            found.append(Contestant(name, command))
    return found


def table(results: list[Result], slide: Path) -> None:
    times = {result.name: result.median for result in results}
    size = slide.stat().st_size
    print(f"\n{slide.name}, {size / 1e6:.0f} MB")
    print("who            wall s   x cp   x ours   cpu s  peak MiB   out MB  L0 PSNR  identical")
    for result in results:
        if result.median is None:
            print(f"{result.name:13s} {result.error}")
            continue
        ours = times.get("ours-source" if result.name == "ours-source" else "ours-full")
        facts = result.facts
        ratios = [
            result.median / base if base else float("nan") for base in (times.get("cp"), ours)
        ]
        print(
            f"{result.name:13s} {result.median:7.2f} {ratios[0]:6.2f} {ratios[1]:8.2f} "
            f"{facts.get('cpu', 0):7.2f} {int(facts.get('peak', 0)) >> 20:9d} "
            f"{facts.get('bytes', 0) / 1e6:8.1f} {facts.get('psnr', '')!s:>8} "
            f"{facts.get('identical', '')!s:>8}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=40000)
    parser.add_argument("--height", type=int, default=30000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS)
    parser.add_argument("--out", type=Path, default=DATA / "convert.json")
    given = parser.parse_args()
    slide = make_slide(given.width, given.height)
    results = race(contestants(given.peers, slide), given.rounds)
    table(results, slide)
    save(given.out, {slide.name: results})


if __name__ == "__main__":
    main()
