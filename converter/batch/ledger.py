"""What a batch has done so far, line by line, so that a second run can go on where it ended."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ziggurat.converter.batch.append import append_line
from ziggurat.converter.batch.jobs import Job
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.plan.report import plain
from ziggurat.readers.errors import WriteError

NAME = ".ziggurat-batch.jsonl"


def has_ledger(folder: Path) -> bool:
    """Return True where a batch noted in a folder what it made there."""
    return (folder / NAME).is_file()


class Ledger:
    """A file of finished jobs in the output folder. Sources are in it as digests only."""

    def __init__(self, folder: Path, options: ConvertOptions) -> None:
        self._folder, self._path = folder, folder / NAME
        self._options = _digest(json.dumps(plain(_lasting(options)), sort_keys=True))
        self._done = _entries(self._path)

    @staticmethod
    def outputs_of(folder: Path, sources: Sequence[Path]) -> dict[Path, list[Path]]:
        """Return which outputs of a folder were noted to be made from sources as they are now."""
        digests = {_source_digest(source): source for source in sources}
        found: dict[Path, list[Path]] = {}
        for name, entry in _entries(folder / NAME).items():
            source = digests.get(str(entry.get("source")))
            if source is not None and (folder / name).exists():
                found.setdefault(source, []).append(folder / name)
        return found

    def knows(self, job: Job) -> bool:
        """Return True where a job's output is the one that was made from this source so."""
        entry = self._done.get(self._name(job))
        return entry is not None and entry == self._entry(job)

    def add(self, job: Job) -> None:
        """Note that a job is done.

        Raises
        ------
        WriteError
            It can't be noted; a second run looks at the output to know.
        """
        entry = self._entry(job)
        self._done[self._name(job)] = entry
        try:
            append_line(self._path, json.dumps(entry))
        except OSError as error:
            raise WriteError(
                error.errno or 0,
                "it is done, but that could not be noted (--resume holds it against its source): "
                f"{error.strerror}",
                str(self._path),
            ) from error

    def _name(self, job: Job) -> str:
        return os.path.relpath(job.output, self._folder)

    def _entry(self, job: Job) -> dict[str, object]:
        return {
            "output": self._name(job),
            "state": _state(job.output),
            "source": _source_digest(job.source),
            "options": self._options,
        }


def _entries(path: Path) -> dict[str, dict[str, object]]:
    """Return the last entry of each output."""
    done: dict[str, dict[str, Any]] = {}
    text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            done[entry["output"]] = entry
        except (ValueError, KeyError, TypeError):
            continue  # a line that a killed run, or a full disk, tore
    return done


def _source_digest(source: Path) -> str:
    return _digest(f"{source.resolve()} {_state(source)}")


def _lasting(options: ConvertOptions) -> dict[str, object]:
    """Return the options that make an output what it is."""
    passing = {"overwrite", "threads", "max_memory", "verify"}
    lasting = {key: value for key, value in asdict(options).items() if key not in passing}
    if options.policy is not None:  # a site's rules are what the file says, whatever its name
        lasting["policy"] = _content(options.policy)
    return lasting


def _content(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"  # which is told when a slide is to be converted


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
