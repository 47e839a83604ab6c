"""The stores that this process is attached to by handles it was sent.

A pool sends the handle anew with every task. Opening a store each time would cost more than
the tile, so they are kept open, the last few with their mapped chunks.
"""

import atexit
import threading
from collections import OrderedDict

from ziggurat.readers.errors import SinkError
from ziggurat.readers.io.lock_files import forks, renewed
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.kinds import attach

KEPT = 4


class _Attached:
    """The stores, in the order of their last use."""

    def __init__(self) -> None:
        self.stores: OrderedDict[str, TileStore] = OrderedDict()
        self.forks = forks()
        self.renew()

    def renew(self) -> None:
        """Begin anew in a forked child; the stores do so themselves."""
        self.guard = threading.RLock()  # a signal handler may unpickle a sink in here


_attached = _Attached()


def attached_store(path: str, identity: str = "") -> TileStore:
    """Return a store that is shared by all handles of this process that came by pickle.

    ``identity`` is that of the store that is meant; "": the one that is there.

    Raises
    ------
    UnsupportedFormatError, CorruptSourceError
        There is no store at the path (any more).
    SinkError
        There is another store than the one that is meant.
    """
    renewed(_attached)
    stores = _attached.stores
    with _attached.guard:
        for name, store in list(stores.items()):
            if store.vanished:
                stores.pop(name)
                store.close()
        found = stores.pop(path, None)
        if found and identity not in ("", found.identity):
            found.close()
            found = None
        found = found or attach(path)
        stores[path] = found
        if identity not in ("", found.identity):
            raise SinkError(f"the sink's store has been removed, and another one made: {path}")
        # A handle may still use an older one, so it stays open until its store is removed.
        for store in list(stores.values())[:-KEPT]:
            store.forget()
        return found


def _close_all() -> None:
    for store in _attached.stores.values():
        store.close()


atexit.register(_close_all)
