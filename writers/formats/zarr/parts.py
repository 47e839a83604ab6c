"""An OME-Zarr folder that many write: each its own chunks and shards, one the metadata."""

from collections.abc import Iterable, Sequence

from ziggurat.readers.model.reader import Reader
from ziggurat.writers.files.keys import Keys
from ziggurat.writers.formats.zarr.associated import AssociatedImages
from ziggurat.writers.formats.zarr.nodes import ArraySpec
from ziggurat.writers.formats.zarr.ome_zarr import array_specs, planned, write_chunks
from ziggurat.writers.formats.zarr.target import document_order
from ziggurat.writers.model.levels import EncodedTile, LevelPlan
from ziggurat.writers.model.options import WriteOptions


class ZarrTree:
    """What goes where; the same for everybody who makes one for the same image.

    Parameters
    ----------
    blocks
        (columns, rows) of chunks of each level that one of the many has for himself; None where
        the level is written by one alone. They become shards, where there are any.
    """

    def __init__(
        self,
        reader: Reader,
        levels: Sequence[LevelPlan],
        options: WriteOptions,
        blocks: Sequence[tuple[int, int] | None],
    ) -> None:
        self._reader, self._levels, self._options = reader, levels, options
        usual = array_specs(reader, levels, options)
        version = options.ome_version
        if version.zarr_format == 3:
            shards = [block if block != (1, 1) else None for block in blocks]
            own = array_specs(reader, levels, options, shards)
            both = zip(usual, own, blocks, strict=True)
            usual = tuple(one if block is None else mine for one, mine, block in both)
        self._arrays: tuple[ArraySpec, ...] = usual

    def put(self, target: Keys, tiles: Iterable[EncodedTile]) -> None:
        """Write chunks; those of a shard must all come, from one caller."""
        version = self._options.ome_version
        write_chunks(tiles, self._reader.info, self._arrays, target, version)

    def finish(self, target: Keys, name: str) -> tuple[str, ...]:
        """Write associated images, then metadata, that of the root last.

        Returns
        -------
        what could not be carried over, in words
        """
        associated = AssociatedImages(self._reader, self._options)
        plan = planned(self._reader, name, self._levels, self._arrays, self._options, associated)
        associated.write(target)
        for key in reversed(document_order(plan.documents)):
            target.write(key, plan.documents[key])
        return associated.lost
