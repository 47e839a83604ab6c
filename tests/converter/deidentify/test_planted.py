"""A text in every place of every kind of container, and none of them in any kind of output."""

import base64
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.converter.deidentify import planted
from tests.converter.deidentify.planted import Texts
from tests.converter.deidentify.planted_slides import SLIDES
from ziggurat.converter.convert import convert
from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError

CONTAINERS = {**planted.CONTAINERS, **SLIDES}
TARGETS = ["o.tiff", "o.ome.tiff", "o.svs", "o.zarr", "o.zarr.zip", "o.png"]
ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
LEAST = 350  # texts in all containers


def leaks(output: Path, texts: Texts) -> list[str]:
    """Return where the texts were that are in an output."""
    return [texts.places[text] for text in leaks_of(output, texts.places)]


def leaks_of(output: Path, texts: Iterable[str]) -> list[str]:
    """Return the texts that are in an output, or in its names, in any case."""
    files = [output] if output.is_file() else [f for f in output.rglob("*") if f.is_file()]
    blob = b"\0".join(bytes(file) + file.read_bytes() for file in files).lower()
    return [
        text
        for text in texts
        if any(text.lower().encode(encoding) in blob for encoding in ENCODINGS)
    ]


def check(folder: Path, name: str, target: str) -> bool:
    """Convert one container to one target; return False where its frames don't fit."""
    make, suffix = CONTAINERS[name]
    texts = Texts("".join(filter(str.isalpha, name)).lower()[:6])
    source = folder / f"source{suffix}"
    make(source, texts)
    try:
        convert(source, folder / target, ConvertOptions(deidentify=True, compression="keep"))
    except OptionError as error:
        if "frame" not in str(error):
            raise
        return False
    assert leaks(folder / target, texts) == []
    return True


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_text_of_a_container_goes_out(tmp_path: Path, name: str) -> None:
    assert check(tmp_path, name, TARGETS[list(CONTAINERS).index(name) % 2])


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_no_text_of_any_container_goes_to_any_target(
    tmp_path: Path, name: str, target: str
) -> None:
    if not check(tmp_path, name, target):
        pytest.skip(f"{target} holds one frame")


def test_the_texts_are_there_to_be_found(tmp_path: Path) -> None:
    count = 0
    for number, (name, (make, suffix)) in enumerate(CONTAINERS.items()):
        texts = Texts(f"k{chr(97 + number)}")
        source = tmp_path / f"s{number}{suffix}"
        make(source, texts)
        count += len(texts.places)
        assert np.size(leaks(source, texts)) >= len(texts.places) // 2, name
    assert count >= LEAST


@pytest.mark.parametrize(
    "found",
    [
        b"JANE ROE-1948", b"jane roe-1948", b"jAnE rOe-1948", b"Jane%20Roe-1948", b"Jane+Roe-1948",
        "JANE ROE-1948".encode("utf-16-le"), base64.b64encode(b"xx Jane Roe-1948 yy"),
        base64.b64encode(b"x Jane Roe-1948 yy"), base64.b64encode(b"xyz Jane Roe-1948"),
        base64.urlsafe_b64encode(b"\xff\xfe\xff Jane Roe-1948"),
    ],
)  # fmt: skip
def test_a_text_is_found_in_any_case_and_encoding(tmp_path: Path, found: bytes) -> None:
    path = tmp_path / "o.tiff"
    path.write_bytes(b"\0\xff\xd8 " + found + b"\n\0")
    assert find_leaks(path, ["Jane Roe-1948"]) == ("Jane Roe-1948",)


def test_a_short_word_is_looked_for_as_it_is_spelt(tmp_path: Path) -> None:
    path = tmp_path / "o.tiff"
    path.write_bytes(b"\0volume\0")
    assert find_leaks(path, ["VOLUME"]) == ()
    assert find_leaks(path, ["volume"]) == ("volume",)
