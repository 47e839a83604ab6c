"""A text at places that chance chooses, in sources of many kinds: it goes out nowhere."""

import random
import shutil
from pathlib import Path

import pytest

from tests.converter.deidentify.anywhere import KINDS, Make
from tests.converter.deidentify.test_planted import TARGETS, leaks_of
from ziggurat.converter.convert import convert
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import VerificationError, ZigguratError

_MANY = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("count", [3, pytest.param(150, marks=_MANY)])
@pytest.mark.parametrize(("make", "suffix"), KINDS, ids=[make.__name__ for make, _ in KINDS])
def test_a_text_planted_anywhere_leaks_nowhere(
    tmp_path: Path, make: Make, suffix: str, count: int
) -> None:
    chance = random.Random(f"1948 {make.__name__}")
    looked = 0
    for number in range(count):
        text = "Zy" + "".join(chance.choices("abcdefghijklmnop", k=10)) + "Xq"
        source = tmp_path / f"s{number}{suffix}"
        where = make(source, text, chance)
        output = tmp_path / f"{number}-{chance.choice(TARGETS)}"
        try:
            convert(source, output, ConvertOptions(deidentify=True, compression="keep"))
        except VerificationError as error:
            pytest.fail(f"{where}, {output.name}: only the last look saw {error}")
        except ZigguratError:  # nonsense of a source, or frames for a flat picture
            assert not output.exists()
        else:
            assert not leaks_of(output, [text]), (where, output.name)
            looked += 1
        for path in (source, output):
            if path.exists():
                (shutil.rmtree if path.is_dir() else Path.unlink)(path)
    assert looked >= max(1, count // 3)
