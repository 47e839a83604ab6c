"""The house rules that a machine can check: who may import whom, and how light the door is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from ziggurat import __all__ as public_names

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "readers": {"readers"},
    "writers": {"readers", "writers"},
    "converter": {"readers", "writers", "converter"},
}
HEAVY = {"osgeo", "pyvips", "zarr", "tifffile", "openslide", "cv2", "imagecodecs", "numpy", "PIL"}


def _modules() -> dict[str, Path]:
    files = {}
    for room in ALLOWED:
        for path in sorted((ROOT / room).rglob("*.py")):
            files[f"{room}.{path.stem}" if "facade" not in path.parts else "facade"] = path
    return files


def _imports(path: Path) -> set[str]:
    """Return the project's own modules that a file imports outside of functions, as room.module."""
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            found = [node.module or ""]
        elif isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        else:
            continue
        for name in found:
            assert name.split(".")[0] not in ALLOWED, f"{path}: import {name} goes past ziggurat"
            if name.startswith("ziggurat."):
                names.add(name.removeprefix("ziggurat."))
    return names


def test_dependencies_point_from_converter_to_writers_to_readers() -> None:
    for name, path in _modules().items():
        room = name.split(".")[0]
        if room == "facade":
            continue
        for target in _imports(path):
            assert target.split(".")[0] in ALLOWED[room], f"{name} must not import {target}"


def test_there_is_no_import_cycle() -> None:
    graph = {name: _imports(path) for name, path in _modules().items() if name != "facade"}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join((*trail, name))}"
        if name in done or name not in graph:
            return
        for target in graph[name]:
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def _run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout


def test_import_is_light() -> None:
    loaded = _run("import sys, ziggurat; print(*{m.split('.')[0] for m in sys.modules})").split()
    assert not HEAVY & set(loaded)


def test_import_takes_under_300_ms() -> None:
    code = "import time; t = time.perf_counter(); import ziggurat; print(time.perf_counter() - t)"
    assert min(float(_run(code)) for _ in range(3)) < 0.3


@pytest.mark.parametrize("name", public_names)
def test_every_public_name_is_there(name: str) -> None:
    import ziggurat

    assert getattr(ziggurat, name) is not None


def test_the_references_modules_can_be_imported_from() -> None:
    _run(
        "from ziggurat.constants import TILE_FORMAT_NUMPY\n"
        "from ziggurat.exceptions import TileSourceError\n"
        "import ziggurat.errors as errors\n"
        "assert TILE_FORMAT_NUMPY == 'numpy' and issubclass(TileSourceError, errors.ZigguratError)"
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    import ziggurat

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ziggurat.nonsense
