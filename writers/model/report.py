"""What a write tells when it is over."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WriteReport:
    """What was written.

    Attributes
    ----------
    path
        Where it lies; a URL, as text, on object storage.
    bytes
        Its size; of a folder, that of all files in it.
    seconds
        How long it took.
    levels
        How many levels the pyramid has, full resolution included.
    lost
        What the target could not carry, a sentence for each thing.
    notes
        What else is good to know, such as programs that can't read the codec.
    """

    path: Path | str
    bytes: int
    seconds: float
    levels: int
    lost: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
