"""``ziggurat verify``: an output, a folder of them, or a file alone."""

from json import dumps
from pathlib import Path

from ziggurat.converter.batch.jobs import holds_slides
from ziggurat.converter.cli.looking import Show
from ziggurat.converter.plan.report import plain
from ziggurat.converter.verify.verify import verify_alone, verify_pair


def verify(source: str, output: str | None, show: Show, *, full: bool) -> bool:
    """Check an output, a folder of them, or the one file that is named; return if all is well."""
    if output is not None and holds_slides(Path(source)) and holds_slides(Path(output)):
        return _verify_folders(Path(source), Path(output), show, full=full)
    if output is None:
        report = verify_alone(source, full=full)
    else:
        report = verify_pair(source, output, full=full)
    if show.json:
        print(dumps({"ok": report.ok, **plain(report)}, indent=2))
    elif not show.quiet:
        from ziggurat.converter.cli import display

        display.show_verification(report)
    return report.ok


def _verify_folders(sources: Path, outputs: Path, show: Show, *, full: bool) -> bool:
    from ziggurat.converter.batch.check import verify_folders

    checks = []
    for check in verify_folders(sources, outputs, full=full):
        checks.append(check)
        if show.talks:
            print(check.line, flush=True)
    ok = all(check.ok for check in checks)
    if show.json:
        print(dumps({"ok": ok, "pairs": [{"ok": c.ok, **plain(c)} for c in checks]}, indent=2))
    elif not show.quiet:
        wrong = sum(not check.ok for check in checks)
        print(f"{len(checks)} slides: {len(checks) - wrong} verified, {wrong} wrong")
    return ok
