"""Random faults in the critical modules, and whether the tests notice: by one command.

    uv run --with "cosmic-ray>=8.4,<9" python tests/mutation/run.py [--most N] [module ...]

The faults are Cosmic Ray's; it changes files in place (here: in a copy of what is committed), so
that worker processes see them as well, and asks nothing about how folders become a package.
``modules.toml`` says which tests are to notice a module's faults. What survives and is not in
``survivors.txt`` is shown, and makes the exit code 1: write a test, or a line there that says why
it is harmless.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = Path(__file__).with_name("modules.toml")
SURVIVORS = Path(__file__).with_name("survivors.txt")
TIMEOUT = 120.0  # seconds a fault; one that hangs is noticed

# Faults that change no behaviour, or only texts and annotations.
_HARMLESS = ("core/RemoveDecorator", "core/ReplaceBinaryOperator_BitOr", "core/ExceptionReplacer")


def known_survivors() -> set[str]:
    """Return the names of faults that were looked at: the first word of each line."""
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def name_of(module: str, operator: str, line: str, diff: str) -> str:
    """Return a name that stays while the line stays, wherever it moves."""
    changed = [part for part in diff.splitlines() if part.startswith(("+", "-"))]
    digest = hashlib.blake2b("\n".join([operator, line, *changed]).encode(), digest_size=4)
    return f"{Path(module).stem}-{digest.hexdigest()}"


def survivors(module: str, tests: str, most: int, seed: int) -> tuple[int, list[tuple[str, str]]]:
    """Return how many faults were tried in a module, and those that nobody noticed."""
    from cosmic_ray.commands import init
    from cosmic_ray.mutating import mutate_and_test
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import TestOutcome

    python = f"{sys.executable} -m pytest -q -x -n 0 -p no:cacheprovider --timeout=60 {tests}"
    if subprocess.run(python.split(), capture_output=True, check=False).returncode:
        raise SystemExit(f"{tests} fail without any fault")
    with tempfile.TemporaryDirectory() as folder, use_db(f"{folder}/db", WorkDB.Mode.create) as db:
        init([Path(module)], db, {})
        items = [item for item in db.work_items if not _harmless(item.mutations[0].operator_name)]
    chosen = random.Random(seed).sample(items, min(most, len(items)))
    found = []
    for item in sorted(chosen, key=lambda item: item.mutations[0].start_pos):
        result = mutate_and_test(item.mutations, python, TIMEOUT)
        if result.test_outcome == TestOutcome.SURVIVED:
            spec = item.mutations[0]
            line = Path(module).read_text(encoding="utf-8").splitlines()[spec.start_pos[0] - 1]
            name = name_of(module, spec.operator_name, line.strip(), result.diff or "")
            found.append((name, result.diff or ""))
    return len(chosen), found


def _harmless(operator: str) -> bool:
    return operator.startswith(_HARMLESS)


def main() -> int:
    """Try the faults; return 1 where one survives that nobody has looked at."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="of those in modules.toml; all without")
    parser.add_argument("--most", type=int, default=10_000, help="faults a module, at random")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    data = os.environ.get("ZIGGURAT_DATA", str(ROOT.parent / "shared" / "data"))
    rows = tomllib.loads(MODULES.read_text(encoding="utf-8"))
    known, tried, lived, fresh = known_survivors(), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="ziggurat-mutation-") as copy:
        tree = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "x", "-C", copy], input=tree.stdout, check=True)
        os.environ |= {"PYTHONPATH": f"{copy}/.src", "ZIGGURAT_DATA": data}
        os.chdir(copy)
        for module in asked.modules or rows:
            count, found = survivors(module, " ".join(rows[module]), asked.most, asked.seed)
            tried, lived = tried + count, lived + len(found)
            print(f"{module}: {count} faults, {len(found)} not noticed", flush=True)
            for name, diff in found:
                if name not in known:
                    fresh += 1
                    print(f"{name}\n{diff}\n", flush=True)
    print(f"{tried} faults, {tried - lived} noticed, {lived} not, {fresh} of them not looked at")
    return 1 if fresh else 0


if __name__ == "__main__":
    sys.exit(main())
