"""Write .docs/reference/dependencies.md: what each library of an install weighs and is for.

``uv run python .ci/dependencies.py``. What a dependency is for is its comment in pyproject.toml;
sizes are of the files that lie in this environment.
"""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
PAGE = ROOT / ".docs" / "reference" / "dependencies.md"
HEAD = """# What is installed

Made by `uv run python .ci/dependencies.py` from `pyproject.toml` and an environment. Sizes are MB
on the disk of Linux (x86-64), of the library itself; what it brings along stands in the last
column, each thing where it is first met. A question mark: it is not in that environment.
"""


def name_of(requirement: str) -> str:
    """Return the bare name of a requirement, as registries write it."""
    found = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else requirement


def reasons() -> dict[str, str]:
    """Return the comment beside each requirement in pyproject.toml."""
    line = re.compile(r'^\s*(?:\w+ = \[)?"([\w.-]+)[^"]*".*?#\s*(.+)$', re.MULTILINE)
    found: dict[str, str] = {}
    for name, why in line.findall(PROJECT.read_text()):
        found.setdefault(name_of(name), why)
    return found


def size_of(name: str) -> int:
    """Return the bytes of the files of an installed distribution."""
    files = distribution(name).files or []
    return sum(path.stat().st_size for path in (file.locate() for file in files) if path.is_file())  # type: ignore[attr-defined]


def brought(name: str, extras: set[str], seen: set[str]) -> dict[str, int]:
    """Return the size of a distribution and of all it needs that was not seen yet."""
    if name in seen:
        return {}
    try:
        found = {name: size_of(name)}
    except PackageNotFoundError:
        return {}
    seen.add(name)
    for requirement in distribution(name).requires or []:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        if extra is None or extra[1] in extras:
            asked = re.search(r"\[([\w,-]+)\]", requirement.split(";")[0])
            more = set(asked[1].split(",")) if asked else set()
            found |= brought(name_of(requirement), more, seen)
    return found


def table(requirements: list[str], seen: set[str], why: dict[str, str]) -> tuple[list[str], int]:
    """Return the lines of a table, heaviest first, and the bytes of all of it."""
    rows, total = [], 0
    seen |= {name_of(requirement) for requirement in requirements}  # each has a line of its own
    for requirement in requirements:
        name = name_of(requirement)
        seen.discard(name)
        asked = re.search(r"\[([\w,-]+)\]", requirement)
        parts = brought(name, set(asked[1].split(",")) if asked else set(), seen)
        seen.add(name)
        own = parts.pop(name, 0)
        rest = [f"{key} {size / 1e6:.1f}" for key, size in parts.items() if size > 50_000]
        total += own + sum(parts.values())
        size = f"{own / 1e6:.1f}" if own else "?"
        rows.append((own, f"| {name} | {size} | {why.get(name, '')} | {', '.join(rest)} |"))
    return [row for _, row in sorted(rows, key=lambda row: -row[0])], total


def page() -> str:
    """Return the whole page."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    why, seen = reasons(), set[str]()
    head = "| library | MB | what for | brings along |\n|---|---|---|---|"
    rows, total = table(project["dependencies"], seen, why)
    parts = [HEAD, f"## A plain install: {total / 1e6:.0f} MB\n", head, *rows]
    for extra, requirements in project["optional-dependencies"].items():
        rows, total = table(requirements, set(seen), why)
        parts += [f"\n## `ziggurat[{extra}]`: {total / 1e6:.0f} MB more\n", head, *rows]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
