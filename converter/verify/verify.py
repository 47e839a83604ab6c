"""Is an output what it should be? Its structure, its metadata, its tiles against the source."""

import os
from pathlib import Path

from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.converter.plan.report import LevelCheck, VerificationReport
from ziggurat.converter.prepare.cuts import with_cuts
from ziggurat.converter.verify.agreement import agreement_problems
from ziggurat.converter.verify.agreement import level_problems as missing_levels
from ziggurat.converter.verify.compare import compare_level
from ziggurat.converter.verify.facts import fact_problems, plan_problems
from ziggurat.converter.verify.judge import copy_problems, judged, level_problems, ways
from ziggurat.converter.verify.pictures import picture_problems
from ziggurat.converter.verify.roles import is_own, is_turned
from ziggurat.converter.verify.structure import decoding_problems, structure_problems
from ziggurat.readers.errors import SourceError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.reader import Reader

_EXPLAINED = 0.8  # of the mean's error: what another way of halving leaves, if it was that


def verify(
    output: str | os.PathLike[str],
    source: str | os.PathLike[str] | None = None,
    *,
    full: bool = False,
) -> VerificationReport:
    """Check an output, and hold it against its source where one is given.

    Parameters
    ----------
    output, source
        Paths or URLs; without a source only the structure is checked. If what they hold says
        that they were handed over the wrong way round (``source`` was written by ziggurat,
        ``output`` was not), they are turned; the report says which is which.
    full
        Look at every tile, not at a sample; without a source: decode every one.

    Raises
    ------
    SourceError
        One of them can't be opened at all.
    """
    if source is None:
        return verify_alone(output, full=full)
    return verify_pair(source, output, full=full)


def verify_alone(output: str | os.PathLike[str], *, full: bool = False) -> VerificationReport:
    """Check an output in itself; ``full`` decodes every tile."""
    path = Path(os.path.expanduser(output))
    with open_reader(path) as reader:
        problems = structure_problems(path, reader, full=full)
        problems.extend(agreement_problems(path, reader))
        if full and not problems:
            problems.extend(decoding_problems(reader))
    return VerificationReport(str(path), None, (), tuple(problems))


def verify_pair(
    source: str | os.PathLike[str], output: str | os.PathLike[str], *, full: bool = False
) -> VerificationReport:
    """Hold an output against its source, told apart by what they are, else by their order."""
    first, second = (_opened_name(name) for name in (source, output))
    with open_reader(first) as one, open_reader(second) as two:
        if is_turned(one, two):
            return _verified(one, Path(first), with_cuts(two), second, full=full)
        return _verified(two, Path(second), with_cuts(one), first, full=full)


def _opened_name(name: str | os.PathLike[str]) -> str:
    text = os.fspath(name)
    return text if "://" in text else os.path.expanduser(text)


def verify_against(
    path: Path,
    reference: Reader,
    name: str,
    *,
    full: bool,
    plan: ConversionPlan | None = None,
) -> VerificationReport:
    """Check an output against the image that it was made from.

    With the plan, a level that was to be copied must be equal byte for byte.
    """
    with open_reader(path) as output:
        return _verified(output, path, reference, name, full=full, plan=plan)


def _verified(
    output: Reader,
    path: Path,
    reference: Reader,
    name: str,
    *,
    full: bool,
    plan: ConversionPlan | None = None,
) -> VerificationReport:
    problems = structure_problems(path, output, full=full)
    problems.extend(agreement_problems(path, output))
    problems.extend(fact_problems(output.info, reference.info, own=is_own(output)))
    problems.extend(picture_problems(output, reference))
    if plan is not None:
        problems.extend(plan_problems(output.info, plan))
    else:
        problems.extend(missing_levels(output, reference.info))
    checks: list[LevelCheck] = []
    if not problems:
        try:
            for index in range(len(output.info.levels)):
                checks.append(_best_check(output, reference, index, full=full, plan=plan))
        except SourceError as error:
            problems.append(f"can't be compared: {error}")
    for check in checks:
        problems.extend(level_problems(check, output, plan))
        if plan is not None:
            problems.extend(copy_problems(check, plan))
    return VerificationReport(str(path), name, tuple(checks), tuple(problems))


def _best_check(
    output: Reader, reference: Reader, index: int, *, full: bool, plan: ConversionPlan | None
) -> LevelCheck:
    """Check a level; one that was made of the one above in one of the ways that are known is right.

    The plan says in which; without it, one that explains it far better than the mean may be it.
    """
    first: LevelCheck | None = None
    for way in ways(plan):
        found = compare_level(output, reference, index, full=full, way=way)
        check = judged(found, output, reference, plan)
        first = first or check
        if (check is first or _explains(check, first)) and not any(
            level_problems(check, output, plan)
        ):
            return check
        if check.compared != "level above" and not check.shift_above:
            break  # the level above has no part in it
    assert first is not None
    return first


def _explains(check: LevelCheck, mean: LevelCheck) -> bool:
    """Return whether another way of halving leaves far less of what the mean leaves."""
    if check.mean_error > mean.mean_error:
        return False
    found, before = ((one.mean_error, one.bias, one.shift) for one in (check, mean))
    return any(now < _EXPLAINED * then for now, then in zip(found, before, strict=True))
