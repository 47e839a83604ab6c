"""The house rules that a machine can check: who may import whom, and how light the door is."""

import ast
import functools
import gc
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ziggurat import __all__ as public_names

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("readers", "writers", "converter")
MOST_MODULES = 24  # a folder of more is a corridor
MOST_LINES = 400  # of a module, and of a file of tests
MOST_CODE = 60  # lines of a function, its docstring aside
MOST_PARAMETERS = 8
MOST_METHODS = 20  # public ones, a class's own
MOST_ANY = 0.08  # of functions say Any in their signature
MOST_IGNORES = 6
# The public ones that keep the reference's names, or belong to users in another way.
MANY_PARAMETERS = {
    "getRegion", "new", "open", "patches", "tileIterator", "write",
}  # fmt: skip
HEAVY = {"osgeo", "pyvips", "zarr", "tifffile", "openslide", "cv2", "imagecodecs", "numpy", "PIL"}


@pytest.fixture(scope="module", autouse=True)
def no_collections() -> Iterator[None]:
    """Let the garbage collector not go through all trees, which stay, again and again."""
    gc.disable()
    yield
    gc.enable()


def _rooms() -> list[Path]:
    """Return the folders of the three floors that hold modules, the facade's aside."""
    found = {path.parent for floor in FLOORS for path in (ROOT / floor).rglob("*.py")}
    return sorted(folder for folder in found if folder.name != "facade")


def test_the_packages_that_are_built_are_the_folders_there_are() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    names = [".".join(("ziggurat", *room.relative_to(ROOT).parts)) for room in _rooms()]
    assert sorted(listed) == sorted(["ziggurat", *names])


@pytest.mark.parametrize("room", _rooms(), ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_says_what_is_in_it_and_is_no_corridor(room: Path) -> None:
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
    assert len(list(room.glob("*.py"))) <= MOST_MODULES


@pytest.mark.parametrize("floor", FLOORS)
def test_a_floor_page_names_every_room_and_no_other(floor: str) -> None:
    text = (ROOT / floor / "README.md").read_text()
    named = set(re.findall(r"^\| `([a-z_/]+)` \|", text, re.MULTILINE))
    there = {
        room.relative_to(ROOT / floor).as_posix()
        for room in _rooms()
        if (ROOT / floor) in room.parents
    }
    assert named - {"facade"} == there


SHORT_IMPORT = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(FLOORS)})\b", re.MULTILINE)


def test_modules_import_each_other_by_their_full_names() -> None:
    for room in _rooms():
        for path in room.glob("*.py"):
            past = re.search(SHORT_IMPORT, path.read_text())
            assert past is None, f"{path}: {past} goes past ziggurat"


def _modules() -> list[Path]:
    return [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


Function = ast.FunctionDef | ast.AsyncFunctionDef
LOOKED_AT = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Expr, ast.Constant, ast.Compare,
)  # fmt: skip


@functools.cache
def _kinds(path: Path) -> dict[type[ast.AST], list[ast.AST]]:
    found: dict[type[ast.AST], list[ast.AST]] = {kind: [] for kind in LOOKED_AT}
    left: list[object] = [ast.parse(path.read_text())]
    while left:  # ast.walk takes twice as long
        node = left.pop()
        if type(node) in found:
            assert isinstance(node, ast.AST)
            found[type(node)].append(node)
        for value in vars(node).values():
            if type(value) is list:
                left += [part for part in value if isinstance(part, ast.AST)]
            elif isinstance(value, ast.AST):
                left.append(value)
    return found


def _nodes[Node: ast.AST](path: Path, kind: type[Node]) -> list[Node]:
    """Return the nodes of one of the kinds that are looked at."""
    return [node for node in _kinds(path)[kind] if isinstance(node, kind)]


@functools.cache
def _functions() -> list[tuple[Path, Function]]:
    return [
        (path.relative_to(ROOT), node)
        for path in _modules()
        for node in (*_nodes(path, ast.FunctionDef), *_nodes(path, ast.AsyncFunctionDef))
    ]


def _parameters(function: Function) -> list[ast.arg]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [argument for argument in named if argument.arg not in ("self", "cls")]


def test_modules_are_short() -> None:
    paths = [*_modules(), *(ROOT / "tests").rglob("*.py")]
    long = {
        str(path.relative_to(ROOT))
        for path in paths
        if len(path.read_text().splitlines()) > MOST_LINES
    }
    assert not long


