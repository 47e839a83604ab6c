"""Which neighbours of a row of tiles are made together, and which need no making."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring tiles of a task of which all are blank, or that are read together."""

    first: int
    last: int  # exclusive
    empty: bool
    blank: Sequence[bool]  # one for each of them

    @property
    def columns(self) -> range:
        """Their places in the row."""
        return range(self.first, self.last)


def runs(blank: Sequence[bool], first: int, step: int) -> Iterator[Run]:
    """Yield neighbouring cells that are all blank, and the others between them, in order.

    Each run begins at a multiple of ``step`` cells from the first, since halves have to.
    """
    done = 0
    pieces = [all(blank[start : start + step]) for start in range(0, len(blank), step)]
    for empty, group in groupby(pieces):
        end = min(done + step * len(list(group)), len(blank))
        yield Run(first + done, first + end, empty, blank[done:end])
        done = end
