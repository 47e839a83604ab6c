"""An empty mapped store: its files, before the first tile."""

from collections.abc import Sequence

import numpy as np

from ziggurat.readers.formats.sink_store.layout import (
    HEADER_BYTES,
    MAGIC,
    MAX_AXES,
    VERSION,
    HeaderWord,
    StoreFile,
    StoreLayout,
    store_file,
)
from ziggurat.writers.files.small import replace_file, write_json
from ziggurat.writers.store.mapped import growth
from ziggurat.writers.store.room import host_word


def create_store(root: str, structure: StoreLayout, sizes: Sequence[int]) -> None:
    """Make the files of an empty store in an existing folder.

    ``sizes`` are those of the frame axes (in the order of ``structure.born``), height and width.
    """
    store_file(root, StoreFile.ASSOCIATED).mkdir(parents=True)
    *axes, height, width = sizes
    words = np.zeros(HEADER_BYTES // 8, "<i8")
    words[HeaderWord.MAGIC], words[HeaderWord.VERSION] = MAGIC, VERSION
    words[HeaderWord.HEIGHT], words[HeaderWord.WIDTH] = height, width
    words[HeaderWord.HOST] = host_word()
    words[HeaderWord.AXES : HeaderWord.AXES + MAX_AXES] = 1
    words[HeaderWord.AXES : HeaderWord.AXES + len(axes)] = axes
    if structure.dtype and structure.bands:
        growth.write_zarr_metadata(root, structure, sizes)
    else:
        words[HeaderWord.STALE] = 1
    write_json(store_file(root, StoreFile.STRUCTURE), structure.to_json())
    store_file(root, StoreFile.JOURNAL).touch()
    store_file(root, StoreFile.LOCKS).touch()
    replace_file(store_file(root, StoreFile.HEADER), words.tobytes())
