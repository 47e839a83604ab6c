"""What a new process loads before its first pixels: held by what, as its time is the machine's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile

SCRIPT = """
import sys, ziggurat
source = ziggurat.open(sys.argv[1])
source.getRegion(format="numpy", region={"left": 9, "top": 9, "width": 99, "height": 99})
heavy = "psutil", "subprocess", "asyncio", "rich", "osgeo", "pyvips", "zarr", "PIL", "cv2"
print(*[name for name in heavy if name in sys.modules], len(sys.modules))
"""


def test_a_region_of_a_tiff_needs_no_other_library(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    pixels = np.arange(512 * 512, dtype=np.uint16).reshape(512, 512)
    tifffile.imwrite(path, pixels, tile=(256, 256))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True
    )
    *loaded, count = done.stdout.split()
    assert loaded == []
    assert int(count) < 440
