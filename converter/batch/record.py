"""What is kept of a batch: a report with a line a slide, a log with a line an event."""

import contextlib
import csv
import json
import logging
import sys
from pathlib import Path
from typing import IO, Any, Self

from ziggurat.converter.batch.run import Outcome, Status
from ziggurat.converter.plan.report import plain
from ziggurat.readers.errors import OptionError, WriteError

COLUMNS = (
    "source", "output", "status", "message", "bytes", "seconds", "peak_memory", "sha256",
    "tiles_copied", "tiles_encoded", "losses", "removed", "verified",
)  # fmt: skip


class Records:
    """Writes each outcome to a report (``.jsonl``, ``.csv``, ``-``) and a log as it happens.

    Parameters
    ----------
    report, log
        Paths; None: none is kept. A report is written anew, a log is appended to.

    Raises
    ------
    OptionError
        The report's suffix says neither of both kinds.
    """

    def __init__(self, report: str | None, log: str | None) -> None:
        if report not in (None, "-") and Path(str(report)).suffix not in (".jsonl", ".csv"):
            raise OptionError(f"a report must be .jsonl, .csv or - (stdout), not {report!r}")
        self._report, self._log = report, log
        self._file: IO[str] | None = None
        self._logger = logging.Logger("ziggurat.batch", logging.INFO)
        self._stack = contextlib.ExitStack()

    @property
    def wanted(self) -> bool:
        """True where somebody asked for a report, and so for hashes."""
        return self._report is not None

    def __enter__(self) -> Self:
        try:
            if self._report == "-":
                self._file = sys.stdout
            elif self._report is not None:
                path = Path(self._report).expanduser()
                self._file = self._stack.enter_context(path.open("w", encoding="utf-8", newline=""))
                if path.suffix == ".csv":
                    csv.writer(self._file).writerow(COLUMNS)
            if self._log is not None:
                handler = logging.FileHandler(Path(self._log).expanduser(), encoding="utf-8")
                handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
                self._logger.addHandler(handler)
                self._stack.callback(handler.close)
        except OSError as error:
            self._stack.close()
            raise WriteError(error.errno or 0, f"can't be written: {error.strerror}",
                             str(error.filename)) from error  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, outcome: Outcome) -> None:
        """Write one outcome, at once."""
        level = logging.ERROR if outcome.status is Status.FAILED else logging.INFO
        said = f"{outcome.status}: {outcome.job.source} -> {outcome.job.output} {outcome.message}"
        self._logger.log(level, said.rstrip())
        if self._file is None:
            return
        entry = record_of(outcome)
        if self._report is not None and self._report.endswith(".csv"):
            csv.writer(self._file).writerow(_cell(entry[column]) for column in COLUMNS)
        else:
            self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


def record_of(outcome: Outcome) -> dict[str, Any]:
    """Return all that is known of one slide, as JSON-like values."""
    report = outcome.report
    found = None if report is None else report.verification
    return {
        "source": str(outcome.job.source),
        "output": str(outcome.job.output),
        "status": outcome.status.value,
        "message": outcome.message,
        "bytes": outcome.bytes_written,
        "seconds": round(outcome.seconds, 3),
        "peak_memory": outcome.peak_memory,
        "sha256": outcome.sha256,
        "tiles_copied": None if report is None else report.tiles_copied,
        "tiles_encoded": None if report is None else report.tiles_encoded,
        "losses": [] if report is None else list(report.losses),
        "removed": [] if report is None else list(report.removed),
        "verified": None if found is None else found.ok,
        "verification": None if found is None else plain(found),
        "plan": None if report is None else plain(report.plan),
    }


def _cell(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value
