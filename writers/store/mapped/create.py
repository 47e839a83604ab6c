"""An empty mapped store: its files, before the first tile."""

from collections.abc import Sequence

import numpy as np

from ziggurat.readers.formats.sink_store.layout import (
    HEADER_BYTES,
    MAGIC,
    MAX_AXES,
    VERSION,
    Name,
    Structure,
    Word,
    own,
)
from ziggurat.writers.files.small import replace_file, write_json
from ziggurat.writers.store.mapped import growth
from ziggurat.writers.store.room import host_word


def create_store(root: str, structure: Structure, sizes: Sequence[int]) -> None:
    """Make the files of an empty store in an existing folder.

    ``sizes`` are those of the frame axes (in the order of ``structure.born``), height and width.
    """
    own(root, Name.ASSOCIATED).mkdir(parents=True)
    *axes, height, width = sizes
    words = np.zeros(HEADER_BYTES // 8, "<i8")
    words[Word.MAGIC], words[Word.VERSION] = MAGIC, VERSION
    words[Word.HEIGHT], words[Word.WIDTH] = height, width
    words[Word.HOST] = host_word()
    words[Word.AXES : Word.AXES + MAX_AXES] = 1
    words[Word.AXES : Word.AXES + len(axes)] = axes
    if structure.dtype and structure.bands:
        growth.write_zarr_metadata(root, structure, sizes)
    else:
        words[Word.STALE] = 1
    write_json(own(root, Name.STRUCTURE), structure.to_json())
    own(root, Name.JOURNAL).touch()
    own(root, Name.LOCKS).touch()
    replace_file(own(root, Name.HEADER), words.tobytes())
