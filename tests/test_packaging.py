"""The wheel, built from the sdist, holds every module and works away from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("pyproject.toml", "README.md", "LICENSE", ".build", "readers", "writers", "converter")
# What ``python -m build`` does, in one process instead of five: the wheel by the backend of the
# sdist, which is unpacked away from the project.
BUILDS = """
import functools, importlib.metadata, os, runpy, sys, tarfile
project, dist = sys.argv[1:]
# setuptools goes through all that is installed for each of its commands: half of the time
importlib.metadata.entry_points = functools.cache(importlib.metadata.entry_points)
def backend():
    return runpy.run_path(os.path.join(".build", "backend.py"))
os.chdir(project)
name = backend()["build_sdist"](dist)
with tarfile.open(os.path.join(dist, name)) as archive:
    archive.extractall(dist, filter="data")
os.chdir(os.path.join(dist, name.removesuffix(".tar.gz")))
backend()["build_wheel"](dist)
"""
ROOMS = {"readers": "readers", "writers": "writers", "converter": "converter", "facade": ""}


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from the sdist of a copy of the project, unpacked."""
    work = tmp_path_factory.mktemp("packaging")
    copy = _copied(work / "project")
    subprocess.run(
        [sys.executable, "-c", BUILDS, copy, work / "dist"], check=True, capture_output=True
    )
    (wheel,) = (work / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(work / "wheel")
    return work / "wheel"


def _copied(folder: Path) -> Path:
    """Copy what a build needs, and nothing that an earlier build left."""
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def _modules() -> list[str]:
    names = []
    for path in sorted(ROOT.glob("*/*.py")) + sorted(ROOT.glob("converter/facade/*.py")):
        room = path.parent.name
        if room in ROOMS:
            stem = "" if path.stem == "__init__" else path.stem
            names.append(".".join(part for part in ("ziggurat", ROOMS[room], stem) if part))
    return names


@pytest.mark.slow
def test_the_wheel_has_every_module(unpacked_wheel: Path) -> None:
    for name in _modules():
        base = unpacked_wheel / name.replace(".", "/")
        assert base.with_suffix(".py").exists() or (base / "__init__.py").exists(), name
    assert (unpacked_wheel / "ziggurat" / "py.typed").exists()


@pytest.mark.slow
def test_the_wheel_imports_away_from_the_checkout(unpacked_wheel: Path, tmp_path: Path) -> None:
    names = [name for name in _modules() if name != "ziggurat.__main__"]
    code = (
        "import importlib, ziggurat\n"
        f"assert ziggurat.__file__.startswith({str(unpacked_wheel)!r}), ziggurat.__file__\n"
        f"for name in {names!r}:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(unpacked_wheel)!r}), module.__file__\n"
    )
    environment = os.environ | {"PYTHONPATH": str(unpacked_wheel)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)


@pytest.mark.slow
def test_the_wheel_installs_the_console_script(unpacked_wheel: Path) -> None:
    (entry_points,) = unpacked_wheel.glob("*.dist-info/entry_points.txt")
    assert "ziggurat = ziggurat.converter.cli.app:main" in entry_points.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["/bin/false", "/no/such/compiler"])
def test_a_wheel_is_built_without_the_kernel_where_there_is_no_compiler(
    tmp_path: Path, compiler: str
) -> None:
    copy = _copied(tmp_path / "project")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, copy],
        check=True,
        capture_output=True,
        env={**os.environ, "CC": compiler},
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "ziggurat/readers/codecs/native/kernel.py" in names
    assert not [name for name in names if name.endswith(".so")]
