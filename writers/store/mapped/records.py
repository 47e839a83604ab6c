"""The records of a journal as users see them."""

from collections.abc import Iterator, Mapping, Sequence

from ziggurat.readers.formats.sink_store.keys import key_of
from ziggurat.readers.formats.sink_store.layout import StoreLayout
from ziggurat.writers.store.interface import TileRecord
from ziggurat.writers.store.mapped.journal import KEY_PART, MASKED, Journal, KeyTexts

_NO_AXES: Mapping[str, int] = {}


def tile_records(journal: Journal, structure: StoreLayout) -> Iterator[TileRecord]:
    """Yield the tiles that are in, in the order in which they were finished."""
    texts = KeyTexts()
    born = [structure.born.index(name) for name in structure.axes]
    for piece, _ in journal.pieces():
        columns = (piece[name].tolist() for name in ("flags", "key", "x", "y", "width", "height"))
        starts = piece["start"][:, born].tolist()
        counts = piece["count"][:, born].tolist()
        for number, (flags, key, x, y, width, height) in enumerate(zip(*columns, strict=True)):
            if flags & KEY_PART:
                texts.add(piece[number].tobytes())
                continue
            yield TileRecord(
                x,
                y,
                width,
                height,
                _named(structure.axes, starts[number]),
                _named(structure.axes, counts[number]),
                bool(flags & MASKED),
                key_of(texts.take(key)) if key else None,
            )


def _named(axes: Sequence[str], numbers: Sequence[int]) -> Mapping[str, int]:
    return dict(zip(axes, numbers, strict=True)) if axes else _NO_AXES
