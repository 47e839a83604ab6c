"""Inputs, made of real tissue once and kept in the cache folder.

The tiles of ``CMU-1-Small-Region.svs`` where it is (``ZIGGURAT_DATA``, or ``../shared/data``), else
scikit-image's stained section. Only our own environment makes them; everybody reads them.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.case import CACHE

DATA = Path(
    os.environ.get("ZIGGURAT_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
SLIDE = DATA / "aperio-svs" / "CMU-1-Small-Region.svs"
Pixels = NDArray[np.uint8]


def _made(name: str, make: Callable[[Path], object]) -> Path:
    """Return a file of the cache folder; it is made whole, or not at all."""
    path = CACHE / "inputs" / f"{'slide' if SLIDE.exists() else 'section'}-{name}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"part-{os.getpid()}-{path.name}")
        make(partial)
        partial.rename(path)
    return path


@lru_cache
def tissue() -> Pixels:
    """Return a real picture (rows, columns, 3)."""
    if SLIDE.exists():
        import tifffile

        return np.asarray(tifffile.imread(SLIDE))[:2816, :2048]
    from skimage import data

    return np.asarray(data.immunohistochemistry())


def raw(width: int, height: int, *, labels: bool = False) -> Path:
    """Return tissue laid out over a size, raw, so that nobody has to decode; or labels of it."""

    def make(path: Path) -> None:
        picture = tissue()
        if labels:
            coarse = picture[::8, ::8].mean(axis=2).astype(np.uint8) // 32
            picture = coarse.repeat(8, axis=0).repeat(8, axis=1)[..., np.newaxis]
        out = np.memmap(path, np.uint8, "w+", shape=(height, width, picture.shape[2]))
        for y in range(0, height, picture.shape[0]):
            for x in range(0, width, picture.shape[1]):
                part = picture[: height - y, : width - x]
                out[y : y + part.shape[0], x : x + part.shape[1]] = part
        out.flush()

    return _made(f"{'labels' if labels else 'tissue'}-{width}x{height}.raw", make)


def tiles(dtype: str, side: int) -> Path:
    """Return 16 different tiles as one ``.npy``: uint8 RGB, or float32 of one band."""

    def make(path: Path) -> None:
        picture = tissue()
        found = [np.roll(picture, (37 * n, 91 * n), (0, 1))[:side, :side] for n in range(16)]
        if dtype == "float32":
            stack = np.stack([(one[..., :1] / 255).astype(np.float32) for one in found])
        else:
            stack = np.stack(found).astype(dtype)
        with path.open("wb") as file:
            np.save(file, stack)

    return _made(f"tiles-{dtype}-{side}.npy", make)


def pyramid(side: int) -> Path:
    """Return a JPEG pyramid TIFF (4:2:0, Q 85, tiles of 256) that libvips wrote."""

    def make(path: Path) -> None:
        import pyvips

        image = pyvips.Image.rawload(str(raw(side, side)), side, side, 3)
        image = image.copy(interpretation="srgb", xres=2004.0, yres=2004.0)
        image.tiffsave(
            str(path), tile=True, tile_width=256, tile_height=256, pyramid=True,
            compression="jpeg", Q=85,
        )  # fmt: skip

    return _made(f"pyramid-{side}.tif", make)


def zarr_zip(side: int) -> Path:
    """Return the same pixels as our OME-Zarr in one zip."""

    def make(path: Path) -> None:
        import ziggurat

        named = path.with_name(f"{path.name}.zarr.zip")
        ziggurat.convert(pyramid(side), named)
        named.rename(path)

    return _made(f"pyramid-{side}.zarr.zip", make)


def slide(width: int, height: int) -> Path:
    """Return an Aperio-like slide of one level with tiles of real tissue, label and macro."""

    def make(path: Path) -> None:
        from ziggurat.converter.demo.slide import make_slide

        make_slide(path, width, height)

    return _made(f"slide-{width}x{height}.svs", make)
