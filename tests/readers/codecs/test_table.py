"""The table of codecs against the functions that it names, and the files beside them."""

import inspect

import imagecodecs
import numpy as np
import pytest
import tifffile

from tests.each import each
from ziggurat.readers.codecs import decode as decode_module
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.codec import (
    CHUNK_CODECS,
    TILE_CODECS,
    Codec,
    codec_of_tag,
    function_at,
)
from ziggurat.writers.codecs import chunks as chunks_module
from ziggurat.writers.codecs import tiles as tiles_module

PLACES = [
    (codec, place)
    for codec in Codec
    for place in (codec.row.decode, codec.row.encode, codec.row.chunk)
    if place is not None
]


@each("codec, place", PLACES)
def test_the_functions_of_a_row_are_there(codec: Codec, place: str) -> None:
    assert callable(function_at(place))


@each("codec", TILE_CODECS)
def test_what_a_tiff_is_written_with_has_a_number_and_can_be_read(codec: Codec) -> None:
    assert codec.row.tags
    assert codec.row.decode is not None or codec is Codec.NONE


def test_no_two_rows_share_a_number_or_a_name() -> None:
    tags = [tag for codec in Codec for tag in codec.row.tags]
    names = [name for codec in Codec for name in (codec.value, *codec.row.aliases)]
    assert len(set(tags)) == len(tags)
    assert len(set(names)) == len(names)


def test_numbers_are_those_of_tifffile() -> None:
    known = {"jpeg2000": "JPEG2000", "jpegxr": "JPEGXR", "deflate": "ADOBE_DEFLATE"}
    for codec in Codec:
        if codec.row.tags:
            name = known.get(codec.value, codec.value.upper())
            assert tifffile.COMPRESSION[name] in codec.row.tags, codec


def test_every_decoder_and_encoder_has_a_row() -> None:
    named = {place for _, place in PLACES}
    for module in (decode_module, tiles_module, chunks_module):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name in {codec.value for codec in Codec} and function.__module__ == module.__name__:
                assert f"{module.__name__}:{name}" in named


def test_names_and_aliases_are_found_in_any_case() -> None:
    assert Codec.named("ZIP") is Codec.DEFLATE
    assert Codec.named("jp2k") is Codec.JPEG2000
    assert codec_of_tag(32946) is Codec.DEFLATE
    assert codec_of_tag(12345) is Codec.OTHER
    with pytest.raises(OptionError, match=r"codec 'rar' is unsupported; there are none, jpeg"):
        Codec.named("rar")


@each("codec", [codec for codec in TILE_CODECS if codec.row.raw])
def test_raw_codecs_expand_no_more_than_their_row_says(codec: Codec) -> None:
    if codec.row.decode is None:
        return
    # its encoder is slow, and packs any length alike
    plain = np.zeros(1 << (14 if codec is Codec.PACKBITS else 20), np.uint8)
    packed = getattr(imagecodecs, f"{codec.value}_encode")(plain)
    assert plain.nbytes <= (len(packed) + 16) * codec.row.expands


def test_chunks_are_encoded_by_codecs_without_loss() -> None:
    assert not any(codec.row.can_lose for codec in CHUNK_CODECS)
