"""Workers that open damaged copies, each watched for crashes, hangs and floods."""

import dataclasses
import json
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

WORKER = Path(__file__).with_name("fuzz_worker.py")


HANG_SECONDS = 10.0  # of processor time; the machine may be busy with other things
SILENCE_SECONDS = 60.0
IDLE_SECONDS = 0.5  # of processor time, in all of a silence: it waits for something
FLOOD_MEGABYTES = 1000
ROUND_COPIES, ROUND_SECONDS = 50, 1.5  # of a seed, before it is the next one's turn


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
        begun = self.used()
        while True:
            before = self.used()
            if not select.select([self.process.stdout], [], [], SILENCE_SECONDS)[0]:
                used = self.used()
                if used - begun > 3 * HANG_SECONDS or used - before < IDLE_SECONDS:
                    return  # else the machine is busy with other things
                continue
            line = self.process.stdout.readline().decode()
            if not line:
                return
            begun = self.used()
            yield line.rstrip("\n").split(" ", 4)

    def used(self) -> float:
        """Return the processor time of the worker in seconds; 0 where it has ended."""
        assert self.process is not None
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

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

    def run(
        self,
        seed: Seed,
        first: int,
        last: int,
        *,
        convert: str = "",
        seconds: float | None = None,
    ) -> int:
        """Try the copies first … last - 1 of a seed: read them, or convert them.

        After ``seconds`` of processor time the rest is left. The next copy's number is returned.
        """
        while first < last:
            self.send(
                {
                    "convert": convert,
                    "seed": str(seed.path),
                    "open": seed.inside,
                    "first": first,
                    "last": last,
                    "seconds": seconds,
                }
            )
            current = first - 1
            for answer in self.answers():
                if answer == ["done"]:
                    return current + 1
                if answer[0] == "begin":
                    current = int(answer[1])
                else:
                    self.judge(seed, answer)
            current, end = max(first, current), self.dismiss()
            self.findings.append(f"{seed.path.name} copy {current}: ended the process ({end})")
            first = current + 1
        return first

    def close(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.dismiss()

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
    crew: Crew, seeds: Sequence[Seed], copies: int, outputs: Sequence[str] = (), first: int = -1
) -> Crew:
    """Read copies ``first`` … of all seeds, or convert them, to each kind of output in turn.

    What the crew found before is forgotten; its worker, who has all libraries by then, goes on.
    """
    crew.outcomes, crew.findings = Counter(), []
    for number, seed in enumerate(seeds):
        convert = outputs[number % len(outputs)] if outputs else ""
        crew.run(seed, first, copies, convert=convert)
    return crew


@dataclasses.dataclass
class Ledger:
    """How far each seed has come and what came of it, kept in a file to be taken up again."""

    path: Path
    after: dict[str, int] = dataclasses.field(default_factory=dict)  # next copy of each seed
    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    tried: Counter[str] = dataclasses.field(default_factory=Counter)  # copies of each seed
    findings: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> "Ledger":
        if not path.exists():
            return cls(path)
        kept = json.loads(path.read_text())
        counted = Counter(kept["outcomes"]), Counter(kept["tried"])
        return cls(path, kept["after"], *counted, kept["findings"])

    def keep(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({**vars(self), "path": str(self.path)}, indent=1))
        fresh.replace(self.path)

    def round(self, seeds: Sequence[Seed], first: int) -> None:
        """Try the next copies of each seed: fewer of those that take long, a fair part of all."""
        crew = Crew(self.outcomes, self.findings)
        try:
            for seed in seeds:
                name, before = seed.path.name, self.outcomes.total()
                begin = self.after.get(name, first)
                after = crew.run(seed, begin, begin + ROUND_COPIES, seconds=ROUND_SECONDS)
                self.after[name] = after
                self.tried[name] += self.outcomes.total() - before
                self.keep()
        finally:
            crew.close()
