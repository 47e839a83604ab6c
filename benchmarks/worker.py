"""One run of one contestant, in its own environment: ``worker.py JOB CONTESTANT VALUES FOLDER``.

Prints one line of JSON: the laps, facts, and, where the output is wrong or the run failed, why.
"""

import importlib
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path = [str(ROOT), *(place for place in sys.path if Path(place or ".") != ROOT / "benchmarks")]

from benchmarks.case import Run  # noqa: E402  (a peer's environment knows nothing of us)


def main(job: str, contestant: str, values: str, folder: str) -> None:
    """Do the work once."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(f"benchmarks.jobs.{job}")
    run, error = Run(json.loads(values), Path(folder)), None
    try:
        module.CONTESTANTS[contestant](run)
    except Exception as problem:  # noqa: BLE001  (whatever a peer raises is its result)
        error = f"{type(problem).__name__}: {problem}"[:300]
    laps = {name: asdict(lap) for name, lap in run.laps.items()}
    print("\n" + json.dumps({"laps": laps, "facts": run.facts, "error": error}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