def test_functions_are_short() -> None:
    for path, function in _functions():
        assert function.end_lineno is not None
        lines = function.end_lineno - function.lineno + 1
        if ast.get_docstring(function):
            text = function.body[0]
            assert text.end_lineno is not None
            lines -= text.end_lineno - text.lineno + 1
        assert lines <= MOST_CODE, f"{path}: {function.name} has {lines} lines"


def test_functions_take_few_parameters_but_for_those_of_the_reference() -> None:
    most = MOST_PARAMETERS
    many = {function.name for _, function in _functions() if len(_parameters(function)) > most}
    assert many == MANY_PARAMETERS


def test_classes_have_few_public_methods() -> None:
    for path in _modules():
        for node in _nodes(path, ast.ClassDef):
            names = {part.name for part in node.body if isinstance(part, Function)}
            public = [name for name in names if not name.startswith("_")]
            assert len(public) <= MOST_METHODS, f"{path}: {node.name} has {len(public)}"


def test_few_functions_switch_the_type_checker_off() -> None:
    """``Any`` in a signature is where a user's editor and mypy know nothing."""
    vague = 0
    functions = _functions()
    for _, function in functions:
        every = [*_parameters(function), function.args.vararg, function.args.kwarg]
        hints = [argument.annotation for argument in every if argument is not None]
        parts = [part for hint in (*hints, function.returns) if hint for part in ast.walk(hint)]
        vague += any(isinstance(part, ast.Name) and part.id == "Any" for part in parts)
    assert vague <= MOST_ANY * len(functions)
    ignored = sum(path.read_text().count("# type: ignore") for path in _modules())
    assert ignored <= MOST_IGNORES


def test_the_arrows_between_rooms_are_kept() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".src")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def _run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout


def test_import_is_light() -> None:
    loaded = _run("import sys, ziggurat; print(*{m.split('.')[0] for m in sys.modules})").split()
    assert not HEAVY & set(loaded)


def test_import_brings_few_modules() -> None:
    """A start costs by what it imports: count that, for a clock tells how busy the machine is."""
    code = "import sys; n = len(sys.modules); import ziggurat; print(len(sys.modules) - n)"
    assert int(_run(code)) < 20


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


VENDORS = re.compile(
    r"aperio|hamamatsu|leica|philips|akoya|imagej|mirax|mrxs|ventana|trestle|sakura|zeiss|olympus"
    r"|nikon|ndpi|qptiff|\bsvs\b|\bczi\b|\bnd2\b|\blif\b|isyntax",
    re.IGNORECASE,
)
# Who may name a vendor: its own file, the tables, and what is about nothing but names.
OWNERS = (
    "readers/formats/tiff/vendors/",
    "readers/formats/czi/",
    "readers/formats/fenced/",
    "readers/formats/lif.py",
    "readers/formats/nikon.py",
    "readers/formats/openslide.py",
    "readers/formats/table.py",
    "readers/formats/unread.py",
    "readers/constants.py",  # names of the reference
    "writers/formats/registry.py",
    "writers/formats/tiff/svs.py",
    "converter/compat/",  # names of the reference
    "converter/deidentify/values.py",  # the words that may stay
    "converter/demo/",  # makes a slide of that kind
)
ADVICE = re.compile(r"\.tiff, \.svs and \.zarr")  # which outputs hold what this one doesn't


def _texts(path: Path) -> list[ast.Constant]:
    """Return the string constants of a module that are no docstrings and no modules' names."""
    told = {node.value for node in _nodes(path, ast.Expr) if isinstance(node.value, ast.Constant)}
    return [
        node
        for node in _nodes(path, ast.Constant)
        if isinstance(node.value, str)
        and node not in told
        and not node.value.startswith("ziggurat.")
    ]


def test_only_owners_name_a_vendor() -> None:
    for path in _modules():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OWNERS):
            for text in _texts(path):
                said = ADVICE.sub("", str(text.value))
                assert not VENDORS.search(said), f"{name}:{text.lineno} names {text.value!r}"


def test_nobody_goes_by_the_name_of_a_format() -> None:
    """What a format is like is a fact of ``ImageInfo``; a new backend would be forgotten."""
    for path in (path for path in _modules() if ".format" in path.read_text()):
        for node in _nodes(path, ast.Compare):
            sides = [node.left, *node.comparators]
            asked = any(isinstance(side, ast.Attribute) and side.attr == "format" for side in sides)
            words = [part for side in sides for part in ast.walk(side)]
            named = any(isinstance(w, ast.Constant) and isinstance(w.value, str) for w in words)
            sets = any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
            listed = sets and any(isinstance(w, ast.Name) and w.id.isupper() for w in words)
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            assert not (asked and (named or listed)), f"{where} compares a format with a name"
