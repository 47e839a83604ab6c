"""Making a sink: a new store, a temporary one, or one that is joined."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from ziggurat.readers.errors import SinkError, SinkInputError, UnsupportedFormatError
from ziggurat.readers.formats.sink_store.layout import Blend, StoreLayout, is_store
from ziggurat.readers.io.objects import is_cloud
from ziggurat.readers.model.checks import one_of
from ziggurat.writers.sink.declared import DEFAULT_TILE, DeclaredImage
from ziggurat.writers.sink.sink import Sink
from ziggurat.writers.store import kinds, scratch
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.room import check_room


class Mode(Enum):
    """What :func:`new` does with a path."""

    CREATE = "create"
    JOIN = "join"
    RESUME = "resume"


def new(
    path: str | os.PathLike[str] | None = None,
    mode: Mode | str = Mode.CREATE,
    *,
    sizeX: int | None = None,
    sizeY: int | None = None,
    bands: int | None = None,
    dtype: object = None,
    axes: Mapping[str, int] | None = None,
    tileSize: int | tuple[int, int] = DEFAULT_TILE,
    blend: Blend | str = Blend.OVER,
    fill: float = 0,
    expectedCoverage: float | None = None,
    store: str | None = None,
) -> Sink:
    """Make a sink: an image that grows out of tiles. Nothing need be known of it beforehand.

    Parameters
    ----------
    path
        Where the store is, and stays. None: a temporary store (in ``TMPDIR``), which goes
        with the process that made it, and never with a worker.
    mode
        ``'create'``: there must be nothing at the path. ``'join'``: a store must be there, of
        another program or of processes that died; go on from what is in it, with room for the
        sizes given here. ``'resume'``: join where there is one, create where there isn't; with
        keys (``addTile(…, key=…)``) the same program may then simply run again, in every mode.
    sizeX, sizeY, bands, axes
        What is known of the size; ``axes`` maps frame axes, slowest first, to their lengths
        (``{'z': 5, 'c': 2}``). The image grows past all of them where tiles need it.
    dtype
        The sample type, for good: a tile with values that it can't hold is refused. Without, it
        is that of the tiles, by NumPy's promotion.
    tileSize
        Side of the stored tiles, or (width, height). Tiles that lie on this grid are laid fastest.
    blend
        What becomes of pixels that several tiles cover: ``'over'`` (the last one wins), ``'mean'``,
        ``'max'``, ``'min'``, ``'sum'`` (integers to 64 bits unless ``dtype`` says otherwise, where
        it is cut off at the dtype's limits), or ``'weighted'`` (the mean by the tiles' weights).
        Means of integers are rounded. The result doesn't depend on the order of the tiles.
    fill
        The value where nothing was laid; other than zero it needs a ``dtype``.
    expectedCoverage
        The share of the image that tiles will cover, 0 to 1, if you know it: an image that can't
        fit on the disk is then refused now, and not in the middle of the work. Without it nothing
        is refused beforehand. Tiles never laid need no room, whatever the size of the image.
    store
        How tiles are kept. ``'mapped'`` is fastest, for the workers of one machine, and the rule.
        ``'log'`` is for many: tiles go out in segments that are put once and never changed, so
        that a folder over NFS or Lustre is safe, and object storage (``s3://``, ``gs://``,
        ``az://``, where it is the rule; ``ziggurat[cloud]``). They are blended when they are read,
        in the order of their keys: the result is the same bit for bit whatever ran when.

    Raises
    ------
    SinkInputError
        Something that can't be meant, or contradicts the store that is joined.
    SinkError
        A store is there and shouldn't be, or isn't and should, or may not be written to.
    ScratchFullError
        The image does not fit on the disk; nothing was made.
    """
    mode = one_of("mode", mode, Mode, SinkInputError)
    wanted = DeclaredImage(
        sizeX, sizeY, bands, dtype, axes, tileSize, blend, fill, expectedCoverage
    )
    structure, sizes = wanted.structure(), wanted.sizes
    kind = kinds.kind_for(store, path)
    if path is None:
        if mode is not Mode.CREATE:
            raise SinkInputError(f"mode {mode.value!r} needs a path")
        return _temporary(structure, sizes, kind)
    if isinstance(path, str) and is_cloud(path):
        return _in_cloud(path, mode, wanted)
    place = Path(os.path.expanduser(path)).absolute()
    if mode is Mode.JOIN or (mode is Mode.RESUME and is_store(place)):
        if store is not None:
            kinds.refuse_other_kind(kind, place)
        return _joined(place, wanted)
    check_room(scratch.existing_parent(place), structure.room(sizes))
    scratch.publish(scratch.make(place.parent, structure, sizes, kind=kind), place)
    return _sink(place)


def _sink(place: str | os.PathLike[str]) -> Sink:
    store = kinds.attach(place)
    return Sink(store, scratch.Ending(store))


def _temporary(structure: StoreLayout, sizes: Sequence[int], kind: kinds.StoreKind) -> Sink:
    home = scratch.temporary_folder()
    scratch.sweep(home)
    check_room(home, structure.room(sizes))
    folder = scratch.make(home, structure, sizes, private=True, kind=kind)
    target = folder.with_name(folder.name.replace(scratch.MAKING, scratch.PREFIX))
    ownership = scratch.claim(folder)
    scratch.publish(folder, target)
    store = kinds.attach(target)
    return Sink(store, scratch.Ending(store, ownership, os.getpid()))


def _joined(place: Path, wanted: DeclaredImage) -> Sink:
    if not is_store(place):
        raise SinkError(f"there is no sink's store at {place}; make one with mode='create'")
    return _joining(kinds.attach(place), wanted)


def _in_cloud(url: str, mode: Mode, wanted: DeclaredImage) -> Sink:
    url = url.rstrip("/")
    if mode is Mode.CREATE:
        kinds.LOG.create(url, wanted.structure(), wanted.sizes)
        return _sink(url)
    try:
        store = kinds.attach(url)
    except UnsupportedFormatError as error:
        if mode is Mode.RESUME:
            with suppress(SinkError):  # another worker makes it at the same moment
                kinds.LOG.create(url, wanted.structure(), wanted.sizes)
            return _in_cloud(url, Mode.JOIN, wanted)
        raise SinkError(f"there is no sink's store at {url}: {error}") from error
    return _joining(store, wanted)


def _joining(store: TileStore, wanted: DeclaredImage) -> Sink:
    """Return a sink over a store that is there, with room for what was asked."""
    sink = Sink(store, scratch.Ending(store))  # first: with it goes the store, whatever happens
    wanted.refuse_conflict(store.structure)
    store.settle()
    corner = wanted.corner()
    if corner is not None:
        store.reserve(corner, meant=True)
    return sink
