"""One program over many outputs, in a process that may die: ``[name, path]`` in, verdicts out."""

import json
import sys
from pathlib import Path

import numpy as np
from skimage import data

from tests.programs.matrix import verdict
from tests.programs.outputs import KINDS
from tests.programs.readers import PROGRAMS

_LONGEST = 60  # characters of a refusal


def main() -> None:
    """Read the outputs that stdin names, and say a line for each."""
    tissue = np.asarray(data.immunohistochemistry())
    read = PROGRAMS[sys.argv[1]].read
    for name, path in json.load(sys.stdin):
        kind = KINDS[name]
        try:
            found, levels = read(Path(path))
        except Exception as error:  # noqa: BLE001  whatever it is, it is a refusal
            words = " ".join(f"{type(error).__name__}: {error}".split())
            said = f"refused ({words[:_LONGEST]})"
        else:
            said = verdict(kind, kind.truth(tissue), found, levels)
        print(json.dumps([name, said]), flush=True)


main()
