"""Sinks: images that grow out of tiles, laid by any number of threads, processes and programs."""

import os
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Self, Unpack

import numpy as np

from ziggurat.readers.errors import SinkError
from ziggurat.readers.io.objects import is_cloud
from ziggurat.readers.model.keywords import also_takes
from ziggurat.readers.pixels.image import Image
from ziggurat.readers.source.options import OpenOptions
from ziggurat.writers.model.progress import ProgressCallback
from ziggurat.writers.model.report import WriteReport
from ziggurat.writers.sink.attached import attached_store
from ziggurat.writers.sink.attributes import Attributes, SinkAttributes
from ziggurat.writers.sink.blank import BlankAnswers
from ziggurat.writers.sink.coverage import Coverage
from ziggurat.writers.sink.given_levels import add_to_level, level_number
from ziggurat.writers.sink.output import SinkRecipe, target_text, write_at_once
from ziggurat.writers.sink.task import Task
from ziggurat.writers.sink.words import EncodingWords, WriteWords, write_options
from ziggurat.writers.store import scratch
from ziggurat.writers.store.interface import TileStore
from ziggurat.writers.store.tile_input import tile_input
from ziggurat.writers.tasks.plan import WritePlan, make_plan
from ziggurat.writers.tasks.run import run_plan


class Sink(SinkAttributes, Coverage, BlankAnswers):
    """An image that grows out of tiles. Made by :func:`ziggurat.new`.

    A sink is a handle: it pickles to the path of its store, so it goes to threads, to workers
    started by fork, spawn or forkserver, to joblib, Dask or a data loader, and lays tiles
    from all of them at once. It has the whole read API of a source, at any moment.

    Tiles that overlap and are laid at the same moment in mode ``over`` may each win in a part of
    what they share: nobody waits, and "the last one" has no meaning there. The blending modes
    have one result whatever the order.

    What survives what:

    ==================================== ======================================================
    an exception in ``addTile``          every tile but this one. In mode ``over`` a full disk may
                                         leave a part of it; bad input is refused before a byte
                                         is written.
    a worker killed (``kill -9``, OOM)   every tile but the one in its hands, which is not in the
                                         journal (:meth:`tiles`). In mode ``over`` a part of its
                                         pixels may be there; lay it again. In the blending
                                         modes a tile is in wholly or not at all, for all
                                         sinks: reading from one, or laying where the tile was,
                                         finishes it. Who reads past the sinks
                                         (``ziggurat.open(path)``, a Zarr library) may see a part
                                         of it until then. The image may already be as large as
                                         that tile made it.
    an interrupt (Ctrl-C, an alarm)      the same: no lock stays held. Whether the tile of the
                                         interrupted call is in, :meth:`tiles` says; with a key,
                                         simply lay it again.
    no room on the disk                  everything. The tile that met it is a
                                         ``ScratchFullError``; go on once there is room.
    the owner gone                       a store with a path stays: ``new(path, mode='join')``. A
                                         temporary one goes with its owner, or, if that was
                                         killed, with the next call of ``new``.
    a power cut, a crash of the system   what was in at the last ``flush(durable=True)``; the
                                         journal may claim tiles that came later and whose
                                         pixels are lost.
    ==================================== ======================================================
    """

    def __init__(self, store: TileStore, ending: scratch.Ending | None) -> None:
        """Take a store; use :func:`ziggurat.new`. ``ending`` says what goes with the sink."""
        self._store = store
        self._attributes = Attributes(store)
        self._options = OpenOptions(noCache=True)
        self._ending = ending
        self._closing = weakref.finalize(self, ending.abandon if ending else bool)

    @property
    def path(self) -> str:
        """The folder of the store; any Zarr library opens it, at any moment."""
        return self._store.root

    @property
    def largeImagePath(self) -> str:
        """The folder of the store."""
        return self._store.root

    def addTile(
        self,
        tile: object,
        x: int = 0,
        y: int = 0,
        mask: object = None,
        axes: str | Sequence[str] | None = None,
        weight: object = None,
        key: str | int | tuple[object, ...] | None = None,
        level: int = 0,
        **positions: object,
    ) -> None:
        """Lay a tile; when it returns, the tile is in, for every process to see.

        Laid twice, a tile counts twice in ``sum``, ``mean`` and ``weighted``. Engines that retry
        (Dask, Ray, Spark, a requeue of Slurm) do that: also finished tasks run again when
        the worker that has their results dies. With a ``key`` it is laid once, whoever tries again
        from whatever process, also when the first try died in the middle.

        Parameters
        ----------
        tile
            An array of shape (y, x) or (y, x, band), or of any shape named by ``axes``; anything
            with ``__array__``; a PIL image; the bytes of an encoded image. Its dtype is bool, or
            integers or floats of at most 64 bits. The image grows
            to the right and down, by axes, bands and dtype, as the tiles need it. As the first
            of an image whose dtype and bands nobody has told yet, a single blank pixel only
            reserves room, as :meth:`reserve` does.
        x, y
            Where its top left corner goes, in pixels of full resolution, or of ``level``.
        mask
            An array of bool, of the tile's height and width (y, x) or its whole shape; in the
            tile's own order where ``axes`` gives one. False keeps what is there. In blending modes
            all bands of a pixel share one.
        axes
            A letter or a name for each dimension of the tile, x and y among them; ``s`` are
            bands, all others are frame axes. Names of more axes may come before those where
            a keyword places the tile on them (``axes='zcyxs', z=1, c=2``).
        weight
            In mode ``weighted``: ``'hann'``, ``'gaussian'``, ``'linear'``, or an array of shape
            (y, x), floats or integers, zero or more and near one.
        key
            A name for the tile, unique in the sink: a text, a whole number or a tuple of these, as
            the key of a Dask task. A tile whose key is in already is left out. Without a key a
            retry lays the tile again: harmless in ``over``, ``max`` and ``min`` alone.
        level
            1 is half of full resolution, 2 a quarter: lower levels of one's own, which outputs
            take in place of made ones, as long as all of a level was laid and full resolution
            has not been touched after it. ``x`` and ``y`` are in its pixels.
        **positions
            ``z=1``: where on a frame axis of any name; ``z_value=0.25``: what that position
            stands for. An axis that is new is slower than those that were there, and of several
            new ones the last one named is the slowest (``z=, c=``: all z of a channel are
            neighbours), unless ``axes`` or :attr:`frameAxes` gives the order.

        Raises
        ------
        SinkInputError
            A tile, mask, position or weight that can't be taken; nothing was written.
        ScratchFullError
            There is no room; the tile is not in, and may be laid again once there is.
        SinkError
            The sink was closed, or its store removed.
        """
        if not self._closing.alive:
            self._alive()
        given = tile_input(tile, x, y, mask, axes, weight, positions, key)
        if level:
            add_to_level(self._store, level_number(level), given)
        else:
            self._store.add(given)

    def task(self, key: str | int | tuple[Any, ...]) -> Task:
        """Return a ``with`` block whose tiles go in together when it ends, once for its key.

        In a store of kind ``'log'`` they are one segment, all of them in or none: what a task of
        Dask or Slurm lays should go in like that, 16 tiles or more at a time. In one of kind
        ``'mapped'`` they are laid one by one, each once.

        Parameters
        ----------
        key
            A name for the task, unique in the sink, as for a tile. A task that is tried again must
            lay the same tiles in the same order; their keys are ``(key, 0)``, ``(key, 1)`` …

        Raises
        ------
        SinkInputError
            Something that can't be a key.
        SinkError
            The sink was closed, or its store removed.
        """
        self._alive()
        return Task(self._store, key)

    def reserve(self, x: int = 0, y: int = 0, **positions: object) -> None:
        """Let the image reach as far as pixel (x, y), at positions on its frame axes.

        Nothing is laid and nothing is said about its dtype and bands.

        Parameters
        ----------
        x, y
            The farthest pixel that is to be part of the image.
        **positions
            ``z=4``: where on a frame axis, as in :meth:`addTile`.

        Raises
        ------
        SinkInputError
            Something that can't be a position.
        """
        self._alive()
        corner = tile_input(np.zeros((1, 1, 1), np.uint8), x, y, keywords=positions)
        self._store.reserve(corner)

    def flush(self, *, durable: bool = False) -> None:
        """Bring ``zarr.json`` up to date, which may lag a quarter of a second behind.

        ``durable`` also waits until everything is on the disk, where a power cut can't undo it.
        """
        self._alive()
        if durable:
            self._store.sync()
        else:
            self._store.publish()

    def compact(self) -> int:
        """Merge small segments of a store of kind ``'log'``, so that opening it asks less.

        Run it once before many read the sink: each opening asks once for every segment that is not
        merged. Tiles may be laid and read meanwhile; where it is killed nothing is lost.

        Returns
        -------
        how many segments were merged; zero for a store of kind ``'mapped'``, which has none

        Raises
        ------
        SinkError
            They could not be merged; no tile is lost.
        """
        self._alive()
        return self._store.compact()

    @also_takes("bigtiff", "keepFloat", "stats", "_concurrency")
    def write(
        self,
        path: str | os.PathLike[str],
        lossy: bool = True,
        alpha: bool = True,
        overwriteAllowed: bool = True,
        resample: object = None,
        *,
        onProgress: ProgressCallback | None = None,
        executor: Executor | None = None,
        **words: Unpack[EncodingWords],
    ) -> WriteReport:
        """Write the image, as it is now, with its pyramid; the sink stays as it is.

        Parameters
        ----------
        path
            Its ending decides the format: ``.tiff``, ``.ome.tiff``, ``.zarr``, ``.zarr.zip`` …
            A name without an ending is a TIFF.
        lossy
            Allow loss: 8-bit pictures become JPEG. False keeps every value of every dtype.
        alpha
            False leaves an alpha band out.
        overwriteAllowed
            Replace an existing output.
        resample
            How lower levels are made: a name such as ``'mean'`` or ``'nearest'``, or the
            reference's ``ResampleMethod``.
        compression, quality, level, subsampling, tileSize, pyramid, omeVersion, description, \
        threads, maxMemory
            See :class:`ziggurat.writers.model.options.WriteOptions`; what is an enum there may be
            given by its value (``'lzw'``, ``'4:4:4'``, ``'subifd'``, ``'0.4'``).
        associated
            ``'drop'`` leaves label, macro and other associated images out: some programs refuse
            files that hold more than one picture.
        onProgress
            Called with a :class:`ziggurat.writers.model.progress.Progress` as the work goes on.
        executor
            Does the work: a ``ProcessPoolExecutor``, Dask's ``client.get_executor()``, or anything
            that has ``submit``; see :meth:`plan`.
        predictor
            ``'none'`` or False: lossless codecs don't store differences.
        subifds
            Of a TIFF, without ``pyramid``: True is ``'subifd'``, False is ``'pages'``.
        layout
            ``'cog'``: directories and small levels of a TIFF first, as servers want them.

        Raises
        ------
        SourceError
            There is no tile in the sink.
        OptionError, TargetExistsError, WriteError
            Nothing was written, and the sink is untouched.
        """
        self._alive()
        options = write_options(
            lossy=lossy, overwriteAllowed=overwriteAllowed, resample=resample, **words
        )
        target = target_text(path)
        if executor is not None or is_cloud(target):
            recipe = SinkRecipe(self._store.root, target, alpha, options)
            return run_plan(make_plan(recipe, target), executor, on_progress=onProgress)
        return write_at_once(self._store, target, options, alpha=alpha, on_progress=onProgress)

    @also_takes()
    def plan(
        self,
        path: str | os.PathLike[str],
        *,
        alpha: bool = True,
        partBytes: int | None = None,
        **words: Unpack[WriteWords],
    ) -> WritePlan:
        """Cut a write into tasks for many workers or machines; nothing is written yet.

        ``plan.tasks`` are functions without arguments that pickle. Each makes its own chunks of
        full resolution and of all levels that lie wholly inside, may run anywhere and more than
        once. ``plan.finish()`` then makes the levels at the top, and the output appears. Pixels are
        the same as :meth:`write`'s, bit for bit. The sink must not change until then.

        Parameters
        ----------
        path
            ``.zarr`` (each task puts its own objects), or a TIFF, OME-TIFF, SVS or zip (tasks
            leave what they make beside it, and the end puts it together); also on object storage.
        alpha
            False leaves an alpha band out.
        partBytes
            Bytes of pixels that a task reads, about; default: 64 MiB.
        **words
            As of :meth:`write`: ``compression``, ``quality``, ``tileSize`` … ``threads`` are
            those of one task, by default one.

        Raises
        ------
        SourceError
            There is no tile in the sink.
        OptionError
            An option that can't be meant, or an output that can't be made so.
        TargetExistsError
            The output exists. On object storage it is never replaced: that can't be done in one
            step there.
        """
        self._alive()
        target = target_text(path)
        recipe = SinkRecipe(self._store.root, target, alpha, write_options(**words))
        return make_plan(recipe, target, part_bytes=partBytes)

    def close(self) -> None:
        """Let go of the store; the temporary store of its owner is removed. May be called twice."""
        if self._closing.alive:
            if self._ending is not None:
                self._ending.close()
            self._closing.detach()  # last: whatever interrupts that, what is left goes later

    def _image(self) -> Image:
        self._alive()
        return super()._image()

    def _alive(self) -> None:
        if self._store.closed or not self._closing.alive:
            raise SinkError(f"the sink is closed: {self._store.root}")

    def __reduce__(self) -> tuple[Callable[[str, str], "Sink"], tuple[str, str]]:
        return _unpickled, (self._store.root, self._store.identity)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sink({self._store.root!r})"


def _unpickled(place: str, identity: str) -> Sink:
    return Sink(attached_store(place, identity), None)
