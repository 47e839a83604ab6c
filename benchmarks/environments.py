"""Environments of their own for the peers that we measure and compare against.

The reference needs zarr < 3 and others pin what we don't want, so that each lives in
``benchmarks/.envs/<name>`` and is talked to as a separate process.
"""

import subprocess
from pathlib import Path

ENVIRONMENTS = Path(__file__).resolve().parent / ".envs"

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
    ),
    "tensorstore": ("tensorstore", "numpy"),
    "ome-zarr": ("ome-zarr",),
    "fastslide": ("fastslide", "numpy"),
    "cucim": ("cucim-cu12", "numpy"),
    "wsidicomizer": ("wsidicomizer",),
}


def python_of(name: str) -> Path | None:
    """Return the interpreter of an environment, made when it isn't there; None if it can't be."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if python.exists():
        return python
    ENVIRONMENTS.mkdir(exist_ok=True)
    try:
        subprocess.run(
            ["uv", "venv", "-q", "--python", "3.12", str(ENVIRONMENTS / name)], check=True
        )
        subprocess.run(
            ["uv", "pip", "install", "-q", "--python", str(python), *PACKAGES[name]], check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no environment for {name}: {error}")
        return None
    return python
