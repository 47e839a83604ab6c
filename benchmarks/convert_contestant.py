"""One run of one contestant of ``convert.py``: convert once, check the output, print JSON."""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

QUALITY = 85


def copy(slide: Path, out: Path) -> None:
    subprocess.run(["cp", "--reflink=never", str(slide), str(out)], check=True)


def copy_sync(slide: Path, out: Path) -> None:
    copy(slide, out)
    descriptor = os.open(out, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def ours(levels: str, slide: Path, out: Path) -> None:
    from ziggurat.converter.convert import convert
    from ziggurat.converter.plan.options import ConvertOptions

    convert(slide, out, ConvertOptions(levels=levels, quality=QUALITY, overwrite=True))


def vips(slide: Path, out: Path) -> None:
    import pyvips

    image = pyvips.Image.new_from_file(str(slide), access="sequential")
    image.tiffsave(
        str(out), tile=True, tile_width=240, tile_height=240, pyramid=True, compression="jpeg",
        Q=QUALITY, bigtiff=True,
    )  # fmt: skip


def reference(slide: Path, out: Path) -> None:
    import large_image_converter

    large_image_converter.convert(
        str(slide), str(out), compression="jpeg", quality=QUALITY, overwrite=True
    )


def cucim(slide: Path, out: Path) -> None:
    program = Path(sys.executable).parent / "cucim"
    folder = out.parent / "cucim"
    folder.mkdir(exist_ok=True)
    subprocess.run(
        [
            str(program),
            "convert",
            "--compression",
            "JPEG",
            "--overlap",
            "0",
            str(slide),
            str(folder),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.move(str(next(folder.glob("*.tif*"))), out)


def wsidicomizer(slide: Path, out: Path) -> None:
    from wsidicomizer import WsiDicomizer

    folder = out.with_suffix(".dicom")
    shutil.rmtree(folder, ignore_errors=True)
    with WsiDicomizer.open(slide) as wsi:
        wsi.save(folder)


JOBS = {
    "cp": copy,
    "cp-sync": copy_sync,
    "ours-source": lambda slide, out: ours("source", slide, out),
    "ours-full": lambda slide, out: ours("full", slide, out),
    "vips": vips,
    "reference": reference,
    "cucim": cucim,
    "wsidicomizer": wsidicomizer,
}


def tile_digest(path: Path) -> str:
    """SHA-256 over all stored tiles of the first page, in order."""
    import tifffile

    digest = hashlib.sha256()
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        page = tif.pages[0]
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.seek(offset)
            digest.update(file.read(count))
    return digest.hexdigest()


def check(slide: Path, out: Path) -> dict[str, object]:
    """Return whether an output has the slide's size and looks like it; its level 0 PSNR."""
    import numpy as np
    import tifffile

    with tifffile.TiffFile(slide) as theirs, tifffile.TiffFile(out) as mine:
        first, second = theirs.pages[0], mine.pages[0]
        if first.shape[:2] != second.shape[:2]:
            return {"right": False, "error": f"its size is {second.shape}"}
        squares = []
        for place in range(10):
            y = (first.imagelength - 600) * place // 10
            x = (first.imagewidth - 600) * (place * 7 % 10) // 10
            a, b = (_part(page, x, y) for page in (first, second))
            squares.append(np.mean((a.astype(float) - b) ** 2))
    error = float(np.mean(squares))
    psnr = "inf" if error == 0 else round(float(10 * np.log10(255**2 / error)), 1)
    right = psnr == "inf" or psnr > 25
    same = tile_digest(slide) == tile_digest(out)
    return {"right": right, "psnr": psnr, "identical": same, "error": f"PSNR is {psnr}"}


def _part(page, x: int, y: int):
    """Return 512 x 512 pixels of a page, decoding only the tiles of it."""
    import tifffile
    import zarr

    store = tifffile.imread(page.parent.filehandle.path, key=page.index, aszarr=True)
    return np_of(zarr.open(store, mode="r"))[y : y + 512, x : x + 512]


def np_of(array):
    return array if hasattr(array, "shape") else array["0"]


def main() -> None:
    name, slide, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out = folder / f"converted-{name}.tiff"
    for old in folder.glob(f"converted-{name}.*"):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    warm(slide)
    start = time.perf_counter()
    JOBS[name](slide, out)
    seconds = time.perf_counter() - start
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    facts: dict[str, object] = {
        "seconds": seconds,
        "cpu": sum(usage.ru_utime + usage.ru_stime for usage in used),
        "peak": own_peak(),
    }
    dicom = out.with_suffix(".dicom")
    if dicom.exists():
        size = sum(file.stat().st_size for file in dicom.iterdir())
        facts |= {"bytes": size, "right": size > slide.stat().st_size // 2}
    else:
        checker = [sys.argv[4], __file__, "check", str(slide), str(out)]
        said = subprocess.run(checker, check=True, capture_output=True, text=True).stdout
        facts |= {"bytes": out.stat().st_size} | json.loads(said)
    print(json.dumps(facts))


def own_peak() -> int:
    """Return this process's largest resident size; that of rusage begins with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def warm(path: Path) -> None:
    """Bring a file into the page cache, for everybody alike."""
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass


if __name__ == "__main__":
    if sys.argv[1] == "check":
        print(json.dumps(check(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
