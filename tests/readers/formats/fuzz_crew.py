"""Workers that open damaged copies, each watched for crashes, hangs and floods."""

import dataclasses
import json
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

WORKER = Path(__file__).with_name("fuzz_worker.py")


HANG_SECONDS = 10.0  # of processor time; the machine may be busy with other things


SILENCE_SECONDS = 60.0


FLOOD_MEGABYTES = 1000


@dataclasses.dataclass(frozen=True)
class Seed:
    """A file or folder that opens, and what to open of it."""

    path: Path
    inside: str  # relative to the folder that a copy of the seed is put into


@dataclasses.dataclass
class Crew:
    """One worker process at a time; a new one where the last one died or had to be killed."""

    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    findings: list[str] = dataclasses.field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def send(self, job: dict[str, object]) -> None:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(job) + "\n").encode())

    def answers(self) -> Iterator[list[str]]:
        assert self.process is not None
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], SILENCE_SECONDS)[0]:
            line = self.process.stdout.readline().decode()
            if not line:
                return
            yield line.rstrip("\n").split(" ", 4)

    def dismiss(self) -> str:
        """Get rid of the worker, and say how it ended."""
        assert self.process is not None
        try:
            end = f"status {self.process.wait(timeout=2)}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            end = f"silent for {SILENCE_SECONDS} s"
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None
        return end

    def run(self, seed: Seed, first: int, last: int, convert: str = "") -> None:
        """Try the copies first … last - 1 of a seed: read them, or convert them."""
        while first < last:
            self.send(
                {
                    "convert": convert,
                    "seed": str(seed.path),
                    "open": seed.inside,
                    "first": first,
                    "last": last,
                }
            )
            current = first
            for answer in self.answers():
                if answer == ["done"]:
                    return
                if answer[0] == "begin":
                    current = int(answer[1])
                else:
                    self.judge(seed, answer)
            end = self.dismiss()
            self.findings.append(f"{seed.path.name} copy {current}: ended the process ({end})")
            first = current + 1

    def judge(self, seed: Seed, answer: Sequence[str]) -> None:
        _, number, seconds, megabytes, outcome = answer
        self.outcomes[outcome.split()[0]] += 1
        where = f"{seed.path.name} copy {number}"
        if number == "-1" and outcome != "opened":
            self.findings.append(f"{where}: the undamaged seed: {outcome}")
        if outcome.startswith("leaked"):
            self.findings.append(f"{where}: {outcome}")
        if float(seconds) > HANG_SECONDS:
            self.findings.append(f"{where}: took {seconds} s")
        if int(megabytes) > FLOOD_MEGABYTES:
            self.findings.append(f"{where}: took {megabytes} MB")


def run_all(
    seeds: Sequence[Seed], copies: int, outputs: Sequence[str] = (), first: int = -1
) -> Crew:
    """Read copies ``first`` … of all seeds, or convert them, to each kind of output in turn."""
    crew = Crew()
    try:
        for number, seed in enumerate(seeds):
            convert = outputs[number % len(outputs)] if outputs else ""
            crew.run(seed, first, copies, convert)
    finally:
        if crew.process is not None:
            assert crew.process.stdin is not None
            crew.process.stdin.close()
            crew.dismiss()
    return crew
