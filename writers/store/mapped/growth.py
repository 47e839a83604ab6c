"""Changes of a store's structure: new axes, more bands, a wider dtype, under the exclusive lock.

A change is prepared beside the data, while others go on laying tiles; then, under the lock, what
they changed is made up for, the change is announced (``change.json``) and carried out file by
file, in steps that may be repeated. Whoever dies before the announcement has changed nothing;
whoever dies after it is finished by the next one who takes the lock. New axes rename chunks
(mappings survive that), bands and dtype rewrite them.
"""

import errno
import json
import math
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ziggurat.readers.errors import ScratchFullError
from ziggurat.readers.formats.sink_store.layout import (
    HeaderWord,
    StoredArray,
    StoreFile,
    StoreLayout,
    chunk_files,
    chunk_path,
    store_file,
)
from ziggurat.writers.files.small import NO_ROOM, write_json
from ziggurat.writers.store.mapped.parts import StoreParts
from ziggurat.writers.store.mapped.plain import COVERED
from ziggurat.writers.store.mapped.rewrite import Rewriting
from ziggurat.writers.store.room import refuse_certain

NEXT = "next"  # the folder in which a change is prepared


def restructure(store: StoreParts, compute: Callable[[StoreLayout], StoreLayout]) -> None:
    """Change the structure to what ``compute`` makes of the present one.

    Raises
    ------
    SinkInputError
        From ``compute``; nothing was changed.
    ScratchFullError
        No room for the rewritten chunks; nothing was changed.
    """
    present = store.structure
    wanted = compute(present)
    same = (present.dtype, present.bands) == (wanted.dtype, wanted.bands)
    change = _Change(store, compute)
    if same or not present.dtype:
        store.lock.exclusive(change.carry_out)
        return
    try:
        store.lock.prepared(change.begin, change.prepare, change.carry_out)
    except BaseException as error:
        if not store_file(store.root, StoreFile.CHANGE).exists():
            shutil.rmtree(store_file(store.root, NEXT), ignore_errors=True)
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise ScratchFullError(
                errno.ENOSPC,
                f"no room to rewrite the sink with more bands or a wider dtype: {error}",
            ) from error
        raise


class _Change:
    """One change of a store's structure. Its chunks are rewritten while others lay tiles."""

    def __init__(self, store: StoreParts, compute: Callable[[StoreLayout], StoreLayout]) -> None:
        self._store, self._compute = store, compute
        self._rewriting: Rewriting | None = None

    def begin(self) -> None:
        """Note where the journal ends, at a moment at which no tile is under way."""
        self._rewriting = self._new_rewriting()

    def prepare(self) -> None:
        """Rewrite what there is; tiles may be laid meanwhile."""
        if self._rewriting is not None:
            refuse_certain(self._store.root, self._rewriting.bytes)
            self._rewriting.all()

    def carry_out(self) -> None:
        """Make up for what has changed meanwhile, and change over."""
        store = self._store
        present = store.structure
        wanted = self._compute(present)
        if wanted == present:
            return
        store.settle_blends()
        wanted = replace(wanted, generation=present.generation + 1)
        rewriting = self._rewriting or self._new_rewriting()
        rewritten = [] if rewriting is None else rewriting.arrays
        if rewriting is not None:
            rewriting.touched_since()
        announcement = {"structure": wanted.to_json(), "rewritten": rewritten}
        write_json(store_file(store.root, StoreFile.CHANGE), announcement)
        _carry_out(store, wanted, rewritten)

    def _new_rewriting(self) -> Rewriting | None:
        present = self._store.structure
        wanted = self._compute(present)
        ahead = store_file(self._store.root, NEXT)
        shutil.rmtree(ahead, ignore_errors=True)
        if not present.dtype or wanted == present:
            return None
        self._store.settle_blends()
        ahead.mkdir()
        return Rewriting(self._store, present, wanted, ahead)


def recover(store: StoreParts) -> None:
    """Finish, or forget, the change of a process that died in it."""
    announced = store_file(store.root, StoreFile.CHANGE)
    if announced.exists():
        facts = json.loads(announced.read_text())
        _carry_out(store, StoreLayout.from_json(facts["structure"]), facts["rewritten"])
    shutil.rmtree(store_file(store.root, NEXT), ignore_errors=True)


def _carry_out(store: StoreParts, wanted: StoreLayout, rewritten: Sequence[int]) -> None:
    """Put what was prepared in place; what is in place already is not found again."""
    ahead = store_file(store.root, NEXT)
    for number, array in enumerate(wanted.arrays if wanted.dtype else ()):
        for file, _ in chunk_files(str(ahead), replace(array, folder=str(number))):
            os.replace(file, Path(store.root, array.folder, os.path.basename(file)))
        _lengthen_keys(store.root, wanted, array, keep=number not in rewritten)
    _lengthen_keys(store.root, wanted, COVERED, keep=True)
    write_json(store_file(store.root, StoreFile.STRUCTURE), wanted.to_json())
    store.header.words[HeaderWord.GENERATION] = wanted.generation
    write_zarr_metadata(store.root, wanted, store.header.sizes(wanted))
    store_file(store.root, StoreFile.CHANGE).unlink(missing_ok=True)
    shutil.rmtree(ahead, ignore_errors=True)


def _lengthen_keys(root: str, wanted: StoreLayout, array: StoredArray, *, keep: bool) -> None:
    """Move chunks from before the last axes came to the first place on those, or remove them."""
    length = len(wanted.axes) + (3 if array.bands else 2)
    for file, key in chunk_files(root, array):
        if len(key) == length:
            continue
        if keep:
            *frame, row, column = (*(0,) * (length - len(key)), *key)[: len(wanted.axes) + 2]
            os.replace(file, chunk_path(root, array, frame, row, column))
        else:
            os.unlink(file)


def write_zarr_metadata(root: str, structure: StoreLayout, sizes: Sequence[int]) -> None:
    """Write the zarr.json of every array of the store, so that any Zarr library can read it."""
    if not structure.dtype:
        return
    for array in structure.arrays:
        folder = Path(root, array.folder)
        folder.mkdir(exist_ok=True)
        # In modes with accumulators the array of the store itself stays blank, and says why.
        write_json(folder / "zarr.json", _zarr_array(structure, array, sizes))
    if structure.arrays[0].folder:
        root_array = StoredArray("", structure.numpy_dtype, structure.bands)
        write_json(Path(root, "zarr.json"), _zarr_array(structure, root_array, sizes))


def _zarr_array(
    structure: StoreLayout, array: StoredArray, sizes: Sequence[int]
) -> dict[str, object]:
    """Return the metadata document of one array (Zarr v3 core specification, "array metadata")."""
    bands = [array.bands] if array.bands else []
    chunk = [1] * len(structure.axes) + [structure.tile_height, structure.tile_width, *bands]
    names = [*structure.axes, "y", "x", *(["s"] if array.bands else [])]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [*sizes, *bands],
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": _fill_json(0 if array.folder else structure.fill, array.dtype),
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "dimension_names": names,
        "attributes": {"ziggurat": {"blend": structure.blend.value}},
    }


def _fill_json(fill: float, dtype: np.dtype) -> object:
    if dtype.kind == "b":
        return bool(fill)
    if dtype.kind != "f":
        return int(fill)
    if math.isfinite(fill):
        return float(fill)
    return "NaN" if math.isnan(fill) else ("Infinity" if fill > 0 else "-Infinity")
