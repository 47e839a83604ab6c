"""A handle that was sent finds what is under its name now, not what was there before."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import SourceError


@pytest.mark.parametrize("store", ["mapped", "log"])
def test_a_store_made_anew_under_the_same_name_is_the_one_that_is_met(
    tmp_path: Path, store: str
) -> None:
    for value in (3, 7, 11):
        with ziggurat.new(tmp_path / "s", store=store) as sink:
            other = pickle.loads(pickle.dumps(sink))
            other.addTile(np.full((4, 4), value, np.uint8))
            assert [tile.x for tile in sink.tiles()] == [0]
            assert (sink.getRegion(format="numpy")[0] == value).all()
        shutil.rmtree(tmp_path / "s")
    with pytest.raises(SourceError):
        pickle.loads(pickle.dumps(sink))
