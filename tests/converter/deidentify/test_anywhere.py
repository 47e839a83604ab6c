"""A text at places that chance chooses, in sources of many kinds: it goes out nowhere."""

import random
import shutil
from pathlib import Path

import pytest

from tests.converter.deidentify.anywhere import KINDS
from tests.converter.deidentify.test_planted import TARGETS, leaks_of
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import VerificationError, ZigguratError


@pytest.mark.parametrize("count", [30, pytest.param(1500, marks=pytest.mark.slow)])
def test_a_text_planted_anywhere_leaks_nowhere(tmp_path: Path, count: int) -> None:
    chance = random.Random(1948)
    looked = 0
    for number in range(count):
        make, suffix = KINDS[number % len(KINDS)]
        text = "Zy" + "".join(chance.choices("abcdefghijklmnop", k=10)) + "Xq"
        source = tmp_path / f"s{number}{suffix}"
        where = make(source, text, chance)
        output = tmp_path / f"{number}-{chance.choice(TARGETS)}"
        try:
            convert(source, output, ConvertOptions(deidentify=True, compression="keep"))
        except VerificationError as error:
            pytest.fail(f"{make.__name__}, {where}, {output.name}: only the last look saw {error}")
        except ZigguratError:  # nonsense of a source, or frames for a flat picture
            assert not output.exists()
        else:
            assert not leaks_of(output, [text]), (make.__name__, where, output.name)
            looked += 1
        for path in (source, output):
            if path.exists():
                (shutil.rmtree if path.is_dir() else Path.unlink)(path)
    assert looked > count * 2 // 3
