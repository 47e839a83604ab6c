"""GDAL's progress as our events, and our cancellation as GDAL's."""

from dataclasses import dataclass, field

from ziggurat.writers.model.progress import Cancellation, Progress, ProgressCallback


@dataclass
class GdalProgress:
    """One piece of work, or the part of it between two fractions.

    GDAL asks :meth:`callback` whether to go on. What is raised in there can't pass through its C
    code: it is kept, and raised by :meth:`check`.
    """

    total: int
    on_progress: ProgressCallback | None
    cancel: Cancellation | None
    begin: float = 0.0
    end: float = 1.0
    _error: list[BaseException] = field(default_factory=list)

    def part(self, begin: float, end: float) -> "GdalProgress":
        """Return the part from one fraction of the work to another."""
        return GdalProgress(self.total, self.on_progress, self.cancel, begin, end)

    def callback(self, fraction: float, message: str, data: object) -> int:
        """Tell how far it is; return 0 to stop GDAL."""
        del message, data
        try:
            self.report(fraction)
        except BaseException as error:  # noqa: BLE001  (Ctrl-C too; check() raises it again)
            self._error.append(error)
            return 0
        return 1

    def report(self, fraction: float) -> None:
        """Tell how far it is; raise where the work was cancelled."""
        if self.cancel is not None:
            self.cancel.check()
        if self.on_progress is not None:
            whole = self.begin + (self.end - self.begin) * min(max(fraction, 0.0), 1.0)
            self.on_progress(Progress(int(whole * self.total), self.total, 0))

    def check(self) -> None:
        """Raise what stopped the work."""
        if self._error:
            raise self._error[0]
