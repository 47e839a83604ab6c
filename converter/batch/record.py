"""What is kept of a batch: a report with a line a slide, a log with a line an event."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ziggurat.converter.batch.append import append_line
from ziggurat.converter.batch.run import Outcome, Status
from ziggurat.converter.plan.report import plain
from ziggurat.readers.errors import OptionError, WriteError

COLUMNS = (
    "source", "output", "status", "message", "bytes", "seconds", "peak_memory", "sha256",
    "tiles_copied", "tiles_encoded", "losses", "removed", "verified",
)  # fmt: skip
RECORD = (*COLUMNS, "verification", "plan")


class Records:
    """Writes each outcome to a report (``.jsonl``, ``.csv``, ``-``) and a log as it happens.

    A line that can't be written is left out whole, and stops no slide; the end tells of it.

    Parameters
    ----------
    report, log
        Paths; None: none is kept. A report is written anew, a log is appended to.

    Raises
    ------
    OptionError
        The report's suffix says neither of both kinds.
    WriteError
        One of them can't be begun, or, when all is done, lacks lines.
    """

    def __init__(self, report: str | None, log: str | None) -> None:
        if report not in (None, "-") and Path(str(report)).suffix not in (".jsonl", ".csv"):
            raise OptionError(f"a report must be .jsonl, .csv or - (stdout), not {report!r}")
        self._report = report
        self._path = Path(report).expanduser() if report not in (None, "-") else None
        self._log = None if log is None else Path(log).expanduser()
        self._missing: dict[Path, tuple[int, OSError]] = {}  # lines that a file lacks, and why

    @property
    def wanted(self) -> bool:
        """True where somebody asked for a report, and so for hashes."""
        return self._report is not None

    def __enter__(self) -> Self:
        try:
            if self._path is not None:
                head = f"{_row(COLUMNS)}\n" if self._path.suffix == ".csv" else ""
                self._path.write_text(head, encoding="utf-8")
            if self._log is not None:
                self._log.open("a").close()
        except OSError as error:
            raise WriteError(error.errno or 0, f"can't be written: {error.strerror}",
                             str(error.filename)) from error  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        for path, (count, error) in self._missing.items():
            raise WriteError(
                error.errno or 0,
                f"lacks {count} lines, all others are whole; the outputs are not touched by it: "
                f"{error.strerror}",
                str(path),
            )

    def add(self, outcome: Outcome) -> None:
        """Write one outcome, at once."""
        level = "ERROR" if outcome.status is Status.FAILED else "INFO"
        said = f"{outcome.status}: {outcome.job.source} -> {outcome.job.output} {outcome.message}"
        if self._log is not None:
            now = datetime.now().astimezone().isoformat(" ", "milliseconds")
            self._append(self._log, f"{now} {level} {_one_line(said)}")
        if self._report is not None:
            self._write(record_of(outcome))

    def left_out(self, counts: Mapping[str, int]) -> None:
        """Write what lies in the folders and is no slide that is read, by ending."""
        for ending, count in counts.items():
            said = f"{count} file{'s' if count > 1 else ''}, no slides that are read"
            if self._log is not None:
                now = datetime.now().astimezone().isoformat(" ", "milliseconds")
                self._append(self._log, f"{now} INFO left out: {ending}: {said}")
            entry = dict.fromkeys(RECORD) | {"losses": [], "removed": []}
            self._write(entry | {"source": ending, "status": "left out", "message": said})

    def _write(self, entry: Mapping[str, object]) -> None:
        if self._report is None:
            return
        if self._path is None:
            print(json.dumps(entry), flush=True)
        elif self._path.suffix == ".csv":
            self._append(self._path, _row([_cell(entry[column]) for column in COLUMNS]))
        else:
            self._append(self._path, json.dumps(entry))

    def _append(self, path: Path, line: str) -> None:
        try:
            append_line(path, line)
        except OSError as error:
            self._missing[path] = self._missing.get(path, (0, error))[0] + 1, error


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _row(cells: Sequence[Any]) -> str:
    """Return one row of CSV; what would break it stands in quotes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()[:-1]


def record_of(outcome: Outcome) -> dict[str, object]:
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


def _cell(value: object) -> object:
    return "; ".join(value) if isinstance(value, list) else value
