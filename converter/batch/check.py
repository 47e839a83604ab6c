"""A folder of sources against the folder of their outputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ziggurat.converter.batch.jobs import find_sources, stem_of
from ziggurat.converter.batch.ledger import Ledger, has_ledger
from ziggurat.converter.plan.report import VerificationReport
from ziggurat.converter.verify.verify import verify_pair
from ziggurat.readers.errors import ZigguratError, message_of


@dataclass(frozen=True, slots=True)
class PairCheck:
    """One source and its output; ``message`` says why they could not be compared."""

    source: str
    output: str | None
    report: VerificationReport | None
    message: str = ""

    @property
    def ok(self) -> bool:
        """True where the output is there and is what it should be."""
        return self.report is not None and self.report.ok

    @property
    def line(self) -> str:
        """One line for people."""
        if self.ok:
            return f"verified: {self.output} against {self.source}"
        problems = "" if self.report is None else "; ".join(self.report.problems)
        return f"wrong: {self.output or self.source}: {self.message or problems}"


def verify_folders(sources: Path, outputs: Path, *, full: bool) -> Iterator[PairCheck]:
    """Yield a check for each slide of a folder, and for each output that no slide explains.

    Outputs are found by what the batch noted of them, else by their names and folders. Which of
    the folders is which is told by where the batch left its notes, else by the order.
    """
    if has_ledger(sources) and not has_ledger(outputs):
        sources, outputs = outputs, sources
    slides = find_sources([sources], outputs)
    made = [path for path in find_sources([outputs]) if path not in slides]
    noted = Ledger.outputs_of(outputs, slides)
    named: dict[tuple[Path, str], list[Path]] = {}
    for path in made:
        named.setdefault((path.parent.relative_to(outputs), stem_of(path)), []).append(path)
    left = set(made)
    for slide in slides:
        place = slide.parent.relative_to(sources)
        found = noted.get(slide) or _by_name(named, place, slide)
        left -= set(found)
        if not found:
            yield PairCheck(str(slide), None, None, f"there is no output of it in {outputs}")
        for output in found:
            yield _checked(slide, output, full=full)
    for output in sorted(left):
        yield PairCheck("", str(output), None, f"there is no source of it in {sources}")


def _by_name(named: dict[tuple[Path, str], list[Path]], place: Path, slide: Path) -> list[Path]:
    """Return outputs of a slide's name with or without its suffix."""
    return [*named.get((place, stem_of(slide)), []), *named.get((place, slide.name), [])]


def _checked(slide: Path, output: Path, *, full: bool) -> PairCheck:
    try:
        report = verify_pair(slide, output, full=full)
    except (ZigguratError, OSError) as error:
        return PairCheck(str(slide), str(output), None, message_of(error))
    return PairCheck(str(slide), str(output), report)
