"""The recipes for clusters run as they are printed, on this machine, each with its own program.

``uv run --group engines pytest -n 0 -m engines``; a recipe whose program isn't there is skipped.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import ziggurat

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

PAGE = Path(__file__).resolve().parent.parent / ".docs/how-to/many-machines.md"
BLOCK = re.compile(r'^```(?:python|py)(?: title="[^"]+")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
LAYING, RECIPES = PAGE.read_text().split("## Recipes\n")
BUCKET = "s3://bucket/"
HERE = {  # what stands in a recipe for a cluster, and what stands in for that on one machine
    "Dask": {"n_workers=4": "n_workers=2, dashboard_address=':0'", "range(1000)": "range(16)"},
    "Dask on a cluster": {
        "from dask_jobqueue import SLURMCluster": (
            "from dask_jobqueue.local import LocalCluster as SLURMCluster"
        ),
        "cores=8, processes=8": "cores=2, processes=2",
        "jobs=20": "jobs=1",
        "/lustre/": "",
    },
    "Ray": {"ray.init()": "ray.init(include_dashboard=False)"},
    "Spark": {},
    "loky": {},
    "MPI": {"/lustre/": ""},
}
NEEDS = {
    "Dask": "distributed",
    "Dask on a cluster": "dask_jobqueue",
    "Ray": "ray",
    "Spark": "pyspark",
    "loky": "loky",
    "MPI": "mpi4py",
}


def recipe(name: str) -> str:
    """Return the code below a heading, for this machine."""
    (text,) = [
        part for part in RECIPES.split("\n### ") if part.startswith((f"### {name}\n", f"{name}\n"))
    ]
    (code,) = BLOCK.findall(text)
    for old, new in {**HERE[name], **({BUCKET: ""} if BUCKET in code else {})}.items():
        assert old in code
        code = code.replace(old, new)
    return str(code)


@pytest.mark.parametrize("name", HERE)
def test_a_recipe_runs(name: str, tmp_path: Path) -> None:
    if find_spec(NEEDS[name]) is None or (name == "Spark" and shutil.which("java") is None):
        pytest.skip(f"{name} isn't installed: uv run --group engines pytest -n 0 -m engines")
    tiles, laying = BLOCK.findall(LAYING)[:2]
    (tmp_path / "tiles.py").write_text(tiles)
    body = textwrap.indent(f"{laying}\n{recipe(name)}", "    ")
    (tmp_path / "write.py").write_text(f'if __name__ == "__main__":\n{body}')
    command = [sys.executable, "write.py"]
    if name == "MPI":
        launcher = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
        if launcher is None:
            pytest.skip("there is no mpiexec beside this Python")
        command = [launcher, "-n", "3", sys.executable, "-m", "mpi4py.futures", "write.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True,
        timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    with ziggurat.open(tmp_path / "out.zarr") as source, ziggurat.open(tmp_path / "run1") as sink:
        pixels = sink.getRegion(format="numpy")[0]
        assert np.count_nonzero(pixels) > 1_000_000
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], pixels)


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of a shell in which this Python's environment is active."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),  # workers find tiles.py
        "RAY_raylet_start_wait_time_s": "200",  # on a machine that is busy
        "RAY_agent_register_timeout_ms": "200000",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
