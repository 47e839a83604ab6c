"""The documentation runs as it is printed, and names what is public."""

import importlib.metadata
import inspect
import re
import runpy
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import ziggurat
from tests import preloaded
from ziggurat.converter.cli.app import COMMANDS, main
from ziggurat.converter.demo.slide import make_slide

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / ".docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if ".site" not in page.parts)
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
# These take longer; .ci/run goes through them behind the documentation's own build.
LONGER = {
    "convert-archive.md", "copied-tiles.md", "deidentify.md", "many-machines.md", "programs.md",
}  # fmt: skip
# Scripts that start processes, or change for good the one that they run in.
ALONE = {"infer.py", "unchanged.py"}


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages name."""
    folder = tmp_path_factory.mktemp("slides")
    make_slide(folder / "slide.svs", 1024, 768)
    (folder / "slides").mkdir()
    for number in (1, 2):
        make_slide(folder / "slides" / f"{number}.svs", 512, 480)
    return folder


def _run_script(name: str) -> object:
    try:
        runpy.run_path(name, run_name="__main__")
    except SystemExit as ended:
        return ended.code
    return 0


def run_line(line: str) -> None:
    """Run a line of a shell block; one that begins with ``!`` must fail."""
    fails, (program, *arguments) = line.startswith("!"), shlex.split(line.lstrip("! "))
    if program == "ziggurat":
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        status = ended.value.code
    elif program == "python" and arguments[0] in ALONE:
        script = Path(arguments[0]).absolute()  # where its own workers look for it
        done = preloaded.run(runpy.run_path, str(script), None, "__main__", cwd=script.parent)
        print(done.stdout, done.stderr)
        status = done.returncode
    else:
        assert program == "python", f"a test can't run {program}; put it into a console block"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", arguments)
            status = _run_script(arguments[0])
    assert bool(status) is fails, f"{line}: exit code {status}"


@pytest.mark.usefixtures("quick_workers")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=pytest.mark.slow if page.name in LONGER else (),
            id=page.relative_to(DOCS).as_posix(),
        )
        for page in PAGES
    ],
)
def test_a_page_runs(
    page: Path, slides: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Titled blocks are files, python runs in one namespace, sh line by line, py is parsed."""
    shutil.copytree(slides, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for language, title, text in BLOCK.findall(page.read_text()):
        if title:
            (tmp_path / title).write_text(text)
        elif language in ("python", "py"):
            code = compile(text, f"{page.name}: {text.splitlines()[0]}", "exec")
            if language == "python":
                exec(code, names)
        elif language == "sh":
            for line in text.splitlines():
                run_line(line.split("  #")[0])


REFERENCE = "".join(page.read_text() for page in sorted((DOCS / "reference").glob("*.md")))
SHOWN = set(re.findall(r"^::: ziggurat\.(\w+)$", REFERENCE, re.MULTILINE))
OF_EXTRAS = {"viewer"}  # public, but importing all that is public must not need starlette


@pytest.mark.parametrize("name", ziggurat.__all__)
def test_a_public_name_stands_in_the_reference_and_says_what_it_is(name: str) -> None:
    thing = getattr(ziggurat, name)
    module = inspect.ismodule(thing) and re.search(rf"(## |`)ziggurat\.{name}\b", REFERENCE)
    assert name in SHOWN or module
    said = inspect.getdoc(thing)
    assert said
    if inspect.isclass(thing):
        fields = getattr(thing, "__dataclass_fields__", {})
        for member in (one for one in dir(thing) if not one.startswith("_")):
            if member in fields:
                assert re.search(rf"\b{member}\b", said), f"{name}.{member}"
            else:
                assert getattr(thing, member).__doc__, f"{name}.{member}"


def test_what_the_documentation_names_is_public() -> None:
    assert set(ziggurat.__all__) >= SHOWN
    for page in (*PAGES, ROOT / "README.md"):
        named = set(re.findall(r"\bziggurat\.([a-zA-Z]\w*)", page.read_text())) - {"readers", "org"}
        assert named <= {*ziggurat.__all__, *OF_EXTRAS}, page


def test_the_command_line_page_names_every_command() -> None:
    page = (DOCS / "reference" / "command-line.md").read_text()
    assert set(re.findall(r"^\| `ziggurat ([\w-]+)`", page, re.MULTILINE)) == set(COMMANDS)


def test_the_page_of_dependencies_names_them_all() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    page = (DOCS / "reference" / "dependencies.md").read_text()
    named = set(re.findall(r"^\| ([a-z0-9-]+) \| [\d.?]+ \|", page, re.MULTILINE))
    due = {re.match(r"[\w-]+", one)[0].lower() for group in groups for one in group}
    assert named == due, "run: uv run python .ci/dependencies.py"


def test_the_version_has_one_place() -> None:
    assert importlib.metadata.version("ziggurat") == ziggurat.__version__
