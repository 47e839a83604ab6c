"""What a plan keeps of a write's options: all of them, through JSON, of the same types."""

import json
from dataclasses import fields, replace
from typing import Any

from tests.each import each
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.writers.model.options import PyramidStyle, Subsampling, WriteOptions
from ziggurat.writers.model.reducers import Reducer
from ziggurat.writers.tasks.recipe import options_from_json, options_to_json

OTHER: dict[str, Any] = {
    "compression": Codec.JPEG,
    "subsampling": Subsampling.S444,
    "reducer": Reducer.NEAREST,
    "pyramid": PyramidStyle.NONE,
    "ome_version": OmeVersion.V04,
    "level": 3,
    "max_memory": 1 << 21,
    "description": "a text",
    "named_after": "another.tiff",
}


def other(name: str) -> Any:
    """Return a value of an option that is not its default."""
    if name in OTHER:
        return OTHER[name]
    usual = getattr(WriteOptions(), name)
    if isinstance(usual, bool):
        return not usual
    return f"not {usual}" if isinstance(usual, str) else 64


@each("name", [field.name for field in fields(WriteOptions)])
def test_an_option_comes_back_as_it_was(name: str) -> None:
    options = replace(WriteOptions(), **{name: other(name)})
    back = options_from_json(json.loads(json.dumps(options_to_json(options))))
    assert back == options != WriteOptions()
    assert type(getattr(back, name)) is type(getattr(options, name))
