"""What a conversion did: the plan, what it cost, what was lost, and what the check said."""

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ziggurat.converter.plan.plan import ConversionPlan
from ziggurat.writers.formats.registry import Output


@dataclass(frozen=True, slots=True)
class LevelCheck:
    """One level of an output held against its source; errors are of sample values.

    ``compared``: ``bytes`` where all tiles are the source's; ``pixels`` of the source's level of
    this size; ``level above``, of which this one is half; ``shrunk pixels`` of the source where
    neither can be. ``tail_error`` is the 99.9th percentile in the worst piece of 256 x 256
    pixels, ``detail`` and ``tail_detail`` say how much there was to lose: what pixels differ
    from their 2 x 2 neighbours by. ``bias`` is what the worst tile is lighter or darker by, in the
    mean of a band. ``shift`` is by how many pixels all tiles are moved; ``shift_above`` is the same
    beside the level above, of which this one may have been made in a ``way``. ``beyond`` is the
    share of a JPEG's coefficients that are farther off than they can have been rounded. A limit of
    None: nothing may differ, or nothing is judged.
    """

    level: int
    compared: str
    checked: int  # tiles looked at
    total: int  # tiles of the level, all frames
    identical: int  # tiles equal byte for byte
    different: int  # tiles whose pixels are not equal
    max_error: float
    mean_error: float
    tail_error: float = 0.0
    detail: float = 0.0
    tail_detail: float = 0.0
    mean_limit: float | None = None
    tail_limit: float | None = None
    bias: float = 0.0
    bias_limit: float | None = None
    shift: float = 0.0
    shift_above: float = 0.0
    way: str = "mean"
    shift_limit: float | None = None
    beyond: float = 0.0
    beyond_limit: float | None = None


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What a check found.

    Attributes
    ----------
    path, source
        What was checked, and what it was held against; None: nothing, only its structure was.
    levels
        One :class:`LevelCheck` for each level that was compared.
    problems
        What is wrong, a sentence for each thing; empty where all is well.
    """

    path: str
    source: str | None
    levels: tuple[LevelCheck, ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True where nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class ConversionReport:
    """One finished conversion. Of a dry run, ``bytes_written`` and ``seconds`` are zero.

    Attributes
    ----------
    source, output
        From where to where.
    plan
        What was decided for each level, and why.
    bytes_written
        Size of the output.
    seconds
        How long it took, checks included.
    losses
        What the output has no place for, a sentence for each thing.
    removed
        What de-identifying took out.
    verification
        What the check found, where one was asked for.
    searched
        How many texts were looked for in a de-identified output, and not found.
    """

    source: str
    output: str
    plan: ConversionPlan
    bytes_written: int
    seconds: float
    losses: tuple[str, ...]
    removed: tuple[str, ...] = ()
    verification: VerificationReport | None = None
    searched: int = 0

    @property
    def tiles_copied(self) -> int:
        """How many tiles went over byte for byte."""
        return self.plan.copied_tiles

    @property
    def tiles_encoded(self) -> int:
        """How many tiles were encoded anew."""
        return self.plan.encoded_tiles

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-like values."""
        result: dict[str, Any] = plain(self)
        return result

    def to_json(self) -> str:
        """Return everything as JSON text."""
        return json.dumps(self.to_dict(), indent=2)


def plain(value: object) -> Any:
    """Return dataclasses, enumerations, tuples and paths as JSON-like values."""
    if isinstance(value, Output):
        return value.name
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        action = getattr(value, "action", None)
        return fields if action is None else {"action": action, **fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
