"""The stores that this process is attached to by handles it was sent.

A pool sends the handle anew with every task. Opening a store each time would cost more than
the tile, so they are kept open, the last few with their mapped chunks.
"""

import atexit
import threading
from collections import OrderedDict

from ziggurat.readers.flocks import forks
from ziggurat.writers.store import Store

KEPT = 4

_stores: OrderedDict[str, Store] = OrderedDict()
_guard = threading.Lock()
_forks = 0


def attached_store(path: str) -> Store:
    """Return a store that is shared by all handles of this process that came by pickle.

    Raises
    ------
    UnsupportedFormatError, CorruptSourceError
        There is no store at the path (any more).
    """
    global _guard, _forks
    if _forks != forks():
        _guard, _forks = threading.Lock(), forks()
    with _guard:
        for name, store in list(_stores.items()):
            if store.header.vanished:
                _stores.pop(name)
                store.close()
        found = _stores.pop(path, None) or Store(path)
        _stores[path] = found
        # A handle may still use an older one, so it stays open until its store is removed.
        for store in list(_stores.values())[:-KEPT]:
            store.chunks.forget()
        return found


def _close_all() -> None:
    for store in _stores.values():
        store.close()


atexit.register(_close_all)
