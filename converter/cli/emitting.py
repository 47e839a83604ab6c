"""``ziggurat emit``: the tasks of a plan, as many as one job of an array has to do, and its end."""

import argparse
import sys

from ziggurat.readers.errors import OptionError


def add_emit(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("plan", help="A file that convert --plan or WritePlan.save has written.")
    parser.add_argument("--part", type=int, metavar="NUMBER",
                        help="Which part of the tasks, from 0: $SLURM_ARRAY_TASK_ID.")  # fmt: skip
    parser.add_argument("--of", type=int, metavar="NUMBER", help="How many parts there are.")
    parser.add_argument("--finish", action="store_true",
                        help="Do no task; make what is left, and publish the output.")  # fmt: skip
    parser.add_argument("--cancel", action="store_true", help="Remove all that was done.")
    parser.add_argument("-q", "--quiet", action="store_true", help="Print nothing but errors.")


def run_emit(given: argparse.Namespace) -> int:
    """Do tasks of a plan, all that are missing or a part of them; or finish or cancel it."""
    from ziggurat.converter.convert import load_plan
    from ziggurat.readers.model.checks import whole_number

    if (given.part is None) != (given.of is None):
        raise OptionError("--part and --of must be given together: which part, of how many")
    if given.finish + given.cancel + (given.part is not None) > 1:
        raise OptionError("--part, --finish and --cancel must be given one at a time")
    if given.of is not None:
        whole_number("--of", given.of, 1)
    if given.of is not None and not 0 <= given.part < given.of:
        raise OptionError(f"--part must be 0 to {given.of - 1}, not {given.part}")
    plan = load_plan(given.plan)
    if given.cancel:
        plan.cancel()
        return 0
    if given.finish:
        report = plan.finish()
        if not given.quiet:
            print(f"{report.path}: {report.levels} levels, {report.bytes} bytes")
            for loss in report.lost:
                print(f"lost: {loss}", file=sys.stderr)
        return 0
    tasks = plan.tasks if given.of is None else plan.tasks[given.part :: given.of]
    for task in tasks:
        task()
    if not given.quiet:
        print(f"{len(tasks)} of {plan.count} tasks are done")
    return 0
