"""Environments of their own for the peers, made by uv when they are first needed.

The reference needs zarr < 3 and others pin what we don't want. They live in the cache folder, so
that every checkout shares them, and are talked to as separate processes.
"""

import subprocess
import sys

from benchmarks.case import CACHE

PACKAGES: dict[str, tuple[str, ...]] = {
    "reference": (
        "large-image==1.35.6",
        *(
            f"large-image-source-{name}==1.35.6"
            for name in ("vips", "tiff", "ometiff", "openslide", "zarr", "tifffile", "pil")
        ),
        "large-image-source-rasterio==1.35.6",
        "large-image-source-test==1.35.6",
        "large-image-converter==1.35.6",
        "pyproj",
        "pyvips[binary]",
        "openslide-bin",
        "filelock",
        "simplejpeg",
        "tornado",
    ),
    "tensorstore": ("tensorstore", "numpy"),
    "ome-zarr": ("ome-zarr",),
    "dask": ("dask[array]", "distributed", "zarr", "numpy", "s3fs"),
    "icechunk": ("icechunk", "zarr", "numpy"),
    "fastslide": ("fastslide", "numpy"),
    "cucim": ("cucim-cu12", "numpy"),
    "wsidicomizer": ("wsidicomizer",),
    "deepzoom": ("openslide-python", "openslide-bin", "flask", "numpy"),
    "localtileserver": ("localtileserver", "numpy", "pillow"),
}
OWN = sys.executable  # ours, the limit, and peers that are among our dependencies


def python_of(contestant: str) -> str | None:
    """Return the interpreter that a contestant runs in; None where it can't be made."""
    if contestant not in PACKAGES:
        return OWN
    folder = CACHE / "environments" / contestant
    python, whole = folder / "bin" / "python", folder / "whole"
    if whole.exists():
        return str(python)
    folder.parent.mkdir(parents=True, exist_ok=True)
    wanted = [*PACKAGES[contestant]]
    make = ["uv", "venv", "-q", "--clear", "--python", "3.12", str(folder)]
    install = ["uv", "pip", "install", "-q", "--python", str(python), *wanted]
    try:
        for command in (make, install):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        print(f"no environment for {contestant}: {said.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    whole.touch()
    return str(python)


def versions_of(contestant: str) -> dict[str, str]:
    """Return the versions of what a contestant's environment was asked to hold."""
    python = python_of(contestant)
    if python is None:
        return {}
    code = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(): print(d.metadata['Name'].lower(), d.version)"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    found = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if " " in line)
    return {name: found[name] for name in KNOWN if name in found}


KNOWN = (
    *("ziggurat", "large-image", "tensorstore", "ome-zarr", "fastslide", "cucim-cu12"),
    *(
        "wsidicomizer",
        "dask",
        "distributed",
        "icechunk",
        "moto",
        "obstore",
        "zarr",
        "numpy",
        "tifffile",
        "imagecodecs",
        "simplejpeg",
        "pyvips",
    ),
    *("openslide-python", "flask", "localtileserver", "rio-tiler", "tornado"),
    *("pyvips-binary", "openslide-bin", "gdal-wheel", "opencv-python-headless", "isal"),
)
