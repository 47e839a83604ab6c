"""Which locks another process could have."""

from ziggurat.writers.store.mapped.locks import acquired_at_once
from ziggurat.writers.store.mapped.store import Store


def free(store: Store, *wanted: bytes) -> bool:
    """Return True where another process could have some locks at once.

    They belong to an open file: one of another process asks as one that is opened here does.
    """
    with open(f"{store.root}/.ziggurat/locks", "r+b", buffering=0) as file:
        return all(acquired_at_once(file, lock) for lock in wanted)
