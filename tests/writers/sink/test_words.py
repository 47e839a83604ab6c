"""The words of a write: one list of them for write and plan, and typos are told."""

import inspect
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.errors import OptionError
from ziggurat.writers.sink.words import EncodingWords, WriteWords, write_options


@pytest.fixture
def sink() -> ziggurat.Sink:
    made = ziggurat.new(tileSize=32)
    made.addTile(np.full((40, 50, 3), 90, np.uint8))
    return made


@pytest.mark.parametrize("call", ["write", "plan"])
def test_a_misspelt_word_names_the_nearest(call: str, sink: ziggurat.Sink, tmp_path: Path) -> None:
    words: dict[str, Any] = {"compresion": "lzw"}
    with pytest.raises(TypeError, match=rf"{call}\(\) .*'compresion'; did you mean 'compression'"):
        getattr(sink, call)(tmp_path / "x.tiff", **words)
    assert not list(tmp_path.iterdir())


def test_every_word_is_explained_where_it_is_given() -> None:
    text = inspect.getdoc(ziggurat.Sink.write) or ""
    assert [word for word in get_type_hints(WriteWords) if word not in text] == []


def test_every_word_arrives() -> None:
    plain = write_options()
    given: dict[str, Any] = {
        "compression": "lzw", "quality": 55, "level": 3, "subsampling": "4:4:4", "tileSize": 64,
        "pyramid": "subifd", "omeVersion": "0.4", "description": "d", "associated": "drop",
        "threads": 2, "maxMemory": 1 << 24, "predictor": False, "layout": "cog",
    }  # fmt: skip
    assert given.keys() | {"subifds"} == get_type_hints(EncodingWords).keys()
    for word, value in given.items():
        words: Any = {word: value}
        assert write_options(**words) != plain, word
    assert write_options(subifds=True) != plain
    assert write_options(lossy=False) != plain
    assert write_options(overwriteAllowed=False) != plain
    assert write_options(resample="nearest") != plain


def test_what_is_invalid_is_refused() -> None:
    with pytest.raises(OptionError, match="associated must be one of 'keep', 'drop', not 'all'"):
        write_options(associated="all")
    with pytest.raises(OptionError, match="quality must be a whole number from 1 to 100, not 0"):
        write_options(quality=0)
